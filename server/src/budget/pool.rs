//! Room that is shared out fairly.
//!
//! To hold room costs a stranger nothing but a slow link, so who asks first must not be who has it. A *party* is an address and an
//! account; whichever of the two holds more counts. While there is room, everybody gets what they ask for. When there is none:
//!
//! - whoever holds least is served next, so that many requests of one party wait behind the first of another;
//! - a body that hardly moves gives way to whoever holds less, or comes from the same address: the greediest party's first;
//! - of a party that holds more than a quarter, others give way too, as long as it keeps as much as the newcomer gets.
//!
//! What gives way is cut off as when a place is needed ([`crate::perimeter::connections`]): a body that has arrived is never cut. A
//! crowd that really sends, each with an address and an account of its own, can make newcomers wait, and no more.
//!
//! Rejected: a fixed share for each address (everybody behind a proxy that the server does not know would have to do with one).

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use taskferry_protocol::ClientId;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::OutOfBudget;
use crate::perimeter::address::Visitor;
use crate::perimeter::connections::{Connection, SLOW};

/// How often somebody who waits looks who might give way.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A party that holds more than this part of all room is asked to give way whatever its speed.
const GREEDY_PART: u32 = 4;

/// For whom room is held.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    /// Where the request came from, as a trusted proxy tells it.
    pub(crate) visitor: Visitor,
    /// Whose body it is.
    pub(crate) account: ClientId,
    /// Over which it goes, to be cut off by; none in tests.
    pub(crate) connection: Option<Arc<Connection>>,
}

impl Party {
    fn transferred(&self) -> u64 {
        self.connection.as_ref().map_or(0, |connection| connection.transferred())
    }

    fn waits_for_us(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.waits_for_us())
    }
}

/// Room that somebody holds.
#[derive(Debug)]
struct Holding {
    party: Party,
    units: u32,
    /// When it was last looked at how fast its body goes, the bytes by then, and what was seen.
    looked_at: Instant,
    bytes_by_then: u64,
    is_slow: bool,
    /// Whether it was cut off, and is about to be given back.
    is_cut: bool,
}

impl Holding {
    fn new(party: Party, units: u32) -> Self {
        let bytes_by_then = party.transferred();
        Self { party, units, looked_at: Instant::now(), bytes_by_then, is_slow: false, is_cut: false }
    }

    /// Whether its body hardly moves: since the last look, or, before the time that it takes to tell, as it was seen then. Where it
    /// waits for a slow disk, nothing is told of it.
    fn look(&mut self, now: Instant, telling: Duration) -> bool {
        if self.party.waits_for_us() {
            (self.looked_at, self.bytes_by_then, self.is_slow) = (now, self.party.transferred(), false);
        }
        let since = now.saturating_duration_since(self.looked_at);
        if since >= telling {
            let bytes = self.party.transferred();
            let more = u128::from(bytes.saturating_sub(self.bytes_by_then)) * 1000;
            self.is_slow = more < u128::from(SLOW) * since.as_millis();
            (self.looked_at, self.bytes_by_then) = (now, bytes);
        }
        self.is_slow
    }

    fn cut(&mut self) -> bool {
        self.is_cut = self.party.connection.as_ref().is_some_and(|connection| connection.cut_transfer());
        self.is_cut
    }
}

/// Somebody who waits for their turn.
#[derive(Debug)]
struct Waiting {
    party: Party,
    units: u32,
    granted: oneshot::Sender<()>,
}

/// How much each holds who holds anything.
#[derive(Debug, Default)]
struct Held {
    by_visitor: HashMap<Visitor, u32>,
    by_account: HashMap<ClientId, u32>,
}

impl Held {
    fn by(&self, party: &Party) -> u32 {
        let by_visitor = self.by_visitor.get(&party.visitor).copied().unwrap_or_default();
        by_visitor.max(self.by_account.get(&party.account).copied().unwrap_or_default())
    }

    fn take(&mut self, party: &Party, units: u32) {
        *self.by_visitor.entry(party.visitor).or_default() += units;
        *self.by_account.entry(party.account).or_default() += units;
    }

    fn give_back(&mut self, party: &Party, units: u32) {
        less(&mut self.by_visitor, &party.visitor, units);
        less(&mut self.by_account, &party.account, units);
    }
}

/// Who holds nothing is forgotten.
fn less<K: Hash + Eq>(held: &mut HashMap<K, u32>, key: &K, units: u32) {
    if let Some(left) = held.get_mut(key) {
        *left = left.saturating_sub(units);
        if *left == 0 {
            held.remove(key);
        }
    }
}

