//! Connections: how many there may be, of all and of one visitor, and which of them has to go when there are too many.
//!
//! Holding a connection costs a stranger nothing and the server memory. So there are places, and who comes when all are taken gets
//! another's:
//!
//! - of the visitor who holds most, as long as that is not fewer than the newcomer holds: a crowd only ever displaces itself, and
//!   needs as many addresses as there are places to keep an honest device out;
//! - there, the one that has been idle longest: its owner comes back by itself, as with every server. Or else a body that is under
//!   way;
//! - behind a proxy, where all visitors look like one, the one that has been idle longest, or else the slowest body.
//!
//! A connection with a request under way is not closed, since that could cut a push in its middle: only a body is cut off, on its
//! way in or out, that belongs to no push or will never arrive in time ([`Connection::begin_transfer`]), and a peer that does not send or
//! take within seconds what is so small that it needs no time ([`Connection::await_something_small`]). Else whoever trickles bodies, or
//! takes nothing of answers, from some ten addresses would keep everybody out. If there is nothing that may be closed, the newcomer is
//! turned away.
//!
//! Rejected: to stop accepting when the places are taken, as the HTTP library would (whoever holds them keeps everybody out);
//! and to spare connections that have asked something before (an attacker asks once and then holds all places but one).
//!
//! The library times out the first request head of a connection and idleness between requests, but not a second head
//! that is begun and never finished. Places know since when nothing happened, and once a second the forgotten ones are
//! closed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::address::{Address, Visitor};

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
                let hint = "raise the limit: `ulimit -n`, or `LimitNOFILE=` of systemd";
                tracing::warn!(allowed, connections = total, hint, "too few files may be open for all connections");
                return Self { total, ..self };
            }
        }
        self
    }
}

/// What a connection is doing, in one word: since when it has been idle (milliseconds), or one of these.
const BUSY: u64 = u64::MAX;
const CLOSED: u64 = u64::MAX - 1;

