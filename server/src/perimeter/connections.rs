//! Connections: how many there may be, of all and of one visitor, and which of them has to go when there are too many.
//!
//! Holding a connection costs a stranger nothing and the server memory. So there are places, and who comes when all are
//! taken gets the place of the connection that has been idle longest; of the visitor's own if they have too many. An
//! attacker who holds connections open, or sends half a request, therefore pushes out only themselves: an honest device
//! asks right after it connected, and comes back by itself when an idle connection of its was closed, as with every
//! server. Rejected: to stop accepting when the places are taken, as the HTTP library would (whoever holds them keeps
//! everybody out); and to spare connections that have asked something before (an attacker asks once and then holds all
//! places but one).
//!
//! A connection with a request under way is never closed for another: that could cut a push in its middle. If all are
//! busy, the newcomer is turned away.
//!
//! The library times out the first request head of a connection and idleness between requests, but not a second head
//! that is begun and never finished. Places know since when nothing happened, and once a second the forgotten ones are
//! closed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::address::Address;

/// What one connection can take of the memory, in bytes, with some reserve: the longest request head that the HTTP
/// library reads (128 KiB).
const CONNECTION_BYTES: u64 = 128 * 1024;
/// Of the memory, the part that connections may take.
const SHARE: u64 = 4;
const TOTAL_MIN: usize = 256;
const TOTAL_MAX: usize = 8192;
/// What a /48 may have, in multiples of what a /64 may.
const SITE_FACTOR: usize = 4;

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub total: usize,
    /// From one IPv4 address or /64; four times as many from a /48. Trusted proxies have no such limit.
    pub per_address: Option<usize>,
}

impl ConnectionLimits {
    /// From one address, by default: more than a household or an office has at the same moment.
    pub const PER_ADDRESS: usize = 64;

    /// As many as have room in a quarter of `memory`, in bytes, if each sends as long a head as it can. 512 in 256 MiB.
    pub fn for_memory(memory: u64) -> usize {
        usize::try_from(memory / SHARE / CONNECTION_BYTES).unwrap_or(TOTAL_MAX).clamp(TOTAL_MIN, TOTAL_MAX)
    }
}

/// Files that the server needs besides connections: database, logs, listeners, readers.
#[cfg(unix)]
const OTHER_FILES: u64 = 128;

impl ConnectionLimits {
    /// No more than this process may open files for: two for each connection, which has a second handle to be closed
    /// by. Shells and service managers often allow 1024 and as many as one asks for, so asks for as many as it needs.
    #[must_use]
    pub(crate) fn within_open_files(self) -> Self {
        #[cfg(unix)]
        {
            use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
            let needed = (self.total as u64).saturating_mul(2).saturating_add(OTHER_FILES);
            let Rlimit { current: Some(current), maximum } = getrlimit(Resource::Nofile) else { return self };
            let wanted = needed.min(maximum.unwrap_or(needed));
            let allowed =
                if wanted > current && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok() {
                    wanted
                } else {
                    current
                };
            if allowed < needed {
                let total = usize::try_from(allowed.saturating_sub(OTHER_FILES) / 2).unwrap_or(usize::MAX).max(1);
                tracing::warn!(
                    "this process may open {allowed} files, which is enough for {total} connections and not for {}: raise \
                     the limit (`ulimit -n`, `LimitNOFILE=`)",
                    self.total
                );
                return Self { total, ..self };
            }
        }
        self
    }
}

/// What a connection is doing, in one word: since when it has been idle (milliseconds), or one of these.
const BUSY: u64 = u64::MAX;
const CLOSED: u64 = u64::MAX - 1;

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: Address,
    /// Whether the peer is a trusted proxy.
    is_proxy: bool,
    doing: AtomicU64,
    /// Whether it has asked anything yet.
    has_asked: AtomicBool,
    /// The moment that `doing` counts from; the same for all.
    start: Instant,
    /// A second handle on the socket, to close it by; none in tests.
    socket: Option<TcpStream>,
}

impl Connection {
    /// The other end.
    pub(crate) const fn peer(&self) -> Address {
        self.peer
    }

    /// Whether the other end is a trusted proxy.
    pub(crate) const fn is_proxy(&self) -> bool {
        self.is_proxy
    }

    /// Whether this is the first request.
    pub(crate) fn is_first_request(&self) -> bool {
        !self.has_asked.load(Ordering::Relaxed)
    }

    fn idle_since(&self) -> Option<u64> {
        Some(self.doing.load(Ordering::Relaxed)).filter(|doing| *doing < CLOSED)
    }

