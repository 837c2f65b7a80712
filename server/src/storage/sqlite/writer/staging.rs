//! A large body on its way into the database: piece by piece through the writer's queue, and swept if it is not finished.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{Job, Queue, open};
use crate::storage::body::{CHUNK_BYTES, Incoming, Staged, Staging};
use crate::storage::sqlite::blobs::Blobs;
use crate::storage::{CommitError, StorageError};

const STAGING: &str = "storing a piece of a large body";

/// What a large body's request and the writer both know of it.
#[derive(Debug)]
pub(super) struct StagedBody {
    pub(super) blob: i64,
    /// Nobody will link it: pieces that are still on their way are dropped. Set before it is unlinked, so that no piece is
    /// written behind the sweeper.
    pub(super) abandoned: AtomicBool,
    /// A piece could not be written.
    pub(super) failed: AtomicBool,
}

/// A large body on its way into the database. Dropped before it is finished, it is swept.
pub(super) struct Stage {
    pub(super) queue: Arc<Queue>,
    pub(super) pieces: Arc<Semaphore>,
    pub(super) blobs: Blobs,
    pub(super) body: Arc<StagedBody>,
    pub(super) sent: u32,
    pub(super) bytes: u64,
    pub(super) finished: bool,
}

#[async_trait::async_trait]
impl Staging for Stage {
    async fn push(&mut self, piece: Bytes) -> Result<(), CommitError> {
        debug_assert!((1..=CHUNK_BYTES).contains(&piece.len()));
        if self.body.failed.load(Ordering::Acquire) {
            return Err(StorageError::closed(STAGING).into());
        }
        let bytes = piece.len() as u64;
        let place = Arc::clone(&self.pieces).acquire_owned().await.map_err(|_| StorageError::closed(STAGING))?;
        let job = Job::Piece { body: Arc::clone(&self.body), seq: self.sent, data: piece, _place: place };
        open(&self.queue, STAGING)?.send_async(job).await.map_err(|_| StorageError::closed(STAGING))?;
        self.sent += 1;
        self.bytes += bytes;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Incoming {
        self.finished = true;
        let (body, blobs) = (Arc::clone(&self.body), self.blobs.clone());
        Incoming::Staged(Staged {
            id: body.blob,
            pieces: self.sent,
            bytes: self.bytes,
            sweep: Some(Box::new(move || abandon(&body, &blobs))),
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.finished {
            abandon(&self.body, &self.blobs);
        }
    }
}

fn abandon(body: &StagedBody, blobs: &Blobs) {
    body.abandoned.store(true, Ordering::Release);
    blobs.unlink(body.blob);
}
