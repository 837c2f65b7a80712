//! What the accounts look like, in memory: the bounded cache that answers the usual request, "anything new?", without SQLite.
//!
//! The danger in such a cache is the reader that is slow: it reads an account, the writer commits and publishes a newer
//! state, and then the reader stores what it read. So every commit has a sequence number, each shard remembers the newest
//! one that it was told of, and a reader may store what it read only if nothing was published to the shard since the number
//! that it took *before* it read. (To compare with the entry that is there would not be enough: it may have been evicted.)
//!
//! The writer publishes, not the request: a request is dropped when its device hangs up.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use taskferry_protocol::ClientId;

use crate::storage::Account;

const SHARDS: usize = 32;
/// Accounts per shard; 32,768 in all, some 10 MB.
const SHARD_ACCOUNTS: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// What is remembered of one account.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// Its key in the other tables, so that a read needs not look it up. Never another account's: keys are not given out again.
    pub(super) key: i64,
    pub(super) account: Account,
}

#[derive(Debug)]
struct Shard {
    heads: LruCache<ClientId, Head>,
    /// The newest commit that this shard was told of.
    published: u64,
}

/// A number taken before a read; see the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before(u64);

/// See the module.
#[derive(Debug)]
pub(super) struct Heads {
    shards: Box<[Mutex<Shard>]>,
    /// Commits so far.
    sequence: AtomicU64,
    hash: RandomState,
}

impl Default for Heads {
    fn default() -> Self {
        let shard = || Mutex::new(Shard { heads: LruCache::new(SHARD_ACCOUNTS), published: 0 });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), sequence: AtomicU64::new(0), hash: RandomState::new() }
    }
}

impl Heads {
    fn shard(&self, client: ClientId) -> MutexGuard<'_, Shard> {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
        let shard = self.hash.hash_one(client) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account, if it is known here.
    pub(super) fn get(&self, client: ClientId) -> Option<Head> {
        self.shard(client).heads.get(&client).cloned()
    }

    /// To be taken before a read whose result is to be [`Heads::fill`]ed in.
    pub(super) fn before(&self) -> Before {
        Before(self.sequence.load(Ordering::Acquire))
    }

    /// Stores what was read, unless something newer may have been published since.
    pub(super) fn fill(&self, client: ClientId, head: &Head, before: Before) {
        let mut shard = self.shard(client);
        if shard.published <= before.0 {
            shard.heads.put(client, head.clone());
        }
    }

    /// A commit is durable: what its accounts look like now. Called by the writer only, after the commit and before its
    /// answers.
    pub(super) fn publish(&self, heads: impl IntoIterator<Item = (ClientId, Head)>) {
        let sequence = self.sequence.fetch_add(1, Ordering::AcqRel) + 1;
        for (client, head) in heads {
            let mut shard = self.shard(client);
            shard.published = sequence;
            shard.heads.put(client, head);
        }
    }

    /// Another process changed the database: forget everything.
    pub(super) fn forget(&self) {
        let sequence = self.sequence.fetch_add(1, Ordering::AcqRel) + 1;
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.published = sequence;
            shard.heads.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::conformance::{client, version};
    use crate::storage::tip::Tip;

    fn head(latest: u128) -> Head {
        Head { key: 1, account: Account { tip: Tip::new(version(latest), []), ..Account::new(0) } }
    }

    fn latest(heads: &Heads, who: u128) -> Option<u128> {
        heads.get(client(who)).map(|head| head.account.latest().as_uuid().as_u128())
    }

    #[test]
    fn what_was_read_is_kept() {
        let heads = Heads::default();
        heads.fill(client(1), &head(1), heads.before());
        assert_eq!(latest(&heads, 1), Some(1));
    }

    #[test]
    fn a_slow_reader_does_not_overwrite_what_was_published_meanwhile() {
        let heads = Heads::default();
        let before = heads.before();
        heads.publish([(client(1), head(2))]);
        heads.fill(client(1), &head(1), before);
        assert_eq!(latest(&heads, 1), Some(2));
    }

    #[test]
    fn nor_after_the_published_state_was_evicted() {
        let heads = Heads::default();
        let before = heads.before();
        heads.publish([(client(1), head(2))]);
        let others = u128::try_from(SHARDS * SHARD_ACCOUNTS.get()).unwrap() * 2;
        heads.publish((2..others).map(|who| (client(who), head(9))));
        assert_eq!(latest(&heads, 1), None, "evicted");
        heads.fill(client(1), &head(1), before);
        assert_eq!(latest(&heads, 1), None, "stale");
    }

    #[test]
    fn a_change_by_another_process_empties_it_and_outdates_reads_under_way() {
        let heads = Heads::default();
        heads.fill(client(1), &head(1), heads.before());
        let before = heads.before();
        heads.forget();
        assert_eq!(latest(&heads, 1), None);
        heads.fill(client(1), &head(1), before);
        assert_eq!(latest(&heads, 1), None);
    }

    #[test]
    fn a_million_accounts_do_not_make_it_grow() {
        let heads = Heads::default();
        heads.publish((0..1_000_000).map(|who| (client(who), head(1))));
        let kept: usize = heads.shards.iter().map(|shard| shard.lock().unwrap().heads.len()).sum();
        assert_eq!(kept, SHARDS * SHARD_ACCOUNTS.get());
    }
}
