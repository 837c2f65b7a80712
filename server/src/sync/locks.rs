//! One writer at a time in each account, with memory that does not grow: a fixed array of locks, chosen by a keyed hash of
//! the client ID. Two accounts may share a lock and then wait for each other's commit; which ones do can't be arranged from
//! outside. (A map with a lock per account would need cleaning up, and grows with every random ID that a stranger sends.)

use std::hash::{BuildHasher, RandomState};

use taskferry_protocol::ClientId;
use tokio::sync::{Mutex, MutexGuard};

const STRIPES: usize = 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct AccountLocks {
    stripes: Box<[Mutex<()>]>,
    hash: RandomState,
}

impl Default for AccountLocks {
    fn default() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(), hash: RandomState::new() }
    }
}

impl AccountLocks {
    /// Waits until no other writer of this account is at work; the account is free again when the guard is dropped.
    /// Never hold two guards: the order could differ.
    pub(super) async fn lock(&self, client: ClientId) -> MutexGuard<'_, ()> {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
        let stripe = self.hash.hash_one(client) as usize % STRIPES;
        self.stripes[stripe].lock().await
    }
}
