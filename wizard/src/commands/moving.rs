//! `taskferry move`: all tasks to a new account, with every attribute, although Taskwarrior sends nothing twice. Nothing changes on
//! this computer before the new account was rebuilt from its server, as a new computer would, and is equal.
//!
//! What is under way is noted before each step ([`crate::rescue::steps`]); the next run goes on where a killed one stopped.

pub mod forget;

use serde::{Deserialize, Serialize};
use taskferry_protocol::{InviteCode, ServerUrl};
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::credentials::generate::generate;
use crate::database::Database;
use crate::error::{Explain, Failure};
use crate::flow::admission::{address_or_invite, admission, admitted, ask_for_address, invite_code};
use crate::flow::computer::Computer;
use crate::flow::farewell::{old_way, sync_once_more};
use crate::flow::first_sync::{Synced, first_sync};
use crate::flow::handover::Handover;
use crate::flow::menu::choose;
use crate::flow::plan::Plan;
use crate::flow::sync::database_of;
use crate::flow::tidying::tidy_up;
use crate::flow::{Run, reach, tasks};
use crate::json::MoveOutcome;
use crate::proof::fingerprint::fingerprint;
use crate::rescue::hold::{HoldError, refuse_read_only};
use crate::rescue::refill::{prove_refilled, refill};
use crate::rescue::steps::{Command, Steps, StepsError, unfinished};
use crate::server::Server;
use crate::server::probe::Kind;
use crate::server::sealed::Follows;
use crate::{cli, cloud, json};

/// How often it is begun anew because tasks were changed meanwhile.
const TRIES_MAX: u32 = 5;

/// Why there is nothing to move.
#[derive(Debug, thiserror::Error)]
pub enum NothingToMove {
    /// Taskwarrior was never used here.
    #[error("there are no tasks on this computer yet")]
    NoTasks,
    /// They were never sent anywhere, so an ordinary setup sends them all.
    #[error("this computer does not sync yet, so there is nothing to move from")]
    NeverSynced,
}

impl Explain for NothingToMove {
    fn hint(&self) -> Option<String> {
        Some("run `taskferry setup`, which makes an account and sends what is here".into())
    }
}

/// What is known of a move that is under way.
struct Moving {
    to: Credentials,
    invite: Option<InviteCode>,
    from: Option<Credentials>,
    forget_old: bool,
}

/// As it is noted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    to: Zeroizing<String>,
    invite: Option<Zeroizing<String>>,
    from: Option<Zeroizing<String>>,
    forget_old: bool,
}

/// The note is not what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("the note of a move that was interrupted can't be read")]
struct BadNote;

impl Explain for BadNote {
    fn hint(&self) -> Option<String> {
        Some("run `taskferry undo`, which forgets it; then run the same command again".into())
    }
}

impl Moving {
    fn note(&self) -> Note {
        Note {
            to: self.to.to_text(),
            invite: self.invite.as_ref().map(InviteCode::to_text),
            from: self.from.as_ref().map(Credentials::to_text),
            forget_old: self.forget_old,
        }
    }

    fn of(note: &Note) -> Result<Self, BadNote> {
        let credentials = |link: &str| Credentials::parse(link).map_err(|_| BadNote);
        Ok(Self {
            to: credentials(&note.to)?,
            invite: note.invite.as_ref().map(|code| code.parse().map_err(|_| BadNote)).transpose()?,
            from: note.from.as_ref().map(|link| credentials(link)).transpose()?,
            forget_old: note.forget_old,
        })
    }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Move) -> Result<(), Failure> {
    let (given, invited) = match &args.server {
        Some(text) => {
            let (server, invited) = address_or_invite(text)?;
            (Some(server), invited)
        }
        None if args.cloud => (Some(cloud::address(run)?), None),
        None => (None, None),
    };
    let invite = args.invite.as_deref().map(invite_code).transpose()?.or(invited);
    if unfinished(run.context) == Some(Command::Move) && !args.dry_run {
        return go_on(run, args);
    }
    if given.is_none() && args.forget_old {
        return forget::run(run, args);
    }
    let computer = Computer::look_to_change(run)?;
    computer.introduce(run);
    // Before anybody is asked where to: there may be nothing to move.
    what_there_is(&computer)?;
    let (address, invited) = match given {
        Some(address) => (address, None),
        None => choose_where(run)?,
    };
    move_to(run, args, invite.or(invited), &computer, address)
}

/// Asks to which server.
pub(super) fn choose_where(run: &mut Run<'_>) -> Result<(ServerUrl, Option<InviteCode>), Failure> {
    run.must_be_able_to_ask("move needs to know to which server", "add `--server https://…` or `--cloud`")?;
    let cloud = cloud::address(run)?;
    let (default, words) = match cloud::look(run, &cloud) {
        Ok(()) => (true, String::new()),
        Err(error) if error.is_choice() => return Err(error.into()),
        Err(_) => (false, " (does not answer right now)".to_owned()),
    };
    let choices = [
        (true, format!("cloud sync at `{cloud}`, nothing to run yourself{words}")),
        (false, "a server of your own, or one that you were invited to".into()),
    ];
    run.terminal.say("where shall your tasks move?\n");
    if choose(run, &choices, default)? { Ok((cloud, None)) } else { ask_for_address(run) }
}

