//! The only place that prints. Talk goes to stderr; stdout is for data that may be piped on.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use crate::words;

const ANSWER_BYTES_MAX: u64 = 1024;

/// Says something to the person who started the program. A closed stderr is no reason to fail.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints a line of what may be piped on. A reader that has enough and goes is no reason to fail.
pub fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// How many columns there are for what is printed; 80 if it goes somewhere else.
pub fn columns() -> usize {
    let out = std::io::stdout();
    let columns = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok()).flatten();
    // A terminal that does not know says 0.
    columns.map_or(80, |window| if window.ws_col == 0 { 80 } else { window.ws_col.into() })
}

/// Standard output, for what is no text.
pub fn data_out() -> std::io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::AsFd as _;
    std::io::stdout().as_fd().try_clone_to_owned()
}

/// Whether what is printed is shown to a person.
pub fn is_shown() -> bool {
    std::io::stdout().is_terminal()
}

/// One of several findings: a word, a sentence that goes on below its own beginning, and what mends it.
pub fn print_item(word: &str, sentence: &str, remedy: Option<&str>) {
    print(&item(word, sentence, remedy, screen_columns()));
}

fn item(word: &str, sentence: &str, remedy: Option<&str>, columns: Option<usize>) -> String {
    let mut lines = labelled(&format!("  {word:<8} "), sentence, columns);
    for one in remedy.into_iter().flat_map(str::lines) {
        lines.push('\n');
        lines.push_str(&labelled("           hint: ", one, columns));
    }
    lines
}

/// Longer lines are tiring, however wide the screen.
const COLUMNS_MAX: usize = 80;

/// Of the screen that shows what is printed; in a file lines are left whole, so that they can be searched.
fn screen_columns() -> Option<usize> {
    columns_of(&console::Term::stdout())
}

/// Of the screen that shows what is said.
fn talk_columns() -> Option<usize> {
    columns_of(&console::Term::stderr())
}

fn columns_of(screen: &console::Term) -> Option<usize> {
    screen.size_checked().map(|(_, columns)| usize::from(columns).min(COLUMNS_MAX))
}

/// What doesn't fit into the line goes on below its beginning, not below the label.
fn labelled(label: &str, text: &str, columns: Option<usize>) -> String {
    let indent = console::measure_text_width(label);
    let (mut laid_out, mut width) = (label.to_owned(), indent);
    for (number, word) in words(text).enumerate() {
        let word_width = console::measure_text_width(word);
        if number > 0 && columns.is_some_and(|columns| width + 1 + word_width > columns) {
            laid_out.push('\n');
            laid_out.push_str(&" ".repeat(indent));
            width = indent;
        } else if number > 0 {
            laid_out.push(' ');
            width += 1;
        }
        laid_out.push_str(word);
        width += word_width;
    }
    laid_out
}

/// What spaces part, but for what stands in backticks: people copy it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    })
    .filter(|word| !word.is_empty())
}

/// A text from outside, without what could steer a terminal.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(512).collect()
}

/// A JSON list, printed while it comes into being: one element a line.
#[derive(Debug)]
pub struct JsonList {
    is_empty: bool,
}

impl JsonList {
    /// Begins it.
    pub fn begin() -> Self {
        Self { is_empty: true }
    }

    /// Its next element.
    pub fn print(&mut self, element: &serde_json::Value) {
        let before = if self.is_empty { "[" } else { "," };
        self.is_empty = false;
        print(&format!("{before}{element}"));
    }

    /// Ends it.
    pub fn end(self) {
        print(if self.is_empty { "[]" } else { "]" });
    }
}

/// Asks a person; `None` if there is none. Enter alone, and anything else that is no yes, is a no: what is asked here destroys
/// something.
pub fn ask(question: &str) -> Option<bool> {
    ask_unless(question, || false)
}

