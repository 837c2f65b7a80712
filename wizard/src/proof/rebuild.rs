//! Rebuilds an account in memory from what the server holds, with Taskwarrior's own engine on our own connection: bounded,
//! interruptible, without redirects, and with no way to send anything.

use std::cell::RefCell;
use std::rc::Rc;

use async_trait::async_trait;
use taskchampion::chrono::{DateTime, Utc};
use taskchampion::server::{AddVersionResult, GetVersionResult, HistorySegment, Snapshot, SnapshotUrgency};
use taskchampion::storage::TaskMap;
use taskchampion::storage::inmemory::InMemoryStorage;
use taskchampion::{Error, Operation, Replica};
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use super::history::History;
use crate::credentials::Credentials;
use crate::credentials::unseal::{Key, Sealed, UnsealError};
use crate::database::Tasks;
use crate::server::sealed::{Child, Walk};
use crate::server::{Server, ServerError};

/// An account as a new computer would have it.
pub struct Rebuilt {
    /// At which version. Later than asked for where the server's snapshot is newer, or the version is not on the way.
    pub at: VersionId,
    /// Its tasks.
    pub tasks: Tasks,
    /// The changes in the versions that were read, from wherever it started.
    pub history: History,
    /// Where that was: at a snapshot only if there is one.
    pub start: Start,
}

/// Why it could not be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The server failed.
    #[error(transparent)]
    Server(ServerError),
    /// A version that the secret does not fit.
    #[error("a part of it can't be opened")]
    Unseal(#[source] UnsealError),
    /// Neither a beginning nor a snapshot.
    #[error("the server holds only a part of its history")]
    Incomplete,
    /// Opened, but not what Taskwarrior writes.
    #[error("a part of it is not what Taskwarrior writes")]
    Malformed,
    /// The engine itself.
    #[error("Taskwarrior's engine failed")]
    Engine(#[source] Error),
}

/// Where a computer starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the snapshot, if there is one, as a new computer does.
    Snapshot,
    /// At the first version, which is what computers have that were there from the beginning.
    FirstVersion,
}

/// Rebuilds the account of `credentials`, up to the version `until` if it comes by.
pub fn rebuild(
    server: Server,
    credentials: &Credentials,
    start: Start,
    until: VersionId,
) -> Result<Rebuilt, RebuildError> {
    let key = Key::derive(&credentials.client_id, &credentials.secret).map_err(RebuildError::Unseal)?;
    let progress = Rc::new(RefCell::new(Progress::default()));
    let source = Source { server, account: credentials.client_id, key, start, until, progress: Rc::clone(&progress) };
    let mut source: Box<dyn taskchampion::Server> = Box::new(source);
    let mut replica = Replica::new(InMemoryStorage::new());
    // Nothing in here waits for anything but our own connection, which blocks by itself.
    let synced = pollster::block_on(replica.sync(&mut source, true));
    if let Some(failure) = progress.borrow_mut().failure.take() {
        return Err(failure);
    }
    synced.map_err(RebuildError::Engine)?;
    let tasks = pollster::block_on(replica.all_task_data()).map_err(RebuildError::Engine)?;
    let attributes =
        |task: &taskchampion::TaskData| task.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let tasks = tasks.iter().map(|(id, task)| (*id, attributes(task))).collect();
    let at = progress.borrow().at;
    let history = std::mem::take(&mut progress.borrow_mut().history);
    let start = progress.borrow().start;
    Ok(Rebuilt { at, tasks, history, start })
}

/// The account, as the engine sees it.
struct Source {
    server: Server,
    account: ClientId,
    key: Key,
    start: Start,
    until: VersionId,
    progress: Rc<RefCell<Progress>>,
}

/// What the engine does not tell: where it is, and why it failed, with its type.
struct Progress {
    at: VersionId,
    walk: Walk,
    history: History,
    start: Start,
    failure: Option<RebuildError>,
}

impl Default for Progress {
    fn default() -> Self {
        let (walk, history) = (Walk::default(), History::default());
        Self { at: VersionId::NIL, walk, history, start: Start::FirstVersion, failure: None }
    }
}

