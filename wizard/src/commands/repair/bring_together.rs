//! The account does not have the version at which this computer was: read what both have, put it together, send what the account
//! lacks, prove that, and only then let this computer go on from there.

use taskferry_protocol::VersionId;

use super::{Done, Patient, UnderWay, accepted, all_tasks, finish, plan};
use crate::database::Database;
use crate::error::Failure;
use crate::flow::sync::database_of;
use crate::flow::{Run, both, tasks};
use crate::proof::rebuild::{RebuildError, Start};
use crate::repair::account::{self, Account};
use crate::repair::unite::{Side, Union, unite};
use crate::repair::{kept, kept::Kept};
use crate::rescue::hold::{HoldError, Holder, refuse_read_only};
use crate::rescue::keep;
use crate::rescue::push::{Connect, PushError, prove, push, store_snapshot};
use crate::rescue::whole::{Mark, Whole};
use crate::server::Server;
use crate::standing::State;

/// How often it is looked again, since somebody changed something meanwhile.
const ROUNDS_MAX: u32 = 5;

pub(super) fn run(run: &mut Run<'_>, patient: &Patient<'_, '_>, state: State) -> Result<(), Failure> {
    let Patient { computer, account, steps, .. } = patient;
    let Some(database) = database_of(&computer.taskwarrior) else {
        return finish(run, patient, state, Done::default());
    };
    refuse_read_only(&database)?;
    let (url, insecure) = (account.server.clone(), run.global.insecure_http);
    let journal = run.terminal.journal().clone();
    let connect = || Ok(Server::new(url.clone(), insecure)?.with_journal(journal.clone()));
    let mut kept: Option<Kept> = None;
    let mut agreed = false;
    for _ in 0..ROUNDS_MAX {
        let again = if agreed { "" } else { "\n" };
        run.terminal.say(&format!("{again}reading the account from the server …"));
        let parts = Parts::read(&database, || account::read(&connect, account))?;
        let union = unite(&parts.here, &parts.there.side);
        if !agreed {
            plan(run, &in_words(run, &union));
            say_notes(run, state, &union);
            if !accepted(run, patient, state, state != State::OtherAccount)? {
                return Ok(());
            }
            agreed = true;
        }
        if !kept.as_ref().is_some_and(|kept| kept.mark == parts.mark) {
            steps.note("keep", &UnderWay {})?;
            kept = Some(kept::keep(run.context, &computer.taskwarrior, &database)?);
        }
        let Some(copy) = kept.as_ref().filter(|kept| kept.mark == parts.mark) else {
            continue;
        };
        let Some(at) = send_and_prove(run, patient, &connect, &parts, &union)? else {
            continue;
        };
        steps.reached("switch");
        let [before, after] = union.news(&parts.here.history, &parts.there.side);
        match switch(&database, &parts, copy, |held| held.joins(at, &union.tasks, [&before, &after])) {
            Err(HoldError::ChangedMeanwhile) => {
                run.terminal.say("something was changed on this computer meanwhile; looking again");
                continue;
            }
            switched => switched?,
        }
        let count = |tasks: usize| tasks.try_into().unwrap_or(u64::MAX);
        let done = Done {
            sent: count(union.only_here.len() + union.newer_here.len()),
            fetched: count(union.only_there.union(&union.newer_there).count()),
            kept: Some(run.context.short(&copy.folder)),
        };
        return finish(run, patient, state, done);
    }
    Err(PushError::NotAlone.into())
}

/// Sends what the account lacks, and proves that it has all of both then. At which version; `None` = somebody was faster.
fn send_and_prove(
    run: &mut Run<'_>,
    Patient { account, steps, .. }: &Patient<'_, '_>,
    connect: &Connect<'_>,
    parts: &Parts,
    union: &Union,
) -> Result<Option<VersionId>, Failure> {
    steps.reached("send");
    let sending = if union.edits.is_empty() { "proving that the account has all of it …" } else { "sending …" };
    run.terminal.say(sending);
    let sent = push(connect, account, parts.there.at, &union.edits, &mut || steps.reached("sent"))?;
    let Some(at) = sent else {
        run.terminal.say("another computer was faster; looking again");
        return Ok(None);
    };
    if !union.edits.is_empty() {
        steps.reached("snapshot");
        store_snapshot(connect, account, at, &union.tasks)?;
    }
    steps.reached("prove");
    if !prove(connect, account, Start::Snapshot, at, &union.tasks)? {
        return Ok(None);
    }
    let all = all_tasks(union.tasks.len());
    run.terminal.say(&format!("proved: the account, rebuilt from the server, has {all} of both"));
    Ok(Some(at))
}

/// Both sides, as they were read.
struct Parts {
    here: Side,
    mark: Mark,
    there: Account,
}

impl Parts {
    fn read(database: &Database, there: impl FnOnce() -> Result<Account, RebuildError>) -> Result<Self, Failure> {
        let there = there().map_err(PushError::from)?;
        // This side last: somebody may work on it.
        let Whole { content, history, mark, .. } = database.whole()?;
        Ok(Self { here: Side { tasks: content.tasks, history }, mark, there })
    }
}

fn switch(
    database: &Database,
    parts: &Parts,
    kept: &Kept,
    change: impl FnOnce(crate::rescue::hold::Held<'_>) -> Result<(), HoldError>,
) -> Result<(), HoldError> {
    let mut holder = Holder::open(database)?;
    let held = holder.hold_as_kept(parts.mark, &kept.folder)?;
    change(held)
}

fn in_words(run: &Run<'_>, union: &Union) -> Vec<String> {
    let place = keep::place(run.context);
    let mut lines = vec![
        format!("keep a copy of all tasks of this computer in `{}`", run.context.short(&place)),
        format!(
            "send to the account what only this computer has: {}",
            both(union.only_here.len(), union.newer_here.len())
        ),
        format!(
            "bring to this computer what only the account has: {}",
            both(union.only_there.len(), union.newer_there.len())
        ),
    ];
    if !union.purged.is_empty() {
        let count = tasks(union.purged.len().try_into().unwrap_or(u64::MAX));
        lines.push(format!("leave out what was purged on one of the two: {count}"));
    }
    lines.push("run `task sync`, and compare both".into());
    lines
}

fn say_notes(run: &mut Run<'_>, state: State, union: &Union) {
    let note = match state {
        _ if union.only_here.is_empty() => return,
        State::Pruned | State::Gone => {
            "a task that was purged on another computer long ago comes back, if this one still has it: nobody remembers \
             the purge"
        }
        State::OtherAccount => "whoever has the link to the account will be able to read what is sent to it",
        _ => return,
    };
    run.terminal.say_note(note);
    run.terminal.say("");
}