/// Whether tasks of this computer count as sent to an account that it does not have: an ordinary setup would leave them behind.
pub(super) fn is_needed(computer: &Computer<'_>) -> Result<bool, Failure> {
    if computer.account.is_some() || computer.tasks == 0 {
        return Ok(false);
    }
    let database = database_of(&computer.taskwarrior);
    Ok(database.map(|database| database.stand()).transpose()?.is_some_and(|stand| !stand.base.is_nil()))
}

/// The database with what is to be moved, if there is anything.
fn what_there_is(computer: &Computer<'_>) -> Result<Database, Failure> {
    let database = database_of(&computer.taskwarrior).ok_or(NothingToMove::NoTasks)?;
    if old_way(computer).is_none() && database.stand()?.base.is_nil() {
        return Err(NothingToMove::NeverSynced.into());
    }
    Ok(database)
}

/// Moves what is on this computer to a new account at `address`.
pub(super) fn move_to(
    run: &mut Run<'_>,
    args: &cli::Move,
    invite: Option<InviteCode>,
    computer: &Computer<'_>,
    address: ServerUrl,
) -> Result<(), Failure> {
    let database = what_there_is(computer)?;
    refuse_read_only(&database)?;
    let (server, kind) = reach(run, address)?;
    let invite = match invite {
        None if args.dry_run => None,
        invite => admission(run, &kind, server.url(), invite, "add `--invite CODE`")?,
    };
    let to = generate(server.url().clone())?;
    let plan = plan(computer, &kind, &to, args.forget_old)?;
    plan.show(run);
    if args.dry_run {
        run.terminal.say("nothing was changed: this was only the plan");
        return run.report(&json::Move {
            outcome: MoveOutcome::OnlyPlanned,
            server: Some(to.server.to_string()),
            tasks: None,
            fingerprint: None,
            kept: None,
            old_account_deleted: false,
        });
    }
    plan.confirm(run, args.yes)?;
    let (steps, others) = Steps::begin::<Note>(run.context, Command::Move)?;
    if others.is_some() {
        return Err(StepsError::Unfinished(Command::Move).into());
    }
    sync_once_more(run, computer, args.without_old, args.yes)?;
    let moving = Moving { to, invite, from: computer.account.clone(), forget_old: args.forget_old };
    steps.note("begun", &moving.note())?;
    carry_out(run, args, steps, &moving, computer, &database, &server, &kind)
}

/// Goes on with a move that was interrupted. It was accepted already.
fn go_on(run: &mut Run<'_>, args: &cli::Move) -> Result<(), Failure> {
    let (steps, note) = Steps::begin::<Note>(run.context, Command::Move)?;
    let Some(note) = note else {
        // Another run has just finished it.
        return Ok(steps.done()?);
    };
    let moving = Moving::of(&note)?;
    let computer = Computer::look_to_change(run)?;
    computer.introduce(run);
    run.terminal.say(&format!("going on with the move to `{}`, which was interrupted", moving.to.server));
    let database = database_of(&computer.taskwarrior).ok_or(NothingToMove::NoTasks)?;
    let (server, kind) = reach(run, moving.to.server.clone())?;
    carry_out(run, args, steps, &moving, &computer, &database, &server, &kind)
}

fn plan(computer: &Computer<'_>, kind: &Kind, to: &Credentials, forget_old: bool) -> Result<Plan, Failure> {
    let mut first = Vec::new();
    if let Some(old) = old_way(computer) {
        first.push(format!("run `task sync` once more with the present account ({old})"));
    }
    if let Kind::Taskferry(_) = kind {
        first.push(format!("create a new account at `{}`", to.server));
    }
    first.push(format!("send {} to it, encrypted, finished and deleted ones too", tasks(computer.tasks)));
    first.push("rebuild the new account from its server, as a new computer would, and compare".into());
    first.push("only if it is equal: keep a copy of the tasks on this computer, and switch".into());
    let mut notes = Plan::notes(computer);
    notes.push("the old account stays as it is; your other computers sync with it until they join the new one".into());
    if forget_old {
        notes.pop();
        notes.push(
            "at the end the old account is deleted: computers that have not joined the new one by then are shut out"
                .into(),
        );
    }
    Ok(Plan {
        at_server: Some(first.join("\n  ")),
        change: computer.plan(to, computer.taskrc.leaves_recurrence())?,
        notes,
        first_sync: Some("run `task sync` with the new account".into()),
        enter_means: true,
    })
}

