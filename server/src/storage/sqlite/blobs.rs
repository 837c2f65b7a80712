//! Large bodies in the database: who still reads one, and which are to be swept.
//!
//! A snapshot may be replaced while a device is downloading it. The download goes on, because the old body is only unlinked,
//! and swept when nobody holds it any more. A reader learns a body's number in one transaction and holds it afterwards, so it
//! may come too late, in two ways: the sweeper is at it (then [`Blobs::hold`] says so, since a body is marked as doomed before
//! its first piece is deleted), or has finished (then it is not in the database, where the reader looks once more after
//! holding). Either way the reader asks anew, and finds the body that took the old one's place.
//!
//! Of each account, one replaced body is kept for its readers, the latest that has some: else whoever replaces their snapshot again and
//! again, and lets somebody read each of them slowly, would keep as many as there are connections, beside any quota.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bodies that are swept side by side: as many as there are pieces in one slice of it, since most bodies have few.
const SWEPT_AT_ONCE: usize = 16;

#[derive(Debug, Default)]
struct Inner {
    /// Bodies that are being sent, by how many readers. Bounded by the number of connections.
    held: HashMap<i64, usize>,
    /// By account, the latest body that was replaced, while somebody holds it.
    replaced: HashMap<i64, i64>,
    /// Bodies that are held, and swept all the same.
    let_go: HashSet<i64>,
    /// Bodies to be swept, oldest first.
    unlinked: VecDeque<i64>,
    /// Those that the sweeper is deleting, a few.
    doomed: Vec<i64>,
}

/// See the module. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub(super) struct Blobs(Arc<Mutex<Inner>>);

/// Keeps a body from being swept.
#[derive(Debug)]
pub(super) struct Hold {
    blobs: Blobs,
    blob: i64,
}

impl Blobs {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a body; `None` if the sweeper was faster.
    pub(super) fn hold(&self, blob: i64) -> Option<Hold> {
        let mut inner = self.lock();
        if inner.doomed.contains(&blob) {
            return None;
        }
        *inner.held.entry(blob).or_default() += 1;
        Some(Hold { blobs: self.clone(), blob })
    }

    /// Nothing links this body any more, or yet, and nothing will.
    pub(super) fn unlink(&self, blob: i64) {
        self.lock().unlinked.push_back(blob);
    }

    /// Another body took the place of this one, which was the account's. If somebody reads it, what was replaced before it is kept for
    /// nobody any more.
    pub(super) fn replaced(&self, account: i64, blob: i64) {
        let mut inner = self.lock();
        inner.unlinked.push_back(blob);
        if inner.held.contains_key(&blob)
            && let Some(older) = inner.replaced.insert(account, blob)
        {
            inner.let_go.insert(older);
        }
    }

    /// Whether there is a body to sweep.
    pub(super) fn are_some_doomed(&self) -> bool {
        !self.doomed().is_empty()
    }

    /// The bodies to go on sweeping, oldest first: up to [`SWEPT_AT_ONCE`] that nobody holds.
    pub(super) fn doomed(&self) -> Vec<i64> {
        let Inner { held, let_go, unlinked, doomed, .. } = &mut *self.lock();
        let mut at = 0;
        while doomed.len() < SWEPT_AT_ONCE && at < unlinked.len() {
            if held.contains_key(&unlinked[at]) && !let_go.contains(&unlinked[at]) {
                at += 1;
            } else {
                doomed.extend(unlinked.remove(at));
            }
        }
        doomed.clone()
    }

    /// These doomed bodies are gone.
    pub(super) fn swept(&self, gone: &[i64]) {
        self.lock().doomed.retain(|blob| !gone.contains(blob));
    }
}

impl Hold {
    /// Whether the body is swept all the same.
    pub(super) fn was_let_go(&self) -> bool {
        self.blobs.lock().let_go.contains(&self.blob)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Inner { held, replaced, let_go, .. } = &mut *self.blobs.lock();
        if let Some(count) = held.get_mut(&self.blob) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.blob);
                let_go.remove(&self.blob);
                replaced.retain(|_, blob| *blob != self.blob);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_swept_only_when_nobody_holds_it() {
        let blobs = Blobs::default();
        let (one, two) = (blobs.hold(7).unwrap(), blobs.hold(7).unwrap());
        blobs.unlink(7);
        assert!(!blobs.are_some_doomed());
        drop(one);
        assert!(!blobs.are_some_doomed());
        drop(two);
        assert_eq!(blobs.doomed(), [7]);
    }

    #[test]
    fn a_doomed_body_can_not_be_held_any_more() {
        let blobs = Blobs::default();
        blobs.unlink(7);
        assert_eq!(blobs.doomed(), [7]);
        blobs.unlink(8);
        let held = blobs.hold(8);
        assert!(held.is_some() && blobs.hold(7).is_none());
        assert_eq!(blobs.doomed(), [7]);
        blobs.swept(&[7]);
        assert!(!blobs.are_some_doomed());
        drop(held);
        assert_eq!(blobs.doomed(), [8]);
    }

    #[test]
    fn of_an_account_only_the_latest_replaced_body_is_kept_for_its_readers() {
        let blobs = Blobs::default();
        let [first, second, third, others] = [1, 2, 3, 9].map(|blob| blobs.hold(blob).unwrap());
        blobs.replaced(77, 1);
        blobs.replaced(88, 9);
        assert!(!blobs.are_some_doomed());
        blobs.replaced(77, 10);
        assert_eq!((first.was_let_go(), blobs.doomed()), (false, vec![10]), "nobody reads that one");
        blobs.swept(&[10]);
        blobs.replaced(77, 2);
        assert_eq!((first.was_let_go(), blobs.doomed()), (true, vec![1]));
        blobs.replaced(77, 3);
        assert_eq!((second.was_let_go(), third.was_let_go(), others.was_let_go()), (true, false, false));
        assert_eq!(blobs.doomed(), [1, 2]);
        blobs.swept(&[1, 2]);
        drop((first, second, third, others));
        assert_eq!(blobs.doomed(), [9, 3]);
        let inner = blobs.lock();
        assert!(inner.held.is_empty() && inner.replaced.is_empty() && inner.let_go.is_empty());
    }

    #[test]
    fn many_are_swept_a_few_at_a_time_and_each_to_its_end() {
        let blobs = Blobs::default();
        let held = blobs.hold(3);
        (0..50).for_each(|blob| blobs.unlink(blob));
        let first = blobs.doomed();
        assert_eq!(first.len(), SWEPT_AT_ONCE);
        assert!(!first.contains(&3) && first == blobs.doomed());
        blobs.swept(&first[1..]);
        let next = blobs.doomed();
        assert_eq!((next.len(), next[0]), (SWEPT_AT_ONCE, first[0]));
        drop(held);
        let mut left = next;
        while !left.is_empty() {
            blobs.swept(&left);
            left = blobs.doomed();
        }
        assert!(blobs.hold(3).is_some(), "swept, as the reader will see in the database");
    }
}
