//! The memory of the rate limits: a table that never grows, whoever floods it.
//!
//! `governor` does the arithmetic of each limit (GCRA: one number per key, the *theoretical arrival time*, which lies
//! the further in the future the more of the limit is used up). Its own keyed stores have no bound and forget only what
//! has refilled, so a stranger with many addresses could fill the memory; hence this store of fixed size.
//!
//! # How it forgets
//!
//! A key belongs to one set of eight cells, by a hash that is seeded anew in every process: nobody can choose their
//! neighbours. A new key takes over the cell of its set that is used up least, *with its time*. So
//!
//! - **nobody gets back what they used up.** A set's least time never falls, and a key that lost its cell comes back to
//!   one that is used up at least as much. The flood of keys that was meant to push a flooder's own cell out does not
//!   help them: the fullest cell goes last, and whatever takes its place inherits it.
//! - **an honest key is hardly hurt.** What it inherits lies in the past, and so costs it nothing, unless all eight
//!   cells of its set are in use at the same moment. To do that to everybody, an attacker must keep as many addresses
//!   busy as there are cells. Then the limit errs on the strict side.
//!
//! Rejected: to evict the least recently used (a flood of fresh keys resets every limit); cells without keys (an
//! attacker with many addresses fills all of them for everybody); to refuse new keys while the table is full (the same,
//! but cheaper).
//!
//! # What a cell is
//!
//! One word: 16 bits of the key's hash, 48 bits of time in microseconds (nine years). A set is one cache line, a
//! request touches one set with one compare-and-swap, and there are no locks. Two keys of one set share a cell with a
//! chance of 2⁻¹⁶, which is strict again.

use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::nanos::Nanos;
use governor::state::StateStore;

const WAYS: usize = 8;
const TIME_BITS: u32 = 48;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
const NANOS_PER_MICRO: u64 = 1000;

/// A cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

/// See the module.
#[derive(Debug)]
pub(super) struct Cells<K> {
    sets: Box<[Set]>,
    hash: RandomState,
    keys: PhantomData<fn(&K)>,
}

impl<K> Cells<K> {
    /// With at least `cells` cells.
    pub(super) fn new(cells: usize) -> Self {
        let sets = cells.div_ceil(WAYS).next_power_of_two();
        Self { sets: (0..sets).map(|_| Set::default()).collect(), hash: RandomState::new(), keys: PhantomData }
    }

    /// What the table takes, for ever.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.sets)
    }
}

impl<K: Hash> StateStore for Cells<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let hash = self.hash.hash_one(key);
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are the set's number")]
        let Set(cells) = &self.sets[hash as usize & (self.sets.len() - 1)];
        let fingerprint = hash & !TIME_MASK;
        loop {
            let seen = cells.each_ref().map(|cell| cell.load(Ordering::Relaxed));
            let way = own_or_least_used(&seen, fingerprint);
            let time = Nanos::from((seen[way] & TIME_MASK) * NANOS_PER_MICRO);
            let (outcome, time) = decide(Some(time))?;
            // Rounded up: never less than was used.
            let next = fingerprint | time.as_u64().div_ceil(NANOS_PER_MICRO).min(TIME_MASK);
            if cells[way].compare_exchange_weak(seen[way], next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Ok(outcome);
            }
        }
    }
}

fn own_or_least_used(cells: &[u64; WAYS], fingerprint: u64) -> usize {
    let own = cells.iter().position(|cell| cell & !TIME_MASK == fingerprint);
    own.unwrap_or_else(|| (0..WAYS).min_by_key(|way| cells[*way] & TIME_MASK).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::num::NonZeroU32;
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;
    use governor::middleware::StateInformationMiddleware;
    use governor::{Quota, RateLimiter};
    use proptest::prelude::*;

    use super::*;

    type Limiter = RateLimiter<u64, Cells<u64>, FakeRelativeClock, StateInformationMiddleware>;

    fn limiter(cells: usize, clock: &FakeRelativeClock) -> Limiter {
        let ten_an_hour = Quota::per_hour(NonZeroU32::new(10).unwrap());
        RateLimiter::new(ten_an_hour, Cells::new(cells), clock.clone())
    }

    #[test]
    fn a_key_has_its_limit_and_gets_it_back_with_time() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter(64, &clock);
        let allowed = |key| (0..20).filter(|_| limiter.check_key(&key).is_ok()).count();
        assert_eq!((allowed(1), allowed(2), allowed(1)), (10, 10, 0));
        clock.advance(Duration::from_mins(12));
        assert_eq!(allowed(1), 2);
    }

    #[test]
    fn a_million_keys_neither_grow_the_table_nor_give_the_flooder_anything_back() {
        let limiter = limiter(16_384, &FakeRelativeClock::default());
        let flooder = u64::MAX;
        while limiter.check_key(&flooder).is_ok() {}
        let allowed = (0..1_000_000).filter(|key| limiter.check_key(key).is_ok()).count();
        assert!(limiter.check_key(&flooder).is_err(), "the flood pushed the flooder's own cell out");
        // All of them together get what the table has cells for.
        assert!(allowed <= 10 * 16_384, "{allowed}");
        assert_eq!(limiter.into_state_store().bytes(), 128 * 1024);
    }

    #[test]
    fn a_flood_from_many_addresses_leaves_honest_ones_their_limit() {
        let limiter = limiter(16_384, &FakeRelativeClock::default());
        for attacker in 0..4_000_u64 {
            while limiter.check_key(&attacker).is_ok() {}
        }
        let refused = (1_000_000..1_010_000_u64).filter(|honest| limiter.check_key(honest).is_err()).count();
        assert!(refused < 100, "{refused} of 10,000");
    }

    proptest! {
        /// Against a limiter that remembers every key.
        #[test]
        fn nobody_is_ever_allowed_more_than_with_endless_memory(
            steps in proptest::collection::vec((0_u64..200, 0_u64..60), 1..2_000),
        ) {
            let clock = FakeRelativeClock::default();
            let small = limiter(16, &clock);
            let mut all = HashMap::new();
            for (key, seconds) in steps {
                clock.advance(Duration::from_secs(seconds));
                let endless: &mut Limiter = all.entry(key).or_insert_with(|| limiter(1, &clock));
                // What the small table allows, an exact one allows: it has seen no more of this key than the small one.
                if small.check_key(&key).is_ok() {
                    prop_assert!(endless.check_key(&key).is_ok());
                }
            }
        }
    }
}
