//! The workloads, one per file, and the table of them: what runs, with how many devices, and what it must reach.

mod append;
mod fresh_device;
mod idle_sync;
mod large_snapshots;
mod many_accounts;
mod snapshot;
mod whole_sync;

use std::path::Path;

use anyhow::Result;
use taskferry_protocol::ClientId;

use super::party::{Party, Programs};
use super::populate;
use super::target::Target;
use super::turn::Turn;
use crate::cli::CompareArgs;
use crate::client::Device;
use crate::load::runtime;
use crate::process::Server;
use crate::random::Random;
use crate::units::grouped;

/// The size of a version: about what one `task sync` with one change sends.
const VERSION_BYTES: usize = 700;

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Workload {
    /// By which it is chosen.
    pub(crate) name: String,
    /// What one step of it is.
    pub(crate) title: String,
    /// Devices, each with one connection.
    pub(crate) devices: usize,
    /// Who takes part.
    pub(crate) parties: &'static [Party],
    /// Whether it is played in every round; else once, since it measures no time.
    pub(crate) every_round: bool,
    /// What it must reach.
    pub(crate) targets: Vec<Target>,
    /// What is done.
    pub(crate) kind: Kind,
}

/// What a workload does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Versions, one after the other.
    Append,
    /// Asks, adds, asks again.
    WholeSync,
    /// Asks only.
    IdleSync,
    /// Asks for the first version of one of so many accounts.
    FreshDevice {
        /// How many.
        accounts: u64,
    },
    /// Adds a version and a snapshot of it, and fetches it.
    Snapshot,
    /// The same once, with large snapshots, all at once.
    LargeSnapshots,
    /// Creates so many accounts.
    ManyAccounts {
        /// How many.
        accounts: u64,
    },
}

const ALL: &[Party] = &[Party::Reference, Party::Ceiling, Party::Ours];
const RIVALS: &[Party] = &[Party::Reference, Party::Ours];
const OURS: &[Party] = &[Party::Ours];
/// The reference walks all accounts for each such request: with more than these it would answer a handful per turn.
const REFERENCE_ACCOUNTS_MAX: u64 = 100_000;

impl Workload {
    fn new(name: &str, title: impl Into<String>, devices: usize, kind: Kind, targets: Vec<Target>) -> Self {
        Self { name: name.to_owned(), title: title.into(), devices, parties: ALL, every_round: true, targets, kind }
    }

    /// All of them, with the options of the command line.
    pub(crate) fn all(args: &CompareArgs) -> Vec<Self> {
        let mut all = vec![
            Self::new("append-1", "add-version", 1, Kind::Append, vec![Target::TimesReference(4.0)]),
            Self::new(
                "append-64",
                "add-version",
                64,
                Kind::Append,
                vec![Target::TimesReference(10.0), Target::P99OfReference(0.05)],
            ),
            Self::new(
                "sync-64",
                "whole sync: 404, add-version, 404",
                64,
                Kind::WholeSync,
                vec![Target::TimesReference(10.0)],
            ),
            Self::new(
                "idle-64",
                "idle sync: get-child-version of the latest, 404",
                64,
                Kind::IdleSync,
                vec![Target::TimesCeiling(0.9)],
            ),
        ];
        let mut numbers = args.accounts.clone();
        numbers.sort_unstable();
        numbers.dedup();
        let fewest = numbers.first().copied().unwrap_or_default();
        for accounts in numbers {
            all.push(Self {
                parties: if accounts <= REFERENCE_ACCOUNTS_MAX { ALL } else { &ALL[1..] },
                ..Self::new(
                    &format!("fresh-{accounts}"),
                    format!("a fresh device's first request, {} accounts", grouped(accounts)),
                    4,
                    Kind::FreshDevice { accounts },
                    if accounts == fewest { vec![] } else { vec![Target::P50OfFewest(1.5)] },
                )
            });
        }
        all.extend([
            Self::new(
                "snapshot-4",
                "add-version, snapshot up and down, 1 MB",
                4,
                Kind::Snapshot,
                vec![Target::TimesReference(2.0)],
            ),
            Self {
                parties: RIVALS,
                every_round: false,
                ..Self::new(
                    "snapshots-16",
                    "50 MB snapshots up and down, all at once",
                    16,
                    Kind::LargeSnapshots,
                    vec![Target::AllArrive, Target::PeakMemory(96)],
                )
            },
            Self {
                parties: OURS,
                every_round: false,
                ..Self::new(
                    "memory",
                    format!("memory at rest after {} accounts", grouped(args.idle_accounts)),
                    64,
                    Kind::ManyAccounts { accounts: args.idle_accounts },
                    vec![Target::MemoryAtRest(64)],
                )
            },
        ]);
        all
    }

    /// Whether all turns of a party share a data directory that [`Workload::prepare`] has filled.
    pub(crate) const fn is_prepared(&self) -> bool {
        matches!(self.kind, Kind::FreshDevice { .. })
    }

    /// Fills a data directory.
    pub(crate) fn prepare(&self, programs: &Programs, party: Party, data_dir: &Path) -> Result<()> {
        match self.kind {
            Kind::FreshDevice { accounts } => populate::fill(programs, party, data_dir, accounts),
            _ => Ok(()),
        }
    }

    /// One turn of one party: starts it, plays, stops it.
    pub(crate) fn play(&self, programs: &Programs, party: Party, data_dir: &Path, seconds: f64) -> Result<Turn> {
        let server = programs.start(party, data_dir, snapshot::BYTES)?;
        let turn = runtime()?.block_on(self.turn(&server, party, seconds))?;
        let turn = Turn { memory: Some(server.memory()?), ..turn };
        server.stop()?;
        Ok(turn)
    }

    async fn turn(&self, server: &Server, party: Party, seconds: f64) -> Result<Turn> {
        match self.kind {
            Kind::Append => append::play(server, self.devices, seconds).await,
            Kind::WholeSync => whole_sync::play(server, self.devices, seconds).await,
            Kind::IdleSync => idle_sync::play(server, self.devices, seconds).await,
            Kind::FreshDevice { accounts } => fresh_device::play(server, self.devices, seconds, accounts).await,
            Kind::Snapshot => snapshot::play(server, party, self.devices, seconds).await,
            Kind::LargeSnapshots => large_snapshots::play(server, self.devices).await,
            Kind::ManyAccounts { accounts } => many_accounts::play(server, self.devices, accounts).await,
        }
    }
}

/// Devices of accounts that have one version each.
async fn devices(server: &Server, count: usize) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for _ in 0..count {
        let mut device = Device::connect(server.address(), ClientId::generate()).await?;
        device.append(&version()).await?;
        devices.push(device);
    }
    Ok(devices)
}

/// A version's body: random, as ciphertext is.
fn version() -> [u8; VERSION_BYTES] {
    thread_local!(static RANDOM: std::cell::RefCell<Random> = const { std::cell::RefCell::new(Random::new(700)) });
    let mut body = [0; VERSION_BYTES];
    RANDOM.with_borrow_mut(|random| random.fill(&mut body));
    body
}
