//! What hostile and broken strangers do to a server that stands on the open internet.
//!
//! | module | strangers who |
//! |---|---|
//! | [`flood`] | ask, create and guess as fast as they can |
//! | [`slow`] | hold connections: half open, byte by byte, or taking nothing of what was sent to them |
//! | [`oversize`] | send heads that don't end, and bodies that fill an account |
//! | [`connection`] | the little HTTP that they need, from any address of this machine |
//!
//! An [`Attack`] runs on a thread of its own, so that the honest device beside it does not wait for it in its own process. It
//! ends when it is told to, and in any case after [`LONGEST`]; it attacks loopback addresses only.

mod connection;
mod flood;
mod oversize;
mod slow;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

/// No attack lasts longer, whoever forgot to stop it.
pub const LONGEST: Duration = Duration::from_mins(10);

/// A way to do harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attack {
    /// Asks for the history of accounts that don't exist, each time another one.
    UnknownAccounts,
    /// The same, each time under another address in `X-Forwarded-For`.
    ForgedAddresses,
    /// Creates accounts, each with a first version.
    NewAccounts,
    /// Fetches the pages and the health report.
    Pages,
    /// Syncs its own account without a pause.
    RestlessDevice,
    /// Fills an account of its own.
    GreedyAccount,
    /// Opens connections and says nothing.
    HalfOpen,
    /// Sends the head of a request byte by byte.
    SlowHeads,
    /// Sends the body of a version byte by byte.
    SlowBodies,
    /// Sends as much of a version as takes a part of the memory, and then goes on byte by byte. All of one account.
    Hoarders,
    /// Asks for a large body and takes nothing of it.
    DeafReaders,
    /// Sends heads that don't end.
    HugeHeads,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::UnknownAccounts,
        Self::ForgedAddresses,
        Self::NewAccounts,
        Self::Pages,
        Self::RestlessDevice,
        Self::GreedyAccount,
        Self::HalfOpen,
        Self::SlowHeads,
        Self::SlowBodies,
        Self::Hoarders,
        Self::DeafReaders,
        Self::HugeHeads,
    ];

    /// What it is called, in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownAccounts => "unknown accounts",
            Self::ForgedAddresses => "forged addresses",
            Self::NewAccounts => "new accounts",
            Self::Pages => "pages",
            Self::RestlessDevice => "restless device",
            Self::GreedyAccount => "greedy account",
            Self::HalfOpen => "half-open connections",
            Self::SlowHeads => "slow heads",
            Self::SlowBodies => "slow bodies",
            Self::Hoarders => "hoarders of memory",
            Self::DeafReaders => "deaf readers",
            Self::HugeHeads => "huge heads",
        }
    }
}

/// Strangers who are about to attack.
#[derive(Debug, Clone, Copy)]
pub struct Strangers {
    server: SocketAddr,
    from: IpAddr,
    connections: usize,
    /// So many addresses in all; with one, `from` alone.
    addresses: u8,
}

impl Strangers {
    /// Strangers on this very machine, at another address of it than everybody else: 64 of them.
    pub const fn against(server: SocketAddr) -> Self {
        Self { server, from: IpAddr::V4(Ipv4Addr::new(127, 6, 6, 6)), connections: 64, addresses: 1 }
    }

    /// From this address of the machine instead.
    #[must_use]
    pub const fn from(mut self, address: IpAddr) -> Self {
        self.from = address;
        self
    }

    /// From so many addresses beside that one, in turns; IPv4 only.
    #[must_use]
    pub const fn from_many(mut self, addresses: u8) -> Self {
        self.addresses = addresses;
        self
    }