    /// Closes it, unless a request began meanwhile.
    fn close_if_still_idle_since(&self, since: u64) -> bool {
        let closed = self.doing.compare_exchange(since, CLOSED, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if closed {
            self.cut();
        }
        closed
    }

    fn cut(&self) {
        if let Some(socket) = &self.socket {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

fn milliseconds_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(CLOSED - 1)
}

/// All connections that have a place.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: ConnectionLimits,
    start: Instant,
    places: Mutex<Places>,
}

/// In the order of their arrival. Bounded by the limit.
#[derive(Debug, Default)]
struct Places {
    taken: BTreeMap<u64, Arc<Connection>>,
    next: u64,
}

/// A connection and its place, given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) connection: Arc<Connection>,
    number: u64,
    connections: Arc<Connections>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().taken.remove(&self.number);
    }
}

/// A request under way on a connection; it has ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Connection>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.doing.store(milliseconds_since(self.0.start), Ordering::Release);
    }
}

impl Place {
    /// A request begins. None if the connection was closed, or never had a place: then nothing may be done for it.
    pub(crate) fn begin(&self) -> Option<Busy> {
        let doing = &self.connection.doing;
        doing
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |doing| (doing != CLOSED).then_some(BUSY))
            .ok()
            .map(|_| Busy(Arc::clone(&self.connection)))
    }

    /// A request was taken up.
    pub(crate) fn has_asked(&self) {
        self.connection.has_asked.store(true, Ordering::Relaxed);
    }

    /// Says `farewell`, as far as it can be said at once, and closes the connection.
    pub(crate) fn turn_away(&self, farewell: &[u8]) {
        if let Some(mut socket) = self.connection.socket.as_ref() {
            let _ = socket.write(farewell);
        }
        self.connection.cut();
    }

    /// Whether it has no place: it never got one, or it was closed to make room for another.
    pub(crate) fn was_turned_away(&self) -> bool {
        self.connection.doing.load(Ordering::Relaxed) == CLOSED
    }
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, start: Instant::now(), places: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        milliseconds_since(self.start)
    }

    /// The limits that are in force.
    pub(crate) const fn limits(&self) -> ConnectionLimits {
        self.limits
    }

    /// A place for a new connection: a free one, or another's, or none ([`Place::was_turned_away`]).
    pub(crate) fn place(self: &Arc<Self>, peer: Address, is_proxy: bool, socket: Option<TcpStream>) -> Place {
        let mut places = self.lock();
        let has_room = self.make_room(&mut places, peer, is_proxy);
        let doing = AtomicU64::new(if has_room { self.now() } else { CLOSED });
        let connection = Arc::new(Connection {
            peer,
            is_proxy,
            doing,
            has_asked: AtomicBool::new(false),
            start: self.start,
            socket,
        });
        let number = places.next;
        places.next += 1;
        if has_room {
            places.taken.insert(number, Arc::clone(&connection));
        }
        Place { connection, number, connections: Arc::clone(self) }
    }

    /// Whether there is room for one more, by now.
    fn make_room(&self, places: &mut Places, peer: Address, is_proxy: bool) -> bool {
        if let Some(limit) = self.limits.per_address.filter(|_| !is_proxy) {
            let own = |other: &Connection| !other.is_proxy && other.peer.subscriber() == peer.subscriber();
            if !places.make_room(limit, own) {
                return false;
            }
            let site = |other: &Connection| !other.is_proxy && other.peer.site() == peer.site();
            if peer.site().is_some() && !places.make_room(limit.saturating_mul(SITE_FACTOR), site) {
                return false;
            }
        }
        places.make_room(self.limits.total, |_| true)
    }

    /// Closes what has been idle for longer than `idle_max`.
    pub(crate) fn close_forgotten(&self, idle_max: Duration) {
        let idle_max = u64::try_from(idle_max.as_millis()).unwrap_or(u64::MAX);
        self.close_idle_since_before(self.now().saturating_sub(idle_max));
    }

    fn close_idle_since_before(&self, oldest: u64) {
        self.lock().taken.retain(|_, connection| {
            let forgotten = connection.idle_since().filter(|since| *since < oldest);
            !forgotten.is_some_and(|since| connection.close_if_still_idle_since(since))
        });
    }
}

