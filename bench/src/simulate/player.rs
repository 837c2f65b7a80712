//! Plays the syncs of its accounts over one connection, request by request as stock clients send them, and times each.

use std::cell::RefCell;
use std::time::Instant;

use anyhow::{Result, bail, ensure};

use super::population::{Account, Event, What, plan};
use crate::client::{Added, Block, Child, Device, Traffic};
use crate::load::Latency;

/// A client sends more than this as several versions, in bytes.
const VERSION_BYTES_MAX: u64 = 1_000_000;
/// So many failures end the simulation.
const FAILURES_MAX: u64 = 1_000;
/// How often a device tries again when another one was faster.
const TRIES: usize = 5;

/// The requests of the protocol, as they are told apart in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// `get-child-version`.
    Child,
    /// `add-version`.
    Add,
    /// `add-snapshot`.
    PutSnapshot,
    /// `snapshot`.
    GetSnapshot,
}

/// All of them, by their names.
pub(crate) const REQUESTS: [(Request, &str); 4] = [
    (Request::Child, "get-child-version"),
    (Request::Add, "add-version"),
    (Request::PutSnapshot, "add-snapshot"),
    (Request::GetSnapshot, "snapshot"),
];

/// What happened, over all players.
#[derive(Debug)]
pub(crate) struct Log {
    /// By [`Request`], in the order of [`REQUESTS`].
    pub(crate) latencies: [Latency; 4],
    /// Syncs, whole.
    pub(crate) syncs: u64,
    /// Requests by the hour in which they would have been sent, since the beginning.
    pub(crate) by_hour: Vec<u64>,
    /// Bytes in all versions.
    pub(crate) version_bytes: u64,
    /// Syncs that failed.
    pub(crate) failures: u64,
    /// The first failure, in words.
    pub(crate) first_failure: Option<String>,
}

impl Log {
    /// Nothing happened yet.
    pub(crate) fn new(days: u32) -> Result<Self> {
        Ok(Self {
            latencies: [Latency::new()?, Latency::new()?, Latency::new()?, Latency::new()?],
            syncs: 0,
            by_hour: vec![0; usize::try_from(days)? * 24],
            version_bytes: 0,
            failures: 0,
            first_failure: None,
        })
    }

    fn synced(&mut self, hour: usize, requests: u64, outcome: Result<()>) -> Result<()> {
        self.syncs += 1;
        self.by_hour[hour] += requests;
        if let Err(error) = outcome {
            self.failures += 1;
            if self.first_failure.is_none() {
                self.first_failure = Some(format!("{error:#}"));
            }
            ensure!(self.failures < FAILURES_MAX, error.context("too many syncs failed"));
        }
        Ok(())
    }
}

/// Some of the accounts, and the connection that they share.
#[derive(Debug)]
pub(crate) struct Player<'a> {
    device: Device,
    accounts: Vec<Account>,
    block: &'a Block,
    log: &'a RefCell<Log>,
}

impl<'a> Player<'a> {
    /// One that has played nothing yet.
    pub(crate) const fn new(device: Device, accounts: Vec<Account>, block: &'a Block, log: &'a RefCell<Log>) -> Self {
        Self { device, accounts, block, log }
    }

    /// Its accounts.
    pub(crate) fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// What went over its connection.
    pub(crate) const fn traffic(&self) -> Traffic {
        self.device.traffic()
    }

    /// A connection that the server has not closed meanwhile.
    pub(crate) async fn reconnect(&mut self) -> Result<()> {
        self.device.reconnect().await
    }

    /// Plays one day.
    pub(crate) async fn play(&mut self, day: u32) -> Result<()> {
        for event in plan(&mut self.accounts, day) {
            let requests = self.device.traffic().requests;
            let outcome = self.sync(event).await;
            let hour = usize::try_from(day * 24 + event.hour())?;
            let failed = outcome.is_err();
            self.log.borrow_mut().synced(hour, self.device.traffic().requests - requests, outcome)?;
            if failed {
                self.device.reconnect().await?;
            }
        }
        Ok(())
    }

    async fn sync(&mut self, event: Event) -> Result<()> {
        let account = &self.accounts[event.account()];
        self.device.become_device(account.client, account.devices[event.device()].version);
        let outcome = match event.what {
            What::First => self.first(event.account()).await,
            What::Join => self.join().await,
            What::Change => self.change(event.account()).await,
            What::Idle => self.pull().await,
        };
        // Also after a failure: a version that was accepted is there.
        self.accounts[event.account()].devices[event.device()].version = self.device.version();
        outcome
    }

    /// The first device's first sync: everything that it has, in pieces, and a snapshot of it.
    async fn first(&mut self, account: usize) -> Result<()> {
        self.pull().await?;
        let mut left = self.accounts[account].first_upload_bytes();
        let mut wanted = false;
        while left > 0 {
            let piece = left.min(VERSION_BYTES_MAX);
            let body = self.accounts[account].sealed(piece);
            wanted |= self.add(&body).await?;
            left -= piece;
        }
        self.finish(account, wanted).await
    }

    /// Another device's first sync: the snapshot, if there is one, and what came after it.
    async fn join(&mut self) -> Result<()> {
        let started = Instant::now();
        self.device.try_get_snapshot(None).await?;
        self.record(Request::GetSnapshot, started);
        self.pull().await
    }

    async fn change(&mut self, account: usize) -> Result<()> {
        self.pull().await?;
        let body = self.accounts[account].change();
        let wanted = self.add(&body).await?;
        self.finish(account, wanted).await
    }

    /// Asks until there is nothing new.
    async fn pull(&mut self) -> Result<()> {
        loop {
            let started = Instant::now();
            let child = self.device.child().await?;
            self.record(Request::Child, started);
            match child {
                Child::Version(version) => self.device.move_to(version),
                Child::UpToDate => return Ok(()),
            }
        }
    }

    /// Adds a version; whether the server wants a snapshot.
    async fn add(&mut self, body: &[u8]) -> Result<bool> {
        for _ in 0..TRIES {
            let started = Instant::now();
            let before = self.device.version();
            let added = self.device.add_version(body).await?;
            self.record(Request::Add, started);
            match added {
                Added::Stored { snapshot_wanted } => {
                    self.log.borrow_mut().version_bytes += body.len() as u64;
                    return Ok(snapshot_wanted);
                }
                // A client must see what came in between before it may follow it.
                Added::Conflict => {
                    self.device.move_to(before);
                    self.pull().await?;
                }
            }
        }
        bail!("other devices were always faster")
    }

    /// Sends a snapshot if one is wanted, and asks once more.
    async fn finish(&mut self, account: usize, snapshot_wanted: bool) -> Result<()> {
        if snapshot_wanted {
            let account = &mut self.accounts[account];
            let bytes = account.snapshot_size();
            let snapshot = self.block.pattern(usize::try_from(bytes)?, bytes);
            let started = Instant::now();
            self.device.add_snapshot(&snapshot).await?;
            account.snapshot_bytes = bytes;
            self.record(Request::PutSnapshot, started);
        }
        self.pull().await
    }

    fn record(&self, request: Request, started: Instant) {
        let took = started.elapsed();
        let place = REQUESTS.iter().position(|(known, _)| *known == request).unwrap_or(0);
        self.log.borrow_mut().latencies[place].record(took);
    }
}