impl Source {
    fn child(&self, parent: VersionId) -> Result<GetVersionResult, RebuildError> {
        if parent == self.until && !parent.is_nil() {
            return Ok(GetVersionResult::NoSuchVersion);
        }
        let child = self.ask(|server| server.child(&self.account, parent))?;
        let (id, sealed) = match child {
            Child::Found { id, sealed } => (id, sealed),
            Child::None => return Ok(GetVersionResult::NoSuchVersion),
            Child::Gone => return Err(RebuildError::Incomplete),
        };
        self.progress.borrow_mut().walk.step(&self.server, parent, id).map_err(RebuildError::Server)?;
        // What it is bound to is what was asked for, whatever the server's header says.
        let history_segment = self.open(Sealed { bound_to: parent, ..sealed })?;
        let changes = read(&history_segment)?;
        let mut progress = self.progress.borrow_mut();
        progress.at = id;
        for change in &changes {
            progress.history.note_in_account(change);
        }
        Ok(GetVersionResult::Version { version_id: id.as_uuid(), parent_version_id: parent.as_uuid(), history_segment })
    }

    fn snapshot(&self) -> Result<Option<(Uuid, Snapshot)>, RebuildError> {
        if self.start == Start::FirstVersion {
            return Ok(None);
        }
        let Some(sealed) = self.ask(|server| server.snapshot(&self.account))? else {
            return Ok(None);
        };
        let at = sealed.bound_to;
        let snapshot = self.open(sealed)?;
        let mut progress = self.progress.borrow_mut();
        (progress.at, progress.start) = (at, Start::Snapshot);
        Ok(Some((at.as_uuid(), snapshot)))
    }

    fn ask<T>(&self, ask: impl FnMut(&Server) -> Result<T, ServerError>) -> Result<T, RebuildError> {
        self.server.patiently(|_, _| (), ask).map_err(RebuildError::Server)
    }

    fn open(&self, sealed: Sealed) -> Result<Vec<u8>, RebuildError> {
        self.key.unseal(sealed).map(|mut opened| std::mem::take(&mut *opened)).map_err(RebuildError::Unseal)
    }

    fn or_fail<T>(&self, done: Result<T, RebuildError>) -> Result<T, Error> {
        done.map_err(|failure| {
            self.progress.borrow_mut().failure = Some(failure);
            Error::OutOfSync
        })
    }
}

/// The changes in a version. The engine panics on one that is not JSON with a list of them.
pub fn read(segment: &[u8]) -> Result<Vec<Operation>, RebuildError> {
    #[derive(serde::Deserialize)]
    struct Version {
        operations: Vec<Change>,
    }
    #[derive(serde::Deserialize)]
    enum Change {
        Create { uuid: Uuid },
        Delete { uuid: Uuid },
        Update { uuid: Uuid, property: String, value: Option<String>, timestamp: DateTime<Utc> },
    }
    let version: Version = serde_json::from_slice(segment).map_err(|_| RebuildError::Malformed)?;
    let operation = |change| match change {
        Change::Create { uuid } => Operation::Create { uuid },
        Change::Delete { uuid } => Operation::Delete { uuid, old_task: TaskMap::new() },
        Change::Update { uuid, property, value, timestamp } => {
            Operation::Update { uuid, property, old_value: None, value, timestamp }
        }
    };
    Ok(version.operations.into_iter().map(operation).collect())
}

#[async_trait(?Send)]
impl taskchampion::Server for Source {
    /// An account is only read here: whatever the engine wants to send, it must not.
    async fn add_version(&mut self, _: Uuid, _: HistorySegment) -> Result<(AddVersionResult, SnapshotUrgency), Error> {
        Err(Error::OutOfSync)
    }

    async fn add_snapshot(&mut self, _: Uuid, _: Snapshot) -> Result<(), Error> {
        Err(Error::OutOfSync)
    }

    async fn get_child_version(&mut self, parent: Uuid) -> Result<GetVersionResult, Error> {
        self.or_fail(self.child(VersionId::from_uuid(parent)))
    }

    async fn get_snapshot(&mut self) -> Result<Option<(Uuid, Snapshot)>, Error> {
        self.or_fail(self.snapshot())
    }
}
