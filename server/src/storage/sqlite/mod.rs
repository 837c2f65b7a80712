//! Accounts in one SQLite file on a volume: the default backend.
//!
//! | file | does |
//! |---|---|
//! | [`directory`] | the data directory: created private, locked against a second server |
//! | [`mod@file`] | where the database file lies; for tests also in a file system that fails |
//! | [`schema`] | opens the file with the settings that durability rests on |
//! | [`migrations`] | brings it to this version's schema |
//! | [`examine`] | goes through all of it and says what is wrong |
//! | [`replace`] | another database in the place of the one that is there, at one stroke |
//! | [`writer`] | the one thread that writes: many changes, one transaction, one fsync |
//! | [`change`] | what one change does inside that transaction |
//! | [`readers`] | the few threads that read |
//! | [`figures`] | how large it is, and how many accounts it holds, for an operator |
//! | [`heads`] | what accounts look like, in memory, for the request that finds nothing new |
//! | [`account`], [`mod@invite`] | what they and invites look like in the database |
//! | [`erase`] | erases what deleted accounts have stored |
//! | [`mod@rewind`] | takes an account back to one of its versions |
//! | [`administrator`] | the operator's door: another process's connection to the same file |
//! | [`place`] | where bodies lie: in their row, or as chunks |
//! | [`blobs`] | who still reads a large body, and which are to be swept |
//!
//! All SQLite calls happen on these threads, none on an async worker: a slow disk then delays who waits for it and nobody
//! else. One writer is no bottleneck, since SQLite has one anyway; it is what makes group commit possible.

mod account;
pub mod administrator;
mod blobs;
mod change;
pub mod directory;
mod erase;
pub mod examine;
mod figures;
pub mod file;
mod heads;
mod invite;
mod migrations;
mod pages;
pub(crate) mod place;
mod prune;
mod readers;
#[cfg(test)]
mod reliability;
pub mod replace;
mod rewind;
pub mod schema;
mod stands;
mod writer;

use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use rusqlite::{Connection, OptionalExtension as _};
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use self::blobs::{Blobs, Hold};
use self::directory::DataDirectory;
use self::file::DatabaseFile;
use self::heads::{Head, Heads};
use self::place::Place;
use self::readers::Readers;
use self::writer::{Observer, Writer};
use super::body::{Outgoing, Staging};
use super::prune::{Cursor, Pruned, Retention};
use super::stands::Stand;
use super::{
    Account, AccountCounts, Change, CommitError, Committed, Figures, Followed, Storage, StorageError, StoredVersion,
};
use crate::account_hash::AccountHasher;
use crate::metrics::storage::StorageMetrics;

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
    readers: Arc<Readers>,
    heads: Arc<Heads>,
    blobs: Blobs,
    epoch: String,
    salt: String,
    file: DatabaseFile,
    // Last: the lock is given back after the threads have closed the file.
    _directory: Option<DataDirectory>,
}

impl SqliteStorage {
    /// Opens the data in `dir`, creating both if they are not there, and migrates it to this version's schema.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_in(DataDirectory::open(dir)?, StorageMetrics::default())
    }

    /// The same in a directory that is held already: holding is quick, and migrating may not be. Writes are counted in
    /// `metrics`.
    pub fn open_in(directory: DataDirectory, metrics: StorageMetrics) -> Result<Self, OpenError> {
        let file = DatabaseFile::from(&directory.database());
        let connection = schema::open_for_writing(file.clone())?;
        Self::start(connection, &file, Some(directory), metrics)
    }

    /// Goes on from the writer's connection to `file`, which it takes over.
    fn start(
        connection: Connection,
        file: &DatabaseFile,
        directory: Option<DataDirectory>,
        metrics: StorageMetrics,
    ) -> Result<Self, OpenError> {
        let open = |cause| schema::SchemaError::Open { path: file.path().to_owned(), cause };
        let (epoch, salt) = (schema::epoch(&connection)?, schema::salt(&connection)?);
        let (heads, blobs) = (Arc::new(Heads::default()), Blobs::default());
        for blob in place::unlinked(&connection, u32::MAX).map_err(open)? {
            blobs.unlink(blob);
        }
        let observer = Observer { metrics, hasher: AccountHasher::new(&salt) };
        let writer =
            Writer::start(connection, Arc::clone(&heads), blobs.clone(), observer).map_err(OpenError::Thread)?;
        let readers = Arc::new(Readers::start(|| schema::open_for_reading(file.clone()))?);
        Ok(Self { writer, readers, heads, blobs, epoch, salt, file: file.clone(), _directory: directory })
    }

    /// Makes of a place in the database something that can be sent.
    fn outgoing(&self, found: Found) -> Outgoing {
        match found {
            Found::Inline(body) => Outgoing::Whole(body.into()),
            Found::Held { hold, blob, bytes } => {
                Outgoing::Pieces { bytes, pieces: pieces(&self.readers, hold, blob, bytes) }
            }
        }
    }
}

