//! The one place that prints. Talk goes to standard error; standard output carries only what somebody may want to pipe.
//!
//! Everything reads the same without colour. What the words are is left to the callers.

use std::io::{self, Write};

use console::Style;

use crate::error::Failure;

/// Two streams and whether to colour the talk.
pub struct Terminal<'a> {
    data: &'a mut dyn Write,
    talk: &'a mut dyn Write,
    colored: bool,
}

impl<'a> Terminal<'a> {
    /// `data` is usually standard output, `talk` standard error.
    pub fn new(data: &'a mut dyn Write, talk: &'a mut dyn Write, colored: bool) -> Self {
        Self { data, talk, colored }
    }

    /// A line (or several) for the person. That it can't be written is no reason to stop half-way through a change.
    pub fn say(&mut self, text: &str) {
        let _ = writeln!(self.talk, "{text}");
    }

    /// What the command was asked for, for a file or a pipe.
    ///
    /// # Errors
    /// When it can't be written: unlike talk, this is the very purpose of the command.
    pub fn data(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.data, "{text}")?;
        self.data.flush()
    }

    /// The lines of a diff, each indented; `+` and `-` are readable without their colours.
    pub fn say_diff(&mut self, diff: &str) {
        for line in diff.lines() {
            let style = match line.as_bytes().first() {
                Some(b'+') => self.style().green(),
                Some(b'-') => self.style().red(),
                _ => self.style(),
            };
            let line = style.apply_to(line);
            let _ = writeln!(self.talk, "    {line}");
        }
    }

    /// An error: what failed, why, and what mends it.
    pub fn say_failure(&mut self, failure: &Failure) {
        let error = failure.error();
        let _ = writeln!(self.talk, "{} {error}", self.style().red().bold().apply_to("error:"));
        let mut cause = error.source();
        while let Some(why) = cause {
            let _ = writeln!(self.talk, "  Caused by: {why}");
            cause = why.source();
        }
        if let Some(hint) = error.hint() {
            let _ = writeln!(self.talk, "\n{} {hint}", self.style().cyan().bold().apply_to("hint:"));
        }
    }

    fn style(&self) -> Style {
        Style::new().for_stderr().force_styling(self.colored)
    }
}

/// `text` from outside without what could move the cursor, change colours or hide something: control characters go, but
/// for line breaks and tabs, which become spaces, and so do characters that turn the writing direction.
pub fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = text.replace(['\n', '\r', '\t'], " ");
    text.chars()
        .filter(|c| !c.is_control() && !turns(*c))
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Exit, Explain};

    #[derive(Debug, thiserror::Error)]
    #[error("could not reach the boat")]
    struct NoBoat(#[source] io::Error);

    impl Explain for NoBoat {
        fn hint(&self) -> Option<String> {
            Some("run `row`".into())
        }
    }

    fn shown(colored: bool) -> String {
        let (mut data, mut talk) = (Vec::new(), Vec::new());
        let failure = Failure::from(NoBoat(io::Error::other("the tide is out")));
        assert_eq!(failure.error().exit(), Exit::Failed);
        Terminal::new(&mut data, &mut talk, colored).say_failure(&failure);
        assert!(data.is_empty(), "an error is talk");
        String::from_utf8(talk).unwrap()
    }

    #[test]
    fn an_error_names_what_why_and_what_mends_it() {
        insta::assert_snapshot!(shown(false), @r"
        error: could not reach the boat
          Caused by: the tide is out

        hint: run `row`
        ");
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        assert_eq!(console::strip_ansi_codes(&shown(true)), shown(false));
        assert_ne!(shown(true), shown(false));
    }

    #[test]
    fn text_from_outside_can_not_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mred\u{7}\r\nb\u{202e}c\u{9b}K"), "a[31mred  bcK");
    }
}
