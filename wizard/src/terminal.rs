//! The one place that prints. Talk goes to standard error; standard output carries only what somebody may want to pipe.
//!
//! Everything reads the same without colour, and on a screen no line is cut within a word. What the words are is left to
//! the callers.

use std::io::{self, Write};

use console::Style;

use crate::error::Failure;
use crate::journal::Journal;

/// Longer lines are tiring, however wide the screen.
const COLUMNS_MAX: usize = 80;

/// What is known of the screen that shows the talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Whether colour may be used.
    pub colored: bool,
    /// Its width, if it is one. In a file lines are left whole, so that they can be searched.
    pub columns: Option<usize>,
}

/// How good or bad something is, for its colour alone: the words say it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Doubtful,
    /// Wrong.
    Bad,
    /// Neither.
    Plain,
}

/// Two streams and how to lay out the talk.
pub struct Terminal<'a> {
    data: &'a mut dyn Write,
    talk: &'a mut dyn Write,
    screen: Screen,
    journal: Journal,
}

impl<'a> Terminal<'a> {
    /// `data` is usually standard output, `talk` standard error.
    pub fn new(data: &'a mut dyn Write, talk: &'a mut dyn Write, screen: Screen) -> Self {
        Self { data, talk, screen, journal: Journal::default() }
    }

    /// With `--verbose`: what [`Journal`] holds is said, too.
    #[must_use]
    pub fn verbose(self, verbose: bool) -> Self {
        Self { journal: if verbose { Journal::kept() } else { Journal::default() }, ..self }
    }

    /// Where the layers below write what they do; said before the next words, and only with `--verbose`.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// A line (or several) for the person. That it can't be written is no reason to stop half-way through a change.
    pub fn say(&mut self, text: &str) {
        self.say_journal();
        let _ = writeln!(self.talk, "{}", self.laid_out(text));
    }

    /// One entry of a numbered list.
    pub fn say_choice(&mut self, number: usize, text: &str) {
        let label = format!("  {number} ");
        self.say_labelled(&label, &label, text);
    }

    /// What was written to the journal since the last words.
    pub fn say_journal(&mut self) {
        for entry in self.journal.take() {
            let _ = writeln!(self.talk, "verbose: {entry}");
        }
    }

    /// What the command was asked for, for a file or a pipe.
    ///
    /// # Errors
    /// When it can't be written: unlike talk, this is the very purpose of the command.
    pub fn data(&mut self, text: &str) -> io::Result<()> {
        self.say_journal();
        writeln!(self.data, "{text}")?;
        self.data.flush()
    }

    /// The lines of a diff, each indented and whole; `+` and `-` are readable without their colours.
    pub fn say_diff(&mut self, diff: &str) {
        for line in diff.lines() {
            let style = match line.as_bytes().first() {
                Some(b'+') => self.style().green(),
                Some(b'-') => self.style().red(),
                _ => self.style(),
            };
            let _ = writeln!(self.talk, "    {}", style.apply_to(line));
        }
    }

    /// An error: what failed, why, and what mends it. A person's own decision is no error, and is only acknowledged.
    pub fn say_failure(&mut self, failure: &Failure) {
        let error = failure.error();
        if error.is_choice() {
            self.say(&error.to_string());
            return;
        }
        let label = self.style().red().bold().apply_to("error:").to_string();
        self.say(&format!("{label} {error}"));
        let mut cause = error.source();
        while let Some(why) = cause {
            self.say(&format!("  Caused by: {why}"));
            cause = why.source();
        }
        if let Some(hint) = failure.hint() {
            self.say("");
            let label = self.style().cyan().bold().apply_to("hint:").to_string();
            for one in hint.lines() {
                self.say_labelled("hint:", &label, one);
            }
        }
    }

    /// Something to know beside what happens; each line is a note of its own.
    pub fn say_note(&mut self, note: &str) {
        for one in note.lines() {
            self.say_labelled("note:", "note:", one);
        }
    }

    /// One of several findings: a word, a sentence that may go on below its own beginning, and what mends it.
    pub fn say_item(&mut self, word: &str, tone: Tone, text: &str, remedy: Option<&str>) {
        let label = format!("  {word:<8}");
        let style = match tone {
            Tone::Good => self.style().green(),
            Tone::Doubtful => self.style().yellow(),
            Tone::Bad => self.style().red().bold(),
            Tone::Plain => self.style(),
        };
        let styled = style.apply_to(&label).to_string();
        self.say_labelled(&label, &styled, text);
        let label = format!("{:10} hint:", "");
        let styled = format!("{:10} {}", "", self.style().cyan().bold().apply_to("hint:"));
        for one in remedy.into_iter().flat_map(str::lines) {
            self.say_labelled(&label, &styled, one);
        }
    }

    /// Whether something may move on the screen. Not without colour: who switches that off often listens to the screen.
    pub fn is_animated(&self) -> bool {
        self.screen.colored && self.screen.columns.is_some()
    }

    /// What doesn't fit into the line goes on below its beginning, not below the label.
    fn say_labelled(&mut self, label: &str, styled: &str, text: &str) {
        let indent = " ".repeat(label.len() + 1);
        let laid_out = self.laid_out(&format!("{indent}{text}"));
        let _ = writeln!(self.talk, "{styled} {}", laid_out.trim_start());
    }

    fn laid_out(&self, text: &str) -> String {
        match self.screen.columns {
            Some(columns) => wrap(text, columns.min(COLUMNS_MAX)),
            None => text.to_owned(),
        }
    }

