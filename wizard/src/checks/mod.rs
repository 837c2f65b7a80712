//! Everything that sync depends on, looked at piece by piece: one check per file, each with a name, a finding, and a remedy.
//!
//! Checks only look. They run in order for `taskferry verify` and side by side for `taskferry doctor`
//! ([`runner`]); one whose ground is gone is skipped, so that one fault makes one finding. What may be mended without
//! asking is named with the finding ([`Fix`]) and carried out by the command.
//!
//! | about | checks |
//! |---|---|
//! | this computer | [`taskwarrior`], [`unfinished`], [`settings`], [`backends`], [`overrides`], [`permissions`], [`recurrence`], [`former`], [`copies`] |
//! | the way | [`proxy`], [`name`], [`connection`], [`encryption`] |
//! | the server | [`greeting`], [`description`], [`clock`], [`protocol`] |
//! | the account | [`account`], [`limits`], [`secret`], [`position`] |

pub mod account;
pub mod backends;
pub mod clock;
pub mod connection;
pub mod copies;
pub mod description;
pub mod encryption;
pub mod former;
pub mod greeting;
pub mod home;
pub mod limits;
pub mod name;
pub mod overrides;
pub mod permissions;
pub mod position;
pub mod protocol;
pub mod proxy;
pub mod recurrence;
pub mod runner;
pub mod secret;
pub mod settings;
pub mod state;
pub mod taskwarrior;
pub mod unfinished;
pub mod world;

use std::path::PathBuf;

use serde::Serialize;

use crate::error::Explain;
use crate::server::ServerError;
use crate::standing::State;
pub use world::{Waiting, World};

/// One thing that sync depends on.
pub trait Check: Sync {
    /// How people, reports and other checks call it; one word or two, and stable.
    fn name(&self) -> &'static str;

    /// Names of checks without which this one makes no sense: where one of them found a problem, this one is skipped.
    fn needs(&self) -> &'static [&'static str];

    /// Looks, and changes nothing. `waiting` is told while a server is waited for.
    fn look(&self, world: &World<'_>, waiting: Waiting<'_>) -> Result<Finding, Interrupted>;
}

/// Ctrl-C: the one reason to stop looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupted;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Sync works, but something may hurt.
    Warning,
    /// Sync does not work, or not for long.
    Problem,
    /// Not looked at; the sentence says why.
    Skipped,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub outcome: Outcome,
    /// What is the case, as a sentence without a full stop.
    pub sentence: String,
    /// What mends it; each line is a remedy of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How this computer and its account stand to each other, where that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// What `taskferry doctor --fix` does about it.
    #[serde(skip)]
    pub fix: Option<Fix>,
    /// The check that found the problem because of which this one was not looked at.
    #[serde(skip)]
    pub waits_for: Option<&'static str>,
}

/// What is safe to mend unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// Takes a file from everybody but its owner.
    OwnerOnly(PathBuf),
    /// Removes the lines of these settings from the taskrc, after a backup.
    RemoveSettings(Vec<&'static str>),
    /// Changes the server's address in the taskrc, after a backup: the server is the same, and has moved on this computer.
    ServerMoved(Box<taskferry_protocol::ServerUrl>),
}

impl Finding {
    /// As it should be.
    pub fn ok(sentence: impl Into<String>) -> Self {
        Self { outcome: Outcome::Ok, sentence: sentence.into(), remedy: None, state: None, fix: None, waits_for: None }
    }

    /// It works, but.
    pub fn warning(sentence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warning, remedy: Some(remedy.into()), ..Self::ok(sentence) }
    }

    /// It does not work.
    pub fn problem(sentence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { outcome: Outcome::Problem, remedy: Some(remedy.into()), ..Self::ok(sentence) }
    }

    /// There is nothing to look at here; what builds on it goes on.
    pub fn skipped(sentence: impl Into<String>) -> Self {
        Self { outcome: Outcome::Skipped, ..Self::ok(sentence) }
    }

    /// Not looked at, since another check found a problem on which this one would build.
    pub fn waiting_for(first: &'static str) -> Self {
        Self { waits_for: Some(first), ..Self::skipped(format!("not looked at, since `{first}` comes first")) }
    }

    /// An error that other commands would end with.
    pub fn from_error(error: &(dyn Explain + Send + Sync)) -> Self {
        let mut sentence = error.to_string();
        let mut cause = error.source();
        while let Some(why) = cause {
            sentence.push_str(": ");
            sentence.push_str(&why.to_string());
            cause = why.source();
        }
        Self { outcome: Outcome::Problem, remedy: error.hint(), ..Self::ok(sentence) }
    }

    /// A server's failure, unless it is Ctrl-C.
    pub fn from_server(error: &ServerError) -> Result<Self, Interrupted> {
        if matches!(error, ServerError::Interrupted) { Err(Interrupted) } else { Ok(Self::from_error(error)) }
    }

    /// It is this state.
    #[must_use]
    pub fn in_state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    /// `doctor --fix` can mend it so.
    #[must_use]
    pub fn fixed_by(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}

/// The checks for this computer: all; first of them whether something was interrupted, where something was, and last which tasks
/// were never imported, and which copies there are, where there are some. That there is nothing is no news.
pub fn for_this(world: &World<'_>) -> Vec<&'static dyn Check> {
    let context = world.context;
    let interrupted = crate::rescue::steps::unfinished(context).map(|_| &unfinished::Unfinished as &'static dyn Check);
    let former = world.former().map(|_| &former::Former as &'static dyn Check);
    let copies = crate::rescue::copies::look(context).map(|_| &copies::Copies as &'static dyn Check);
    interrupted.into_iter().chain(all().iter().copied()).chain(former).chain(copies).collect()
}

/// All checks, in the order in which one builds on another.
pub fn all() -> &'static [&'static dyn Check] {
    &[
        &taskwarrior::Taskwarrior,
        &settings::Settings,
        &backends::Backends,
        &overrides::Overrides,
        &permissions::Permissions,
        &recurrence::Recurrence,
        &proxy::Proxy,
        &name::Name,
        &connection::Connection,
        &encryption::Encryption,
        &greeting::Greeting,
        &description::Description,
        &clock::Clock,
        &protocol::Protocol,
        &account::Account,
        &limits::Limits,
        &secret::Secret,
        &position::Position,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_builds_only_on_earlier_ones() {
        let mut earlier = Vec::new();
        for check in all() {
            for need in check.needs() {
                assert!(earlier.contains(need), "{} needs {need}", check.name());
            }
            assert!(!earlier.contains(&check.name()), "{} is there twice", check.name());
            earlier.push(check.name());
        }
    }
}
