//! Which accounts are in the middle of a large push, so that a stop waits for them.
//!
//! Taskwarrior sends more than 1 MB of changes as several versions, each perhaps with a snapshot behind it, and before each and
//! after the last it asks whether there is anything new. It commits on its side only when that last question is answered; a
//! server that goes away before makes the next try drop the rest, silently. (Seen in `taskchampion`'s `sync.rs`.) Every version
//! but the last of such a push is large, so a large version announces that more follows, and "nothing new" behind a small one
//! is the end. Small versions alone are complete by themselves, and a stop need not wait for them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use taskferry_protocol::ClientId;
use tokio::sync::Notify;

/// How long after a large version the next one is awaited. Proxies that collect a whole body before they pass it on make
/// this as long as a device needs to upload one.
const NEXT_WITHIN: Duration = Duration::from_secs(10);
/// How long after the last version, the small one, a snapshot or the last question is awaited.
const END_WITHIN: Duration = Duration::from_secs(3);
/// Large pushes that are told apart. With more at once, a stop waits for the latest ones.
const ACCOUNTS: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// What a push needs to come to its end.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    until: Instant,
    /// The last version was small: nothing but a snapshot and the last question follows.
    is_last: bool,
}

impl Awaited {
    fn after(is_last: bool, now: Instant) -> Self {
        Self { until: now + if is_last { END_WITHIN } else { NEXT_WITHIN }, is_last }
    }
}

#[derive(Debug)]
struct Inner {
    /// Of pushes that are not known to be complete.
    awaited: LruCache<ClientId, Awaited>,
    /// Large bodies that are arriving now. Bounded by the number of connections.
    arriving: usize,
}

/// See the module. Cheap to clone; clones share.
#[derive(Debug, Clone)]
pub(super) struct Pushes {
    inner: Arc<Mutex<Inner>>,
    /// Whether anything may be awaited: spares the usual request the lock.
    some: Arc<AtomicBool>,
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
        Self { inner: Arc::new(Mutex::new(inner)), some: Arc::default(), changed: Arc::default() }
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
        let mut inner = self.lock();
        inner.awaited.put(client, Awaited::after(false, now));
        self.some.store(true, Ordering::Relaxed);
    }

    /// The account stored a small version: the last one, if it was in the middle of a push.
    pub(super) fn stored_small(&self, client: ClientId, now: Instant) {
        self.go_on(client, now, |_| true);
    }

    /// The account sent a snapshot: what was awaited before it is awaited still.
    pub(super) fn stored_snapshot(&self, client: ClientId, now: Instant) {
        self.go_on(client, now, |is_last| is_last);
    }

    /// A device of the account was told that there is nothing new: the end, if its last version was the last one.
    pub(super) fn nothing_new(&self, client: ClientId, now: Instant) {
        if !self.some.load(Ordering::Relaxed) {
            return;
        }
        let mut inner = self.lock();
        if inner.awaited.peek(&client).is_some_and(|awaited| awaited.is_last) {
            inner.awaited.pop(&client);
            self.some.store(!inner.awaited.is_empty(), Ordering::Relaxed);
            self.changed.notify_waiters();
        } else if let Some(awaited) = inner.awaited.get_mut(&client) {
            *awaited = Awaited::after(false, now);
        }
    }

    /// Whether the account is in the middle of a large push, as far as is known.
    pub(super) fn is_under_way(&self, client: ClientId, now: Instant) -> bool {
        self.lock().awaited.peek(&client).is_some_and(|awaited| awaited.until > now)
    }

    fn go_on(&self, client: ClientId, now: Instant, is_last: impl FnOnce(bool) -> bool) {
        if let Some(awaited) = self.lock().awaited.get_mut(&client).filter(|awaited| awaited.until >= now) {
            *awaited = Awaited::after(is_last(awaited.is_last), now);
        }
        self.changed.notify_waiters();
    }

    fn standing(&self, now: Instant) -> Standing {
        let inner = self.lock();
        if inner.arriving > 0 {
            return Standing::Arriving;
        }
        let last = inner.awaited.iter().map(|(_, awaited)| awaited.until).max();
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
    fn a_large_version_announces_more_and_nothing_new_behind_a_small_one_ends_it() {
        let (pushes, start) = (Pushes::default(), Instant::now());
        let (one, other) = (ClientId::generate(), ClientId::generate());
        let after = |seconds| start + Duration::from_secs(seconds);
        let under_way = |seconds| pushes.standing(after(seconds)) != Standing::Complete;
        pushes.stored_small(one, start);
        assert!(!under_way(0), "small ones alone are complete");
        pushes.stored_large(one, start);
        assert!(under_way(9) && !under_way(10));
        assert!(pushes.is_under_way(one, after(9)) && !pushes.is_under_way(one, after(10)));
        assert!(!pushes.is_under_way(other, after(9)));
        pushes.stored_snapshot(one, after(5));
        pushes.nothing_new(one, after(6));
        assert!(under_way(15) && !under_way(16), "the next version may follow");
        pushes.stored_large(one, after(8));
        pushes.stored_small(one, after(9));
        assert!(under_way(11) && !under_way(12), "a snapshot may follow");
        pushes.stored_snapshot(one, after(10));
        assert!(under_way(12) && !under_way(13), "the last question may follow");
        pushes.stored_large(other, after(9));
        pushes.nothing_new(one, after(10));
        assert!(under_way(10));
        pushes.stored_small(other, after(10));
        pushes.nothing_new(other, after(10));
        assert!(!under_way(10));
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
        pushes.stored_small(one, Instant::now());
        pushes.nothing_new(one, Instant::now());
        waiting.await.unwrap();
    }
}
