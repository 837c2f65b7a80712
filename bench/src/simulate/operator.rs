//! What an operator waits for with that much data: a restart and the storm after it, a backup, a check, pruning, a restore.
//!
//! What does not work, such as a backup for which the volume has no room, is told in its row and keeps nothing else from being timed.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use taskferry_protocol::{ClientId, VersionId};

use super::stage::Stage;
use crate::client::Device;
use crate::load::{Latency, runtime};
use crate::process::Server;
use crate::terminal;
use crate::units::{bytes, figure, float, grouped, milliseconds, whole};

/// How much later it is when everything is pruned that may be.
const LATER_DAYS: u32 = 400;
/// What is kept then.
const KEEP: &str = "180d";
/// How many devices of the storm ask at the same time.
const STORM_CONNECTIONS: usize = 128;
/// How long the server may take to free what was pruned; it looks for it once a minute.
const FREED_WITHIN: Duration = Duration::from_mins(10);
/// From one look at that to the next.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// So many that get no answer end it.
const FAILURES_MAX: u64 = 1_000;

/// One line of the report.
#[derive(Debug)]
pub(crate) struct Wait {
    /// For what.
    pub(crate) what: String,
    /// How long; `None` if it did not work.
    pub(crate) took: Option<Duration>,
    /// The memory of whatever did it, in bytes.
    pub(crate) memory: Option<u64>,
    /// What came of it.
    pub(crate) result: String,
}

/// All of them, on the data of a server that is running after `days`, with these devices.
pub(crate) fn operate(
    stage: &Stage,
    server: Server,
    devices: &[(ClientId, VersionId)],
    days: u32,
) -> Result<Vec<Wait>> {
    let mut waits = Vec::new();
    let began = Instant::now();
    server.stop()?;
    waits.push(done("stop in order", began.elapsed(), None, String::new()));
    let began = Instant::now();
    let server = stage.start()?;
    let size = bytes(stage.database_bytes()?);
    waits.push(done("start, until it listens", began.elapsed(), None, format!("a database of {size}")));
    terminal::say(&format!("all {} devices ask after the restart", grouped(devices.len() as u64)));
    let mut storm = runtime()?.block_on(storm(server.address(), devices))?;
    storm.memory = Some(server.memory()?.peak);
    waits.push(storm);

    let data = stage.database_bytes()?;
    let backup = time(&mut waits, stage, &["backup", "create"], |verb| {
        format!("{}, {}", bytes(verb.count("/manifest/bytes")), speed(data, verb.took))
    });
    time(&mut waits, stage, &["db", "check"], |verb| {
        let versions = grouped(verb.count("/versions"));
        format!("{} accounts, {versions} versions, {}", grouped(verb.count("/accounts")), speed(data, verb.took))
    });
    if stage.turn(days + LATER_DAYS)? {
        let used = used(stage)?;
        let words = ["prune", "--older-than", KEEP, "--yes"];
        let mut freed = 0;
        time(&mut waits, stage, &words, |verb| {
            let (versions, size) = (verb.count("/pruned/versions"), verb.count("/pruned/bytes"));
            let accounts = verb.count("/prunable/accounts");
            freed = size;
            format!(
                "{LATER_DAYS} days later: {} versions of {} accounts, {}",
                grouped(versions),
                grouped(accounts),
                bytes(size)
            )
        });
        waits.push(freed_by_the_server(stage, used, freed)?);
        time(&mut waits, stage, &["db", "vacuum"], |verb| {
            format!("from {} to {}", bytes(data), bytes(verb.count("/file_bytes")))
        });
    }
    server.stop()?;
    if backup {
        time(&mut waits, stage, &["restore", "latest", "--yes"], |_| "until the server can be started".to_owned());
        // What was restored is the data of before, and a server starts on it.
        stage.start()?.stop()?;
    }
    Ok(waits)
}

/// Times a command; whether it worked.
fn time(
    waits: &mut Vec<Wait>,
    stage: &Stage,
    words: &[&str],
    result: impl FnOnce(&super::stage::Verb) -> String,
) -> bool {
    let what = format!("`{}`", words.join(" "));
    terminal::say(&what);
    match stage.verb(words) {
        Ok(verb) => {
            waits.push(done(&what, verb.took, Some(verb.memory), result(&verb)));
            true
        }
        Err(error) => {
            waits.push(Wait { what, took: None, memory: None, result: format!("{error:#}") });
            false
        }
    }
}

/// Bytes of the database that are in use.
fn used(stage: &Stage) -> Result<u64> {
    let verb = stage.verb(&["db", "status"])?;
    Ok(verb.count("/file_bytes").saturating_sub(verb.count("/free_bytes")))
}

/// Large bodies that a command takes away beside the server are deleted by the server, in the time that it has.
fn freed_by_the_server(stage: &Stage, before: u64, freed: u64) -> Result<Wait> {
    let began = Instant::now();
    terminal::say("until the server has freed what was pruned");
    let (mut took, mut now) = (None, before);
    while took.is_none() && began.elapsed() < FREED_WITHIN {
        now = used(stage)?;
        // The rest is what other bodies share their pages with.
        took = (before.saturating_sub(now) >= freed / 10 * 9).then(|| began.elapsed());
        #[expect(clippy::disallowed_methods, reason = "the pause between two looks, and no race")]
        std::thread::sleep(LOOK_EVERY);
    }
    let result = format!("in use: {} of {} before", bytes(now), bytes(before));
    Ok(Wait { what: "until the server has freed that".to_owned(), took, memory: None, result })
}

fn done(what: &str, took: Duration, memory: Option<u64>, result: String) -> Wait {
    Wait { what: what.to_owned(), took: Some(took), memory, result }
}

fn speed(size: u64, took: Duration) -> String {
    format!("{}/s", bytes(whole(float(size) / took.as_secs_f64())))
}

/// Every device asks once, over a connection of its own: what follows a restart of the server, or of a whole region.
async fn storm(server: SocketAddr, devices: &[(ClientId, VersionId)]) -> Result<Wait> {
    let latency = RefCell::new(Latency::new()?);
    let failures = RefCell::new(0_u64);
    let began = Instant::now();
    let lanes = join_all((0..STORM_CONNECTIONS.min(devices.len())).map(async |lane| {
        for (client, version) in devices.iter().skip(lane).step_by(STORM_CONNECTIONS) {
            let started = Instant::now();
            match ask(server, *client, *version).await {
                Ok(()) => latency.borrow_mut().record(started.elapsed()),
                Err(error) => {
                    *failures.borrow_mut() += 1;
                    ensure!(*failures.borrow() < FAILURES_MAX, error.context("the storm was too much"));
                }
            }
        }
        Ok(())
    }));
    lanes.await.into_iter().collect::<Result<()>>()?;
    let took = began.elapsed();
    let (latency, failures) = (latency.into_inner(), failures.into_inner());
    let p99 = figure(milliseconds(latency.percentile(99.0)));
    let mut result = format!("{} a second, p99 {p99} ms", figure(float(latency.count()) / took.as_secs_f64()));
    if failures > 0 {
        result = format!("{result}, **{} without an answer**", grouped(failures));
    }
    let what = format!("all {} devices ask after the start, each over a new connection", grouped(devices.len() as u64));
    Ok(done(&what, took, None, result))
}

async fn ask(server: SocketAddr, client: ClientId, version: VersionId) -> Result<()> {
    let mut device = Device::connect(server, client).await?;
    device.become_device(client, version);
    device.child().await.map(drop)
}
