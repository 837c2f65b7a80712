//! `hostile`: how an honest account fares while strangers do their worst, one attack after the other.
//!
//! Every attack gets a server of its own, with its limits as they are by default. The honest device is another address of this
//! machine, has its account already, and syncs a change, pauses, and syncs again, over one connection.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fs_err as fs;
use strangers::{Attack, Strangers, Tally};
use taskferry_protocol::ClientId;

use crate::cli::HostileArgs;
use crate::client::Device;
use crate::compare::command_line;
use crate::compare::party::start_ours_with_limits;
use crate::load::{Load, drive_with_pauses, runtime};
use crate::process::Memory;
use crate::scratch::Scratch;
use crate::units::{figure, grouped, milliseconds};
use crate::{cargo, terminal, units};

/// Between two syncs of the honest device.
const PAUSE: Duration = Duration::from_millis(20);
/// What one sync with a change sends.
const CHANGE: [u8; 700] = [9; 700];
/// What the honest device's p99 should stay below.
const P99_US_MAX: u64 = 1_000_000;
/// How long an attack may take to get going.
const GOING_WITHIN: Duration = Duration::from_secs(10);

/// One attack, or none.
#[derive(Debug)]
struct Round {
    attack: Option<Attack>,
    honest: Load,
    strangers: Tally,
    memory: Memory,
}

/// Attacks and reports.
pub(crate) fn run(args: &HostileArgs) -> Result<()> {
    let program = cargo::server(args.server.server.as_deref())?;
    let mut rounds = Vec::new();
    for attack in std::iter::once(None).chain(chosen(args)?.into_iter().map(Some)) {
        let name = attack.map_or("none", Attack::name);
        let round = play(&program, args, attack).with_context(|| format!("attack `{name}`"))?;
        terminal::say(&row(&round));
        rounds.push(round);
    }
    let report = markdown(&rounds, args);
    if let Some(file) = &args.server.out {
        fs::write(file, &report)?;
    }
    terminal::data(&report)
}

fn chosen(args: &HostileArgs) -> Result<Vec<Attack>> {
    let all = Attack::ALL;
    for name in &args.only {
        let names = all.map(Attack::name).join(", ");
        ensure!(all.iter().any(|attack| attack.name() == name), "there is no attack `{name}`; there are: {names}");
    }
    let wanted = |attack: &Attack| args.only.is_empty() || args.only.iter().any(|name| attack.name() == name);
    Ok(all.into_iter().filter(wanted).collect())
}

fn play(program: &Path, args: &HostileArgs, attack: Option<Attack>) -> Result<Round> {
    let scratch = Scratch::new(args.server.dir.as_deref())?;
    let data_dir = scratch.data_dir()?;
    let server = start_ours_with_limits(program, data_dir.path(), &args.server.server_arg)?;
    let runtime = runtime()?;
    let mut devices = [runtime.block_on(Device::connect(server.address(), ClientId::generate()))?];
    runtime.block_on(devices[0].append(&CHANGE))?;
    let strangers = Strangers::against(server.address()).on(args.connections);
    let running = attack.map(|attack| strangers.begin(attack)).transpose()?;
    if let Some(running) = &running {
        ensure!(running.wait_for(1, GOING_WITHIN), "the attack did not get going");
    }
    let honest = runtime.block_on(drive_with_pauses(&mut devices, args.seconds, PAUSE, async |device| {
        device.expect_up_to_date().await?;
        device.append(&CHANGE).await?;
        device.expect_up_to_date().await
    }));
    let strangers = running.map(strangers::Running::stop).unwrap_or_default();
    let memory = server.memory()?;
    // Not in order: a stop would wait for those who are slow on purpose.
    drop(server);
    Ok(Round { attack, honest: honest?, strangers, memory })
}

fn markdown(rounds: &[Round], args: &HostileArgs) -> String {
    let mut text = format!(
        "# Among strangers\n\nMade by `{}`: each attack for {} s on {} connections, a fresh server each time, limits as by \
         default. A sync is three requests, with a change. The goal is no refusal and a p99 below {} s.\n\n\
         | attack | syncs | refused | p50, ms | p99, ms | peak RSS | what the strangers got |\n\
         |---|---:|---:|---:|---:|---:|---|\n",
        command_line(),
        args.seconds,
        args.connections,
        P99_US_MAX / 1_000_000,
    );
    for round in rounds {
        let _ = writeln!(text, "{}", row(round));
    }
    let failures: Vec<_> = rounds.iter().filter_map(|round| round.honest.first_failure.as_ref()).collect();
    for failure in failures {
        let _ = writeln!(text, "\n- {failure}");
    }
    text
}

fn row(round: &Round) -> String {
    let Round { attack, honest, strangers, memory } = round;
    let name = attack.map_or("none", Attack::name);
    let time = |percent| figure(milliseconds(honest.latency.percentile(percent)));
    let (count, failures, peak) = (grouped(honest.latency.count()), honest.failures, units::bytes(memory.peak));
    format!("| {name} | {count} | {failures} | {} | {} | {peak} | {strangers} |", time(50.0), time(99.0))
}