    fn style(&self) -> Style {
        Style::new().for_stderr().force_styling(self.screen.colored)
    }
}

/// Breaks long lines between words; the rest of a line is indented as its beginning. What stands in backticks stays whole,
/// since people copy it, and so does a number with what it counts.
fn wrap(text: &str, columns: usize) -> String {
    text.split('\n').map(|line| wrap_line(line, columns)).collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str, columns: usize) -> String {
    let indent = &line[..line.len() - line.trim_start().len()];
    let (mut wrapped, mut width) = (String::new(), 0);
    for word in words(line.trim_start()) {
        let word_width = console::measure_text_width(word);
        if wrapped.is_empty() {
            wrapped.push_str(indent);
            width = indent.len();
        } else if width + 1 + word_width <= columns {
            wrapped.push(' ');
            width += 1;
        } else {
            wrapped.push('\n');
            wrapped.push_str(indent);
            width = indent.len();
        }
        wrapped.push_str(word);
        width += word_width;
    }
    wrapped
}

/// Splits at spaces that are not between backticks, nor behind a number.
fn words(line: &str) -> impl Iterator<Item = &str> {
    // `number`: how long the word is so far, if it is nothing but a number.
    let (mut in_code, mut number) = (false, Some(0));
    line.split(move |c: char| {
        in_code ^= c == '`';
        if c == ' ' && !in_code && number.is_none_or(|length| length == 0) {
            number = Some(0);
            return true;
        }
        number = number.filter(|_| c.is_ascii_digit()).map(|length| length + 1);
        false
    })
}

/// `text` from outside without what could move the cursor, change colours or hide something: control characters go, but
/// for line breaks and tabs, which become spaces, and so do characters that turn the writing direction, and those that nobody sees.
pub fn printable(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // But for the joiners, without which some scripts and pictures fall apart.
    let is_unseen = |c: char| matches!(c, '\u{00ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    let text = text.replace(['\n', '\r', '\t', '\u{2028}', '\u{2029}'], " ");
    text.chars().filter(|c| !c.is_control() && !turns(*c) && !is_unseen(*c)).collect::<String>().trim().to_owned()
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

    fn shown(screen: Screen) -> String {
        let (mut data, mut talk) = (Vec::new(), Vec::new());
        let failure = Failure::from(NoBoat(io::Error::other("the tide is out")));
        assert_eq!(failure.error().exit(), Exit::Failed);
        Terminal::new(&mut data, &mut talk, screen).say_failure(&failure);
        assert!(data.is_empty(), "an error is talk");
        String::from_utf8(talk).unwrap()
    }

    const PLAIN: Screen = Screen { colored: false, columns: None };

    #[test]
    fn an_error_names_what_why_and_what_mends_it() {
        insta::assert_snapshot!(shown(PLAIN), @r"
        error: could not reach the boat
          Caused by: the tide is out

        hint: run `row`
        ");
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let colored = shown(Screen { colored: true, columns: Some(80) });
        assert_eq!(console::strip_ansi_codes(&colored), shown(PLAIN));
        assert_ne!(colored, shown(PLAIN));
    }

    #[test]
    fn long_lines_break_between_words_but_not_within_a_command() {
        assert_eq!(wrap("  one two three\n\nfour", 10), "  one two\n  three\n\nfour");
        assert_eq!(wrap("now run `task sync` again", 12), "now run\n`task sync`\nagain");
        assert_eq!(wrap("a-word-that-is-too-long x", 5), "a-word-that-is-too-long\nx");
        assert_eq!(wrap("try again in 12 s", 16), "try again in\n12 s", "a number with what it counts");
    }

    #[test]
    fn a_finding_goes_on_below_its_own_beginning_and_its_colour_says_nothing_new() {
        let shown = |colored| {
            let (mut data, mut talk) = (Vec::new(), Vec::new());
            let mut terminal = Terminal::new(&mut data, &mut talk, Screen { colored, columns: Some(40) });
            terminal.say_item("ok", Tone::Good, "clock: agrees with the server's", None);
            let remedy = "ask whoever runs the server\nor run `taskferry doctor --fix` first";
            terminal.say_item("problem", Tone::Bad, "room: nothing more is accepted there", Some(remedy));
            String::from_utf8(talk).unwrap()
        };
        insta::assert_snapshot!(shown(false), @r"
          ok       clock: agrees with the
                   server's
          problem  room: nothing more is
                   accepted there
                   hint: ask whoever runs the
                         server
                   hint: or run
                         `taskferry doctor --fix`
                         first
        ");
        assert_eq!(console::strip_ansi_codes(&shown(true)), shown(false));
        assert_ne!(shown(true), shown(false));
    }

    #[test]
    fn a_hint_goes_on_below_its_beginning_and_the_next_has_a_label_of_its_own() {
        #[derive(Debug, thiserror::Error)]
        #[error("no boat")]
        struct Hints;
        impl Explain for Hints {
            fn hint(&self) -> Option<String> {
                Some("run `row`, and then `row` again\nor swim".into())
            }
        }
        let (mut data, mut talk) = (Vec::new(), Vec::new());
        let screen = Screen { colored: false, columns: Some(24) };
        Terminal::new(&mut data, &mut talk, screen).say_failure(&Failure::from(Hints));
        insta::assert_snapshot!(String::from_utf8(talk).unwrap(), @r"
        error: no boat

        hint: run `row`, and
              then `row` again
        hint: or swim
        ");
    }

    #[test]
    fn text_from_outside_can_not_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mred\u{7}\r\nb\u{202e}c\u{9b}K"), "a[31mred  bcK");
    }
}
