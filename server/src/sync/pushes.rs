//! Which accounts are in the middle of a large push, so that a stop waits for them.
//!
//! Taskwarrior sends more than 1 MB of changes as several versions, a snapshot perhaps behind them, and commits on its side
//! only at the end. A server that goes away in between makes the next try drop the rest, silently. Every version but the last
//! of such a push is large, so a large version announces that more follows; small ones alone are complete by themselves, and a
//! stop need not wait for them.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;
use taskferry_protocol::ClientId;

/// How long after its last request a push counts as going on.
const GOES_ON: Duration = Duration::from_secs(3);
/// Large pushes that are told apart. With more at once, a stop waits for the latest ones.
const ACCOUNTS: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// See the module.
#[derive(Debug)]
pub(super) struct Pushes(Mutex<LruCache<ClientId, Instant>>);

impl Default for Pushes {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(ACCOUNTS)))
    }
}

impl Pushes {
    fn lock(&self) -> MutexGuard<'_, LruCache<ClientId, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account stored a version or offered a snapshot; `large` begins a push, anything else prolongs one.
    pub(super) fn note(&self, client: ClientId, large: bool, now: Instant) {
        let mut recent = self.lock();
        let goes_on = recent.peek(&client).is_some_and(|last| now.duration_since(*last) <= GOES_ON);
        if large || goes_on {
            recent.put(client, now);
        }
    }

    /// Whether any account is in the middle of a large push.
    pub(super) fn any_under_way(&self, now: Instant) -> bool {
        self.lock().iter().any(|(_, last)| now.duration_since(*last) <= GOES_ON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_version_begins_a_push_and_small_ones_prolong_it() {
        let (pushes, start) = (Pushes::default(), Instant::now());
        let (one, other) = (ClientId::generate(), ClientId::generate());
        let after = |seconds| start + Duration::from_secs(seconds);
        pushes.note(one, false, start);
        assert!(!pushes.any_under_way(start), "small ones alone are complete");
        pushes.note(one, true, start);
        pushes.note(one, false, after(2));
        pushes.note(other, false, after(4));
        assert!(pushes.any_under_way(after(5)));
        assert!(!pushes.any_under_way(after(6)));
        pushes.note(one, false, after(7));
        assert!(!pushes.any_under_way(after(7)), "too late to belong to it");
    }
}