/// What is in place of a moment in a transfer that was cut off.
const CUT: u64 = u64::MAX;
/// How long a device pauses between two requests of one sync, at most: while it seals the next version.
const PAUSE_MS: u64 = 5000;
/// Bytes a second below which a version of usual size, 1 MB, does not arrive in the minute for which Taskwarrior waits.
pub(crate) const SLOW: u64 = 8 * 1024;
/// A speed that can't be told yet.
const UNKNOWN: u64 = u64::MAX;
/// How long a body must have gone before its speed tells anything.
const TELLING_MS: u64 = 1000;

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: Address,
    /// Whether the peer is a trusted proxy.
    is_proxy: bool,
    doing: AtomicU64,
    /// Whether it has asked anything yet.
    has_asked: AtomicBool,
    /// Since when a body goes over it that may be cut off (milliseconds, from 1 on); 0 = none does, or [`CUT`].
    transfer: AtomicU64,
    /// Whether that body belongs to a push that is under way.
    of_push: AtomicBool,
    /// Bytes of that body so far.
    transferred: AtomicU64,
    /// Since when the peer is waited for, to send or take something small (milliseconds, from 1 on); 0 = it is not.
    small_since: AtomicU64,
    /// Whether it waits for this server's disk, and not for the peer.
    waits_for_us: AtomicBool,
    /// When it was last looked at how fast it goes, the bytes by then, and how fast it was. Changed under the lock on all places.
    looked_at: AtomicU64,
    bytes_by_then: AtomicU64,
    speed: AtomicU64,
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

    /// Something begins that may be cut off if its place is needed: a body that comes or goes, or a stranger's wait for a turn. What
    /// belongs to a push that is under way only if it is so slow that its device won't wait for its end.
    pub(crate) fn begin_transfer(self: &Arc<Self>, of_push: bool) -> Transfer {
        self.of_push.store(of_push, Ordering::Relaxed);
        let since = milliseconds_since(self.start).max(1);
        self.transferred.store(0, Ordering::Relaxed);
        self.looked_at.store(since, Ordering::Relaxed);
        self.bytes_by_then.store(0, Ordering::Relaxed);
        self.speed.store(UNKNOWN, Ordering::Relaxed);
        self.transfer.store(since, Ordering::Release);
        Transfer { connection: Arc::clone(self), since }
    }

    /// How fast the body goes that may be cut off, in bytes a second, once it can be told. Since the last look and not since
    /// its beginning: what a peer takes nothing of goes fast at first, into the buffers in between.
    fn look_how_fast(&self, now: u64) -> Option<u64> {
        if !self.is_transferring() || self.waits_for_us() {
            return None;
        }
        let milliseconds = now.saturating_sub(self.looked_at.load(Ordering::Relaxed));
        if milliseconds >= if self.of_push.load(Ordering::Relaxed) { PAUSE_MS } else { TELLING_MS } {
            let bytes = self.transferred.load(Ordering::Relaxed);
            let more = bytes.saturating_sub(self.bytes_by_then.swap(bytes, Ordering::Relaxed));
            self.looked_at.store(now, Ordering::Relaxed);
            self.speed.store(more.saturating_mul(1000) / milliseconds, Ordering::Relaxed);
        }
        Some(self.speed.load(Ordering::Relaxed)).filter(|speed| *speed != UNKNOWN)
    }

    /// Whether it is idle between two requests, rather than forgotten.
    fn paused_since(&self, since: u64, now: u64) -> bool {
        !self.is_first_request() && now.saturating_sub(since) < PAUSE_MS
    }

    /// Closes it, if it is idle, or what is under way on it may be cut off.
    fn close(&self, now: u64) -> bool {
        match self.idle_since() {
            Some(since) => self.close_if_still_idle_since(since),
            None => self.cut_transfer() || self.cut_if_stuck(now),
        }
    }

    fn is_transferring(&self) -> bool {
        (1..CUT).contains(&self.transfer.load(Ordering::Acquire))
    }

    /// Whether what is under way on it is a body that may be cut off.
    fn may_be_cut_off(&self, now: u64) -> bool {
        self.is_stuck(now)
            || self.is_transferring()
                && (!self.of_push.load(Ordering::Relaxed) || self.look_how_fast(now).is_some_and(|speed| speed < SLOW))
    }

    /// The peer is waited for until the guard is dropped, to send or take something that needs no time: who has a link takes a small
    /// answer at once, in a push too. Whoever doesn't within [`PAUSE_MS`] may be cut off.
    pub(crate) fn await_something_small(self: &Arc<Self>) -> AwaitsSmall {
        self.small_since.store(milliseconds_since(self.start).max(1), Ordering::Release);
        AwaitsSmall(Arc::clone(self))
    }

    /// Whether something small was waited for too long.
    fn is_stuck(&self, now: u64) -> bool {
        let since = self.small_since.load(Ordering::Acquire);
        since != 0 && now.saturating_sub(since) >= PAUSE_MS
    }

    /// Cuts off what is stuck.
    fn cut_if_stuck(&self, now: u64) -> bool {
        let is_stuck = self.is_stuck(now);
        if is_stuck {
            self.doing.store(CLOSED, Ordering::Release);
            self.cut();
        }
        is_stuck
    }

    /// What is done until the guard is dropped is this server's work: the peer is not slow meanwhile.
    pub(crate) fn wait_for_us(&self) -> WaitsForUs<'_> {
        self.waits_for_us.store(true, Ordering::Relaxed);
        WaitsForUs(self)
    }

    /// Whether the body under way waits for this server.
    pub(crate) fn waits_for_us(&self) -> bool {
        self.waits_for_us.load(Ordering::Relaxed)
    }

    /// Bytes of the present body so far.
    pub(crate) fn transferred(&self) -> u64 {
        self.transferred.load(Ordering::Relaxed)
    }

    /// Cuts that body off, unless it came to its end meanwhile.
    pub(crate) fn cut_transfer(&self) -> bool {
        let since = self.transfer.load(Ordering::Acquire);
        let is_cut = (1..CUT).contains(&since)
            && self.transfer.compare_exchange(since, CUT, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if is_cut {
            self.doing.store(CLOSED, Ordering::Release);
            self.cut();
        }
        is_cut
    }

    fn cut(&self) {
        if let Some(socket) = &self.socket {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// See [`Connection::await_something_small`].
#[derive(Debug)]
pub(crate) struct AwaitsSmall(Arc<Connection>);

impl Drop for AwaitsSmall {
    fn drop(&mut self) {
        self.0.small_since.store(0, Ordering::Release);
    }
}

/// See [`Connection::wait_for_us`].
pub(crate) struct WaitsForUs<'a>(&'a Connection);

impl Drop for WaitsForUs<'_> {
    fn drop(&mut self) {
        self.0.waits_for_us.store(false, Ordering::Relaxed);
    }
}

/// A body that goes over a connection and may be cut off.
#[derive(Debug)]
pub(crate) struct Transfer {
    connection: Arc<Connection>,
    since: u64,
}

impl Transfer {
    /// So many bytes more.
    pub(crate) fn progress(&self, bytes: usize) {
        self.connection.transferred.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// It has come to its end: from now on nothing cuts it off. False if something did.
    pub(crate) fn finish(&self) -> bool {
        self.connection.transfer.compare_exchange(self.since, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.finish();
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

impl Busy {
    /// Its answer is ready, and the peer has to take it. What is large has a [`Transfer`] of its own.
    pub(crate) fn is_answered(&self) -> Option<AwaitsSmall> {
        (!self.0.is_transferring()).then(|| self.0.await_something_small())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let (doing, now) = (&self.0.doing, milliseconds_since(self.0.start));
        // Not if it was closed meanwhile.
        let _ = doing.compare_exchange(BUSY, now, Ordering::AcqRel, Ordering::Relaxed);
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
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
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
            transfer: AtomicU64::new(0),
            of_push: AtomicBool::new(false),
            transferred: AtomicU64::new(0),
            small_since: AtomicU64::new(0),
            waits_for_us: AtomicBool::new(false),
            looked_at: AtomicU64::new(0),
            bytes_by_then: AtomicU64::new(0),
            speed: AtomicU64::new(UNKNOWN),
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
            if !places.make_room(limit, None, self.now(), own) {
                return false;
            }
            let site = |other: &Connection| !other.is_proxy && other.peer.site() == peer.site();
            if peer.site().is_some() && !places.make_room(limit.saturating_mul(SITE_FACTOR), None, self.now(), site) {
                return false;
            }
        }
        places.make_room(self.limits.total, (!is_proxy).then(|| peer.visitor()), self.now(), |_| true)
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
    /// Makes sure that fewer than `limit` of those that are `counted` have a place, by closing some.
    fn make_room(
        &mut self,
        limit: usize,
        newcomer: Option<Visitor>,
        now: u64,
        counted: impl Fn(&Connection) -> bool,
    ) -> bool {
        let mut count = self.taken.values().filter(|connection| counted(connection)).count();
        while count >= limit {
            let victim = match newcomer {
                Some(own) => self.one_of_the_greediest(own, now),
                None => self.idlest(&counted).or_else(|| self.slowest(now, &counted)),
            };
            let Some(number) = victim else { return false };
            // Looked for again if a request began just now, or a body came to its end.
            if self.taken.get(&number).is_some_and(|connection| connection.close(now)) {
                self.taken.remove(&number);
                count -= 1;
            }
        }
        true
    }

    /// Of the visitor who holds most places: the connection that has been idle longest, of whoever holds as many as `own` does;
    /// or else the body that has brought least, of whoever holds more than `own` would. What another visitor asked
    /// something over a moment ago counts like a body: a device pauses between the requests of a push.
    fn one_of_the_greediest(&self, own: Visitor, now: u64) -> Option<u64> {
        let direct = || self.taken.iter().filter(|(_, connection)| !connection.is_proxy);
        let mut held: HashMap<Visitor, usize> = HashMap::new();
        for (_, connection) in direct() {
            *held.entry(connection.peer.visitor()).or_default() += 1;
        }
        let held_by = |visitor: &Visitor| held.get(visitor).copied().unwrap_or_default();
        let (as_many, more) = (held_by(&own), held_by(&own) + 2);
        let goes = direct().filter_map(|(number, connection)| {
            let visitor = connection.peer.visitor();
            let places = held_by(&visitor);
            let least = |since| {
                let pauses = visitor != own && connection.paused_since(since, now);
                if pauses { more } else { as_many }
            };
            let rank = match connection.idle_since() {
                Some(since) if places >= least(since) => (false, since),
                None if places >= more && connection.may_be_cut_off(now) => {
                    (true, connection.transferred.load(Ordering::Relaxed))
                }
                _ => return None,
            };
            Some((Reverse(places), rank, *number))
        });
        goes.min().map(|(_, _, number)| number)
    }

    /// The one that has been idle longest.
    fn idlest(&self, counted: impl Fn(&Connection) -> bool) -> Option<u64> {
        let idle = self.taken.iter().filter(|(_, connection)| counted(connection));
        let idle = idle.filter_map(|(number, connection)| Some((connection.idle_since()?, *number)));
        idle.min().map(|(_, number)| number)
    }

    /// The one whose body is slowest, of those that may be cut off.
    fn slowest(&self, now: u64, counted: impl Fn(&Connection) -> bool) -> Option<u64> {
        let counted = self.taken.iter().filter(|(_, connection)| counted(connection));
        let slow =
            counted.filter(|(_, connection)| connection.may_be_cut_off(now)).filter_map(|(number, connection)| {
                let speed = if connection.is_stuck(now) { Some(0) } else { connection.look_how_fast(now) };
                Some((speed?, *number))
            });
        slow.min().map(|(_, number)| number)
    }
}

#[cfg(test)]
mod tests;
