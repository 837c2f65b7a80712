//! Asks at the real terminal, on standard error, so that standard output stays free for data.

use std::io;

use console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input};
use rustix::termios::{QueueSelector, tcflush};
use zeroize::Zeroizing;

use super::{PromptError, Prompter, paste};

/// The real terminal.
pub struct Terminal {
    theme: Box<dyn Theme>,
}

impl Terminal {
    /// `colored`: whether questions may have colour.
    pub fn new(colored: bool) -> Self {
        Self { theme: if colored { Box::new(ColorfulTheme::default()) } else { Box::new(SimpleTheme) } }
    }
}

impl Prompter for Terminal {
    fn confirm(&mut self, question: &str, default: bool) -> Result<bool, PromptError> {
        // Nothing that was typed or pasted before the question was shown may answer it.
        tcflush(io::stdin(), QueueSelector::IFlush).map_err(|why| PromptError::Io(why.into()))?;
        let answer = Confirm::with_theme(&*self.theme)
            .with_prompt(question)
            .default(default)
            .wait_for_newline(true)
            .interact_on(&Term::stderr());
        answer.map_err(|dialoguer::Error::IO(why)| why.into())
    }

    fn line(&mut self, question: &str) -> Result<String, PromptError> {
        let answer = Input::with_theme(&*self.theme).with_prompt(question).interact_text_on(&Term::stderr());
        answer.map_err(|dialoguer::Error::IO(why)| why.into())
    }

    fn paste(&mut self, question: &str, enough: &dyn Fn(&str) -> bool) -> Result<Zeroizing<String>, PromptError> {
        Ok(paste::read(question, enough)?)
    }
}
