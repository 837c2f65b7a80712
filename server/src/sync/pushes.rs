//! Which accounts are in the middle of a large push, so that a stop waits for them.
//!
//! Taskwarrior sends more than 1 MB of changes as several versions, a snapshot perhaps behind them, and commits on its side
//! only at the end. A server that goes away in between makes the next try drop the rest, silently. Every version but the last
//! of such a push is large, so a large version announces that more follows; small ones alone are complete by themselves, and a
//! stop need not wait for them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use taskferry_protocol::ClientId;
use tokio::sync::Notify;

/// How long after a large version the next one is awaited. Proxies that collect a whole body before they pass it on make
/// this as long as a device needs to upload one.
const NEXT_WITHIN: Duration = Duration::from_secs(10);
/// How long after the last version, the small one, a snapshot is awaited.
const SNAPSHOT_WITHIN: Duration = Duration::from_secs(3);
/// Large pushes that are told apart. With more at once, a stop waits for the latest ones.
const ACCOUNTS: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

#[derive(Debug)]
struct Inner {
    /// Until when something more is awaited.
    awaited: LruCache<ClientId, Instant>,
    /// Large bodies that are arriving now. Bounded by the number of connections.
    arriving: usize,
}

/// See the module. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub(super) struct Pushes {
    inner: Arc<Mutex<Inner>>,
    /// Told of every change that may complete a push.
    changed: Arc<Notify>,
}

/// How it stands with all pushes together.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// None is under way.
    Complete,
    /// A large body is arriving.
    Arriving,
    /// Something more is awaited, until then at most.
    Awaited(Instant),
}

/// A large body is arriving; it has when this is dropped.
#[derive(Debug)]
pub struct Arriving(Pushes);

impl Default for Pushes {
    fn default() -> Self {
        let inner = Inner { awaited: LruCache::new(ACCOUNTS), arriving: 0 };
        Self { inner: Arc::new(Mutex::new(inner)), changed: Arc::default() }
    }
}

impl Pushes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A large body begins to arrive.
    pub(super) fn arriving(&self) -> Arriving {
        self.lock().arriving += 1;
        Arriving(self.clone())
    }

    /// The account stored a large version: more follows.
    pub(super) fn stored_large(&self, client: ClientId, now: Instant) {
        self.lock().awaited.put(client, now + NEXT_WITHIN);
    }

    /// The account stored a small version: the last one, if it was in the middle of a push.
    pub(super) fn stored_small(&self, client: ClientId, now: Instant) {
        if let Some(until) = self.lock().awaited.get_mut(&client).filter(|until| **until >= now) {
            *until = now + SNAPSHOT_WITHIN;
        }
        self.changed.notify_waiters();
    }

    /// The account sent a snapshot, which ends a push.
    pub(super) fn complete(&self, client: ClientId) {
        self.lock().awaited.pop(&client);
        self.changed.notify_waiters();
    }

    fn standing(&self, now: Instant) -> Standing {
        let inner = self.lock();
        if inner.arriving > 0 {
            return Standing::Arriving;
        }
        let last = inner.awaited.iter().map(|(_, until)| *until).max();
        last.filter(|until| *until > now).map_or(Standing::Complete, Standing::Awaited)
    }

    /// Returns when no account is in the middle of a large push.
    pub(super) async fn all_complete(&self) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Before looking: a change between the look and the wait is not missed.
            changed.as_mut().enable();
            match self.standing(Instant::now()) {
                Standing::Complete => return,
                Standing::Arriving => changed.await,
                Standing::Awaited(until) => {
                    let _ = tokio::time::timeout_at(until.into(), changed).await;
                }
            }
        }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.0.lock().arriving -= 1;
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_version_announces_more_and_a_snapshot_ends_it() {
        let (pushes, start) = (Pushes::default(), Instant::now());
        let (one, other) = (ClientId::generate(), ClientId::generate());
        let after = |seconds| start + Duration::from_secs(seconds);
        let under_way = |seconds| pushes.standing(after(seconds)) != Standing::Complete;
        pushes.stored_small(one, start);
        assert!(!under_way(0), "small ones alone are complete");
        pushes.stored_large(one, start);
        assert!(under_way(9) && !under_way(10));
        pushes.stored_large(one, after(8));
        pushes.stored_small(one, after(9));
        assert!(under_way(11) && !under_way(12), "a snapshot may follow");
        pushes.stored_large(other, after(9));
        pushes.complete(one);
        assert!(under_way(9));
        pushes.complete(other);
        assert!(!under_way(9));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_last_push() {
        let (pushes, one) = (Pushes::default(), ClientId::generate());
        pushes.all_complete().await;
        let arriving = pushes.arriving();
        let waiting = tokio::spawn({
            let pushes = pushes.clone();
            async move { pushes.all_complete().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "a large body is arriving");
        pushes.stored_large(one, Instant::now());
        drop(arriving);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "more is awaited");
        pushes.complete(one);
        waiting.await.unwrap();
    }
}
