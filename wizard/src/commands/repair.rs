//! `taskferry repair`: recognises how this computer and its account have parted, says so, and brings them together again. Nothing
//! goes on either side without a copy; this computer changes last, in one step, when the account is proved to have everything.
//!
//! It remembers nothing between runs: what is missing where is found by looking, so a run that was killed is finished by
//! the next one.

mod bring_together;
mod complete;
mod fill_again;
mod recognise;
mod take_in;

use serde::{Deserialize, Serialize};

use crate::cli;
use crate::commands::share::ShareError;
use crate::credentials::Credentials;
use crate::error::{Exit, Explain, Failure};
use crate::flow::computer::Computer;
use crate::flow::proving::{Mend, prove_now};
use crate::flow::sync::{database_of, note_seen, sync};
use crate::flow::tidying::tidy_up;
use crate::flow::{Run, Stopped, tasks};
use crate::json::{self, RepairOutcome};
use crate::proof::rebuild::RebuildError;
use crate::proof::{self, ProofError, Verdict};
use crate::rescue::steps::{self, Steps};
use crate::standing::State;
use crate::taskwarrior::Which;
use take_in::Taken;

/// Nothing on this computer can mend what was found, and shown.
#[derive(Debug, thiserror::Error)]
pub enum NotHere {
    /// It takes somebody else.
    #[error("this can't be repaired from this computer; nothing was changed")]
    SomebodyElse,
    /// Something is in the way that has nothing to do with tasks.
    #[error("something else comes first; nothing was changed")]
    ComesFirst,
}

impl Explain for NotHere {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::SomebodyElse => "do what is named above; your tasks are safe on this computer meanwhile".into(),
            Self::ComesFirst => "mend what is named above, then run `taskferry repair` again".into(),
        })
    }

    fn exit(&self) -> Exit {
        Exit::Found
    }
}

/// What is written down while a repair is under way: that it is.
#[derive(Debug, Serialize, Deserialize)]
struct UnderWay {}

/// What a repair is about.
struct Patient<'a, 'r> {
    computer: &'r Computer<'a>,
    account: &'r Credentials,
    args: &'r cli::Repair,
    steps: &'r Steps,
}

/// What a repair did.
#[derive(Debug, Default)]
struct Done {
    sent: u64,
    fetched: u64,
    kept: Option<String>,
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Repair) -> Result<(), Failure> {
    let computer = Computer::look(run)?;
    let account = computer.account.as_ref().ok_or(ShareError::NotSetUp)?;
    let (steps, interrupted) = Steps::begin::<UnderWay>(run.context, steps::Command::Repair)?;
    if interrupted.is_some() {
        run.terminal.say("a repair was interrupted on this computer; what is left of it is done now");
    }
    let repaired = repair(run, &Patient { computer: &computer, account, args, steps: &steps });
    // Also after a failure: the next run finds all of it by looking.
    steps.done()?;
    if repaired.is_ok() {
        tidy_up(run);
    }
    repaired
}

fn repair(run: &mut Run<'_>, patient: &Patient<'_, '_>) -> Result<(), Failure> {
    let taken = match &patient.args.from {
        None => 0,
        Some(file) => match take_in::run(run, patient, file)? {
            Taken::In(count) => count,
            Taken::OnlyPlanned => return Ok(()),
        },
    };
    let state = recognise::recognise(run, patient)?;
    match state {
        State::UpToDate | State::Unsent | State::Behind if taken > 0 => {
            finish(run, patient, state, Done { fetched: taken, ..Done::default() })
        }
        State::Ahead | State::Pruned | State::OtherAccount | State::Gone | State::Different => {
            bring_together::run(run, patient, state)
        }
        State::Emptied | State::UnknownAccount => fill_again::run(run, patient, state),
        _ => compare(run, patient, state),
    }
}

