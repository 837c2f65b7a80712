//! How many accounts may be created, by all the world together: what holds where a stranger has so many addresses that a limit
//! for each of them holds nothing. Two token buckets, of an hour and of a day; in memory, so that a restart fills them again.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// See the module.
#[derive(Debug)]
pub struct Newcomers<C: Clock = DefaultClock> {
    hour: Bucket<C>,
    day: Bucket<C>,
    clock: C,
}

/// How many new accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// In an hour.
    pub per_hour: NonZeroU32,
    /// In a day.
    pub per_day: NonZeroU32,
}

impl Default for Rates {
    /// A club's first evening passes; more than 500 strangers a day do not.
    fn default() -> Self {
        let number = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self { per_hour: number(100), per_day: number(500) }
    }
}

impl Newcomers {
    /// With full buckets.
    pub fn new(rates: Rates) -> Self {
        Self::by_clock(rates, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Newcomers<C> {
    fn by_clock(rates: Rates, clock: C) -> Self {
        let per_day = Duration::from_hours(24) / rates.per_day.get();
        // A division of a day by a `u32` is never zero.
        let day = Quota::with_period(per_day).unwrap_or_else(|| Quota::per_hour(NonZeroU32::MIN));
        Self {
            hour: RateLimiter::direct_with_clock(Quota::per_hour(rates.per_hour), clock.clone()),
            day: RateLimiter::direct_with_clock(day.allow_burst(rates.per_day), clock.clone()),
            clock,
        }
    }

    /// Takes a place, or says when there will be one.
    pub(crate) fn take_place(&self) -> Result<(), Duration> {
        // The hour's first: who is refused by the day's bucket has cost the hour nothing that anybody could use.
        for bucket in [&self.hour, &self.day] {
            bucket.check().map_err(|full| full.wait_time_from(self.clock.now()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rates(per_hour: u32, per_day: u32) -> Rates {
        let number = |n| NonZeroU32::new(n).unwrap();
        Rates { per_hour: number(per_hour), per_day: number(per_day) }
    }

    #[test]
    fn an_hours_places_are_taken_once_and_come_back_one_by_one() {
        let clock = FakeRelativeClock::default();
        let newcomers = Newcomers::by_clock(rates(6, 1000), clock.clone());
        assert!((0..6).all(|_| newcomers.take_place().is_ok()));
        let wait = newcomers.take_place().unwrap_err();
        assert_eq!(wait.as_secs(), 10 * 60);
        clock.advance(wait);
        assert!(newcomers.take_place().is_ok());
        assert!(newcomers.take_place().is_err());
    }

    #[test]
    fn a_day_has_fewer_places_than_its_hours_together() {
        let clock = FakeRelativeClock::default();
        let newcomers = Newcomers::by_clock(rates(6, 12), clock.clone());
        let mut taken = 0;
        for _ in 0..24 {
            taken += (0..6).filter(|_| newcomers.take_place().is_ok()).count();
            clock.advance(Duration::from_hours(1));
        }
        assert_eq!(taken, 12 + 11, "the bucket's content, and what flowed in during a day");
    }
}
