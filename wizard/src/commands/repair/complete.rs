//! An account to which a computer moved, or which was filled again, and whose snapshot never arrived: computers that are there go on,
//! and no other can join. This computer has everything, once it has synced, and gives the snapshot.

use super::{Done, Patient, UnderWay, accepted, all_tasks, finish, plan};
use crate::error::Failure;
use crate::flow::Run;
use crate::flow::sync::{database_of, sync};
use crate::proof::rebuild::Start;
use crate::rescue::push::{PushError, prove, store_snapshot};
use crate::server::Server;
use crate::standing::State;

pub(super) fn run(run: &mut Run<'_>, patient: &Patient<'_, '_>) -> Result<(), Failure> {
    let Patient { computer, account, steps, .. } = patient;
    let Some(database) = database_of(&computer.taskwarrior) else {
        return finish(run, patient, State::Incomplete, Done::default());
    };
    let all = all_tasks(database.content()?.tasks.len());
    let snapshot = format!("give the account at `{}` a snapshot of {all} of this computer, encrypted", account.server);
    plan(run, &["run `task sync`".into(), snapshot]);
    if !accepted(run, patient, State::Incomplete, true)? {
        return Ok(());
    }
    steps.note("complete", &UnderWay {})?;
    sync(run, &computer.taskwarrior, account)?;
    let content = database.content()?;
    if !content.unsent.is_empty() {
        // Typed since: a snapshot of it would be of no version.
        return Err(PushError::NotAlone.into());
    }
    let (url, insecure) = (account.server.clone(), run.global.insecure_http);
    let connect = || Server::new(url.clone(), insecure);
    steps.reached("snapshot");
    store_snapshot(&connect, account, content.base, &content.tasks)?;
    if !prove(&connect, account, Start::Snapshot, content.base, &content.tasks)? {
        return Err(PushError::NotAlone.into());
    }
    finish(run, patient, State::Incomplete, Done::default())
}