/// The same where signals do not end the process by themselves, because there is something to put away first: to be told to stop
/// is a no.
pub fn ask_unless(question: &str, is_stopped: impl Fn() -> bool) -> Option<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    let _ = write!(std::io::stderr().lock(), "{question} [y/N] ");
    while !is_answered() {
        if is_stopped() {
            return Some(false);
        }
    }
    let mut answer = String::new();
    let _ = std::io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut answer);
    Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Whether there is something to read on standard input; waits a moment for it. Where that can't be known, reading it will tell.
fn is_answered() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let keyboard = std::io::stdin();
    let mut keys = [PollFd::new(&keyboard, PollFlags::IN)];
    match poll(&mut keys, Some(&MOMENT)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => false,
        Ok(_) | Err(_) => true,
    }
}

/// An error in words: what failed, why, and what mends it. Each line of `hint` is a remedy of its own.
///
/// ```text
/// error: could not listen on 127.0.0.1:8080
///   Caused by: address already in use
///
/// hint: something else listens there; choose another port with `--listen ADDRESS:PORT`
/// ```
pub fn error_text(error: &dyn Error, hint: Option<&str>) -> String {
    error_in(error, hint, talk_columns())
}

fn error_in(error: &dyn Error, hint: Option<&str>, columns: Option<usize>) -> String {
    let mut text = labelled("error: ", &error.to_string(), columns);
    for cause in words::causes(error) {
        // Some show a place with a line of their own below it; that stands as it is.
        for (number, line) in cause.trim_end().lines().enumerate() {
            let label = if number == 0 { "  Caused by: " } else { "    " };
            let is_picture = cause.trim_end().contains('\n');
            let line = if is_picture { format!("{label}{line}") } else { labelled(label, line, columns) };
            let _ = write!(text, "\n{line}");
        }
    }
    if let Some(hint) = hint {
        let _ = write!(text, "\n\n{}", hints_in(hint, columns));
    }
    text
}

/// What mends it, or is worth knowing, below something that is no error.
pub fn hints(text: &str) -> String {
    hints_in(text, talk_columns())
}

fn hints_in(text: &str, columns: Option<usize>) -> String {
    text.lines().map(|one| labelled("hint: ", one, columns)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_fits_the_screen_and_what_is_copied_stays_whole() {
        let text = item(
            "warning",
            "the last one was made 3 days ago, and none is scheduled",
            Some("run `a b c d`\nor wait"),
            Some(40),
        );
        assert_eq!(
            text,
            "  warning  the last one was made 3 days\n\
             \x20          ago, and none is scheduled\n\
             \x20          hint: run `a b c d`\n\
             \x20          hint: or wait"
        );
        let narrow = item("ok", "run `taskferry-server backup verify` now", None, Some(30));
        assert_eq!(narrow, "  ok       run\n           `taskferry-server backup verify`\n           now");
        assert_eq!(item("ok", "all of it in one line", None, None), "  ok       all of it in one line");
    }
    #[test]
    fn an_error_fits_the_screen_and_each_remedy_is_a_hint_of_its_own() {
        let error = std::io::Error::other("the disk of the data is on fire, as it seems");
        let error = crate::backup::store::StoreError::new("list the backups in", "/mnt/nas", error);
        assert_eq!(
            error_in(&error, Some("put it out with `dd if=water`\nor wait"), Some(30)),
            "error: could not list the\n\
             \x20      backups in `/mnt/nas`\n\
             \x20 Caused by: the disk of the\n\
             \x20            data is on fire,\n\
             \x20            as it seems\n\
             \n\
             hint: put it out with\n\
             \x20     `dd if=water`\n\
             hint: or wait"
        );
        assert!(!error_in(&error, None, None).contains("hint") && error_in(&error, None, None).lines().count() == 2);
    }

    #[test]
    fn a_picture_of_the_place_of_a_mistake_stands_as_it_is() {
        let error = std::io::Error::other("line 1\n1 | listen = x\n  |          ^\n");
        let error = crate::backup::store::StoreError::new("read", "f", error);
        assert_eq!(
            error_in(&error, Some("mend it"), Some(40)),
            "error: could not read `f`\n  Caused by: line 1\n    1 | listen = x\n      |          ^\n\nhint: mend it"
        );
    }
}