impl Places {
    /// Makes sure that fewer than `limit` of those that are `counted` have a place, by closing idle ones.
    fn make_room(&mut self, limit: usize, counted: impl Fn(&Connection) -> bool) -> bool {
        let mut count = self.taken.values().filter(|connection| counted(connection)).count();
        while count >= limit {
            // Looked for again if a request began just now.
            let Some((number, since)) = self.idlest(&counted) else { return false };
            if self.taken.get(&number).is_some_and(|connection| connection.close_if_still_idle_since(since)) {
                self.taken.remove(&number);
                count -= 1;
            }
        }
        true
    }

    /// The one that has been idle longest.
    fn idlest(&self, counted: impl Fn(&Connection) -> bool) -> Option<(u64, u64)> {
        let idle = self.taken.iter().filter(|(_, connection)| counted(connection));
        let idle = idle.filter_map(|(number, connection)| Some((connection.idle_since()?, *number)));
        idle.min().map(|(since, number)| (number, since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(total: usize, per_address: usize) -> Arc<Connections> {
        Arc::new(Connections::new(ConnectionLimits { total, per_address: Some(per_address) }))
    }

    fn address(text: &str) -> Address {
        Address::new(text.parse().unwrap())
    }

    fn connect(connections: &Arc<Connections>, from: &str) -> Place {
        connections.place(address(from), false, None)
    }

    #[test]
    fn who_holds_too_many_idle_connections_loses_their_own_oldest() {
        let connections = connections(100, 2);
        let honest = connect(&connections, "192.0.2.1");
        let held: Vec<Place> = (0..5).map(|_| connect(&connections, "198.51.100.7")).collect();
        let open: Vec<bool> = held.iter().map(|place| place.begin().is_some()).collect();
        assert_eq!(open, [false, false, false, true, true]);
        assert!(honest.begin().is_some());
    }

    #[test]
    fn a_request_under_way_is_never_cut_and_the_newcomer_is_turned_away() {
        let connections = connections(2, 10);
        let (one, two) = (connect(&connections, "192.0.2.1"), connect(&connections, "192.0.2.2"));
        let (_busy, idle) = (one.begin().unwrap(), two.begin().unwrap());
        let third = connect(&connections, "192.0.2.3");
        assert!(third.was_turned_away() && third.begin().is_none());
        drop(idle);
        let fourth = connect(&connections, "192.0.2.4");
        assert!(!fourth.was_turned_away());
        assert!(two.begin().is_none() && !one.was_turned_away());
    }

    #[test]
    fn who_asked_once_and_holds_all_places_is_pushed_out_by_who_comes_later() {
        let connections = connections(8, 100);
        let held: Vec<Place> = (0..8).map(|_| connect(&connections, "198.51.100.7")).collect();
        for place in &held {
            drop(place.begin());
        }
        let newcomers: Vec<Place> = (0..8).map(|n| connect(&connections, &format!("192.0.2.{n}"))).collect();
        assert!(held.iter().all(Place::was_turned_away));
        assert!(newcomers.iter().all(|place| !place.was_turned_away()));
    }

    #[test]
    fn a_site_has_four_times_as_many_and_a_trusted_proxy_as_many_as_there_are() {
        let connections = connections(100, 2);
        let site: Vec<Place> = (0..50).map(|n| connect(&connections, &format!("2001:db8:1:{n}::1"))).collect();
        assert_eq!(site.iter().filter(|place| !place.was_turned_away()).count(), 8);
        let proxied: Vec<Place> = (0..50).map(|_| connections.place(address("10.0.0.1"), true, None)).collect();
        assert!(proxied.iter().all(|place| !place.was_turned_away()));
    }

    #[test]
    fn a_place_is_given_back() {
        let connections = connections(1, 1);
        for _ in 0..10 {
            let place = connect(&connections, "192.0.2.1");
            assert!(place.begin().is_some());
        }
        assert!(connections.lock().taken.is_empty());
    }

    #[test]
    fn what_is_forgotten_is_closed_and_what_is_busy_is_not() {
        let connections = connections(10, 10);
        let (idle, asking) = (connect(&connections, "192.0.2.1"), connect(&connections, "192.0.2.1"));
        let busy = asking.begin();
        connections.close_idle_since_before(connections.now() + 1);
        assert!(idle.was_turned_away() && !asking.was_turned_away());
        drop(busy);
        assert!(asking.begin().is_some());
    }

    #[test]
    fn a_small_machine_has_room_for_five_hundred() {
        assert_eq!(ConnectionLimits::for_memory(256 << 20), 512);
        assert_eq!(ConnectionLimits::for_memory(1 << 20), TOTAL_MIN);
        assert_eq!(ConnectionLimits::for_memory(u64::MAX), TOTAL_MAX);
    }
}