#[expect(clippy::too_many_arguments, reason = "two callers, which have looked at all of it already")]
fn carry_out(
    run: &mut Run<'_>,
    args: &cli::Move,
    steps: Steps,
    moving: &Moving,
    computer: &Computer<'_>,
    database: &Database,
    server: &Server,
    kind: &Kind,
) -> Result<(), Failure> {
    let to = &moving.to;
    let mut outcome = json::Move {
        outcome: MoveOutcome::Moved,
        server: Some(to.server.to_string()),
        tasks: None,
        fingerprint: None,
        kept: None,
        old_account_deleted: false,
    };
    if !is_there_already(run, computer, database, to, server)? {
        if let Kind::Taskferry(_) = kind {
            steps.reached("registering");
            let account = &to.client_id;
            let answer = run.ask_server(server, |server| server.register(account, moving.invite.as_ref()))?;
            admitted(run, server, account, answer)?;
        }
        outcome.kept = Some(send_and_switch(run, &steps, computer, database, to)?);
    }
    steps.reached("syncing");
    let synced = first_sync(run, computer, to)?;
    let fingerprint = fingerprint(&database.content()?.tasks);
    say_what_is_next(run, synced, &fingerprint, outcome.kept.as_deref(), moving);
    if let (true, Some(from)) = (moving.forget_old, &moving.from) {
        steps.reached("forgetting");
        outcome.old_account_deleted = forget::delete(run, from, args.yes)?;
    }
    steps.done()?;
    tidy_up(run);
    (outcome.tasks, outcome.fingerprint) = (Some(synced.into()), Some(fingerprint));
    run.report(&outcome)
}

/// Whether a run before has switched this computer already: its tasks stand at a version of the new account.
fn is_there_already(
    run: &mut Run<'_>,
    computer: &Computer<'_>,
    database: &Database,
    to: &Credentials,
    server: &Server,
) -> Result<bool, Failure> {
    let base = database.stand()?.base;
    if computer.account.as_ref() != Some(to) || base.is_nil() {
        return Ok(false);
    }
    Ok(run.ask_server(server, |server| server.follows(&to.client_id, base))? != Follows::Gone)
}

/// The folder with the copy of the tasks as they were, as a person writes it.
fn send_and_switch(
    run: &mut Run<'_>,
    steps: &Steps,
    computer: &Computer<'_>,
    database: &Database,
    to: &Credentials,
) -> Result<String, Failure> {
    let change = computer.plan(to, computer.taskrc.leaves_recurrence())?;
    for _ in 0..TRIES_MAX {
        let whole = database.whole()?;
        let all = &whole.content.tasks;
        let count = tasks(all.len().try_into().unwrap_or(u64::MAX));
        run.terminal.say(&format!("sending {count} to the new account, encrypted …"));
        let url = &to.server;
        let at = {
            let connect = || run.server(url.clone());
            refill(&connect, to, all, &whole.edited, &mut || steps.reached("version"))?
        };
        steps.reached("proving");
        run.terminal.say("rebuilding the new account from its server, as a new computer would …");
        prove_refilled(&|| run.server(url.clone()), to, all, at)?;
        run.terminal.say(&format!(
            "proved: the new account has the same {count}, with every attribute (fingerprint `{}`)",
            fingerprint(all)
        ));
        let (account, mark) = (to, whole.mark);
        let handover = Handover { computer, database, mark, account, change: &change, after: None, steps };
        match handover.carry_out(run, |held| held.stands_at(at, &[]))? {
            Ok(kept) => return Ok(run.context.short(&kept)),
            Err(HoldError::ChangedMeanwhile) => {
                run.terminal.say("your tasks were changed in the meantime: once more, with the changes");
            }
            Err(why) => return Err(why.into()),
        }
    }
    Err(HoldError::ChangedMeanwhile.into())
}

fn say_what_is_next(run: &mut Run<'_>, synced: Synced, fingerprint: &str, kept: Option<&str>, moving: &Moving) {
    let Moving { to, from, forget_old, .. } = moving;
    run.terminal.say(&format!(
        "\nmoved: {} of this computer {} in the new account at `{}` (fingerprint `{fingerprint}`)",
        tasks(synced.all),
        if synced.all == 1 { "is" } else { "are" },
        to.server
    ));
    if let Some(kept) = kept {
        run.terminal.say(&format!(
            "a copy of the tasks as they were is in `{kept}`; `taskferry undo` takes the whole move back"
        ));
    }
    run.terminal.say(
        "next: run `taskferry share` here, and `taskferry join --replace` on each of your other computers; what they \
         have not sent yet comes along",
    );
    if let (Some(from), false) = (from, forget_old) {
        run.terminal.say(&format!(
            "the old account at `{}` stays as it is; when all have joined, `taskferry move --forget-old` deletes it",
            from.server
        ));
    }
}

#[cfg(test)]
mod tests;
