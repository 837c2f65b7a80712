//! The one thread that writes ([`worker`]), as the rest of the storage sees it: a bounded queue of jobs, each with somebody who
//! waits for what became of it.
//!
//! Pieces of large bodies ([`staging`]) come the same way, a few at a time, so that small changes never wait behind many of them.
//! Nobody waits for a single piece to be durable: the change that links the body comes behind them, and counts them.

mod staging;
mod worker;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use uuid::Uuid;

use self::staging::{Stage, StagedBody};
use self::worker::Worker;
use super::blobs::Blobs;
use super::change::Applied;
use super::heads::Heads;
use crate::account_hash::AccountHasher;
use crate::metrics::storage::StorageMetrics;
use crate::storage::body::Staging;
use crate::storage::prune::{Cursor, Pruned, Retention};
use crate::storage::stands::Stand;
use crate::storage::{Action, Change, CommitError, Committed, Patience, StorageError};

/// Changes that may wait.
const QUEUE: usize = 1024;
/// Pieces of large bodies that may wait, of all requests together: at most 1 MiB in one transaction.
const PIECES: usize = 4;

const DOING: &str = "writing a change";
const NOTING: &str = "noting where devices stand";
const PRUNING: &str = "pruning";

type Outcome = Result<Committed, CommitError>;

enum Job {
    Change {
        change: Change,
        answer: oneshot::Sender<Outcome>,
    },
    /// Where devices stand.
    Stands {
        stands: Vec<Stand>,
        answer: oneshot::Sender<Result<(), StorageError>>,
    },
    /// A few versions that nobody needs any more.
    Prune {
        behind: Cursor,
        retention: Retention,
        answer: oneshot::Sender<Result<Pruned, StorageError>>,
    },
    Piece {
        body: Arc<StagedBody>,
        seq: u32,
        data: Bytes,
        /// Given back when the piece was written or dropped.
        _place: OwnedSemaphorePermit,
    },
}

type Queue = Mutex<Option<flume::Sender<Job>>>;

/// To whom the writer tells what it did: numbers for the operator, and accounts that came to be for the log.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) metrics: StorageMetrics,
    pub(super) hasher: AccountHasher,
}

impl Observer {
    /// A change is durable.
    fn stored(&self, change: &Change, applied: &Applied) {
        if applied.created {
            self.metrics.accounts.inc();
            tracing::info!(account = %self.hasher.of(change.client), "account created");
        }
        match change.action {
            Action::Register => {}
            Action::AddVersion { .. } => drop(self.metrics.versions.inc()),
            Action::PutSnapshot { .. } => drop(self.metrics.snapshots.inc()),
            Action::Delete { .. } => {
                tracing::info!(account = %self.hasher.of(change.client), "account deleted by its owner");
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    /// `None` once closed.
    queue: Arc<Queue>,
    pieces: Arc<Semaphore>,
    blobs: Blobs,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(db: Connection, heads: Arc<Heads>, blobs: Blobs, observer: Observer) -> std::io::Result<Self> {
        let (sender, receiver) = flume::bounded::<Job>(QUEUE);
        let mut worker = Worker::new(db, heads, blobs.clone(), observer);
        let thread = std::thread::Builder::new().name("db-writer".into()).spawn(move || worker.run(&receiver))?;
        Ok(Self {
            queue: Arc::new(Mutex::new(Some(sender))),
            pieces: Arc::new(Semaphore::new(PIECES)),
            blobs,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands the change over and waits for what became of it.
    pub(super) async fn commit(&self, change: Change) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let queue = open(&self.queue, DOING)?;
        let patience = change.patience;
        let job = Job::Change { change, answer };
        match patience {
            Patience::Wait => queue.send_async(job).await.map_err(|_| StorageError::closed(DOING))?,
            Patience::Refuse => queue.try_send(job).map_err(|error| match error {
                flume::TrySendError::Full(_) => CommitError::Busy,
                flume::TrySendError::Disconnected(_) => StorageError::closed(DOING).into(),
            })?,
        }
        drop(queue);
        answered.await.map_err(|_| StorageError::closed(DOING))?
    }

    /// Notes where devices stand.
    pub(super) async fn note_stands(&self, stands: Vec<Stand>) -> Result<(), StorageError> {
        let (answer, answered) = oneshot::channel();
        self.ask(NOTING, Job::Stands { stands, answer }, answered).await
    }

    /// Takes a few versions away.
    pub(super) async fn prune_some(&self, behind: Cursor, retention: Retention) -> Result<Pruned, StorageError> {
        let (answer, answered) = oneshot::channel();
        self.ask(PRUNING, Job::Prune { behind, retention, answer }, answered).await
    }

    /// Waits for a place in the queue, and then for what became of the job.
    async fn ask<T>(
        &self,
        doing: &'static str,
        job: Job,
        answered: oneshot::Receiver<Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        open(&self.queue, doing)?.send_async(job).await.map_err(|_| StorageError::closed(doing))?;
        answered.await.map_err(|_| StorageError::closed(doing))?
    }

    /// Begins a large body.
    pub(super) fn stage(&self) -> Box<dyn Staging> {
        // Random, so that an administrator's process beside this one never chooses the same; positive, as rowids usually are.
        let (random, _) = Uuid::new_v4().as_u64_pair();
        let blob = i64::from_ne_bytes((random >> 2 | 1).to_ne_bytes());
        let body = StagedBody { blob, abandoned: AtomicBool::new(false), failed: AtomicBool::new(false) };
        Box::new(Stage {
            queue: Arc::clone(&self.queue),
            pieces: Arc::clone(&self.pieces),
            blobs: self.blobs.clone(),
            body: Arc::new(body),
            sent: 0,
            bytes: 0,
            finished: false,
        })
    }

    /// Changes and pieces that wait.
    pub(super) fn waiting(&self) -> u64 {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |queue| queue.len() as u64)
    }

    /// Whether the thread is there to write.
    pub(super) fn is_alive(&self) -> bool {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|thread| !thread.is_finished())
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

fn open(queue: &Queue, doing: &'static str) -> Result<flume::Sender<Job>, StorageError> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(|| StorageError::closed(doing))
}
