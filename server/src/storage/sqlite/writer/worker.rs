//! The one thread that writes: it takes whatever changes are waiting, puts them into one transaction, and answers all of
//! them after one fsync (group commit).
//!
//! Refused and accepted changes share a transaction, since a refusal writes nothing. If SQLite itself fails in the middle, the
//! batch is rolled back and tried again; the change at which it fails then is taken out, and the others go on without it. If
//! the commit fails, nobody is told "stored".
//!
//! Not with savepoints: after some errors (a full disk, a failed read or write) SQLite rolls back the whole transaction by
//! itself, savepoints and all. The next savepoint would then silently begin a transaction of its own, and its release commit a
//! change whose sender is told that it failed.
//!
//! After the commit and before the answers the new heads are published. The thread does not care whether a caller still
//! waits: a device that hung up after sending its version has sent it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use taskferry_protocol::ClientId;

use super::{DOING, Job, NOTING, Observer, PRUNING};
use crate::storage::body::Incoming;
use crate::storage::sqlite::blobs::Blobs;
use crate::storage::sqlite::change::{self, Applied};
use crate::storage::sqlite::heads::{Head, Heads};
use crate::storage::sqlite::{erase, pages, place, prune, stands};
use crate::storage::{Action, Change, CommitError, Committed, StorageError};

/// Changes in one transaction. Larger batches gain nothing (the fsync is already shared) and delay the first in them.
const BATCH: usize = 64;
/// How often the thread looks up while nothing is to be written: for other processes.
const LOOK_UP: Duration = Duration::from_millis(250);
/// How long it stays awake behind a batch: to be woken takes longer than it takes until the next change is there, where devices are
/// at work. It gives way to whoever else wants the processor meanwhile, such as those who answer (docs/CAPACITY.md).
const LINGER: Duration = Duration::from_micros(50);
/// How often it looks up while something is to be swept.
const SWEEP_PAUSE: Duration = Duration::from_millis(10);
/// How long it leaves sweeping alone after a failure.
const SWEEP_AGAIN: Duration = Duration::from_mins(1);
/// How often it looks for deleted accounts whose time has come, and for free pages.
const LOOK_AROUND: Duration = Duration::from_mins(1);
/// Pieces of swept bodies that are deleted in one transaction: some 4 MiB.
const SWEEP_CHUNKS: u32 = 16;

/// What a job came to, before it is known whether the commit succeeds.
enum Done {
    Change(Result<Applied, CommitError>),
    Stands,
    Prune(prune::Slice),
    Piece,
}

/// A batch that was not written.
struct Failed {
    /// The job at which SQLite failed; `None` if it was at the beginning or the commit, which is nobody's fault.
    at: Option<usize>,
    error: rusqlite::Error,
}

/// What lives on the thread.
pub(super) struct Worker {
    db: Connection,
    heads: Arc<Heads>,
    blobs: Blobs,
    observer: Observer,
    /// SQLite's count of changes by other connections.
    data_version: Option<i64>,
    /// When sweeping may go on.
    sweep_from: Instant,
    /// When to look for deleted accounts to erase.
    erase_from: Instant,
    /// When to look for free pages to give back.
    give_back_from: Instant,
}

impl Worker {
    pub(super) fn new(db: Connection, heads: Arc<Heads>, blobs: Blobs, observer: Observer) -> Self {
        let data_version = read_data_version(&db).ok();
        let now = Instant::now();
        Self { db, heads, blobs, observer, data_version, sweep_from: now, erase_from: now, give_back_from: now }
    }

    pub(super) fn run(&mut self, queue: &flume::Receiver<Job>) {
        let mut lingering = None;
        loop {
            let now = Instant::now();
            let something_to_sweep = self.sweep_from <= now && self.blobs.are_some_doomed();
            let something_to_erase = self.erase_from <= now;
            // Not in between: what is swept now is given back with the rest.
            let something_to_give_back = !something_to_sweep && self.give_back_from <= now;
            let busy = something_to_sweep || something_to_erase || something_to_give_back;
            let pause = if busy { SWEEP_PAUSE } else { LOOK_UP };
            let next = lingering.take().and_then(|until| next_until(until, queue));
            match next.map_or_else(|| queue.recv_timeout(pause), Ok) {
                Ok(first) => {
                    let mut batch = Vec::with_capacity(BATCH);
                    batch.push(first);
                    batch.extend(queue.try_iter().take(BATCH - 1));
                    self.notice_other_processes();
                    self.write(batch);
                    lingering = Some(Instant::now() + LINGER);
                }
                Err(flume::RecvTimeoutError::Timeout) => self.notice_other_processes(),
                // What is left to sweep is found at the next start: a stop does not wait for it.
                Err(flume::RecvTimeoutError::Disconnected) => break,
            }
            if something_to_sweep {
                self.sweep_a_slice();
            }
            if something_to_erase {
                self.erase_a_slice();
            }
            if something_to_give_back {
                self.give_back_a_slice();
            }
        }
        checkpoint(&self.db);
    }

