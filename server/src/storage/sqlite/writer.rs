//! The one thread that writes: it takes whatever changes are waiting, puts them into one transaction, and answers all of
//! them after one fsync (group commit).
//!
//! A refusal is found before anything is written for its change, so refused and accepted changes share a transaction. If
//! SQLite itself fails in the middle, the batch is rolled back and every change is tried again alone, so that only the
//! guilty one fails. If the commit fails, nobody is told "stored".
//!
//! The thread does not care whether a caller still waits: a device that hung up after sending its version has sent it.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use taskferry_protocol::{ClientId, VersionId};
use tokio::sync::oneshot;

use super::{body, schema, version_id};
use crate::storage::{Action, Change, CommitError, Committed, StorageError, UnixSeconds};

/// Changes in one transaction. Larger batches gain nothing (the fsync is already shared) and delay the first in them.
const BATCH: usize = 64;
/// Changes that may wait. Beyond, callers are told that the server is busy, which is better than an answer that comes when
/// nobody waits for it any more.
const QUEUE: usize = 1024;

type Outcome = Result<Committed, CommitError>;

struct Job {
    change: Change,
    answer: oneshot::Sender<Outcome>,
}

#[derive(Debug)]
pub(super) struct Writer {
    /// `None` once closed.
    queue: Mutex<Option<flume::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(mut db: Connection) -> std::io::Result<Self> {
        let (sender, receiver) = flume::bounded::<Job>(QUEUE);
        let thread = std::thread::Builder::new().name("db-writer".into()).spawn(move || {
            while let Ok(first) = receiver.recv() {
                let mut batch = Vec::with_capacity(BATCH);
                batch.push(first);
                batch.extend(receiver.try_iter().take(BATCH - 1));
                write(&mut db, batch);
            }
            checkpoint(&db);
        })?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands the change over and waits for what became of it.
    pub(super) async fn commit(&self, change: Change) -> Outcome {
        const DOING: &str = "writing a change";
        let (answer, answered) = oneshot::channel();
        {
            let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let queue = queue.as_ref().ok_or_else(|| StorageError::closed(DOING))?;
            queue.try_send(Job { change, answer }).map_err(|error| match error {
                flume::TrySendError::Full(_) => CommitError::Busy,
                flume::TrySendError::Disconnected(_) => StorageError::closed(DOING).into(),
            })?;
        }
        answered.await.map_err(|_| StorageError::closed(DOING))?
    }

    /// Writes what is waiting, checkpoints, ends the thread.
    pub(super) async fn close(&self) -> Result<(), StorageError> {
        let thread = self.hang_up();
        let joined = tokio::task::spawn_blocking(move || thread.map_or(Ok(()), JoinHandle::join)).await;
        match joined {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(StorageError::closed("closing the database")),
        }
    }

    fn hang_up(&self) -> Option<JoinHandle<()>> {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(thread) = self.hang_up() {
            let _ = thread.join();
        }
    }
}

/// Writes a batch and answers everybody in it.
fn write(db: &mut Connection, batch: Vec<Job>) {
    match try_together(db, &batch) {
        Ok(outcomes) => answer(batch, outcomes),
        Err(error) => {
            if batch.len() > 1 {
                tracing::warn!(error = %error, changes = batch.len(), "a batch failed; writing its changes one by one");
            }
            for job in batch {
                let outcome = try_together(db, std::slice::from_ref(&job));
                let outcome = match outcome {
                    Ok(mut outcomes) => outcomes
                        .pop()
                        .unwrap_or_else(|| Err(StorageError::closed("writing").into())),
                    Err(cause) => Err(StorageError::new("writing a change", cause).into()),
                };
                let _ = job.answer.send(outcome);
            }
        }
    }
}

fn answer(batch: Vec<Job>, outcomes: Vec<Outcome>) {
    for (job, outcome) in batch.into_iter().zip(outcomes) {
        let _ = job.answer.send(outcome);
    }
}

/// All changes in one transaction. An error means that nothing was written.
fn try_together(db: &mut Connection, batch: &[Job]) -> rusqlite::Result<Vec<Outcome>> {
    let txn = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let outcomes = batch
        .iter()
        .map(|job| apply(&txn, &job.change))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    txn.commit()?;
    Ok(outcomes)
}

/// What the writer needs to know of an account to decide.
struct Row {
    id: i64,
    disabled: bool,
    latest: VersionId,
}

fn find(db: &Connection, client: ClientId) -> rusqlite::Result<Option<Row>> {
    db.prepare_cached("SELECT id, state, latest FROM account WHERE client_id = ?1")?
        .query_row([client.as_bytes()], |row| {
            Ok(Row {
                id: row.get(0)?,
                disabled: row.get::<_, i64>(1)? != schema::ACTIVE,
                latest: version_id(row.get(2)?),
            })
        })
        .optional()
}

fn create(db: &Connection, client: ClientId, now: UnixSeconds) -> rusqlite::Result<Row> {
    db.prepare_cached("INSERT INTO account (client_id, created_at) VALUES (?1, ?2)")?
        .execute((client.as_bytes(), now))?;
    Ok(Row {
        id: db.last_insert_rowid(),
        disabled: false,
        latest: VersionId::NIL,
    })
}

/// Carries out one change, or refuses it before writing anything.
fn apply(db: &Connection, change: &Change) -> rusqlite::Result<Outcome> {
    let Change {
        client,
        admit,
        now,
        ref action,
    } = *change;
    let known = find(db, client)?;
    match (&known, action) {
        (None, _) if !admit => return Ok(Err(CommitError::UnknownAccount)),
        (None, Action::PutSnapshot { .. }) => return Ok(Err(CommitError::UnknownVersion)),
        (Some(account), _) if account.disabled => return Ok(Err(CommitError::Disabled)),
        (Some(account), Action::AddVersion { parent, .. }) if !account.latest.is_nil() && account.latest != *parent => {
            return Ok(Err(CommitError::Conflict(account.latest)));
        }
        (Some(account), Action::PutSnapshot { version, .. }) if !has_version(db, account.id, *version)? => {
            return Ok(Err(CommitError::UnknownVersion));
        }
        _ => {}
    }
    let created = known.is_none();
    let account = known.map_or_else(|| create(db, client, now), Ok)?;
    match action {
        Action::Register => {}
        Action::AddVersion { version, parent, body } => add_version(db, account.id, *version, *parent, body, now)?,
        Action::PutSnapshot { version, body } => put_snapshot(db, account.id, *version, body, now)?,
    }
    Ok(Ok(Committed { created }))
}

fn has_version(db: &Connection, account: i64, version: VersionId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM version WHERE account = ?1 AND version = ?2")?
        .exists((account, version.as_bytes()))
}

fn add_version(
    db: &Connection,
    account: i64,
    version: VersionId,
    parent: VersionId,
    bytes: &[u8],
    now: UnixSeconds,
) -> rusqlite::Result<()> {
    let (inline, blob) = body::store(db, bytes)?;
    db.prepare_cached(
        "INSERT INTO version (account, parent, version, stored_at, bytes, body, blob) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((account, parent.as_bytes(), version.as_bytes(), now, bytes.len(), inline, blob))?;
    db.prepare_cached(
        "UPDATE account SET latest = ?2, versions = versions + 1, version_bytes = version_bytes + ?3, \
         added = added + 1, last_version_at = ?4 WHERE id = ?1",
    )?
    .execute((account, version.as_bytes(), bytes.len(), now))?;
    Ok(())
}

fn put_snapshot(
    db: &Connection,
    account: i64,
    version: VersionId,
    bytes: &[u8],
    now: UnixSeconds,
) -> rusqlite::Result<()> {
    let former: Option<i64> = db
        .prepare_cached("SELECT blob FROM snapshot WHERE account = ?1")?
        .query_row([account], |row| row.get(0))
        .optional()?
        .flatten();
    let (inline, blob) = body::store(db, bytes)?;
    db.prepare_cached(
        "INSERT INTO snapshot (account, version, stored_at, bytes, added_at, body, blob) \
         VALUES (?1, ?2, ?3, ?4, (SELECT added FROM account WHERE id = ?1), ?5, ?6) \
         ON CONFLICT (account) DO UPDATE SET version = excluded.version, stored_at = excluded.stored_at, \
         bytes = excluded.bytes, added_at = excluded.added_at, body = excluded.body, blob = excluded.blob",
    )?
    .execute((account, version.as_bytes(), now, bytes.len(), inline, blob))?;
    if let Some(former) = former {
        body::remove(db, former)?;
    }
    Ok(())
}

/// Folds the WAL into the database, so that the file alone is complete after a stop.
fn checkpoint(db: &Connection) {
    if let Err(error) = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log could not be folded into the database; it is read at the next start");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::conformance::{add, client, version};

    fn database() -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("db");
        std::fs::File::create(&file).unwrap();
        let db = schema::open_for_writing(&file).unwrap();
        (dir, db)
    }

    fn jobs(changes: Vec<Change>) -> (Vec<Job>, Vec<oneshot::Receiver<Outcome>>) {
        changes
            .into_iter()
            .map(|change| {
                let (answer, answered) = oneshot::channel();
                (Job { change, answer }, answered)
            })
            .unzip()
    }

    #[test]
    fn a_failing_change_fails_alone() {
        let (_dir, mut db) = database();
        // A trigger stands in for a disk error that only one row meets.
        db.execute_batch(
            "CREATE TRIGGER bad BEFORE INSERT ON version WHEN NEW.bytes = 666 BEGIN SELECT RAISE(ABORT, 'bad sector'); END",
        )
        .unwrap();
        let (batch, mut answers) = jobs(vec![
            add(client(1), VersionId::NIL, version(1), "a"),
            add(client(2), VersionId::NIL, version(2), vec![0; 666]),
            add(client(3), VersionId::NIL, version(3), "c"),
            add(client(1), VersionId::NIL, version(4), "conflicts"),
        ]);
        write(&mut db, batch);
        let outcomes: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().unwrap()).collect();
        assert!(matches!(
            &outcomes[..],
            [Ok(_), Err(CommitError::Storage(_)), Ok(_), Err(CommitError::Conflict(latest))] if *latest == version(1)
        ));
        assert!(
            find(&db, client(2)).unwrap().is_none(),
            "not even its account was created"
        );
    }

