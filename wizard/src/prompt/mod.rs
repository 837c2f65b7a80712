//! Questions to a person, behind a trait: [`terminal::Terminal`] asks for real, `scripted::Scripted` answers from a
//! list in tests. Whether anybody may be asked at all is decided by [`crate::run::Run`].

pub mod paste;
#[cfg(test)]
pub(crate) mod scripted;
pub mod terminal;
mod tty;

use std::io;

use zeroize::Zeroizing;

use crate::error::{Exit, Explain};

/// Asks a person.
pub trait Prompter {
    /// Yes or no; `default` is what Enter alone means.
    fn confirm(&mut self, question: &str, default: bool) -> Result<bool, PromptError>;

    /// One line, shown while typing.
    fn line(&mut self, question: &str) -> Result<String, PromptError>;

    /// One or several lines, hidden, until `enough` says so or an empty line ends them.
    fn paste(&mut self, question: &str, enough: &dyn Fn(&str) -> bool) -> Result<Zeroizing<String>, PromptError>;
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// Ctrl-C or Ctrl-D.
    #[error("stopped; nothing was changed")]
    Interrupted,
    /// The terminal failed.
    #[error("could not ask on this terminal")]
    Io(#[source] io::Error),
}

impl Explain for PromptError {
    fn is_choice(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Interrupted => Exit::Interrupted,
            Self::Io(_) => Exit::Failed,
        }
    }
}

impl From<io::Error> for PromptError {
    fn from(why: io::Error) -> Self {
        Self::Io(why)
    }
}
