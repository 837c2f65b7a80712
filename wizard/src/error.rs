//! What went wrong, as data: what failed (`Display`), why (`source`), what mends it ([`Explain::hint`]), and with which
//! exit code the program ends. Laying it out on the screen is left to [`crate::terminal`].

use std::fmt;

/// How the program ends. A script may rely on these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or there was nothing to do.
    Fine = 0,
    /// Something failed, or the person said no.
    Failed = 1,
    /// The command line was wrong, or an answer is missing and nobody can be asked.
    Usage = 2,
    /// What was looked at has problems: `verify`, `doctor`, `status`.
    Found = 3,
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

    /// Whether all there is to say was said already, in a form that somebody asked for.
    fn is_told(&self) -> bool {
        false
    }

    /// Whether a server is only away, so that the same may succeed later.
    fn is_server_down(&self) -> bool {
        false
    }

    /// The same, and nothing there has answered at all.
    fn is_nobody_there(&self) -> bool {
        false
    }

    /// With which code the program ends.
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// Any error of this crate on its way to the screen. The layers below have their own types, which their tests look at;
/// a command only passes them on.
pub struct Failure {
    error: Box<dyn Explain + Send + Sync>,
    hint: Option<String>,
    exit: Option<Exit>,
}

impl Failure {
    /// The error, for its words.
    pub fn error(&self) -> &(dyn Explain + Send + Sync) {
        &*self.error
    }

    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone().or_else(|| self.error.hint())
    }

    /// With which code the program ends.
    pub fn exit(&self) -> Exit {
        self.exit.unwrap_or_else(|| self.error.exit())
    }

    /// The same with other remedies, where a command knows better what to do now.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same for a command that looks for problems: it has found one.
    #[must_use]
    pub fn as_found(self) -> Self {
        if self.exit() == Exit::Failed { Self { exit: Some(Exit::Found), ..self } } else { self }
    }
}

impl<E: Explain + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: Box::new(error), hint: None, exit: None }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
