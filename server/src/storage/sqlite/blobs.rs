//! Large bodies in the database: who still reads one, and which are to be swept.
//!
//! A snapshot may be replaced while a device is downloading it. The download goes on, because the old body is only unlinked,
//! and swept when nobody holds it any more. A reader learns a body's number in one transaction and holds it afterwards, so it
//! may come too late, in two ways: the sweeper is at it (then [`Blobs::hold`] says so, since a body is marked as doomed before
//! its first piece is deleted), or has finished (then it is not in the database, where the reader looks once more after
//! holding). Either way the reader asks anew, and finds the body that took the old one's place.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bodies that are swept side by side: as many as there are pieces in one slice of it, since most bodies have few.
const SWEPT_AT_ONCE: usize = 16;

#[derive(Debug, Default)]
struct Inner {
    /// Bodies that are being sent, by how many readers. Bounded by the number of connections.
    held: HashMap<i64, usize>,
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

    /// Whether there is a body to sweep.
    pub(super) fn are_some_doomed(&self) -> bool {
        !self.doomed().is_empty()
    }

    /// The bodies to go on sweeping, oldest first: up to [`SWEPT_AT_ONCE`] that nobody holds.
    pub(super) fn doomed(&self) -> Vec<i64> {
        let Inner { held, unlinked, doomed } = &mut *self.lock();
        let mut at = 0;
        while doomed.len() < SWEPT_AT_ONCE && at < unlinked.len() {
            if held.contains_key(&unlinked[at]) {
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

impl Drop for Hold {
    fn drop(&mut self) {
        let mut inner = self.blobs.lock();
        if let Some(count) = inner.held.get_mut(&self.blob) {
            *count -= 1;
            if *count == 0 {
                inner.held.remove(&self.blob);
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
