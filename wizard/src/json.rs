//! What `--json` prints on standard output: one shape for each command, and one for failures. Scripts rely on these fields, so
//! they are only ever added to. What `status` and the checks print is beside them, in the same spelling.
//!
//! The rule, for every command that has the flag: exactly one document, on one line, however the command ends, and nothing else. What
//! fails before there is an outcome is told as [`Failed`], with those fields that a script of this command asks for in any case
//! ([`Always`]). Only a command line that can't be read has none: then nobody knows whether one was asked for.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::Always;
use crate::error::{Exit, Failure};
use crate::standing::State;

/// Tasks on this computer.
#[derive(Debug, Serialize)]
pub struct Tasks {
    /// Finished and deleted ones included.
    pub all: u64,
    /// Those that a plain `task` shows or will show.
    pub pending: u64,
}

/// How `taskferry setup` ended.
#[derive(Debug, Serialize)]
pub struct Setup {
    /// What became of it.
    pub outcome: SetupOutcome,
    /// The server; absent where nothing was set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// After the sync; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Tasks>,
}

/// What became of `taskferry setup`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetupOutcome {
    /// A new account, and this computer syncs with it.
    SetUp,
    /// It did before; nothing was changed.
    AlreadySetUp,
    /// `--dry-run`.
    OnlyPlanned,
    /// `--skip`.
    Skipped,
}

/// How `taskferry join` ended.
#[derive(Debug, Serialize)]
pub struct Join {
    /// What became of it.
    pub outcome: JoinOutcome,
    /// The server.
    pub server: String,
    /// Tasks that were not on this computer before.
    pub arrived: u64,
    /// After the sync; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Tasks>,
}

/// What became of `taskferry join`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinOutcome {
    /// This computer syncs with the account now.
    Joined,
    /// It did before; nothing was changed.
    AlreadyJoined,
}

/// How `taskferry move` ended.
#[derive(Debug, Serialize)]
pub struct Move {
    /// What became of it.
    pub outcome: MoveOutcome,
    /// The new server; absent where nothing was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// What is in the new account, and on this computer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Tasks>,
    /// The same for the same tasks, wherever it is computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The folder with a copy of the tasks as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// Whether the old account was deleted.
    pub old_account_deleted: bool,
}

/// What became of `taskferry move`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoveOutcome {
    /// This computer syncs with the new account now.
    Moved,
    /// `--dry-run`.
    OnlyPlanned,
    /// The tasks were moved before; only the old account was deleted.
    OnlyForgotten,
}

/// How `taskferry repair` ended.
#[derive(Debug, Serialize)]
pub struct Repair {
    /// What became of it.
    pub outcome: RepairOutcome,
    /// How this computer and its account stood to each other before; `null` = that was not looked at.
    pub state: Option<State>,
    /// The server.
    pub server: String,
    /// Tasks that were sent, whole or in part.
    pub sent: u64,
    /// Tasks that came from the account, whole or in part.
    pub fetched: u64,
    /// The folder with all tasks as they were; absent where this computer did not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// Afterwards.
    pub tasks: Tasks,
}

/// What became of `taskferry repair`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepairOutcome {
    /// Both have everything, and sync goes on.
    Repaired,
    /// It did before.
    NothingToDo,
    /// `--dry-run`.
    OnlyPlanned,
}

/// How `taskferry sync` ended.
#[derive(Debug, Serialize)]
pub struct Sync {
    /// What became of it.
    pub outcome: SyncOutcome,
    /// The server.
    pub server: String,
    /// Tasks of which changes were sent.
    pub sent: u64,
}

/// What became of `taskferry sync`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncOutcome {
    /// This computer and its account are at the same version.
    Synced,
}

/// What `taskferry share` hands on. `taskferry join --from-stdin` reads it.
#[derive(Serialize)]
pub struct Share<'a> {
    /// The server.
    pub server: &'a str,
    /// The picture that holds the rest; absent where none was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The setup link, secret and all; absent where a picture holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<&'a str>,
}

/// A command that failed, or that the person stopped.
#[derive(Debug, Serialize)]
pub struct Failed {
    /// What is there in any case.
    #[serde(flatten)]
    promised: BTreeMap<&'static str, Value>,
    /// What failed.
    error: String,
    /// Why, from the outermost reason to the innermost.
    causes: Vec<String>,
    /// What mends it.
    hints: Vec<String>,
}

impl Failed {
    /// As a script gets it; `state`, as far as the command had found it out.
    pub fn new(failure: &Failure, always: Always, state: Option<State>) -> Self {
        let error = failure.error();
        let causes = std::iter::successors(error.source(), |why| why.source()).map(ToString::to_string).collect();
        let hints = failure.hint().unwrap_or_default().lines().map(ToOwned::to_owned).collect();
        // Of a command that was interrupted, or asked in vain, nothing follows for sync.
        let works = (failure.exit() == Exit::Found).then_some(false);
        let promised = [("works", always.works, json!(works)), ("state", always.state, json!(state))];
        let promised = promised.into_iter().filter(|(_, is_promised, _)| *is_promised);
        let promised = promised.map(|(name, _, value)| (name, value)).collect();
        Self { promised, error: error.to_string(), causes, hints }
    }
}
