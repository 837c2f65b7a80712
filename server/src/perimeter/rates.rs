//! Who may ask how often.
//!
//! Two kinds of limits, in the words of the field: a **shaper** delays what exceeds it, a **policer** refuses it.
//!
//! - Whoever names an account that exists is only ever *delayed*, and by a second at most: a refusal in the middle of a
//!   push makes stock Taskwarrior lose the rest of it, and a device that walks 50,000 versions at full speed is normal.
//!   A second, since Taskwarrior holds its database locked meanwhile.
//! - Whoever names an account that does not exist, creates one, or reads pages, is *refused* beyond the limit.
//!
//! Which of the two it is, is known only after a look at the account. For an account in memory that costs nothing; a
//! look into the database is shaped by address, so that a flood of invented IDs is slow, and a device behind the same
//! address with a real one gets through all the same.
//!
//! | limit | counts | of one | beyond it |
//! |---|---|---|---|
//! | `account` | requests | account | delayed |
//! | `address` | requests for accounts that exist | address | delayed |
//! | `lookups` | requests for accounts that are not in memory | address | delayed |
//! | `unknown` | requests for accounts that don't exist | address | refused |
//! | `new_accounts` | attempts to create one | address | refused |
//! | `pages` | everything else | address | refused |
//!
//! "Address" is an IPv4 address or a /64; and once more a /48, which may do four times as much.

use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};
use taskferry_protocol::ClientId;

use super::address::{Address, Site, Subscriber};
use super::cells::Cells;
use super::rate::Rate;

/// The longest delay of a request, all limits together.
pub(crate) const DELAY_MAX: Duration = Duration::from_secs(1);
/// Requests that are delayed at the same time; more go on undelayed. Each holds a timer and its connection, and
/// connections are bounded too, to less than this by default.
const DELAYED_MAX: usize = 4096;
/// What a /48 may do, in multiples of what a /64 may.
const SITE_FACTOR: u32 = 4;

/// Cells of a table: as many accounts as a server of this size has busy at the same time, and far more addresses than
/// honest visitors have in an hour. 512 KiB, 128 KiB and 32 KiB; some 1.3 MiB in all.
const ACCOUNT_CELLS: usize = 65_536;
const SUBSCRIBER_CELLS: usize = 16_384;
const SITE_CELLS: usize = 4_096;

/// The rates that are in force; `None` is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateSettings {
    /// Requests of an account.
    pub account: Option<Rate>,
    /// Requests for existing accounts from an address.
    pub address: Option<Rate>,
    /// Requests for accounts that are not in memory, from an address.
    pub lookups: Option<Rate>,
    /// Requests for accounts that don't exist, from an address.
    pub unknown: Option<Rate>,
    /// Attempts to create an account from an address.
    pub new_accounts: Option<Rate>,
    /// Health, pages and everything else, from an address.
    pub pages: Option<Rate>,
}

impl Default for RateSettings {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        Self {
            account: Some(Rate::new(60_000, 5 * MINUTE)),
            address: Some(Rate::new(120_000, 5 * MINUTE)),
            lookups: Some(Rate::new(600, MINUTE)),
            unknown: Some(Rate::new(600, HOUR)),
            new_accounts: Some(Rate::new(10, HOUR)),
            pages: Some(Rate::new(600, MINUTE)),
        }
    }
}

#[cfg(test)]
impl RateSettings {
    /// None at all.
    pub(crate) const OFF: Self =
        Self { account: None, address: None, lookups: None, unknown: None, new_accounts: None, pages: None };
}

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// Its name, as in its flag without `--limit-`.
    pub(crate) limit: &'static str,
    pub(crate) rate: Rate,
    /// When one more request would be fine.
    pub(crate) retry_after: Duration,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Rates<C: Clock = MonotonicClock> {
    account: Option<Shaper<ClientId, C>>,
    address: ByAddress<Shaper<Subscriber, C>, Shaper<Site, C>>,
    lookups: ByAddress<Shaper<Subscriber, C>, Shaper<Site, C>>,
    unknown: ByAddress<Policer<Subscriber, C>, Policer<Site, C>>,
    new_accounts: ByAddress<Policer<Subscriber, C>, Policer<Site, C>>,
    pages: ByAddress<Policer<Subscriber, C>, Policer<Site, C>>,
    delayed: AtomicUsize,
}

impl<C: Clock + Clone> Rates<C> {
    pub(super) fn new(settings: &RateSettings, clock: &C) -> Self {
        Self {
            account: settings.account.map(|rate| Shaper::new(rate, ACCOUNT_CELLS, clock)),
            address: shapers(settings.address, clock),
            lookups: shapers(settings.lookups, clock),
            unknown: policers("unknown", settings.unknown, clock),
            new_accounts: policers("new-accounts", settings.new_accounts, clock),
            pages: policers("pages", settings.pages, clock),
            delayed: AtomicUsize::new(0),
        }
    }

