//! The only place that prints. Talk goes to stderr; stdout is for data that may be piped on.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;

/// Says something to the person who started the program. A closed stderr is no reason to fail.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints a line of what may be piped on. A reader that has enough and goes is no reason to fail.
pub fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A text from outside, without what could steer a terminal.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(512).collect()
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
