//! Large bodies in the database: who still reads one, and which are to be swept.
//!
//! A snapshot may be replaced while a device is downloading it. The download goes on, because the old body is only unlinked,
//! and swept when nobody holds it any more. A reader learns a body's number in one transaction and holds it afterwards, so it
//! may come too late, in two ways: the sweeper is at it (then [`Blobs::hold`] says so, since a body is marked as doomed before
//! its first piece is deleted), or has finished (then it is not in the database, where the reader looks once more after
//! holding). Either way the reader asks anew, and finds the body that took the old one's place.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Inner {
    /// Bodies that are being sent, by how many readers. Bounded by the number of connections.
    held: HashMap<i64, usize>,
    /// Bodies to be swept, oldest first.
    unlinked: VecDeque<i64>,
    /// The one that the sweeper is deleting.
    doomed: Option<i64>,
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
        if inner.doomed == Some(blob) {
            return None;
        }
        *inner.held.entry(blob).or_default() += 1;
        Some(Hold { blobs: self.clone(), blob })
    }

    /// Nothing links this body any more, or yet, and nothing will.
    pub(super) fn unlink(&self, blob: i64) {
        self.lock().unlinked.push_back(blob);
    }

    /// The body to go on sweeping, if there is one that nobody holds.
    pub(super) fn next_doomed(&self) -> Option<i64> {
        let mut inner = self.lock();
        if inner.doomed.is_none() {
            let free = inner.unlinked.iter().position(|blob| !inner.held.contains_key(blob))?;
            inner.doomed = inner.unlinked.remove(free);
        }
        inner.doomed
    }

    /// The doomed body is gone.
    pub(super) fn swept(&self) {
        self.lock().doomed = None;
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
        assert_eq!(blobs.next_doomed(), None);
        drop(one);
        assert_eq!(blobs.next_doomed(), None);
        drop(two);
        assert_eq!(blobs.next_doomed(), Some(7));
    }

    #[test]
    fn a_doomed_body_can_not_be_held_any_more() {
        let blobs = Blobs::default();
        blobs.unlink(7);
        blobs.unlink(8);
        assert_eq!(blobs.next_doomed(), Some(7));
        assert!(blobs.hold(7).is_none());
        let held = blobs.hold(8);
        assert_eq!(blobs.next_doomed(), Some(7), "one at a time, to its end");
        blobs.swept();
        assert_eq!(blobs.next_doomed(), None);
        drop(held);
        assert_eq!(blobs.next_doomed(), Some(8));
    }
}