    /// A request for an account that exists: how long it is to wait.
    pub(crate) fn known(&self, client: ClientId, address: Address) -> Duration {
        let by_account = self.account.as_ref().map_or(Duration::ZERO, |shaper| shaper.delay(&client));
        by_account.max(self.address.delay(address))
    }

    /// A request for an account that is not in memory: how long it is to wait before the database is asked.
    pub(crate) fn lookup(&self, address: Address) -> Duration {
        self.lookups.delay(address)
    }

    /// A request for an account that does not exist, and that does not create it.
    pub(crate) fn unknown(&self, address: Address) -> Result<(), Exceeded> {
        self.unknown.check(address)
    }

    /// An attempt to create an account.
    pub(crate) fn new_account(&self, address: Address) -> Result<(), Exceeded> {
        self.new_accounts.check(address)
    }

    /// Anything else.
    pub(crate) fn page(&self, address: Address) -> Result<(), Exceeded> {
        self.pages.check(address)
    }

    /// Waits, unless too many are waiting already.
    pub(crate) async fn wait(&self, delay: Duration) {
        if delay.is_zero() {
            return;
        }
        // Given back also when the visitor hangs up meanwhile, and this is dropped.
        let waiting = Waiting::new(&self.delayed);
        if waiting.before < DELAYED_MAX {
            tokio::time::sleep(delay.min(DELAY_MAX)).await;
        }
    }
}

struct Waiting<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        Self { count, before: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

type Limiter<K, C> = RateLimiter<K, Cells<K>, C, StateInformationMiddleware>;

/// Delays what exceeds its rate: as if it had come later, one behind the other, until the delay would be [`DELAY_MAX`].
#[derive(Debug)]
struct Shaper<K: Hash, C: Clock> {
    limiter: Limiter<K, C>,
    interval: Duration,
    /// How many may queue up: the limiter lets that many more through, and whoever uses them waits their turn.
    queue: u32,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Shaper<K, C> {
    fn new(rate: Rate, cells: usize, clock: &C) -> Self {
        let interval = rate.interval();
        let queue = u32::try_from(DELAY_MAX.as_nanos().div_ceil(interval.as_nanos())).unwrap_or(u32::MAX);
        let quota = quota(rate, rate.count().saturating_add(queue));
        Self { limiter: RateLimiter::new(quota, Cells::new(cells), clock.clone()), interval, queue }
    }

    fn delay(&self, key: &K) -> Duration {
        match self.limiter.check_key(key) {
            Ok(state) => {
                let ahead = self.queue.saturating_sub(state.remaining_burst_capacity());
                self.interval.saturating_mul(ahead).min(DELAY_MAX)
            }
            // The queue is full; nobody is refused here.
            Err(_) => DELAY_MAX,
        }
    }
}

/// Refuses what exceeds its rate.
#[derive(Debug)]
struct Policer<K: Hash, C: Clock> {
    name: &'static str,
    rate: Rate,
    limiter: Limiter<K, C>,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Policer<K, C> {
    fn new(name: &'static str, rate: Rate, cells: usize, clock: &C) -> Self {
        let limiter = RateLimiter::new(quota(rate, rate.count()), Cells::new(cells), clock.clone());
        Self { name, rate, limiter }
    }

    fn check(&self, key: &K) -> Result<(), Exceeded> {
        match self.limiter.check_key(key) {
            Ok(_) => Ok(()),
            Err(until) => {
                let retry_after = until.wait_time_from(self.limiter.clock().now());
                Err(Exceeded { limit: self.name, rate: self.rate, retry_after })
            }
        }
    }
}

fn quota(rate: Rate, burst: std::num::NonZeroU32) -> Quota {
    // Only an interval of zero has no quota, and no rate has that.
    Quota::with_period(rate.interval()).unwrap_or(Quota::per_second(burst)).allow_burst(burst)
}

/// A limit of an address and of the site around it; or of nobody.
#[derive(Debug)]
struct ByAddress<A, B>(Option<(A, B)>);

fn shapers<C: Clock + Clone>(rate: Option<Rate>, clock: &C) -> ByAddress<Shaper<Subscriber, C>, Shaper<Site, C>> {
    ByAddress(rate.map(|rate| {
        let site = rate.times(SITE_FACTOR);
        (Shaper::new(rate, SUBSCRIBER_CELLS, clock), Shaper::new(site, SITE_CELLS, clock))
    }))
}

fn policers<C: Clock + Clone>(
    name: &'static str,
    rate: Option<Rate>,
    clock: &C,
) -> ByAddress<Policer<Subscriber, C>, Policer<Site, C>> {
    ByAddress(rate.map(|rate| {
        let site = rate.times(SITE_FACTOR);
        (Policer::new(name, rate, SUBSCRIBER_CELLS, clock), Policer::new(name, site, SITE_CELLS, clock))
    }))
}

impl<C: Clock + Clone> ByAddress<Shaper<Subscriber, C>, Shaper<Site, C>> {
    fn delay(&self, address: Address) -> Duration {
        let Some((subscribers, sites)) = &self.0 else { return Duration::ZERO };
        let by_site = address.site().map_or(Duration::ZERO, |site| sites.delay(&site));
        subscribers.delay(&address.subscriber()).max(by_site)
    }
}

impl<C: Clock + Clone> ByAddress<Policer<Subscriber, C>, Policer<Site, C>> {
    fn check(&self, address: Address) -> Result<(), Exceeded> {
        let Some((subscribers, sites)) = &self.0 else { return Ok(()) };
        subscribers.check(&address.subscriber())?;
        address.site().map_or(Ok(()), |site| sites.check(&site))
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn address(text: &str) -> Address {
        Address::new(text.parse().unwrap())
    }

    fn client(n: u128) -> ClientId {
        ClientId::from_uuid(uuid::Uuid::from_u128(n))
    }

    fn rates(settings: &RateSettings) -> (Rates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Rates::new(settings, &clock), clock)
    }

