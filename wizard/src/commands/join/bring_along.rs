//! A computer with tasks of another account joins: what only it has is sent to the account, what only the account has comes here,
//! and of each attribute the change that was made last stays. Taskwarrior alone would report success and send nothing, or
//! fail for ever.
//!
//! Nothing changes here before the account was rebuilt from its server and has all of both. What is under way is noted, so
//! that the next run goes on where a killed one stopped.

use serde::{Deserialize, Serialize};
use taskferry_protocol::VersionId;
use zeroize::Zeroizing;

use super::super::repair::all_tasks;
use super::{Account, Joined, RECURRENCE, report, say_what_arrived};
use crate::cli;
use crate::credentials::Credentials;
use crate::credentials::decode::Decoded;
use crate::database::Database;
use crate::error::{Explain, Failure};
use crate::flow::computer::Computer;
use crate::flow::farewell::{old_way, say_farewell};
use crate::flow::first_sync::first_sync;
use crate::flow::handover::Handover;
use crate::flow::plan::Plan;
use crate::flow::sync::database_of;
use crate::flow::tidying::tidy_up;
use crate::flow::{Run, both, reach, tasks};
use crate::json::JoinOutcome;
use crate::pending::Pending;
use crate::proof::rebuild::Start;
use crate::repair::account::{self, Account as There};
use crate::repair::unite::{Side, Union, unite};
use crate::rescue::fresh::{Contents, Fresh};
use crate::rescue::hold::{HoldError, refuse_read_only};
use crate::rescue::keep::{keep, place};
use crate::rescue::push::{PushError, prove, push, store_snapshot};
use crate::rescue::steps::{Command, Steps, StepsError};
use crate::rescue::whole::Whole;
use crate::server::Server;
use crate::taskrc::Change;

/// How often it is begun anew because something was changed meanwhile.
const ROUNDS_MAX: u32 = 5;

/// What is noted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    /// The account to join.
    link: Zeroizing<String>,
    keep_recurrence: bool,
    /// Tasks that were here before, to tell later how many arrived.
    tasks: u64,
}

/// The note is not what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("the note of a join that was interrupted can't be read")]
struct BadNote;

impl Explain for BadNote {
    fn hint(&self) -> Option<String> {
        Some("run `taskferry undo`, which forgets it; then run the same command again".into())
    }
}

/// There are tasks, but not where Taskwarrior has them.
#[derive(Debug, thiserror::Error)]
#[error("Taskwarrior's database is not where it was")]
struct NoDatabase;

impl Explain for NoDatabase {
    fn hint(&self) -> Option<String> {
        Some("run `task diagnostics`: it says where Taskwarrior looks".into())
    }
}

/// Joins.
pub(super) fn join(
    run: &mut Run<'_>,
    computer: &Computer<'_>,
    decoded: &Decoded,
    args: &cli::Join,
) -> Result<Joined, Failure> {
    let Decoded { credentials, checked } = decoded;
    // Also checks that the credentials can be written at all, before the server hears of them.
    computer.plan(credentials, false)?;
    let (server, kind) = reach(run, credentials.server.clone())?;
    // As for a computer without tasks: it need not go through the account's history.
    Account { server: &server, credentials, checked: *checked }.look(run, args, &kind, 0)?;
    join_known(run, computer, credentials, args)
}

/// The same with an account that was looked at, and is proved to be the one that is meant.
pub(super) fn join_known(
    run: &mut Run<'_>,
    computer: &Computer<'_>,
    credentials: &Credentials,
    args: &cli::Join,
) -> Result<Joined, Failure> {
    let recurrence_off = !args.keep_recurrence && computer.makes_recurring_tasks;
    let change = computer.plan(credentials, recurrence_off || computer.taskrc.leaves_recurrence())?;
    let database = database_of(&computer.taskwarrior).ok_or(NoDatabase)?;
    refuse_read_only(&database)?;

    run.terminal.say("comparing the tasks of this computer with the account's …");
    let Both { union, .. } = Both::read(run, credentials, &database)?;
    let plan = plan(run, computer, change, recurrence_off, &union);
    plan.show(run);
    plan.confirm(run, args.yes)?;

    let (steps, others) = Steps::begin::<Note>(run.context, Command::Join)?;
    if others.is_some() {
        return Err(StepsError::Unfinished(Command::Join).into());
    }
    say_farewell(run, computer)?;
    let (link, keep_recurrence) = (credentials.to_text(), args.keep_recurrence);
    steps.note("begun", &Note { link, keep_recurrence, tasks: computer.tasks })?;
    carry_out(run, steps, computer, credentials, &database, &plan.change, computer.tasks)
}

/// Goes on with a join that was interrupted. It was accepted already.
pub(super) fn go_on(run: &mut Run<'_>, args: &cli::Join) -> Result<(), Failure> {
    let (steps, note) = Steps::begin::<Note>(run.context, Command::Join)?;
    let Some(note) = note else {
        return Ok(steps.done()?);
    };
    let credentials = Credentials::parse(&note.link).map_err(|_| BadNote)?;
    let computer = Computer::look_to_change(run)?;
    computer.introduce(run);
    run.terminal.say(&format!("going on to join the account at `{}`, which was interrupted", credentials.server));
    let recurrence_off = !(note.keep_recurrence || args.keep_recurrence) && computer.makes_recurring_tasks;
    let change = computer.plan(&credentials, recurrence_off || computer.taskrc.leaves_recurrence())?;
    let database = database_of(&computer.taskwarrior).ok_or(NoDatabase)?;
    let Joined { arrived, now } = carry_out(run, steps, &computer, &credentials, &database, &change, note.tasks)?;
    report(run, JoinOutcome::Joined, &credentials, arrived, Some(now))
}

