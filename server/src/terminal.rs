//! The only place that prints. Talk goes to stderr; stdout is for data that may be piped on.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

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
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    let _ = write!(std::io::stderr().lock(), "{question} [y/N] ");
    let mut answer = String::new();
    let _ = std::io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut answer);
    Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// An error in words: what failed, why, and what mends it.
///
/// ```text
/// error: could not listen on 127.0.0.1:8080
///   Caused by: address already in use
///
/// hint: something else listens there; choose another port with `--listen ADDRESS:PORT`
/// ```
pub fn error_text(error: &dyn Error, hint: Option<&str>) -> String {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, "\n  Caused by: {error}");
        cause = error.source();
    }
    if let Some(hint) = hint {
        let _ = write!(text, "\n\nhint: {hint}");
    }
    text
}
