//! What a sealed backup of the account holds: the file of `taskferry export --sealed`, and of an operator's `account export`. Opened with
//! this computer's secret, and only read.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use taskchampion::server::{AddVersionResult, GetVersionResult, HistorySegment, Snapshot, SnapshotUrgency};
use taskchampion::storage::inmemory::InMemoryStorage;
use taskchampion::{Error, Replica};
use taskferry_protocol::VersionId;
use taskferry_protocol::account_file::{AccountFileError, Kind, Reader, Record};
use uuid::Uuid;

use super::unite::Side;
use crate::credentials::Credentials;
use crate::credentials::unseal::{Key, Sealed, UnsealError};
use crate::error::Explain;
use crate::proof::history::History;
use crate::proof::rebuild::{self, RebuildError};

/// Bytes of a file; accounts have 64 MB by default.
const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Why it is of no use here. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It can't be read, or is not whole.
    #[error("could not read the backup `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: AccountFileError,
    },
    /// Another ID, hence another key.
    #[error("the backup `{}` is of another account than the one of this computer", path.display())]
    OtherAccount {
        /// The file.
        path: PathBuf,
    },
    /// Not sealed with the secret of this computer.
    #[error("the encryption secret of this computer does not open the backup")]
    Unseal(#[source] UnsealError),
    /// Opened, but not what Taskwarrior writes.
    #[error("a part of the backup is not what Taskwarrior writes")]
    Malformed(#[source] RebuildError),
    /// The engine itself.
    #[error("Taskwarrior's engine failed")]
    Engine(#[source] Error),
}

impl Explain for BackupError {
    fn hint(&self) -> Option<String> {
        let unchanged = "nothing was changed";
        Some(match self {
            Self::File { .. } => format!(
                "it should be a file of `taskferry export --sealed`, or of `taskferry-server account export`\n{unchanged}"
            ),
            Self::OtherAccount { .. } => format!(
                "`taskferry join` brings this computer to the account of the backup, with the setup link from another \
                 computer\n{unchanged}"
            ),
            Self::Unseal(_) => {
                format!("the secret was another one when the backup was made: it needs that one\n{unchanged}")
            }
            Self::Malformed(_) | Self::Engine(_) => unchanged.into(),
        })
    }
}

/// Reads it.
pub fn read(path: &Path, account: &Credentials) -> Result<Side, BackupError> {
    let backup = open(path, account)?;
    let mut history = History::default();
    for (_, _, segment) in &backup.versions {
        let changes = rebuild::read(segment).map_err(BackupError::Malformed)?;
        for change in &changes {
            history.note_in_account(change);
        }
    }
    let mut server: Box<dyn taskchampion::Server> = Box::new(backup);
    let mut replica = Replica::new(InMemoryStorage::new());
    // Nothing in here waits for anything.
    pollster::block_on(replica.sync(&mut server, true)).map_err(BackupError::Engine)?;
    let tasks = pollster::block_on(replica.all_task_data()).map_err(BackupError::Engine)?;
    let attributes = |task: &taskchampion::TaskData| task.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    Ok(Side { tasks: tasks.iter().map(|(id, task)| (*id, attributes(task))).collect(), history })
}

/// An account out of a file, as the engine sees it.
struct Backup {
    snapshot: Option<(Uuid, Snapshot)>,
    /// ID, parent and body, in their order.
    versions: Vec<(Uuid, Uuid, HistorySegment)>,
}

fn open(path: &Path, account: &Credentials) -> Result<Backup, BackupError> {
    let unreadable = |why| BackupError::File { path: path.into(), why };
    let file = std::fs::File::open(path).map_err(|why| unreadable(why.into()))?;
    if file.metadata().map_err(|why| unreadable(why.into()))?.len() > FILE_BYTES_MAX {
        return Err(unreadable(io::Error::other("it is too long").into()));
    }
    let mut reader = Reader::open(BufReader::new(file)).map_err(unreadable)?;
    if reader.head().client_id != account.client_id {
        return Err(BackupError::OtherAccount { path: path.into() });
    }
    let key = Key::derive(&account.client_id, &account.secret).map_err(BackupError::Unseal)?;
    let mut backup = Backup { snapshot: None, versions: Vec::new() };
    while let Some(Record { kind, version, .. }) = reader.next().map_err(unreadable)? {
        let mut body = Vec::new();
        while let Some(piece) = reader.piece().map_err(unreadable)? {
            body.extend_from_slice(piece);
        }
        let open = |bound_to: VersionId, body| {
            let opened = key.unseal(Sealed { bound_to, body }).map_err(BackupError::Unseal);
            opened.map(|mut opened| std::mem::take(&mut *opened))
        };
        match kind {
            Kind::Snapshot => backup.snapshot = Some((version.as_uuid(), open(version, body)?)),
            Kind::Version { parent } => {
                backup.versions.push((version.as_uuid(), parent.as_uuid(), open(parent, body)?));
            }
        }
    }
    Ok(backup)
}

#[async_trait(?Send)]
impl taskchampion::Server for Backup {
    async fn add_version(&mut self, _: Uuid, _: HistorySegment) -> Result<(AddVersionResult, SnapshotUrgency), Error> {
        Err(Error::OutOfSync)
    }

    async fn add_snapshot(&mut self, _: Uuid, _: Snapshot) -> Result<(), Error> {
        Err(Error::OutOfSync)
    }

    async fn get_child_version(&mut self, parent: Uuid) -> Result<GetVersionResult, Error> {
        // A history that continues another account's begins somewhere else than at nil.
        let child = match self.versions.first() {
            Some(first) if parent.is_nil() => Some(first),
            _ => self.versions.iter().find(|(_, of, _)| *of == parent),
        };
        Ok(child.map_or(GetVersionResult::NoSuchVersion, |(id, parent, segment)| GetVersionResult::Version {
            version_id: *id,
            parent_version_id: *parent,
            history_segment: segment.clone(),
        }))
    }

    async fn get_snapshot(&mut self) -> Result<Option<(Uuid, Snapshot)>, Error> {
        Ok(self.snapshot.take())
    }
}
