//! The only place that prints. Progress goes to stderr; the report goes to stdout, where it can be piped on.

use std::fmt::Write as _;
use std::io::Write as _;

/// Tells how far it is, or where it listens. A closed stderr is no reason to stop.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// What the command was asked for.
pub(crate) fn data(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// An error and its causes.
pub(crate) fn error_text(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        let _ = write!(text, "\n  Caused by: {cause}");
    }
    text
}
