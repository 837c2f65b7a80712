//! What went wrong, as data: what failed (`Display`), why (`source`), what mends it ([`Explain::hint`]), and with which
//! exit code the program ends. Laying it out on the screen is left to [`crate::terminal`].

use std::fmt;

/// How the program ends. A script may rely on these numbers; 3 is kept for commands that look for problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or there was nothing to do.
    Fine = 0,
    /// Something failed, or the person said no.
    Failed = 1,
    /// The command line was wrong, or an answer is missing and nobody can be asked.
    Usage = 2,
    /// The person pressed Ctrl-C; 128 + SIGINT, as shells count.
    Interrupted = 130,
}

/// An error that knows what a person can do about it.
///
/// `Display` says what failed and never repeats its source; the edge prints the whole chain.
pub trait Explain: std::error::Error {
    /// What mends it, with commands in backticks. Each line is a hint of its own, never the rest of the one before.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Whether this is the person's own decision, and nothing went wrong.
    fn is_choice(&self) -> bool {
        false
    }

    /// With which code the program ends.
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// Any error of this crate on its way to the screen. The layers below have their own types, which their tests look at;
/// a command only passes them on.
pub struct Failure(Box<dyn Explain + Send + Sync>);

impl Failure {
    /// The error, for its words.
    pub fn error(&self) -> &(dyn Explain + Send + Sync) {
        &*self.0
    }
}

impl<E: Explain + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
