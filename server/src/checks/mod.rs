//! Everything that a healthy server depends on, looked at piece by piece: one check per file, each with a name, a finding, and a
//! remedy. `taskferry-server doctor` runs them.
//!
//! Checks only look. They run in order, and one whose ground is gone is skipped, so that one fault makes one finding. What
//! several of them look at is looked at once, in [`World`].
//!
//! | about | checks |
//! |---|---|
//! | the program | [`version`], [`settings`], [`memory`] |
//! | where the data lies | [`directory`], [`permissions`], [`space`], [`speed`], [`clock`] |
//! | the data | [`database`], [`log`], [`integrity`] |
//! | its backups | [`backups`], [`places`], [`proof`] |
//! | the running server | [`server`], [`epoch`], [`registration`], [`limits`], [`proxy`] |
//! | the way to it | [`address`], [`certificate`] |

pub mod address;
pub mod backups;
pub mod certificate;
pub mod clock;
pub mod database;
mod der;
pub mod directory;
pub mod epoch;
pub mod integrity;
pub mod limits;
pub mod log;
pub mod memory;
pub mod outside;
pub mod permissions;
pub mod places;
pub mod proof;
pub mod proxy;
pub mod registration;
pub mod runner;
mod running;
pub mod server;
pub mod settings;
pub mod space;
pub mod speed;
pub mod version;
pub mod world;

use std::error::Error;

use serde::Serialize;

pub use world::World;

use crate::words::in_full;

/// One thing that the server depends on.
pub trait Check: Sync {
    /// How people, reports and other checks call it; one word or two, and stable.
    fn name(&self) -> &'static str;

    /// Names of checks without which this one makes no sense: where one of them found a problem, this one is skipped.
    fn needs(&self) -> &'static [&'static str];

    /// Looks, and changes nothing.
    fn look(&self, world: &World<'_>) -> Finding;
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// The server works, but something may hurt.
    Warning,
    /// It does not work, or not for long.
    Problem,
    /// Not looked at; the sentence says why.
    Skipped,
}

impl Outcome {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
            Self::Skipped => "skipped",
        }
    }
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
    /// The check that found the problem because of which this one was not looked at.
    #[serde(skip)]
    pub waits_for: Option<&'static str>,
}

impl Finding {
    /// As it should be.
    pub fn ok(sentence: impl Into<String>) -> Self {
        Self { outcome: Outcome::Ok, sentence: sentence.into(), remedy: None, waits_for: None }
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
    pub fn from_error(error: &dyn Error, hint: Option<String>) -> Self {
        Self { outcome: Outcome::Problem, remedy: hint, ..Self::ok(in_full(error)) }
    }
}

/// All checks, in the order in which one builds on another.
pub fn all() -> &'static [&'static dyn Check] {
    &[
        &version::Version,
        &settings::Settings,
        &memory::Memory,
        &directory::Directory,
        &permissions::Permissions,
        &space::FreeSpace,
        &speed::Speed,
        &clock::Clock,
        &database::Database,
        &log::WriteAheadLog,
        &integrity::Integrity,
        &backups::Backups,
        &places::Places,
        &proof::Proof,
        &server::Server,
        &epoch::Epoch,
        &registration::Registration,
        &limits::Limits,
        &proxy::Proxy,
        &address::Address,
        &certificate::Certificate,
    ]
}

/// How long ago, in words: `12 minutes`, `3 days`.
fn ago(seconds: i64) -> String {
    let counted = |number: i64, one: &str| crate::words::count(number.unsigned_abs(), one);
    match seconds.max(0) {
        seconds @ 0..120 => counted(seconds, "second"),
        seconds @ 120..7_200 => counted(seconds / 60, "minute"),
        seconds @ 7_200..172_800 => counted(seconds / 3_600, "hour"),
        seconds => counted(seconds / 86_400, "day"),
    }
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

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        let told = [-5, 1, 119, 120, 7_199, 7_200, 172_799, 172_800, 31_536_000].map(ago);
        let expected = [
            "0 seconds",
            "1 second",
            "119 seconds",
            "2 minutes",
            "119 minutes",
            "2 hours",
            "47 hours",
            "2 days",
            "365 days",
        ];
        assert_eq!(told, expected);
    }
}
