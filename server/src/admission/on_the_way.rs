//! What one account has on the disk that is not stored yet: pieces of large bodies that are arriving.
//!
//! A body's size is held against the quota while it arrives, and its account knows of it only at its end. Many at once would
//! therefore each find all of the room: from one account, the volume. A device sends one body after the other, so what all of an
//! account's bodies may have together, as much as a push that is under way may keep, is out of its way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskferry_protocol::ClientId;

/// Bytes, of accounts that have any. Bounded by the number of connections.
type Bytes = HashMap<ClientId, u64>;

/// See the module. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub struct AllOnTheWay(Arc<Mutex<Bytes>>);

/// One body's part of it; given back on drop.
#[derive(Debug)]
pub struct OnTheWay {
    all: AllOnTheWay,
    account: ClientId,
    bytes: u64,
}

impl AllOnTheWay {
    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A body of this account, of which nothing is there yet.
    pub(crate) fn of(&self, account: ClientId) -> OnTheWay {
        OnTheWay { all: self.clone(), account, bytes: 0 }
    }
}

impl OnTheWay {
    /// So many bytes more. False, and nothing is changed, if all bodies of the account would then have more than `bytes_max`.
    pub(crate) fn add(&mut self, bytes: u64, bytes_max: u64) -> bool {
        let mut all = self.all.lock();
        let together = all.get(&self.account).copied().unwrap_or_default().saturating_add(bytes);
        if together > bytes_max {
            return false;
        }
        all.insert(self.account, together);
        self.bytes += bytes;
        true
    }
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(together) = all.get_mut(&self.account) {
            *together = together.saturating_sub(self.bytes);
            if *together == 0 {
                all.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::conformance::client;

    #[test]
    fn all_bodies_of_an_account_share_what_one_may_have_and_other_accounts_do_not() {
        let all = AllOnTheWay::default();
        let (mut one, mut two, mut other) = (all.of(client(1)), all.of(client(1)), all.of(client(2)));
        assert!(one.add(60, 100) && two.add(40, 100) && !one.add(1, 100));
        assert!(other.add(100, 100));
        drop(two);
        assert!(one.add(40, 100) && !one.add(1, 100));
        drop((one, other));
        assert!(all.lock().is_empty(), "who has nothing on the way is forgotten");
    }
}