    #[test]
    fn a_new_device_walks_fifty_thousand_versions_without_a_delay() {
        let (rates, _) = rates(&RateSettings::default());
        let home = address("198.51.100.7");
        assert!((0..50_000).all(|_| rates.known(client(1), home).is_zero()));
    }

    #[test]
    fn who_goes_on_at_full_speed_queues_up_and_waits_a_second_at_most() {
        let settings = RateSettings { account: Some(Rate::new(100, 10)), ..RateSettings::OFF };
        let (rates, clock) = rates(&settings);
        let home = address("198.51.100.7");
        let delays = |count: usize| (0..count).map(|_| rates.known(client(1), home).as_millis()).collect::<Vec<_>>();
        assert_eq!(delays(100), [0; 100]);
        assert_eq!(delays(12), [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1000, 1000]);
        assert_eq!(rates.known(client(2), home), Duration::ZERO, "another account");
        clock.advance(Duration::from_secs(2));
        assert_eq!(delays(11), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100]);
    }

    #[test]
    fn ten_accounts_an_hour_and_forty_from_a_site() {
        let (rates, clock) = rates(&RateSettings::default());
        let created = |addresses: &mut dyn Iterator<Item = String>| {
            addresses.filter(|text| rates.new_account(address(text)).is_ok()).count()
        };
        assert_eq!(created(&mut (0..20).map(|_| "198.51.100.7".to_owned())), 10);
        assert_eq!(created(&mut (0..20).map(|n| format!("2001:db8:1:1::{n}"))), 10);
        assert_eq!(created(&mut (0..1000).map(|n| format!("2001:db8:1:{n:x}::1"))), 30);
        assert_eq!(created(&mut (0..20).map(|n| format!("2001:db8:2:{n}::1"))), 20);
        let exceeded = rates.new_account(address("198.51.100.7")).unwrap_err();
        assert_eq!((exceeded.limit, exceeded.retry_after.as_secs()), ("new-accounts", 360));
        clock.advance(Duration::from_mins(6));
        assert_eq!(created(&mut (0..20).map(|_| "198.51.100.7".to_owned())), 1);
    }

    #[test]
    fn a_million_addresses_do_not_give_a_flooder_a_new_account() {
        let (rates, _) = rates(&RateSettings::default());
        let (v4, v6) = (address("198.51.100.7"), address("2001:db8:1:1::1"));
        for flooder in [v4, v6] {
            while rates.new_account(flooder).is_ok() {}
        }
        for n in 0..500_000_u32 {
            // Spread over all of both families, with a fixed pattern.
            let spread = n.wrapping_mul(0x9E37_79B1);
            let _ = rates.new_account(Address::new(std::net::Ipv4Addr::from_bits(spread).into()));
            let wide = u128::from(spread) << 96 | u128::from(n) << 64;
            let _ = rates.new_account(Address::new(std::net::Ipv6Addr::from_bits(wide).into()));
        }
        assert!(rates.new_account(v4).is_err() && rates.new_account(v6).is_err());
    }

    #[test]
    fn all_tables_together_take_little_more_than_a_megabyte() {
        let by_address = Cells::<Subscriber>::new(SUBSCRIBER_CELLS).bytes() + Cells::<Site>::new(SITE_CELLS).bytes();
        assert_eq!(Cells::<ClientId>::new(ACCOUNT_CELLS).bytes() + 5 * by_address, 1_343_488);
    }

    #[test]
    fn a_limit_that_is_off_limits_nothing() {
        let (rates, _) = rates(&RateSettings::OFF);
        let home = address("198.51.100.7");
        for _ in 0..100_000 {
            assert!(rates.known(client(1), home).is_zero() && rates.lookup(home).is_zero());
            assert!(rates.unknown(home).is_ok() && rates.new_account(home).is_ok() && rates.page(home).is_ok());
        }
    }
}