fn version_id(bytes: [u8; 16]) -> VersionId {
    VersionId::from_uuid(Uuid::from_bytes(bytes))
}

/// A body that was found, and that stays where it is while it is sent.
enum Found {
    Inline(Vec<u8>),
    Held { hold: Hold, blob: i64, bytes: u64 },
}

/// Looks a body up and holds it; looks again if it was replaced and swept in between (see [`blobs`]).
fn find_and_hold<T>(
    db: &Connection,
    blobs: &Blobs,
    look: impl Fn(&Connection) -> rusqlite::Result<Option<(T, Place)>>,
) -> rusqlite::Result<Option<(T, Found)>> {
    loop {
        let Some((found, place)) = look(db)? else { return Ok(None) };
        match place {
            Place::Inline(body) => return Ok(Some((found, Found::Inline(body)))),
            Place::Chunks { blob, bytes } => {
                if let Some(hold) = blobs.hold(blob)
                    && place::exists(db, blob)?
                {
                    return Ok(Some((found, Found::Held { hold, blob, bytes })));
                }
            }
        }
    }
}

const READING_A_PIECE: &str = "reading a piece of a large body";

/// The pieces of a held body, each read when the one before it was taken.
fn pieces(
    readers: &Arc<Readers>,
    hold: Hold,
    blob: i64,
    bytes: u64,
) -> stream::BoxStream<'static, Result<bytes::Bytes, StorageError>> {
    let start = (Arc::clone(readers), hold, 0_u32, bytes);
    stream::try_unfold(start, move |(readers, hold, seq, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let piece = readers.ask(READING_A_PIECE, move |db| place::read_chunk(db, blob, seq)).await;
        // After the read: what was let go is deleted piece by piece.
        if hold.was_let_go() {
            return Err(StorageError::let_go(READING_A_PIECE));
        }
        let piece = piece?;
        let left = left
            .checked_sub(piece.len() as u64)
            .ok_or_else(|| StorageError::new("reading a large body", "it is longer than its row says"))?;
        Ok(Some((piece, (readers, hold, seq + 1, left))))
    })
    .boxed()
}

#[async_trait::async_trait]
impl Storage for SqliteStorage {
    fn remembers(&self, client: ClientId) -> bool {
        self.heads.contains(client)
    }

    async fn account(&self, client: ClientId) -> Result<Option<Account>, StorageError> {
        if let Some(head) = self.heads.get(client) {
            return Ok(Some(head.account));
        }
        let before = self.heads.before();
        let found = self.readers.ask("reading an account", move |db| account::find(db, client)).await?;
        Ok(found.map(|(key, account)| {
            let head = Head { key, account };
            self.heads.fill(client, &head, before);
            head.account
        }))
    }

    async fn follow(&self, client: ClientId, parent: VersionId) -> Result<Option<Followed>, StorageError> {
        const SQL: &str = "SELECT version, bytes, body, blob FROM version WHERE account = ?1 AND parent = ?2";
        let remembered = self.heads.get(client);
        // Nothing follows the latest version: the answer to most requests.
        if let Some(head) = remembered.as_ref().filter(|head| head.account.latest() == parent && !parent.is_nil()) {
            return Ok(Some(Followed { account: head.account.clone(), child: None }));
        }
        let known = remembered.as_ref().map(|head| head.key);
        let before = self.heads.before();
        let blobs = self.blobs.clone();
        // One turn at a reader for both: the way to its thread and back costs more than what is read there.
        let (read, child) = self
            .readers
            .ask("reading a version", move |db| {
                let read = if known.is_none() { account::find(db, client)? } else { None };
                let Some(key) = known.or_else(|| read.as_ref().map(|(key, _)| *key)) else { return Ok((None, None)) };
                let child = find_and_hold(db, &blobs, |db| {
                    db.prepare_cached(SQL)?
                        .query_row((key, parent.as_bytes()), |row| {
                            Ok((version_id(row.get(0)?), Place::from_row(row, 1)?))
                        })
                        .optional()
                })?;
                Ok((read.map(|(key, account)| Head { key, account }), child))
            })
            .await?;
        if let Some(head) = &read {
            self.heads.fill(client, head, before);
        }
        Ok(remembered.or(read).map(|head| {
            let child = child.map(|(version, found)| StoredVersion { version, body: self.outgoing(found) });
            Followed { account: head.account, child }
        }))
    }

