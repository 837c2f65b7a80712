//! What the server does by itself, beside people's requests: it notes where devices stand, and prunes if it was told to.

use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::storage::prune::{Cursor, Retention};
use crate::storage::{Storage, StorageError, UnixSeconds};
use crate::sync::SyncService;

/// How often what is new about devices is handed over. A crash forgets what is newer.
const HAND_OVER: Duration = Duration::from_mins(1);
/// How often the whole database is pruned.
const PRUNE: Duration = Duration::from_hours(24);
/// After every few versions that were taken away, so that pruning a large database is never felt.
const PAUSE: Duration = Duration::from_millis(50);
/// After a failure.
const AGAIN: Duration = Duration::from_mins(10);

/// Goes on until it is dropped; `prune_after` in seconds, `None` = never.
pub(crate) async fn run(sync: &SyncService, prune_after: Option<UnixSeconds>) {
    tokio::join!(note_stands(sync), prune(Arc::clone(sync.storage()), prune_after));
}

async fn note_stands(sync: &SyncService) {
    loop {
        tokio::time::sleep(HAND_OVER).await;
        if let Err(error) = sync.hand_over_stands().await {
            tracing::warn!(%error, "where devices stand could not be noted; trying again in a minute");
        }
    }
}

async fn prune(storage: Arc<dyn Storage>, after: Option<UnixSeconds>) {
    let Some(after) = after else { return };
    loop {
        let pause = match prune_once(&*storage, Retention::since(clock::now() - after)).await {
            Ok(()) => PRUNE,
            Err(error) => {
                tracing::warn!(%error, "pruning failed; trying again in ten minutes");
                AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn prune_once(storage: &dyn Storage, retention: Retention) -> Result<(), StorageError> {
    let (mut versions, mut bytes) = (0, 0);
    let mut behind = Some(Cursor::default());
    while let Some(from) = behind {
        let pruned = storage.prune_some(from, retention).await?;
        versions += pruned.versions;
        bytes += pruned.bytes;
        behind = pruned.next;
        tokio::time::sleep(PAUSE).await;
    }
    tracing::info!(versions, bytes, "pruned");
    Ok(())
}
