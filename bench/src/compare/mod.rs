//! `compare`: the reference, the ceiling and this project's server under the same loads.
//!
//! | module | holds |
//! |---|---|
//! | `party` | who is measured |
//! | `workloads` | what is done to them, and what it must reach |
//! | `populate` | many accounts, quickly |
//! | `turn` | what one turn showed |
//! | `target` | whether a demand is met |
//! | `table` | the report |
//!
//! A machine is never the same for long, so the turns are interleaved: in each round every workload is played once on each
//! server, each a new process on a new data directory, and the order of the servers moves on from round to round.

pub(crate) mod party;
mod populate;
mod table;
mod target;
mod turn;
mod workloads;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use fs_err as fs;
use tempfile::TempDir;

use self::party::{Party, Programs};
use self::turn::Turn;
use self::workloads::Workload;
use crate::cli::CompareArgs;
use crate::scratch::Scratch;
use crate::terminal;

/// What was measured, and what went wrong meanwhile.
#[derive(Debug)]
pub(crate) struct Outcomes(Vec<Outcome>, Vec<String>);

/// The turns of one workload.
#[derive(Debug)]
pub(crate) struct Outcome {
    workload: Workload,
    turns: BTreeMap<Party, Vec<Option<Turn>>>,
    /// Data directories that are filled once.
    prepared: BTreeMap<Party, TempDir>,
}

impl Outcome {
    /// The turns of one party, round by round; `None` is one that could not be played.
    fn turns(&self, party: Party) -> &[Option<Turn>] {
        self.turns.get(&party).map_or(&[], Vec::as_slice)
    }
}

/// Plays and reports.
pub(crate) fn run(args: &CompareArgs) -> Result<()> {
    let all = Workload::all(args);
    if args.list {
        let names: Vec<&str> = all.iter().map(|workload| workload.name.as_str()).collect();
        return terminal::data(&names.join("\n"));
    }
    for name in &args.only {
        ensure!(
            all.iter().any(|workload| workload.name == *name),
            "there is no workload `{name}`; `--list` names them"
        );
    }
    let chosen: Vec<Workload> =
        all.into_iter().filter(|workload| args.only.is_empty() || args.only.contains(&workload.name)).collect();
    let with_reference = chosen.iter().any(|workload| workload.parties.contains(&Party::Reference));
    let programs = Programs::find(args, with_reference)?;
    let scratch = Scratch::new(args.server.dir.as_deref())?;
    let mut outcomes = prepare(chosen, &programs, &scratch)?;
    for round in 0..args.rounds {
        play_round(round, args, &programs, &scratch, &mut outcomes)?;
    }
    let report = table::markdown(&outcomes, args, &command_line());
    if let Some(file) = &args.server.out {
        fs::write(file, &report)?;
    }
    terminal::data(&report)
}

fn prepare(chosen: Vec<Workload>, programs: &Programs, scratch: &Scratch) -> Result<Outcomes> {
    let mut outcomes = Vec::new();
    for workload in chosen {
        let mut prepared = BTreeMap::new();
        let fillable = workload.parties.iter().copied().filter(|party| *party != Party::Ceiling);
        for party in fillable.filter(|_| workload.is_prepared()) {
            terminal::say(&format!("filling {} for {}", party.name(), workload.name));
            let dir = scratch.data_dir()?;
            workload.prepare(programs, party, dir.path())?;
            prepared.insert(party, dir);
        }
        outcomes.push(Outcome { workload, turns: BTreeMap::new(), prepared });
    }
    Ok(Outcomes(outcomes, Vec::new()))
}

fn play_round(
    round: u32,
    args: &CompareArgs,
    programs: &Programs,
    scratch: &Scratch,
    Outcomes(outcomes, notes): &mut Outcomes,
) -> Result<()> {
    for outcome in outcomes {
        let workload = &outcome.workload;
        if round > 0 && !workload.every_round {
            continue;
        }
        // Nobody always comes first, or always after the same one.
        let mut order = workload.parties.to_vec();
        let shift = usize::try_from(round)? % order.len();
        order.rotate_left(shift);
        for party in order {
            let fresh = scratch.data_dir()?;
            let data_dir = outcome.prepared.get(&party).unwrap_or(&fresh).path();
            let turn = workload.play(programs, party, data_dir, args.seconds);
            let head = format!("round {} of {}: {}, {}", round + 1, args.rounds, workload.name, party.name());
            let trouble = match &turn {
                Ok(turn) => turn.failure(),
                Err(error) => Some(format!("{error:#}")),
            };
            let turns = outcome.turns.entry(party).or_default();
            turns.push(turn.ok());
            let last = &turns[turns.len() - 1..];
            terminal::say(&format!("{head}: {}", table::cell(last)));
            if let Some(trouble) = trouble {
                terminal::say(&format!("  {trouble}"));
                notes.push(format!("{head}: {trouble}"));
            }
        }
    }
    Ok(())
}

/// The command that made the report, as one types it.
pub(crate) fn command_line() -> String {
    let args: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo run --release -p taskferry-bench -- {}", args.join(" "))
}