    async fn snapshot(&self, client: ClientId, version: VersionId) -> Result<Option<Outgoing>, StorageError> {
        const SQL: &str = "SELECT a.snapshot_bytes, s.body, s.blob FROM account a JOIN snapshot s ON s.account = a.id \
             WHERE a.client_id = ?1 AND a.snapshot_version = ?2";
        let blobs = self.blobs.clone();
        let found = self
            .readers
            .ask("reading a snapshot", move |db| {
                find_and_hold(db, &blobs, |db| {
                    db.prepare_cached(SQL)?
                        .query_row((client.as_bytes(), version.as_bytes()), |row| Ok(((), Place::from_row(row, 0)?)))
                        .optional()
                })
            })
            .await?;
        Ok(found.map(|((), found)| self.outgoing(found)))
    }

    async fn stage(&self) -> Result<Box<dyn Staging>, CommitError> {
        Ok(self.writer.stage())
    }

    async fn commit(&self, change: Change) -> Result<Committed, CommitError> {
        self.writer.commit(change).await
    }

    async fn note_stands(&self, stands: Vec<Stand>) -> Result<(), StorageError> {
        self.writer.note_stands(stands).await
    }

    async fn prune_some(&self, behind: Cursor, retention: Retention) -> Result<Pruned, StorageError> {
        self.writer.prune_some(behind, retention).await
    }

    async fn check(&self) -> Result<(), StorageError> {
        if !self.writer.is_alive() {
            return Err(StorageError::closed("checking the database"));
        }
        self.readers.ask("checking the database", |db| db.query_row("SELECT 1 FROM meta LIMIT 1", [], |_| Ok(()))).await
    }

    async fn reusable_bytes(&self) -> Result<u64, StorageError> {
        const SQL: &str = "SELECT freelist_count * page_size FROM pragma_freelist_count(), pragma_page_size()";
        let read = |db: &Connection| db.prepare_cached(SQL)?.query_row([], |row| row.get(0));
        self.readers.ask("reading how much of the database is free", read).await
    }

    async fn figures(&self) -> Figures {
        let waiting = self.writer.waiting();
        let file = self.file.clone();
        let sizes = tokio::task::spawn_blocking(move || figures::sizes(file.path())).await.unwrap_or_default();
        Figures { waiting, ..sizes }
    }

    async fn count_accounts(&self) -> Result<AccountCounts, StorageError> {
        figures::count_accounts(&self.readers).await
    }

    fn epoch(&self) -> &str {
        &self.epoch
    }

    fn salt(&self) -> &str {
        &self.salt
    }

