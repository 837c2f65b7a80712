//! `simulate`: a population's days in compressed time, against the real server: what do so many people need?
//!
//! | module | holds |
//! |---|---|
//! | `population` | who they are and when they sync |
//! | `player` | how a sync goes, request by request |
//! | `stage`, `clock` | the server, its data, the time it believes it is, and commands beside it |
//! | `operator` | what an operator waits for with that much data |
//! | `progress` | how far it is, now and then |
//! | `report` | disk, memory, bandwidth, latency, and what they make in a year |
//!
//! Accounts don't meet, so each connection plays some of them in the order of their days, and all connections wait for each
//! other at midnight. The same seed plays the same syncs with the same bodies; version IDs are the server's own.
//!
//! An account takes some 200 bytes here, and a sync of the day eight more. Bodies live as long as their request.

mod clock;
mod operator;
mod player;
mod population;
mod progress;
mod report;
mod stage;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fs_err as fs;
use futures_util::future::join_all;
use taskferry_protocol::{ClientId, VersionId};

use self::operator::operate;
use self::player::{Log, Player};
use self::population::{Account, HABITS};
use self::progress::Progress;
use self::report::{Findings, Sample};
use self::stage::Stage;
use crate::cli::SimulateArgs;
use crate::client::{Block, Device, Traffic};
use crate::compare::command_line;
use crate::load::runtime;
use crate::process::{Server, own_memory};
use crate::units::grouped;
use crate::{cargo, terminal};

/// How long the play of one day may take.
const DAY_WITHIN: Duration = Duration::from_hours(1);
/// How often the server is pruned, in days.
const PRUNE_EVERY: u32 = 7;
/// How often the disk is looked at, in days.
const MONTH: u32 = 30;

/// Plays and reports.
pub(crate) fn run(args: &SimulateArgs) -> Result<()> {
    let stage = Stage::new(cargo::server(args.server.server.as_deref())?, args)?;
    let server = stage.start()?;
    stage.prove_clock(&server)?;
    let (mut findings, devices) = runtime()?.block_on(play(args, &stage, &server))?;
    findings.files = stage.files()?;
    if args.operate {
        // Looked at while the server does not run, before anything is added to its directory.
        server.stop()?;
        findings.files_stopped = stage.files()?;
        findings.waits = operate(&stage, stage.start()?, &devices, findings.days)?;
    } else {
        server.stop()?;
        findings.files_stopped = stage.files()?;
    }
    let report = report::markdown(&findings, args, &command_line());
    if let Some(file) = &args.server.out {
        fs::write(file, &report)?;
    }
    terminal::data(&report)
}

/// Every device, and the version that it is at.
type Devices = Vec<(ClientId, VersionId)>;

async fn play(args: &SimulateArgs, stage: &Stage, server: &Server) -> Result<(Findings, Devices)> {
    let block = Block::new(args.seed);
    let log = RefCell::new(Log::new(args.days)?);
    let mut players = players(args, server, &block, &log).await?;
    let mut progress = Progress::default();
    let (mut joined, mut months) = (None, Vec::new());
    let (mut days, mut pruned) = (0, 0);
    let started = Instant::now();
    while days < args.days {
        stage.turn(days)?;
        let all = join_all(players.iter_mut().map(|player| player.play(days)));
        let say = || format!("day {} of {}: {} syncs so far", days + 1, args.days, grouped(log.borrow().syncs));
        let outcomes = tokio::time::timeout(DAY_WITHIN, progress.during(all, say)).await;
        outcomes.context("a day took too long")?.into_iter().collect::<Result<()>>()?;
        days += 1;
        if let Some(older_than) = &args.prune_after
            && days.is_multiple_of(PRUNE_EVERY)
        {
            pruned += stage.verb(&["prune", "--yes", "--older-than", older_than])?.count("/pruned/versions");
            // It may have taken longer than the server keeps a silent connection.
            for player in &mut players {
                player.reconnect().await?;
            }
        }
        let is_last =
            days == args.days || args.minutes.is_some_and(|minutes| started.elapsed().as_secs() >= minutes * 60);
        if days == args.join_days {
            joined = Some(sample(days, &players, stage, server, &log, pruned)?);
        }
        if days.is_multiple_of(MONTH) || is_last {
            months.push(sample(days, &players, stage, server, &log, pruned)?);
        }
        if is_last {
            break;
        }
    }
    let took = started.elapsed();
    let end = sample(days, &players, stage, server, &log, pruned)?;
    terminal::say(&format!("{days} days are over: {} syncs", grouped(log.borrow().syncs)));
    let (mut habits, mut devices) = (vec![0; HABITS.len()], Vec::new());
    for account in players.iter().flat_map(Player::accounts) {
        habits[account.habit] += 1;
        devices.extend(account.devices.iter().map(|place| (account.client, place.version)));
    }
    drop(players);
    let findings = Findings {
        habits,
        devices: devices.len() as u64,
        days,
        joined: joined.unwrap_or_else(|| end.clone()),
        months,
        end,
        memory: server.memory()?,
        own_memory: own_memory()?,
        files: Vec::new(),
        files_stopped: Vec::new(),
        waits: Vec::new(),
        took,
        log: log.into_inner(),
    };
    Ok((findings, devices))
}

async fn players<'a>(
    args: &SimulateArgs,
    server: &Server,
    block: &'a Block,
    log: &'a RefCell<Log>,
) -> Result<Vec<Player<'a>>> {
    let mut players = Vec::new();
    let count = args.connections.min(args.accounts);
    let join_days = args.join_days.min(args.days);
    for number in 0..count {
        let accounts = (number..args.accounts).step_by(usize::try_from(count)?);
        let accounts = accounts.map(|number| Account::new(args.seed, number, args.devices, join_days));
        // Becomes each of their devices in turn; the ID with which it begins is never sent.
        let device = Device::connect(server.address(), ClientId::generate()).await?;
        players.push(Player::new(device, accounts.collect(), block, log));
    }
    Ok(players)
}

fn sample(
    days: u32,
    players: &[Player<'_>],
    stage: &Stage,
    server: &Server,
    log: &RefCell<Log>,
    pruned: u64,
) -> Result<Sample> {
    let accounts = players.iter().flat_map(Player::accounts);
    let snapshots: u64 = accounts.map(|account| account.snapshot_bytes).sum();
    let mut traffic = Traffic::default();
    for player in players {
        traffic += player.traffic();
    }
    Ok(Sample {
        days,
        stored: log.borrow().version_bytes + snapshots,
        traffic,
        processor_seconds: server.processor_seconds()?,
        written: server.written(),
        database: stage.database_bytes()?,
        pruned,
    })
}
