//! Where devices stand: from which version each account was last asked for what follows.
//!
//! Pruning must know it, so that it takes no version away that a device still needs. Stock devices can't be told apart, hence
//! stands and not devices: of each account and week, the version nearest the chain's beginning that somebody asked from. What
//! lies behind it, somebody who came in that week may still need; what lies before it, nobody who came then does.
//!
//! Requests only note here; what is new is handed to storage about once a minute ([`Stands::take`]). Most requests are not
//! news: a device that goes on from where the last answer led is the one that was noted already, and so is a device that asks
//! again from the same place in the same week. A crash forgets the notes of the last minute.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use taskferry_protocol::{ClientId, VersionId};

use crate::storage::stands::{Stand, Week};

const SHARDS: usize = 16;
/// Accounts per shard whose last position is remembered; 32,768 in all, some 4 MB. Forgetting one costs a look into the
/// database at the next hand-over, nothing else.
const SHARD_ACCOUNTS: NonZeroUsize = NonZeroUsize::new(2048).expect("not zero");
/// News per shard that wait for the next hand-over. More of them than that in a minute means thousands of requests a second;
/// then the oldest accounts' news are kept, and the others note again with their next request.
const SHARD_NEWS: usize = 4096;
/// Different places that one account may be asked from between two hand-overs.
const PLACES: usize = 8;

/// What is remembered of an account's last request.
#[derive(Debug, Clone, Copy)]
struct Walk {
    week: Week,
    /// Where the last answer led.
    at: VersionId,
}

#[derive(Debug)]
struct Shard {
    walks: LruCache<ClientId, Walk>,
    news: HashMap<ClientId, Vec<(VersionId, Week)>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Stands {
    shards: Box<[Mutex<Shard>]>,
    hash: RandomState,
}

impl Default for Stands {
    fn default() -> Self {
        let shard = || Mutex::new(Shard { walks: LruCache::new(SHARD_ACCOUNTS), news: HashMap::new() });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), hash: RandomState::new() }
    }
}

impl Stands {
    fn shard(&self, client: ClientId) -> MutexGuard<'_, Shard> {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
        let shard = self.hash.hash_one(client) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A known account was asked what follows `from`, and the answer led to `to`; the same where nothing follows.
    pub(super) fn asked(&self, client: ClientId, from: VersionId, to: VersionId, week: Week) {
        let mut shard = self.shard(client);
        if let Some(walk) = shard.walks.get_mut(&client)
            && (walk.week, walk.at) == (week, from)
        {
            walk.at = to;
        } else if shard.note(client, from, week) {
            shard.walks.put(client, Walk { week, at: to });
        }
    }

    /// A device at `parent` added `version`, and is there now.
    pub(super) fn added(&self, client: ClientId, parent: VersionId, version: VersionId) {
        if let Some(walk) = self.shard(client).walks.get_mut(&client)
            && walk.at == parent
        {
            walk.at = version;
        }
    }

    /// The news since the last call.
    pub(super) fn take(&self) -> Vec<Stand> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            let news = std::mem::take(&mut shard.lock().unwrap_or_else(PoisonError::into_inner).news);
            for (client, places) in news {
                taken.extend(places.into_iter().map(|(version, week)| Stand { client, version, week }));
            }
        }
        taken
    }

    /// What was taken did not reach storage: it will be news again.
    pub(super) fn forget(&self) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).walks.clear();
        }
    }
}

impl Shard {
    /// Notes a place; false if there is no room to.
    fn note(&mut self, client: ClientId, from: VersionId, week: Week) -> bool {
        if self.news.len() >= SHARD_NEWS && !self.news.contains_key(&client) {
            return false;
        }
        let places = self.news.entry(client).or_default();
        if places.contains(&(from, week)) {
            return true;
        }
        if places.len() >= PLACES {
            return false;
        }
        places.push((from, week));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::conformance::{client, version};

    const WEEK: Week = Week::new(2800);

    fn taken(stands: &Stands) -> Vec<u128> {
        let mut versions: Vec<_> = stands.take().iter().map(|stand| stand.version.as_uuid().as_u128()).collect();
        versions.sort_unstable();
        versions
    }

    #[test]
    fn a_device_that_walks_the_whole_chain_is_noted_where_it_began() {
        let stands = Stands::default();
        for n in 10..50 {
            stands.asked(client(1), version(n), version(n + 1), WEEK);
        }
        stands.asked(client(1), version(50), version(50), WEEK);
        assert_eq!(taken(&stands), [10]);
        stands.asked(client(1), version(50), version(50), WEEK);
        assert_eq!(taken(&stands), [0; 0], "nothing new");
    }

    #[test]
    fn a_device_that_adds_versions_is_noted_once_a_week() {
        let stands = Stands::default();
        for n in 1..50 {
            stands.asked(client(1), version(n), version(n), WEEK);
            stands.added(client(1), version(n), version(n + 1));
        }
        assert_eq!(taken(&stands), [1]);
        stands.asked(client(1), version(50), version(50), WEEK.next());
        assert_eq!(taken(&stands), [50]);
    }

    #[test]
    fn every_device_of_an_account_is_noted() {
        let stands = Stands::default();
        for n in [7, 3, 9, 7] {
            stands.asked(client(1), version(n), version(n), WEEK);
            stands.asked(client(2), version(n + 100), version(n + 100), WEEK);
        }
        assert_eq!(taken(&stands), [3, 7, 9, 103, 107, 109]);
    }

    #[test]
    fn what_did_not_reach_storage_is_news_again() {
        let stands = Stands::default();
        stands.asked(client(1), version(1), version(1), WEEK);
        stands.take();
        stands.forget();
        stands.asked(client(1), version(1), version(1), WEEK);
        assert_eq!(taken(&stands), [1]);
    }

    #[test]
    fn a_million_accounts_do_not_make_it_grow() {
        let stands = Stands::default();
        for n in 0..1_000_000 {
            stands.asked(client(n), version(1), version(1), WEEK);
        }
        let shards = stands.shards.iter().map(|shard| shard.lock().unwrap());
        for shard in shards {
            assert!(shard.news.len() <= SHARD_NEWS && shard.walks.len() <= SHARD_ACCOUNTS.get());
        }
    }

    #[test]
    fn an_account_asked_from_everywhere_does_not_make_it_grow() {
        let stands = Stands::default();
        for n in 1..1000 {
            stands.asked(client(1), version(n * 2), version(n * 2), WEEK);
        }
        assert_eq!(stands.take().len(), PLACES);
        stands.asked(client(1), version(5000), version(5000), WEEK);
        assert_eq!(taken(&stands), [5000], "what had no room is news later");
    }
}
