//! Accounts in one SQLite file on a volume: the default backend.
//!
//! | file | does |
//! |---|---|
//! | [`directory`] | the data directory: created private, locked against a second server |
//! | [`schema`] | opens the file with the settings that durability rests on, and migrates it |
//! | [`writer`] | the one thread that writes: many changes, one transaction, one fsync |
//! | [`readers`] | the few threads that read |
//! | [`body`] | where bodies lie: in their row, or as chunks |
//!
//! All SQLite calls happen on these threads, none on an async worker: a slow disk then delays who waits for it and nobody
//! else. One writer is no bottleneck, since SQLite has one anyway; it is what makes group commit possible.

mod body;
pub mod directory;
mod readers;
pub mod schema;
mod writer;

use std::path::Path;

use bytes::Bytes;
use rusqlite::OptionalExtension;
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use self::directory::DataDirectory;
use self::readers::Readers;
use self::writer::Writer;
use super::{Account, Change, CommitError, Committed, SnapshotMeta, Storage, StorageError, StoredVersion};

/// Why the data can't be opened. Display says what failed, `source` why, [`OpenError::hint`] what mends it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory itself.
    #[error(transparent)]
    Directory(#[from] directory::DirectoryError),
    /// The file in it.
    #[error(transparent)]
    Schema(#[from] schema::SchemaError),
    /// A thread could not be started.
    #[error("could not start a database thread")]
    Thread(#[source] std::io::Error),
}

impl OpenError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Directory(error) => error.hint(),
            Self::Schema(error) => error.hint(),
            Self::Thread(_) => None,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct SqliteStorage {
    writer: Writer,
    readers: Readers,
    epoch: String,
    // Last: the lock is given back after the threads have closed the file.
    _directory: DataDirectory,
}

impl SqliteStorage {
    /// Opens the data in `dir`, creating both if they are not there, and migrates it to this version's schema.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let directory = DataDirectory::open(dir)?;
        let file = directory.database();
        let connection = schema::open_for_writing(&file)?;
        let epoch = schema::epoch(&connection)?;
        let writer = Writer::start(connection).map_err(OpenError::Thread)?;
        let readers = Readers::start(|| schema::open_for_reading(&file))?;
        Ok(Self {
            writer,
            readers,
            epoch,
            _directory: directory,
        })
    }
}

fn version_id(bytes: [u8; 16]) -> VersionId {
    VersionId::from_uuid(Uuid::from_bytes(bytes))
}

#[async_trait::async_trait]
impl Storage for SqliteStorage {
    async fn account(&self, client: ClientId) -> Result<Option<Account>, StorageError> {
        const SQL: &str = "SELECT a.state, a.latest, a.versions, a.version_bytes, a.created_at, a.last_version_at, \
             s.version, s.stored_at, s.bytes, a.added - s.added_at \
             FROM account a LEFT JOIN snapshot s ON s.account = a.id WHERE a.client_id = ?1";
        self.readers
            .ask("reading an account", move |db| {
                db.prepare_cached(SQL)?
                    .query_row([client.as_bytes()], |row| {
                        let snapshot = match row.get::<_, Option<[u8; 16]>>(6)? {
                            None => None,
                            Some(version) => Some(SnapshotMeta {
                                version: version_id(version),
                                stored_at: row.get(7)?,
                                bytes: row.get(8)?,
                                versions_since: row.get(9)?,
                            }),
                        };
                        Ok(Account {
                            disabled: row.get::<_, i64>(0)? != schema::ACTIVE,
                            latest: version_id(row.get(1)?),
                            versions: row.get(2)?,
                            version_bytes: row.get(3)?,
                            created_at: row.get(4)?,
                            last_version_at: row.get(5)?,
                            snapshot,
                        })
                    })
                    .optional()
            })
            .await
    }

    async fn child(&self, client: ClientId, parent: VersionId) -> Result<Option<StoredVersion>, StorageError> {
        const SQL: &str = "SELECT v.version, v.bytes, v.body, v.blob FROM version v \
             WHERE v.account = (SELECT id FROM account WHERE client_id = ?1) AND v.parent = ?2";
        self.readers
            .ask("reading a version", move |db| {
                // One read transaction: a large body is several queries, and a prune must not come between them.
                let txn = db.unchecked_transaction()?;
                let found = txn
                    .prepare_cached(SQL)?
                    .query_row((client.as_bytes(), parent.as_bytes()), |row| {
                        Ok((version_id(row.get(0)?), body::Place::from_row(row, 1)?))
                    })
                    .optional()?;
                found
                    .map(|(version, place)| {
                        Ok(StoredVersion {
                            version,
                            body: place.read(&txn)?,
                        })
                    })
                    .transpose()
            })
            .await
    }

    async fn parent(&self, client: ClientId, version: VersionId) -> Result<Option<VersionId>, StorageError> {
        const SQL: &str = "SELECT v.parent FROM version v \
             WHERE v.account = (SELECT id FROM account WHERE client_id = ?1) AND v.version = ?2";
        self.readers
            .ask("reading a version's parent", move |db| {
                db.prepare_cached(SQL)?
                    .query_row((client.as_bytes(), version.as_bytes()), |row| {
                        Ok(version_id(row.get(0)?))
                    })
                    .optional()
            })
            .await
    }

    async fn snapshot(&self, client: ClientId, version: VersionId) -> Result<Option<Bytes>, StorageError> {
        const SQL: &str = "SELECT s.bytes, s.body, s.blob FROM snapshot s \
             WHERE s.account = (SELECT id FROM account WHERE client_id = ?1) AND s.version = ?2";
        self.readers
            .ask("reading a snapshot", move |db| {
                let txn = db.unchecked_transaction()?;
                let found = txn
                    .prepare_cached(SQL)?
                    .query_row((client.as_bytes(), version.as_bytes()), |row| {
                        body::Place::from_row(row, 0)
                    })
                    .optional()?;
                found.map(|place| place.read(&txn)).transpose()
            })
            .await
    }

    async fn commit(&self, change: Change) -> Result<Committed, CommitError> {
        self.writer.commit(change).await
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.readers
            .ask("checking the database", |db| {
                db.query_row("SELECT 1 FROM meta LIMIT 1", [], |_| Ok(()))
            })
            .await
    }

    fn epoch(&self) -> &str {
        &self.epoch
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.readers.close();
        self.writer.close().await
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{self, add, client, put_snapshot, version};
    use super::*;

    conformance::suite!(|dir: &Path| SqliteStorage::open(dir).unwrap());

    #[test]
    fn what_was_committed_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir.path()).unwrap();
            let epoch = storage.epoch().to_owned();
            storage
                .commit(add(client(1), VersionId::NIL, version(1), "a"))
                .await
                .unwrap();
            storage
                .commit(put_snapshot(client(1), version(1), vec![3; 600_000]))
                .await
                .unwrap();
            storage.close().await.unwrap();
            assert!(
                storage
                    .commit(add(client(1), version(1), version(2), "b"))
                    .await
                    .is_err()
            );
            assert!(storage.account(client(1)).await.is_err());
            drop(storage);

            let storage = SqliteStorage::open(dir.path()).unwrap();
            assert_eq!(storage.epoch(), epoch);
            assert_eq!(
                storage.child(client(1), VersionId::NIL).await.unwrap().unwrap().body,
                "a"
            );
            assert_eq!(
                storage.snapshot(client(1), version(1)).await.unwrap().unwrap().len(),
                600_000
            );
        });
    }

    #[test]
    fn a_replaced_snapshot_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir.path()).unwrap();
            storage
                .commit(add(client(1), VersionId::NIL, version(1), "a"))
                .await
                .unwrap();
            for size in [900_000, 300_000, 10] {
                storage
                    .commit(put_snapshot(client(1), version(1), vec![1; size]))
                    .await
                    .unwrap();
            }
            storage.close().await.unwrap();
        });
        let db = rusqlite::Connection::open(dir.path().join(directory::DATABASE_FILE)).unwrap();
        let left: (u32, u32) = db
            .query_row(
                "SELECT (SELECT count(*) FROM chunk), (SELECT count(*) FROM blob)",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert_eq!(left, (0, 0));
    }
}
