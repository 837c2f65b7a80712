//! The server has lost the account, or all that was in it: it gets everything again from this computer, as a continuation of where
//! this computer is. Other computers that were at the same version go on as if nothing had happened.

use super::{Done, Patient, UnderWay, accepted, all_tasks, finish, plan};
use crate::database::Database;
use crate::error::{Explain, Failure};
use crate::flow::Run;
use crate::flow::admission::{admission, admitted, invite_code};
use crate::flow::sync::database_of;
use crate::proof::rebuild::Start;
use crate::repair::marker::marker;
use crate::rescue::push::{prove, push, store_snapshot};
use crate::rescue::whole::Whole;
use crate::server::Server;
use crate::standing::State;

/// Another computer was faster.
#[derive(Debug, thiserror::Error)]
#[error("another computer has filled the account meanwhile; nothing was changed on this one")]
pub(super) struct FilledMeanwhile;

impl Explain for FilledMeanwhile {
    fn hint(&self) -> Option<String> {
        Some("run `taskferry repair` again: it brings both together".into())
    }
}

pub(super) fn run(run: &mut Run<'_>, patient: &Patient<'_, '_>, state: State) -> Result<(), Failure> {
    let Patient { computer, account, args, steps } = patient;
    let database = database_of(&computer.taskwarrior);
    let whole = database.as_ref().map(Database::whole).transpose()?;
    let count = whole.as_ref().map_or(0, |whole| whole.content.tasks.len());
    let given = args.invite.as_deref().map(invite_code).transpose()?;
    let server = run.server(account.server.clone())?;
    let is_unknown = state == State::UnknownAccount;
    let invite = if is_unknown && !args.dry_run {
        let kind = run.ask_server(&server, Server::probe)?;
        admission(run, &kind, &account.server, given, "add `--invite CODE`")?
    } else {
        None
    };
    let create = format!("create the account at `{}` again, with the same ID and secret", account.server);
    let all = all_tasks(count);
    let sending = format!("send {all} of this computer to the account at `{}`, encrypted", account.server);
    let rest = "run `task sync`, and compare both; nothing changes on this computer".to_owned();
    let lines: Vec<String> = is_unknown.then_some(create).into_iter().chain([sending, rest]).collect();
    plan(run, &lines);
    if is_unknown {
        run.terminal.say_note(
            "if another computer of yours still syncs, this one has another account than that, or its ID is mistyped\n\
             then say no here, and compare `taskferry share` on both",
        );
        run.terminal.say("");
    }
    if !accepted(run, patient, state, !is_unknown)? {
        return Ok(());
    }
    if is_unknown {
        steps.note("register", &UnderWay {})?;
        let answer = run.ask_server(&server, |server| server.register(&account.client_id, invite.as_ref()))?;
        admitted(run, &server, &account.client_id, answer)?;
    }
    let Some(whole) = whole.filter(|whole| !whole.content.is_blank()) else {
        return finish(run, patient, state, Done::default());
    };
    send_all(run, patient, &whole)?;
    let sent = whole.content.tasks.len().try_into().unwrap_or(u64::MAX);
    finish(run, patient, state, Done { sent, ..Done::default() })
}

/// What waits is sent behind the version at which this computer is, which an empty account takes for a beginning. The snapshot
/// has everything else. This computer then fetches what it has sent itself, as after a lost answer.
fn send_all(run: &mut Run<'_>, patient: &Patient<'_, '_>, whole: &Whole) -> Result<(), Failure> {
    let Patient { account, steps, .. } = patient;
    let (url, insecure) = (account.server.clone(), run.global.insecure_http);
    let journal = run.terminal.journal().clone();
    let connect = || Ok(Server::new(url.clone(), insecure)?.with_journal(journal.clone()));
    let Whole { content, waiting, .. } = whole;
    let first = if waiting.is_empty() { marker(whole) } else { waiting.clone() };
    steps.note("send", &UnderWay {})?;
    run.terminal.say("sending …");
    let sent = push(&connect, account, content.base, &first, &mut || steps.reached("sent"))?;
    let Some(at) = sent else {
        return Err(FilledMeanwhile.into());
    };
    steps.reached("snapshot");
    store_snapshot(&connect, account, at, &content.tasks)?;
    steps.reached("prove");
    if prove(&connect, account, Start::Snapshot, at, &content.tasks)? {
        let all = all_tasks(content.tasks.len());
        run.terminal.say(&format!("proved: the account, rebuilt from the server, has {all} of this computer"));
    }
    Ok(())
}