/// Bounded by the number of connections: each asks for one body at a time.
#[derive(Debug)]
struct Inner {
    free: u32,
    next: u64,
    holding: BTreeMap<u64, Holding>,
    held: Held,
    waiting: BTreeMap<u64, Waiting>,
    look_again: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pool {
    units: u32,
    /// How long it takes to tell how fast a body goes.
    telling: Duration,
    inner: Mutex<Inner>,
}

/// Room, or a wait for it; given back on drop.
#[derive(Debug)]
pub(super) struct Room {
    pool: Arc<Pool>,
    number: u64,
}

impl Pool {
    pub(super) fn new(units: u32, telling: Duration) -> Self {
        let (holding, held, waiting) = (BTreeMap::new(), Held::default(), BTreeMap::new());
        let inner = Inner { free: units, next: 0, holding, held, waiting, look_again: Instant::now() };
        Self { units, telling, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room, if there is some and nobody waits for it. Never more than there is in all, so that it comes to be free.
    pub(super) fn try_take(self: &Arc<Self>, party: &Party, units: u32) -> Option<Room> {
        let units = units.min(self.units);
        let mut inner = self.lock();
        if !inner.waiting.is_empty() || inner.free < units {
            return None;
        }
        let number = inner.number();
        inner.take(number, party.clone(), units);
        Some(Room { pool: Arc::clone(self), number })
    }

    /// Room, as soon as it is this party's turn.
    pub(super) async fn take(
        self: &Arc<Self>,
        party: Party,
        units: u32,
        patience: Duration,
    ) -> Result<Room, OutOfBudget> {
        let until = Instant::now() + patience;
        let (room, mut granted) = self.queue_up(party, units.min(self.units));
        loop {
            self.make_way();
            let look_again = (Instant::now() + LOOK_EVERY).min(until);
            match tokio::time::timeout_at(look_again, &mut granted).await {
                Ok(Ok(())) => return Ok(room),
                Err(_) if look_again < until => {}
                Ok(Err(_)) | Err(_) => return Err(OutOfBudget),
            }
        }
    }

    fn queue_up(self: &Arc<Self>, party: Party, units: u32) -> (Room, oneshot::Receiver<()>) {
        let (granted, receiver) = oneshot::channel();
        let mut inner = self.lock();
        let number = inner.number();
        inner.waiting.insert(number, Waiting { party, units, granted });
        inner.serve();
        (Room { pool: Arc::clone(self), number }, receiver)
    }

    /// Cuts off what has to give way to whoever is next, if it is time to look.
    fn make_way(&self) {
        let (mut inner, now) = (self.lock(), Instant::now());
        if now >= inner.look_again {
            inner.look_again = now + LOOK_EVERY;
            inner.make_way(now, self.telling, self.units / GREEDY_PART);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut inner = self.pool.lock();
        match inner.holding.remove(&self.number) {
            Some(Holding { party, units, .. }) => {
                inner.free += units;
                inner.held.give_back(&party, units);
            }
            // It was never this one's turn.
            None => drop(inner.waiting.remove(&self.number)),
        }
        inner.serve();
    }
}

impl Inner {
    const fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn take(&mut self, number: u64, party: Party, units: u32) {
        self.free -= units;
        self.held.take(&party, units);
        self.holding.insert(number, Holding::new(party, units));
    }

    /// Whose turn it is: who holds least, and of those who came first.
    fn next_in_line(&self) -> Option<(u64, &Waiting)> {
        let waiting = self.waiting.iter().min_by_key(|(number, waiting)| (self.held.by(&waiting.party), **number));
        waiting.map(|(number, waiting)| (*number, waiting))
    }

    /// Gives what is free to those whose turn it is. Never past them: who wants much would wait for ever.
    fn serve(&mut self) {
        while let Some((number, next)) = self.next_in_line() {
            if next.units > self.free {
                return;
            }
            if let Some(Waiting { party, units, granted }) = self.waiting.remove(&number) {
                self.take(number, party, units);
                // Who has left meanwhile gives it back by dropping their room.
                let _ = granted.send(());
            }
        }
    }

    fn make_way(&mut self, now: Instant, telling: Duration, greedy_from: u32) {
        let Some((_, next)) = self.next_in_line() else { return };
        let (newcomer, wanted) = (next.party.visitor, next.units);
        let own = self.held.by(&next.party);
        let mut coming = self.free;
        let mut candidates = Vec::new();
        for (number, holding) in &mut self.holding {
            if holding.is_cut {
                coming = coming.saturating_add(holding.units);
                continue;
            }
            let held = self.held.by(&holding.party);
            let is_slow = holding.look(now, telling);
            let gives_way = if is_slow {
                held > own || holding.party.visitor == newcomer
            } else {
                held > greedy_from && held.saturating_sub(holding.units) >= own.saturating_add(wanted)
            };
            if gives_way {
                candidates.push((Reverse(held), !is_slow, holding.party.transferred(), *number));
            }
        }
        candidates.sort_unstable();
        for (.., number) in candidates {
            if coming >= wanted {
                return;
            }
            if let Some(holding) = self.holding.get_mut(&number)
                && holding.cut()
            {
                coming = coming.saturating_add(holding.units);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
