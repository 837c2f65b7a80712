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
pub(super) struct Pushes(Arc<Mutex<Inner>>);

/// A large body is arriving; it has when this is dropped.
#[derive(Debug)]
pub struct Arriving(Pushes);

impl Default for Pushes {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner { awaited: LruCache::new(ACCOUNTS), arriving: 0 })))
    }
}

impl Pushes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    }

    /// The account sent a snapshot, which ends a push.
    pub(super) fn complete(&self, client: ClientId) {
        self.lock().awaited.pop(&client);
    }

    /// Whether any account is in the middle of a large push.
    pub(super) fn any_under_way(&self, now: Instant) -> bool {
        let inner = self.lock();
        inner.arriving > 0 || inner.awaited.iter().any(|(_, until)| *until >= now)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.0.lock().arriving -= 1;
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
        pushes.stored_small(one, start);
        assert!(!pushes.any_under_way(start), "small ones alone are complete");
        pushes.stored_large(one, start);
        assert!(pushes.any_under_way(after(9)) && !pushes.any_under_way(after(11)));
        pushes.stored_large(one, after(8));
        pushes.stored_small(one, after(9));
        assert!(pushes.any_under_way(after(12)) && !pushes.any_under_way(after(13)), "a snapshot may follow");
        pushes.stored_large(other, after(9));
        pushes.complete(one);
        assert!(pushes.any_under_way(after(9)));
        pushes.complete(other);
        assert!(!pushes.any_under_way(after(9)));
    }

    #[test]
    fn a_large_body_that_is_still_arriving_counts() {
        let pushes = Pushes::default();
        let arriving = pushes.arriving();
        assert!(pushes.any_under_way(Instant::now()));
        drop(arriving);
        assert!(!pushes.any_under_way(Instant::now()));
    }
}