    #[test]
    fn a_failing_commit_is_acknowledged_to_nobody() {
        let (_dir, mut db) = database();
        // A deferred constraint stands in for a disk that fails only when the transaction is made durable.
        db.execute_batch(
            "CREATE TABLE trap (account INTEGER REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED); \
             CREATE TRIGGER spring AFTER INSERT ON version BEGIN INSERT INTO trap VALUES (-1); END",
        )
        .unwrap();
        let (batch, mut answers) = jobs(
            (1..4)
                .map(|n| add(client(n), VersionId::NIL, version(n), "a"))
                .collect(),
        );
        write(&mut db, batch);
        assert!(
            answers
                .iter_mut()
                .all(|answer| matches!(answer.try_recv().unwrap(), Err(CommitError::Storage(_))))
        );
        assert!(find(&db, client(1)).unwrap().is_none());
    }

    #[test]
    fn a_disabled_account_is_refused() {
        let (_dir, mut db) = database();
        let (batch, _answers) = jobs(vec![add(client(1), VersionId::NIL, version(1), "a")]);
        write(&mut db, batch);
        db.execute_batch("UPDATE account SET state = 1").unwrap();
        let (batch, mut answers) = jobs(vec![add(client(1), version(1), version(2), "b")]);
        write(&mut db, batch);
        assert!(matches!(answers[0].try_recv().unwrap(), Err(CommitError::Disabled)));
    }
}