    /// An administrator's command may change accounts beside the running server. What is remembered is then outdated.
    fn notice_other_processes(&mut self) {
        match read_data_version(&self.db) {
            Ok(now) => {
                if self.data_version.replace(now).is_some_and(|before| before != now) {
                    self.heads.forget();
                    self.erase_from = Instant::now();
                    self.adopt_bodies();
                }
            }
            // Not to know is to assume the worst.
            Err(_) => self.heads.forget(),
        }
    }

    /// What the other process let go is swept here.
    fn adopt_bodies(&self) {
        match place::adopt(&self.db) {
            Ok(blobs) => blobs.into_iter().for_each(|blob| self.blobs.unlink(blob)),
            Err(error) => {
                tracing::warn!(%error, "bodies that another process let go are deleted after the next start only");
            }
        }
    }

    /// Writes a batch and answers everybody in it.
    fn write(&mut self, mut batch: Vec<Job>) {
        let mut again = false;
        loop {
            self.observer.metrics.batch.observe(batch.len() as u64);
            let outcome = self.try_together(&batch);
            if outcome.is_err() {
                self.observer.metrics.failures.inc();
            }
            match outcome {
                Ok(done) => return self.answer(batch, done),
                // First all of them once more: disks hiccup, and a refusal in the middle of a push is dear.
                Err(Failed { error, .. }) if !again => {
                    tracing::warn!(%error, changes = batch.len(), "a batch failed; writing it again");
                    again = true;
                }
                // Each round has one change less, and only the last one costs an fsync.
                Err(Failed { at: Some(guilty), error }) => fail(vec![batch.remove(guilty)], &error),
                Err(Failed { at: None, error }) => return fail(batch, &error),
            }
        }
    }

    /// All jobs in one transaction. An error means that nothing was written.
    fn try_together(&mut self, batch: &[Job]) -> Result<Vec<Done>, Failed> {
        let failed = |at| move |error| Failed { at, error };
        let txn = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(None))?;
        let done = batch
            .iter()
            .enumerate()
            .map(|(n, job)| carry_out(&txn, job).map_err(failed(Some(n))))
            .collect::<Result<Vec<_>, _>>()?;
        let started = Instant::now();
        let committed = txn.commit().map_err(failed(None));
        self.observer.metrics.commit.observe_duration(started.elapsed());
        committed.map(|()| done)
    }

    /// The commit is durable: publish what the accounts look like now, then tell everybody.
    fn answer(&self, batch: Vec<Job>, done: Vec<Done>) {
        let changed = batch.iter().zip(&done).filter_map(head_of);
        self.heads.publish(changed);
        for (job, done) in batch.into_iter().zip(done) {
            match (job, done) {
                (Job::Change { change, answer }, Done::Change(Ok(applied))) => {
                    self.observer.stored(&change, &applied);
                    linked(change);
                    if let Some(blob) = applied.unlinked {
                        self.blobs.replaced(applied.head.key, blob);
                    }
                    let _ = answer.send(Ok(Committed { created: applied.created }));
                }
                (Job::Change { answer, .. }, Done::Change(Err(refused))) => drop(answer.send(Err(refused))),
                (Job::Stands { answer, .. }, Done::Stands) => drop(answer.send(Ok(()))),
                (Job::Prune { answer, .. }, Done::Prune(slice)) => {
                    slice.unlinked.into_iter().for_each(|blob| self.blobs.unlink(blob));
                    let _ = answer.send(Ok(slice.pruned));
                }
                // Nobody waits for a piece, and `carry_out` pairs jobs and what they came to.
                _ => {}
            }
        }
    }

    /// Deletes a little of what nothing links: pieces of one large body, or several small ones whole.
    fn sweep_a_slice(&mut self) {
        let doomed = self.blobs.doomed();
        let slice = self.db.transaction().and_then(|txn| {
            let gone = place::sweep_some(&txn, &doomed, SWEEP_CHUNKS)?;
            txn.commit()?;
            Ok(gone)
        });
        match slice {
            Ok(gone) => self.blobs.swept(&gone),
            Err(error) => {
                tracing::warn!(%error, "bodies that are no longer needed could not be deleted; trying again in a minute");
                self.sweep_from = Instant::now() + SWEEP_AGAIN;
            }
        }
    }

    /// Gives a little of the file's free pages back to the file system, if there are many.
    fn give_back_a_slice(&mut self) {
        let given = pages::give_back_some(&self.db);
        if !matches!(given, Ok(true)) {
            self.give_back_from = Instant::now() + LOOK_AROUND;
        }
        if let Err(error) = given {
            tracing::warn!(%error, "free pages could not be given back; trying again in a minute");
        }
    }

    /// Deletes a little of what deleted accounts have left; looks again soon if there was something.
    fn erase_a_slice(&mut self) {
        let slice = self.db.transaction().and_then(|txn| {
            let unlinked = erase::erase_some(&txn, jiff::Timestamp::now().as_second())?;
            txn.commit()?;
            Ok(unlinked)
        });
        match slice {
            Ok(Some(unlinked)) => unlinked.into_iter().for_each(|blob| self.blobs.unlink(blob)),
            Ok(None) => self.erase_from = Instant::now() + LOOK_AROUND,
            Err(error) => {
                tracing::warn!(%error, "a deleted account could not be erased; trying again in a minute");
                self.erase_from = Instant::now() + LOOK_AROUND;
            }
        }
    }
}