/// Both sides, as they were read, and both together.
struct Both {
    here: Whole,
    there: There,
    union: Union,
}

impl Both {
    fn read(run: &Run<'_>, account: &Credentials, database: &Database) -> Result<Self, Failure> {
        let connect = || run.server(account.server.clone());
        let there = account::read(&connect, account).map_err(PushError::from)?;
        // This side last: somebody may work on it.
        let mut here = database.whole()?;
        let side = Side { tasks: std::mem::take(&mut here.content.tasks), history: std::mem::take(&mut here.history) };
        let union = unite(&side, &there.side);
        (here.content.tasks, here.history) = (side.tasks, side.history);
        Ok(Self { here, there, union })
    }
}

fn plan(run: &Run<'_>, computer: &Computer<'_>, change: Change, recurrence_off: bool, union: &Union) -> Plan {
    let count = |count: usize| tasks(count.try_into().unwrap_or(u64::MAX));
    let mut first = Vec::new();
    if let Some(old) = old_way(computer) {
        first.push(format!("run `task sync` once more with the present account ({old})"));
    }
    first.push(format!(
        "send to the account what only this computer has: {}",
        both(union.only_here.len(), union.newer_here.len())
    ));
    first.push(format!(
        "bring to this computer what only the account has: {}",
        both(union.only_there.len(), union.newer_there.len())
    ));
    if !union.purged.is_empty() {
        first.push(format!("leave out what was purged on one of the two: {}", count(union.purged.len())));
    }
    first.push(format!("keep a copy of the tasks of this computer in `{}`", run.context.short(&place(run.context))));
    let mut notes = Plan::notes(computer);
    notes.extend(recurrence_off.then(|| RECURRENCE.to_owned()));
    let sends = !union.only_here.is_empty() || !union.newer_here.is_empty();
    notes.extend(sends.then(|| "whoever has the link to the account can read what is sent to it".to_owned()));
    Plan {
        at_server: Some(first.join("\n  ")),
        change,
        notes,
        first_sync: Some("run `task sync` with the account".into()),
        // Tasks that have nothing in common with the account are rarely meant for it.
        enter_means: union.only_here.len() * 2 < union.tasks.len().max(1),
    }
}

fn carry_out(
    run: &mut Run<'_>,
    steps: Steps,
    computer: &Computer<'_>,
    account: &Credentials,
    database: &Database,
    change: &Change,
    before: u64,
) -> Result<Joined, Failure> {
    for _ in 0..ROUNDS_MAX {
        let both = Both::read(run, account, database)?;
        let Some(at) = send(run, &steps, account, &both)? else {
            run.terminal.say("another computer was faster; looking again");
            continue;
        };
        let Both { here, there, union } = &both;
        // What it becomes is written down, too, so that `undo` can tell what was changed since.
        let contents = Contents { tasks: &union.tasks, base: at, waiting: Vec::new(), numbers: &here.numbers };
        let fresh = Fresh::write(run.context, contents)?;
        let after = keep(run.context, &fresh.database())?;
        drop(fresh);
        let mark = here.mark;
        let handover =
            Handover { computer, database, mark, account, change, after: Some(after.clone()), steps: &steps };
        let [past, present] = union.news(&here.history, &there.side);
        match handover.carry_out(run, |held| held.joins(at, &union.tasks, [&past, &present]))? {
            Ok(kept) => {
                Pending::forget(run.context)?;
                steps.reached("syncing");
                let now = first_sync(run, computer, account)?;
                steps.done()?;
                say_what_arrived(run, super::Holds::ProvedData, before, now);
                run.terminal.say(&format!(
                    "a copy of the tasks as they were is in `{}`; `taskferry undo` takes this back",
                    run.context.short(&kept)
                ));
                tidy_up(run);
                return Ok(Joined { arrived: now.all.saturating_sub(before), now });
            }
            Err(HoldError::ChangedMeanwhile) => {
                let _ = std::fs::remove_dir_all(after);
                run.terminal.say("your tasks were changed in the meantime: once more, with the changes");
            }
            Err(why) => return Err(why.into()),
        }
    }
    Err(PushError::NotAlone.into())
}

/// Sends what the account lacks, and proves that it has all of both. The version at which it has; `None` = another computer was
/// faster.
fn send(run: &mut Run<'_>, steps: &Steps, account: &Credentials, both: &Both) -> Result<Option<VersionId>, Failure> {
    let Both { there, union, .. } = both;
    if !union.edits.is_empty() {
        run.terminal.say("sending what only this computer has, encrypted …");
    }
    let (url, insecure) = (account.server.clone(), run.global.insecure_http);
    let journal = run.terminal.journal().clone();
    let connect = || Ok(Server::new(url.clone(), insecure)?.with_journal(journal.clone()));
    let Some(at) = push(&connect, account, there.at, &union.edits, &mut || steps.reached("version"))? else {
        return Ok(None);
    };
    steps.reached("proving");
    if !union.edits.is_empty() {
        store_snapshot(&connect, account, at, &union.tasks)?;
    }
    run.terminal.say("rebuilding the account from its server, as a new computer would …");
    if !prove(&connect, account, Start::Snapshot, at, &union.tasks)? {
        return Ok(None);
    }
    let all = all_tasks(union.tasks.len());
    run.terminal.say(&format!("proved: the account has {all} of both"));
    Ok(Some(at))
}