/// Sync goes on; whether it also did what it reported is seen by comparing.
fn compare(run: &mut Run<'_>, patient: &Patient<'_, '_>, state: State) -> Result<(), Failure> {
    let Patient { computer, account, .. } = patient;
    let Some(database) = database_of(&computer.taskwarrior) else {
        return healthy(run, patient, state, "there is nothing to repair: this computer has no tasks yet");
    };
    run.terminal.say("comparing this computer with what the server holds …");
    let verdict = if database.content()?.is_blank() {
        Verdict::Overtaken
    } else {
        match proof::prove(run.server(account.server.clone())?, account, &database) {
            Err(ProofError::There(RebuildError::Incomplete)) => {
                recognise::say(run, State::Incomplete);
                return complete::run(run, patient);
            }
            verdict => verdict?,
        }
    };
    match verdict {
        Verdict::Equal { tasks: count } => {
            let also = match state {
                State::Unsent => "; what waits is sent by `task sync`",
                State::Behind => "; what is newer there is fetched by `task sync`",
                _ => "",
            };
            let words =
                format!("there is nothing to repair: the account has the same {} as this computer{also}", tasks(count));
            healthy(run, patient, state, &words)
        }
        Verdict::Empty | Verdict::Overtaken => {
            healthy(run, patient, state, "there is nothing to repair: `task sync` goes on from where this computer is")
        }
        Verdict::Different(_) => {
            recognise::say(run, State::Different);
            bring_together::run(run, patient, State::Different)
        }
    }
}

fn healthy(run: &mut Run<'_>, patient: &Patient<'_, '_>, state: State, words: &str) -> Result<(), Failure> {
    run.terminal.say(&format!("\n{words}"));
    report(run, patient, state, RepairOutcome::NothingToDo, Done::default())
}

/// `all 3 tasks`, and `the 1 task`.
pub(super) fn all_tasks(count: impl TryInto<u64>) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => "the 1 task".into(),
        count => format!("all {}", tasks(count)),
    }
}

/// Shows what is going to happen.
fn plan(run: &mut Run<'_>, lines: &[String]) {
    run.terminal.say("\nthis is going to happen:\n");
    for line in lines {
        run.terminal.say(&format!("  {line}"));
    }
    run.terminal.say("");
}

const TAKEN_IN: &str = "what was in the backup is on this computer, and nothing else was changed";

/// Whether to go on; with `--dry-run` not, and that is no failure.
fn accepted(
    run: &mut Run<'_>,
    patient: &Patient<'_, '_>,
    state: impl Into<Option<State>>,
    enter_means: bool,
) -> Result<bool, Failure> {
    let state = state.into();
    // What is in the backup comes first, and has no state yet.
    let is_behind_backup = patient.args.from.is_some() && state.is_some();
    if patient.args.dry_run {
        run.terminal.say("nothing was changed, on neither side");
        report(run, patient, state, RepairOutcome::OnlyPlanned, Done::default())?;
        return Ok(false);
    }
    if !patient.args.yes {
        run.must_be_able_to_ask("the plan has to be accepted", "add `--yes` to accept it unasked")?;
        let accepted = if is_behind_backup {
            run.confirm_midway("go on?", enter_means, TAKEN_IN)?
        } else {
            run.prompter.confirm("go on?", enter_means)?
        };
        if !accepted {
            let midway = Stopped::Midway { stands: TAKEN_IN, exit: Exit::Failed };
            return Err(if is_behind_backup { midway } else { Stopped::Declined }.into());
        }
    }
    Ok(true)
}

/// The real sync, and the proof that both sides have the same now.
fn finish(run: &mut Run<'_>, patient: &Patient<'_, '_>, state: State, done: Done) -> Result<(), Failure> {
    let Patient { computer, account, .. } = patient;
    patient.steps.reached("sync");
    sync(run, &computer.taskwarrior, account)?;
    prove_now(run, &computer.taskwarrior, account, Mend::Ask)?;
    note_seen(run, &computer.taskwarrior, account);
    let all = computer.taskwarrior.count(Which::All)?;
    run.terminal.say(&format!("\nrepaired: `task sync` works again, and this computer has {}", tasks(all)));
    if let Some(kept) = &done.kept {
        run.terminal.say(&format!("all tasks as they were before are kept in `{kept}`"));
    }
    run.terminal.say_note("where `task sync` fails on another computer of yours, run `taskferry repair` there, too");
    report(run, patient, state, RepairOutcome::Repaired, done)
}

fn report(
    run: &mut Run<'_>,
    Patient { computer, account, .. }: &Patient<'_, '_>,
    state: impl Into<Option<State>>,
    outcome: RepairOutcome,
    done: Done,
) -> Result<(), Failure> {
    if !run.json {
        return Ok(());
    }
    let Done { sent, fetched, kept } = done;
    let tasks = json::Tasks {
        all: computer.taskwarrior.count(Which::All)?,
        pending: computer.taskwarrior.count(Which::Pending)?,
    };
    let state = state.into();
    run.report(&json::Repair { outcome, state, server: account.server.to_string(), sent, fetched, kept, tasks })
}

#[cfg(test)]
mod tests;
