//! Asks at the real terminal, on standard error, so that standard output stays free for data.
//!
//! Not with the prompts of a library: those take every key but `y` and `n` for nothing, so that `stop` and Enter mean
//! yes; and after Ctrl-C they leave the cursor hidden and end the program without a word.

use std::io::{self, Write};

use console::Style;
use zeroize::Zeroizing;

use super::tty::{Asking, CTRL_C, typed};
use super::{PromptError, Prompter, paste};

/// Bytes of one line; what a terminal takes at most.
const LINE_BYTES_MAX: usize = 4096;

/// The real terminal.
pub struct Terminal {
    colored: bool,
    is_dumb: bool,
}

impl Terminal {
    /// `colored`: whether questions may have colour; `is_dumb`: whether it can do nothing but print.
    pub fn new(colored: bool, is_dumb: bool) -> Self {
        Self { colored, is_dumb }
    }

    /// One line as it was typed, without the spaces around it.
    fn ask(&self, question: &str) -> Result<String, PromptError> {
        let _asking = Asking::shown()?;
        let mut screen = io::stderr();
        write!(screen, "{} ", Style::new().for_stderr().force_styling(self.colored).bold().apply_to(question))?;
        screen.flush()?;
        let mut piece = [0; LINE_BYTES_MAX];
        let answer = typed(&mut piece).and_then(line);
        if answer.is_err() {
            writeln!(screen)?;
        }
        answer
    }
}

impl Prompter for Terminal {
    fn confirm(&mut self, question: &str, default: bool) -> Result<bool, PromptError> {
        let keys = if default { "[Y/n]" } else { "[y/N]" };
        loop {
            let answer = self.ask(&format!("{question} {keys}"))?;
            if let Some(answer) = yes_or_no(&answer, default) {
                return Ok(answer);
            }
            let enter = if default { "yes" } else { "no" };
            writeln!(io::stderr(), "please answer `y` or `n`; Enter alone means {enter}, Ctrl-C stops")?;
        }
    }

    fn line(&mut self, question: &str) -> Result<String, PromptError> {
        self.ask(&format!("{question}:"))
    }

    fn paste(&mut self, question: &str, enough: &dyn Fn(&str) -> bool) -> Result<Zeroizing<String>, PromptError> {
        paste::read(question, enough, self.is_dumb)
    }
}

/// What was read, unless Ctrl-C is in it.
fn line(bytes: &[u8]) -> Result<String, PromptError> {
    if bytes.contains(&CTRL_C) {
        return Err(PromptError::Interrupted);
    }
    Ok(String::from_utf8_lossy(bytes).trim().to_owned())
}

/// `None` = neither. Whoever types a word means something, and only a yes is a yes.
fn yes_or_no(answer: &str, default: bool) -> Option<bool> {
    match answer.trim().to_lowercase().as_str() {
        "" => Some(default),
        "y" | "yes" => Some(true),
        "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes_and_enter_is_the_default() {
        for (answer, meant) in [("y", true), ("YES", true), (" yes ", true), ("n", false), ("No", false)] {
            assert_eq!(yes_or_no(answer, !meant), Some(meant), "{answer}");
        }
        assert_eq!([yes_or_no("", true), yes_or_no("", false)], [Some(true), Some(false)]);
        for answer in ["stop", "nope", "yeah", "\u{1b}[A", "yn"] {
            assert_eq!(yes_or_no(answer, true), None, "{answer}");
        }
    }

    #[test]
    fn ctrl_c_within_a_line_is_no_answer() {
        assert!(matches!(line(b"yes\x03"), Err(PromptError::Interrupted)));
        assert_eq!(line(b" yes \n").unwrap(), "yes");
    }
}