    /// So many connections at once.
    #[must_use]
    pub const fn on(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// As the stranger of this number sees it.
    fn at_place(mut self, number: usize) -> Self {
        if let (IpAddr::V4(first), Some(beside)) = (self.from, u32::try_from(number % usize::from(self.addresses)).ok())
        {
            self.from = IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() + beside));
        }
        self
    }

    /// Begins. Refuses to attack anything but this machine.
    pub fn begin(self, attack: Attack) -> std::io::Result<Running> {
        if !self.server.ip().is_loopback() {
            return Err(std::io::Error::other("strangers attack loopback addresses only"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let seen = Arc::new(Seen::default());
        let (stop, stopped) = watch::channel(false);
        let scene = Scene { strangers: self, seen: Arc::clone(&seen) };
        let thread = std::thread::Builder::new()
            .name("strangers".to_owned())
            .spawn(move || runtime.block_on(attack_until(attack, &scene, stopped)))?;
        Ok(Running { stop, thread: Some(thread), seen })
    }
}

async fn attack_until(attack: Attack, scene: &Scene, mut stopped: watch::Receiver<bool>) {
    let mut strangers = JoinSet::new();
    for number in 0..scene.strangers.connections {
        let strangers_own = Scene { strangers: scene.strangers.at_place(number), seen: Arc::clone(&scene.seen) };
        strangers.spawn(be_a_stranger(attack, strangers_own, number));
    }
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = tokio::time::sleep(LONGEST) => {}
    }
    strangers.shutdown().await;
}

/// One of them: over and over, whatever the server does about it.
async fn be_a_stranger(attack: Attack, scene: Scene, number: usize) {
    loop {
        let outcome = match attack {
            Attack::UnknownAccounts => flood::unknown_accounts(&scene).await,
            Attack::ForgedAddresses => flood::forged_addresses(&scene).await,
            Attack::NewAccounts => flood::new_accounts(&scene).await,
            Attack::Pages => flood::pages(&scene).await,
            Attack::RestlessDevice => flood::restless_device(&scene, number).await,
            Attack::GreedyAccount => oversize::greedy_account(&scene).await,
            Attack::HugeHeads => oversize::huge_heads(&scene).await,
            Attack::HalfOpen => slow::half_open(&scene).await,
            Attack::SlowHeads => slow::slow_heads(&scene).await,
            Attack::SlowBodies => slow::slow_bodies(&scene).await,
            Attack::Hoarders => slow::hoarders(&scene).await,
            Attack::DeafReaders => slow::deaf_readers(&scene).await,
        };
        if outcome.is_err() {
            scene.seen.cut();
            // A server that turns strangers away at once would otherwise make this a test of this machine's TCP.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// What one stranger knows.
#[derive(Debug, Clone)]
struct Scene {
    strangers: Strangers,
    seen: Arc<Seen>,
}

/// An attack that goes on. It ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    seen: Arc<Seen>,
}

impl Running {
    /// Waits until the strangers were answered, cut off or made to wait so many times; false if that never came within
    /// `at_most`.
    pub fn wait_for(&self, times: u64, at_most: Duration) -> bool {
        let waited = self.seen.changed.wait_timeout_while(self.seen.lock(), at_most, |tally| tally.total() < times);
        waited.unwrap_or_else(PoisonError::into_inner).0.total() >= times
    }

    /// Waits until as much is held by those who are slow on purpose.
    pub fn wait_until_held(&self, times: u64, at_most: Duration) -> bool {
        let waited = self.seen.changed.wait_timeout_while(self.seen.lock(), at_most, |tally| tally.held < times);
        waited.unwrap_or_else(PoisonError::into_inner).0.held >= times
    }

    /// What came of it so far.
    pub fn tally(&self) -> Tally {
        self.seen.lock().clone()
    }

    /// Ends it: what came of it.
    pub fn stop(mut self) -> Tally {
        self.end();
        self.tally()
    }

    fn end(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// What came of an attack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answers, by status code.
    pub answers: BTreeMap<u16, u64>,
    /// Connections that the server did not take, or cut off.
    pub cut: u64,
    /// Connections that are held, or bytes that were trickled, by those who are slow on purpose.
    pub held: u64,
}

impl Tally {
    /// Answers with this status code.
    pub fn answered(&self, status: u16) -> u64 {
        self.answers.get(&status).copied().unwrap_or_default()
    }

    /// Everything that happened.
    pub fn total(&self) -> u64 {
        self.answers.values().sum::<u64>() + self.cut + self.held
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = self.answers.iter().map(|(status, count)| format!("{count} × {status}"));
        let others = [(self.cut, "cut"), (self.held, "held")];
        let others = others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        f.write_str(&answers.chain(others).collect::<Vec<_>>().join(", "))
    }
}

#[derive(Debug, Default)]
struct Seen {
    tally: Mutex<Tally>,
    changed: Condvar,
}

impl Seen {
    fn answered(&self, status: u16) {
        self.change(|tally| *tally.answers.entry(status).or_default() += 1);
    }

    fn cut(&self) {
        self.change(|tally| tally.cut += 1);
    }

    fn held(&self) {
        self.change(|tally| tally.held += 1);
    }

    fn change(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