    async fn close(&self) -> Result<(), StorageError> {
        let readers = Arc::clone(&self.readers);
        let joined = tokio::task::spawn_blocking(move || readers.close()).await;
        self.writer.close().await?;
        joined.map_err(|error| StorageError::new("closing the database", error))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::super::Patience;
    use super::super::conformance::{self, add, client, put_snapshot, staged, version};
    use super::*;

    conformance::suite!(
        |dir: &Path| SqliteStorage::open(dir).unwrap(),
        // As a process of its own would: by a connection of its own.
        |_: &Arc<SqliteStorage>, dir: &Path| Box::new(administrator::Administrator::open(dir).unwrap())
    );

    fn count(dir: &Path, sql: &str) -> u32 {
        let db = Connection::open(dir.join(directory::DATABASE_FILE)).unwrap();
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_was_committed_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir.path()).unwrap();
            let epoch = storage.epoch().to_owned();
            storage.commit(add(client(1), VersionId::NIL, version(1), "a")).await.unwrap();
            let body = staged(&storage, vec![3; 600_000]).await;
            storage.commit(put_snapshot(client(1), version(1), body)).await.unwrap();
            storage.close().await.unwrap();
            assert!(storage.commit(add(client(1), version(1), version(2), "b")).await.is_err());
            assert!(storage.account(client(2)).await.is_err());
            drop(storage);

            let storage = SqliteStorage::open(dir.path()).unwrap();
            assert_eq!(storage.epoch(), epoch);
            assert!(!storage.remembers(client(1)));
            let followed = storage.follow(client(1), VersionId::NIL).await.unwrap().unwrap();
            assert_eq!(followed.account.latest(), version(1));
            assert_eq!(followed.child.unwrap().body.collect().await.unwrap(), "a");
            assert!(storage.remembers(client(1)), "for its next request");
            let snapshot = storage.snapshot(client(1), version(1)).await.unwrap().unwrap();
            assert!(snapshot.collect().await.unwrap() == vec![3; 600_000]);
        });
    }

    #[test]
    fn a_replaced_snapshot_is_swept_and_an_abandoned_body_too() {
        let dir = tempfile::tempdir().unwrap();
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir.path()).unwrap();
            storage.commit(add(client(1), VersionId::NIL, version(1), "a")).await.unwrap();
            for size in [9_000_000, 300_000, 10] {
                let body = staged(&storage, vec![1; size]).await;
                storage.commit(put_snapshot(client(1), version(1), body)).await.unwrap();
            }
            drop(staged(&storage, vec![1; 700_000]).await);
            // Every commit is followed by a sweep.
            for n in 2.. {
                storage.commit(add(client(n), VersionId::NIL, version(1), "a")).await.unwrap();
                if count(dir.path(), "SELECT count(*) FROM chunk") == 0 {
                    break;
                }
                assert!(n < 1000, "never swept");
            }
            assert_eq!(count(dir.path(), "SELECT count(*) FROM blob"), 0);
        });
    }

    #[test]
    fn a_body_that_was_left_half_way_is_swept_after_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir.path()).unwrap();
            // As after a kill: nobody gets to unlink it.
            std::mem::forget(staged(&storage, vec![1; 700_000]).await);
            storage.close().await.unwrap();
            drop(storage);
            assert_eq!(count(dir.path(), "SELECT count(*) FROM chunk"), 3);
            let storage = SqliteStorage::open(dir.path()).unwrap();
            storage.commit(add(client(1), VersionId::NIL, version(1), "a")).await.unwrap();
            storage.close().await.unwrap();
            assert_eq!(count(dir.path(), "SELECT count(*) FROM chunk"), 0);
        });
    }

    #[test]
    fn a_download_survives_the_replacement_of_its_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir.path()).unwrap();
            storage.commit(add(client(1), VersionId::NIL, version(1), "a")).await.unwrap();
            let body = staged(&storage, vec![1; 2_000_000]).await;
            storage.commit(put_snapshot(client(1), version(1), body)).await.unwrap();
            let download = storage.snapshot(client(1), version(1)).await.unwrap().unwrap();
            for n in 0..20 {
                let body = staged(&storage, vec![2; 300_000 + n]).await;
                storage.commit(put_snapshot(client(1), version(1), body)).await.unwrap();
            }
            assert!(download.collect().await.unwrap() == vec![1; 2_000_000]);
            let newest = storage.snapshot(client(1), version(1)).await.unwrap().unwrap();
            assert!(newest.collect().await.unwrap() == vec![2; 300_019]);
        });
    }

    #[test]
    fn an_idle_request_is_answered_without_the_database() {
        let dir = tempfile::tempdir().unwrap();
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir.path()).unwrap();
            storage.commit(add(client(1), VersionId::NIL, version(1), "a")).await.unwrap();
            storage.close().await.unwrap();
            // With all database threads gone, only what is in memory can answer.
            assert_eq!(storage.account(client(1)).await.unwrap().unwrap().latest(), version(1));
            assert!(storage.child(client(1), version(1)).await.unwrap().is_none());
            assert!(storage.child(client(1), VersionId::NIL).await.is_err());
        });
    }

    #[test]
    fn a_full_queue_refuses_what_begins_and_lets_wait_what_is_under_way() {
        let dir = tempfile::tempdir().unwrap();
        conformance::run(|| async {
            let storage = Arc::new(SqliteStorage::open(dir.path()).unwrap());
            // Another process that writes keeps the writer waiting.
            let other = Connection::open(dir.path().join(directory::DATABASE_FILE)).unwrap();
            other.execute_batch("BEGIN IMMEDIATE").unwrap();
            let begins = |n| Change { patience: Patience::Refuse, ..add(client(n), VersionId::NIL, version(1), "a") };
            let mut accepted = 0;
            while storage.commit(begins(accepted)).now_or_never().is_none() {
                accepted += 1;
                assert!(accepted < 5000, "the queue has no end");
            }
            assert!(matches!(storage.commit(begins(accepted)).await, Err(CommitError::Busy)));

            let under_way = tokio::spawn({
                let storage = Arc::clone(&storage);
                async move { storage.commit(add(client(9999), VersionId::NIL, version(1), "b")).await }
            });
            other.execute_batch("COMMIT").unwrap();
            under_way.await.unwrap().unwrap();
            assert_eq!(count(dir.path(), "SELECT count(*) FROM version"), u32::try_from(accepted).unwrap() + 1);
        });
    }
}
