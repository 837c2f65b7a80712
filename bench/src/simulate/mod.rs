//! `simulate`: a population's days in compressed time, against the real server: what do so many people need?
//!
//! | module | holds |
//! |---|---|
//! | `population` | who they are and when they sync |
//! | `player` | how a sync goes, request by request |
//! | `report` | disk, memory, bandwidth, latency, and what they make in a year |
//!
//! Accounts don't meet, so each connection plays some of them in the order of their days, and all connections wait for each
//! other at midnight. The same seed plays the same syncs with the same bodies; version IDs are the server's own.

mod player;
mod population;
mod report;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fs_err as fs;
use futures_util::future::join_all;
use taskferry_protocol::ClientId;

use self::player::{Log, Player};
use self::population::{Account, HABITS, JOIN_DAYS};
use self::report::{Findings, Sample};
use crate::cli::SimulateArgs;
use crate::client::{Block, Device, Traffic};
use crate::compare::command_line;
use crate::compare::party::start_ours;
use crate::load::runtime;
use crate::process::Server;
use crate::scratch::{Scratch, files};
use crate::{cargo, terminal};

/// How long the play of one day may take.
const DAY_WITHIN: Duration = Duration::from_hours(1);

/// Plays and reports.
pub(crate) fn run(args: &SimulateArgs) -> Result<()> {
    let program = cargo::server(args.server.server.as_deref())?;
    let scratch = Scratch::new(args.server.dir.as_deref())?;
    let data_dir = scratch.data_dir()?;
    let server = start_ours(&program, data_dir.path(), &args.server.server_arg)?;
    let mut findings = runtime()?.block_on(play(args, &server))?;
    findings.files = files(data_dir.path())?;
    server.stop()?;
    findings.files_stopped = files(data_dir.path())?;
    let report = report::markdown(&findings, args, &command_line());
    if let Some(file) = &args.server.out {
        fs::write(file, &report)?;
    }
    terminal::data(&report)
}

async fn play(args: &SimulateArgs, server: &Server) -> Result<Findings> {
    let block = Block::new(args.seed);
    let log = RefCell::new(Log::new(args.days)?);
    let mut players = players(args, server, &block, &log).await?;
    let started = Instant::now();
    let mut joined = None;
    for day in 0..args.days {
        let all = join_all(players.iter_mut().map(|player| player.play(day)));
        let outcomes = tokio::time::timeout(DAY_WITHIN, all).await.context("a day took too long")?;
        outcomes.into_iter().collect::<Result<()>>()?;
        if day + 1 == JOIN_DAYS.min(args.days) {
            joined = Some(sample(&players, &log));
        }
        terminal::say(&format!("day {} of {}: {} syncs so far", day + 1, args.days, log.borrow().syncs));
    }
    let took = started.elapsed();
    let end = sample(&players, &log);
    let accounts = || players.iter().flat_map(Player::accounts);
    let mut habits = vec![0; HABITS.len()];
    for account in accounts() {
        habits[account.habit] += 1;
    }
    let devices = accounts().map(|account| account.devices.len() as u64).sum();
    drop(players);
    Ok(Findings {
        habits,
        devices,
        joined: joined.unwrap_or_else(|| end.clone()),
        end,
        memory: server.memory()?,
        files: Vec::new(),
        files_stopped: Vec::new(),
        took,
        log: log.into_inner(),
    })
}

async fn players<'a>(
    args: &SimulateArgs,
    server: &Server,
    block: &'a Block,
    log: &'a RefCell<Log>,
) -> Result<Vec<Player<'a>>> {
    let mut players = Vec::new();
    let count = args.connections.min(args.accounts);
    for number in 0..count {
        let accounts = (number..args.accounts).step_by(usize::try_from(count)?);
        let accounts = accounts.map(|number| Account::new(args.seed, number, args.devices, args.days));
        // Becomes each of their devices in turn; the ID with which it begins is never sent.
        let device = Device::connect(server.address(), ClientId::generate()).await?;
        players.push(Player::new(device, accounts.collect(), block, log));
    }
    Ok(players)
}

fn sample(players: &[Player<'_>], log: &RefCell<Log>) -> Sample {
    let accounts = players.iter().flat_map(Player::accounts);
    let snapshots: u64 = accounts.map(|account| account.snapshot_bytes).sum();
    let mut traffic = Traffic::default();
    for player in players {
        traffic += player.traffic();
    }
    Sample { stored: log.borrow().version_bytes + snapshots, traffic }
}