/// A job that comes before `until`, without sleep.
fn next_until(until: Instant, queue: &flume::Receiver<Job>) -> Option<Job> {
    while Instant::now() < until {
        if let Ok(job) = queue.try_recv() {
            return Some(job);
        }
        std::thread::yield_now();
    }
    None
}

fn read_data_version(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

fn carry_out(db: &Connection, job: &Job) -> rusqlite::Result<Done> {
    match job {
        Job::Change { change, .. } => change::apply(db, change).map(Done::Change),
        Job::Stands { stands, .. } => {
            stands.iter().try_for_each(|stand| stands::note(db, stand)).map(|()| Done::Stands)
        }
        Job::Prune { behind, retention, .. } => {
            prune::prune_some(db, *behind, *retention, place::unlink).map(Done::Prune)
        }
        Job::Piece { body, .. } if body.abandoned.load(Ordering::Acquire) => Ok(Done::Piece),
        Job::Piece { body, seq, data, .. } => place::store_chunk(db, body.blob, *seq, data).map(|()| Done::Piece),
    }
}

fn head_of((job, done): (&Job, &Done)) -> Option<(ClientId, Head)> {
    match (job, done) {
        (Job::Change { change, .. }, Done::Change(Ok(applied))) => Some((change.client, applied.head.clone())),
        (_, Done::Prune(slice)) => slice.account.clone(),
        _ => None,
    }
}

/// The change owns its staged body from now on.
fn linked(mut change: Change) {
    if let Action::AddVersion { body: Incoming::Staged(staged), .. }
    | Action::PutSnapshot { body: Incoming::Staged(staged), .. } = &mut change.action
    {
        staged.linked();
    }
}

/// Nothing of these was written.
fn fail(batch: Vec<Job>, error: &rusqlite::Error) {
    for job in batch {
        match job {
            Job::Change { answer, .. } => {
                let _ = answer.send(Err(StorageError::new(DOING, error.to_string()).into()));
            }
            Job::Stands { answer, .. } => drop(answer.send(Err(StorageError::new(NOTING, error.to_string())))),
            Job::Prune { answer, .. } => drop(answer.send(Err(StorageError::new(PRUNING, error.to_string())))),
            Job::Piece { body, .. } => body.failed.store(true, Ordering::Release),
        }
    }
}

/// Folds the WAL into the database, so that the file alone is complete after a stop.
fn checkpoint(db: &Connection) {
    if let Err(error) = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log could not be folded into the database; it is read at the next start");
    }
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::VersionId;

    use tokio::sync::oneshot;

    use super::super::Outcome;
    use super::*;
    use crate::account_hash::AccountHasher;
    use crate::metrics::storage::StorageMetrics;
    use crate::storage::conformance::{add, client, version};
    use crate::storage::sqlite::{account, schema};

    fn worker() -> (tempfile::TempDir, Worker) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("db");
        std::fs::File::create(&file).unwrap();
        let db = schema::open_for_writing(&file).unwrap();
        let worker = Worker::new(db, Arc::default(), Blobs::default(), observer());
        (dir, worker)
    }

    fn observer() -> Observer {
        Observer { metrics: StorageMetrics::default(), hasher: AccountHasher::new("salt") }
    }

    fn jobs(changes: Vec<Change>) -> (Vec<Job>, Vec<oneshot::Receiver<Outcome>>) {
        changes
            .into_iter()
            .map(|change| {
                let (answer, answered) = oneshot::channel();
                (Job::Change { change, answer }, answered)
            })
            .unzip()
    }

    #[test]
    fn a_failing_change_fails_alone() {
        let (_dir, mut worker) = worker();
        // A trigger stands in for a disk error that only one row meets.
        worker
            .db
            .execute_batch(
                "CREATE TRIGGER bad BEFORE INSERT ON version WHEN NEW.bytes = 666 BEGIN SELECT RAISE(ABORT, 'bad sector'); END",
            )
            .unwrap();
        let (batch, mut answers) = jobs(vec![
            add(client(1), VersionId::NIL, version(1), "a"),
            add(client(2), VersionId::NIL, version(2), vec![0; 666]),
            add(client(3), VersionId::NIL, version(3), "c"),
            add(client(1), VersionId::NIL, version(4), "conflicts"),
        ]);
        worker.write(batch);
        let outcomes: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().unwrap()).collect();
        assert!(matches!(
            &outcomes[..],
            [Ok(_), Err(CommitError::Storage(_)), Ok(_), Err(CommitError::Conflict(latest))] if *latest == version(1)
        ));
        assert!(account::find(&worker.db, client(2)).unwrap().is_none(), "not even its account was created");
        assert!(worker.heads.get(client(2)).is_none());
        assert_eq!(worker.heads.get(client(1)).unwrap().account.latest(), version(1));
    }

    #[test]
    fn a_change_that_takes_the_whole_transaction_down_fails_alone_too() {
        let (_dir, mut worker) = worker();
        // As SQLite does by itself when the disk is full or can't be read. With savepoints the last change was stored here, its
        // sender told that it was not, and the account remembered as it was before.
        worker
            .db
            .execute_batch(
                "CREATE TRIGGER bad BEFORE INSERT ON version WHEN NEW.bytes = 666 BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
            )
            .unwrap();
        let (batch, mut answers) = jobs(vec![
            add(client(1), VersionId::NIL, version(1), "a"),
            add(client(2), VersionId::NIL, version(2), vec![0; 666]),
            add(client(3), VersionId::NIL, version(3), "c"),
        ]);
        worker.write(batch);
        let stored: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().unwrap().is_ok()).collect();
        assert_eq!(stored, [true, false, true]);
        for (who, stored) in (1..).zip(stored) {
            assert_eq!(account::find(&worker.db, client(who)).unwrap().is_some(), stored);
            assert_eq!(worker.heads.get(client(who)).is_some(), stored);
        }
    }

    #[test]
    fn a_failing_commit_is_acknowledged_to_nobody_and_published_nowhere() {
        let (_dir, mut worker) = worker();
        // A deferred constraint stands in for a disk that fails only when the transaction is made durable.
        worker
            .db
            .execute_batch(
                "CREATE TABLE trap (account INTEGER REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED); \
                 CREATE TRIGGER spring AFTER INSERT ON version BEGIN INSERT INTO trap VALUES (-1); END",
            )
            .unwrap();
        let (batch, mut answers) = jobs((1..4).map(|n| add(client(n), VersionId::NIL, version(n), "a")).collect());
        worker.write(batch);
        assert!(answers.iter_mut().all(|answer| matches!(answer.try_recv().unwrap(), Err(CommitError::Storage(_)))));
        assert!(account::find(&worker.db, client(1)).unwrap().is_none());
        assert!(worker.heads.get(client(1)).is_none());
    }

    #[test]
    fn a_disabled_account_is_refused() {
        let (_dir, mut worker) = worker();
        worker.write(jobs(vec![add(client(1), VersionId::NIL, version(1), "a")]).0);
        worker.db.execute_batch("UPDATE account SET state = 1").unwrap();
        let (batch, mut answers) = jobs(vec![add(client(1), version(1), version(2), "b")]);
        worker.write(batch);
        assert!(matches!(answers[0].try_recv().unwrap(), Err(CommitError::Barred(_))));
    }

    #[test]
    fn what_another_process_changed_is_noticed() {
        let (dir, mut worker) = worker();
        worker.notice_other_processes();
        worker.write(jobs(vec![add(client(1), VersionId::NIL, version(1), "a")]).0);
        worker.notice_other_processes();
        assert!(worker.heads.get(client(1)).is_some(), "its own commits are no reason to forget");
        let other = Connection::open(dir.path().join("db")).unwrap();
        other.execute_batch("UPDATE account SET state = 1").unwrap();
        worker.notice_other_processes();
        assert!(worker.heads.get(client(1)).is_none());
    }
}
