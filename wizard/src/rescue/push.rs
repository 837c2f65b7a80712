//! Sends changes to an account, and shows that it has them. Unlike Taskwarrior's own push it may stop anywhere: this computer stays
//! as it is until all is there, and whoever goes on looks first what the account has.

use taskchampion::Operation;
use taskchampion::chrono::{DateTime, Utc};
use taskferry_protocol::VersionId;
use uuid::Uuid;

use crate::credentials::Credentials;
use crate::credentials::unseal::Key;
use crate::database::{Content, Tasks};
use crate::error::{Exit, Explain};
use crate::proof::cure::{CureError, send_snapshot};
use crate::proof::rebuild::{RebuildError, Start, rebuild};
use crate::server::sealed::Added;
use crate::server::{Server, ServerError};

/// A version's plain size, in bytes: as large as Taskwarrior makes them.
const VERSION_BYTES: usize = 1_000_000;

/// Why the account does not have the tasks, or nobody knows whether it has. This computer is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The server failed, or refused.
    #[error("the tasks could not be sent to the account")]
    Send(#[source] ServerError),
    /// No key, or no randomness.
    #[error("the tasks could not be sealed")]
    Seal,
    /// The snapshot.
    #[error(transparent)]
    Snapshot(CureError),
    /// What the server holds could not be looked at.
    #[error("the account could not be read")]
    Look(#[source] RebuildError),
    /// Read again, it is something else.
    #[error("the account, rebuilt from the server, does not have the tasks that were sent to it")]
    NotEqual,
    /// Somebody else was faster, again and again.
    #[error("another computer changes this account at the same time")]
    NotAlone,
    /// Ctrl-C.
    #[error("stopped; your tasks are as they were: run the same command again to go on")]
    Stopped,
}

impl Explain for PushError {
    fn hint(&self) -> Option<String> {
        let again = "run the same command again: it goes on where it stopped; your tasks are as they were";
        Some(match self {
            Self::Send(ServerError::Refused { problem }) => {
                let hint = problem.hint.as_deref().map(crate::terminal::printable);
                format!("{}\n{again}", hint.as_deref().unwrap_or("ask whoever runs the server"))
            }
            Self::NotEqual => "something between here and the server changes what is sent: ask whoever runs it\n\
                 nothing was changed on this computer"
                .into(),
            Self::Send(_) | Self::Seal | Self::Snapshot(_) | Self::Look(_) | Self::NotAlone => again.into(),
            Self::Stopped => return None,
        })
    }

    fn is_choice(&self) -> bool {
        matches!(self, Self::Stopped)
    }

    fn exit(&self) -> Exit {
        if self.is_choice() { Exit::Interrupted } else { Exit::Failed }
    }
}

impl From<ServerError> for PushError {
    fn from(why: ServerError) -> Self {
        if matches!(why, ServerError::Interrupted) { Self::Stopped } else { Self::Send(why) }
    }
}

impl From<RebuildError> for PushError {
    fn from(why: RebuildError) -> Self {
        if matches!(why, RebuildError::Server(ServerError::Interrupted)) { Self::Stopped } else { Self::Look(why) }
    }
}

impl From<CureError> for PushError {
    fn from(why: CureError) -> Self {
        if matches!(why, CureError::Send(ServerError::Interrupted)) { Self::Stopped } else { Self::Snapshot(why) }
    }
}

/// A way to the server, made anew for each use: rebuilding an account takes one for itself.
pub type Connect<'a> = dyn Fn() -> Result<Server, ServerError> + 'a;

/// Sends `edits`, which lead from the account's newest version `parent` to other tasks; `sent` is told after each version. The
/// version at which it has them; `None` = another computer was faster.
pub fn push(
    connect: &Connect<'_>,
    account: &Credentials,
    parent: VersionId,
    edits: &[Operation],
    sent: &mut dyn FnMut(),
) -> Result<Option<VersionId>, PushError> {
    let key = Key::derive(&account.client_id, &account.secret).map_err(|_| PushError::Seal)?;
    let server = connect()?;
    let mut at = parent;
    for version in versions(edits) {
        let body = key.seal(version.as_bytes(), at).map_err(|_| PushError::Seal)?;
        let add = |server: &Server| server.add_version(&account.client_id, at, body.clone());
        match server.patiently(|_, _| (), add)? {
            Added::Yes(id) => at = id,
            Added::Conflict => return Ok(None),
        }
        sent();
    }
    Ok(Some(at))
}

/// Stores a snapshot of `tasks` at the version `at`, so that new computers get all of it.
pub fn store_snapshot(
    connect: &Connect<'_>,
    account: &Credentials,
    at: VersionId,
    tasks: &Tasks,
) -> Result<(), PushError> {
    let content = Content { base: at, tasks: tasks.clone(), unsent: [].into() };
    Ok(send_snapshot(&connect()?, account, &content)?)
}

/// Proves that a computer which goes into the account this way has exactly `tasks` at the version `at`. Whether it comes by
/// there: another computer may have changed the account.
pub fn prove(
    connect: &Connect<'_>,
    account: &Credentials,
    start: Start,
    at: VersionId,
    tasks: &Tasks,
) -> Result<bool, PushError> {
    let there = rebuild(connect()?, account, start, at)?;
    if there.at != at {
        return Ok(false);
    }
    if there.tasks == *tasks { Ok(true) } else { Err(PushError::NotEqual) }
}

/// The changes as versions, in JSON, none of them larger than Taskwarrior's own unless a single change is.
pub fn versions(operations: &[Operation]) -> Vec<String> {
    let mut versions = Vec::new();
    let mut version = String::new();
    for operation in operations.iter().filter_map(Sent::of) {
        let Ok(text) = serde_json::to_string(&operation) else { continue };
        if !version.is_empty() && version.len() + text.len() > VERSION_BYTES {
            versions.push(std::mem::take(&mut version));
        }
        if !version.is_empty() {
            version.push(',');
        }
        version.push_str(&text);
    }
    if !version.is_empty() {
        versions.push(version);
    }
    versions.into_iter().map(|operations| format!("{{\"operations\":[{operations}]}}")).collect()
}

/// A change as it is sent: without what it was before, which is only for undoing it.
#[derive(serde::Serialize)]
enum Sent<'a> {
    Create { uuid: Uuid },
    Delete { uuid: Uuid },
    Update { uuid: Uuid, property: &'a str, value: Option<&'a str>, timestamp: DateTime<Utc> },
}

impl<'a> Sent<'a> {
    fn of(operation: &'a Operation) -> Option<Self> {
        Some(match operation {
            Operation::Create { uuid } => Self::Create { uuid: *uuid },
            Operation::Delete { uuid, .. } => Self::Delete { uuid: *uuid },
            Operation::Update { uuid, property, value, timestamp, .. } => {
                Self::Update { uuid: *uuid, property, value: value.as_deref(), timestamp: *timestamp }
            }
            Operation::UndoPoint => return None,
        })
    }
}
