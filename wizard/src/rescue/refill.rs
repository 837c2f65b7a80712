//! Gives an account all tasks, as versions from its beginning and a snapshot, and proves it: the account is rebuilt from what the
//! server holds, as a new computer would, and compared attribute by attribute.
//!
//! Unlike Taskwarrior's own push it may stop anywhere: each round first looks what the account has, and sends only what is
//! missing. So a run that was cut, refused or killed is finished by the next one, and a version whose answer was lost on
//! the way is not sent twice.

use taskchampion::Operation;
use taskchampion::chrono::{DateTime, Utc};
use taskferry_protocol::VersionId;
use uuid::Uuid;

use super::edits;
use super::whole::Edited;
use crate::credentials::Credentials;
use crate::credentials::unseal::Key;
use crate::database::{Content, Tasks};
use crate::error::{Exit, Explain};
use crate::proof::cure::{CureError, send_snapshot};
use crate::proof::rebuild::{RebuildError, Rebuilt, Start, rebuild};
use crate::server::sealed::Added;
use crate::server::{Server, ServerError};

/// A version's plain size, in bytes: as large as Taskwarrior makes them.
const VERSION_BYTES: usize = 1_000_000;
/// How often it is looked again what is missing. Only an answer that was lost, or somebody else, makes another round.
const ROUNDS_MAX: u32 = 5;

/// Why the account does not have the tasks, or nobody knows whether it has. Nothing was changed on this computer.
#[derive(Debug, thiserror::Error)]
pub enum RefillError {
    /// The server failed, or refused.
    #[error("the tasks could not be sent to the new account")]
    Send(#[source] ServerError),
    /// They could not be sealed.
    #[error("the tasks could not be sealed")]
    Seal,
    /// The snapshot.
    #[error(transparent)]
    Snapshot(CureError),
    /// What the server holds could not be looked at.
    #[error("what the server holds of the tasks could not be looked at")]
    Look(#[source] RebuildError),
    /// Somebody else changes it.
    #[error("another computer changes this account at the same time")]
    NotAlone,
    /// Ctrl-C.
    #[error("stopped; your tasks are as they were: run the same command again to go on")]
    Stopped,
    /// The proof failed.
    #[error("the account, rebuilt from the server, does not have the tasks that were sent to it")]
    NotEqual,
}

impl Explain for RefillError {
    fn hint(&self) -> Option<String> {
        let again = "run the same command again: it goes on where it stopped; your tasks are as they were";
        Some(match self {
            Self::Send(ServerError::Refused { problem }) => {
                let hint = problem.hint.as_deref().map(crate::terminal::printable);
                format!("{}\n{again}", hint.as_deref().unwrap_or("ask whoever runs the server"))
            }
            Self::NotEqual => "something between here and the server changes what is sent: ask whoever runs it\n\
                 nothing was changed on this computer"
                .into(),
            Self::Send(_) | Self::Seal | Self::Snapshot(_) | Self::Look(_) | Self::NotAlone => again.into(),
            Self::Stopped => return None,
        })
    }

    fn is_choice(&self) -> bool {
        matches!(self, Self::Stopped)
    }

    fn exit(&self) -> Exit {
        if self.is_choice() { Exit::Interrupted } else { Exit::Failed }
    }
}

impl RefillError {
    fn send(why: ServerError) -> Self {
        if matches!(why, ServerError::Interrupted) { Self::Stopped } else { Self::Send(why) }
    }

    fn look(why: RebuildError) -> Self {
        if matches!(why, RebuildError::Server(ServerError::Interrupted)) { Self::Stopped } else { Self::Look(why) }
    }

    fn snapshot(why: CureError) -> Self {
        if matches!(why, CureError::Send(ServerError::Interrupted)) { Self::Stopped } else { Self::Snapshot(why) }
    }
}

/// A way to the server, made anew for each use: rebuilding an account takes one for itself.
pub type Connect<'a> = dyn Fn() -> Result<Server, ServerError> + 'a;

/// Sends what the account lacks of `tasks`, and takes away what it has too much. The version at which it has them. `sent`
/// is told after each version.
pub fn refill(
    connect: &Connect<'_>,
    account: &Credentials,
    tasks: &Tasks,
    edited: &Edited,
    sent: &mut dyn FnMut(),
) -> Result<VersionId, RefillError> {
    let key = Key::derive(&account.client_id, &account.secret).map_err(|_| RefillError::Seal)?;
    let server = connect().map_err(RefillError::send)?;
    for _ in 0..ROUNDS_MAX {
        let there = look(connect, account)?;
        let missing = edits::between(&there.tasks, tasks, edited);
        if missing.is_empty() {
            return Ok(there.at);
        }
        let mut parent = there.at;
        for version in versions(&missing) {
            let body = key.seal(version.as_bytes(), parent).map_err(|_| RefillError::Seal)?;
            let add = |server: &Server| server.add_version(&account.client_id, parent, body.clone());
            match server.patiently(|_, _| (), add).map_err(RefillError::send)? {
                Added::Yes(id) => parent = id,
                Added::Conflict => break,
            }
            sent();
        }
    }
    Err(RefillError::NotAlone)
}

/// Stores a snapshot of `tasks` at the version `at`, from which new computers start, and proves that both ways into the account
/// lead to exactly these tasks: the snapshot, and the history from its beginning.
pub fn prove_refilled(
    connect: &Connect<'_>,
    account: &Credentials,
    tasks: &Tasks,
    at: VersionId,
) -> Result<(), RefillError> {
    if !at.is_nil() {
        let server = connect().map_err(RefillError::send)?;
        let content = Content { base: at, tasks: tasks.clone(), unsent: [].into() };
        send_snapshot(&server, account, &content).map_err(RefillError::snapshot)?;
    }
    for start in [Start::Snapshot, Start::FirstVersion] {
        let server = connect().map_err(RefillError::send)?;
        let there = rebuild(server, account, start, VersionId::NIL).map_err(RefillError::look)?;
        if there.at != at || there.tasks != *tasks {
            return Err(RefillError::NotEqual);
        }
    }
    Ok(())
}

/// What the account has now. From its beginning; if that is not kept, from its snapshot.
fn look(connect: &Connect<'_>, account: &Credentials) -> Result<Rebuilt, RefillError> {
    let from = |start| rebuild(connect().map_err(RebuildError::Server)?, account, start, VersionId::NIL);
    match from(Start::FirstVersion) {
        Err(RebuildError::Incomplete) => from(Start::Snapshot),
        there => there,
    }
    .map_err(RefillError::look)
}

/// The changes as versions, in JSON, none of them larger than Taskwarrior's own unless a single change is.
pub fn versions(operations: &[Operation]) -> Vec<String> {
    let mut versions = Vec::new();
    let mut version = String::new();
    for operation in operations.iter().filter_map(Sent::of) {
        let Ok(text) = serde_json::to_string(&operation) else { continue };
        if !version.is_empty() && version.len() + text.len() > VERSION_BYTES {
            versions.push(std::mem::take(&mut version));
        }
        if !version.is_empty() {
            version.push(',');
        }
        version.push_str(&text);
    }
    if !version.is_empty() {
        versions.push(version);
    }
    versions.into_iter().map(|operations| format!("{{\"operations\":[{operations}]}}")).collect()
}

/// A change as it is sent: without what it was before, which is only for undoing it.
#[derive(serde::Serialize)]
enum Sent<'a> {
    Create { uuid: Uuid },
    Delete { uuid: Uuid },
    Update { uuid: Uuid, property: &'a str, value: Option<&'a str>, timestamp: DateTime<Utc> },
}

impl<'a> Sent<'a> {
    fn of(operation: &'a Operation) -> Option<Self> {
        Some(match operation {
            Operation::Create { uuid } => Self::Create { uuid: *uuid },
            Operation::Delete { uuid, .. } => Self::Delete { uuid: *uuid },
            Operation::Update { uuid, property, value, timestamp, .. } => {
                Self::Update { uuid: *uuid, property, value: value.as_deref(), timestamp: *timestamp }
            }
            Operation::UndoPoint => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::server::FakeServer;

    fn tasks(count: u128) -> Tasks {
        let one = |id| (Uuid::from_u128(id), [("description".to_owned(), format!("task {id} “√”\n"))].into());
        (1..=count).map(one).collect()
    }

    struct World {
        server: FakeServer,
        account: Credentials,
    }

    fn world() -> World {
        let server = FakeServer::taskferry();
        let account = server.credentials(1, "sesame");
        server.empty_account(&account);
        World { server, account }
    }

    impl World {
        fn connect(&self) -> Result<Server, ServerError> {
            Server::new(self.server.url().parse().unwrap(), false)
        }

        /// And how many versions were sent.
        fn refill(&self, tasks: &Tasks) -> (Result<VersionId, RefillError>, usize) {
            let mut versions = 0;
            let filled = refill(&|| self.connect(), &self.account, tasks, &Edited::default(), &mut || versions += 1);
            (filled, versions)
        }

        fn is_proved(&self, tasks: &Tasks, at: VersionId) -> Result<(), RefillError> {
            prove_refilled(&|| self.connect(), &self.account, tasks, at)
        }
    }

    #[test]
    fn an_account_has_all_tasks_both_ways_and_a_second_time_sends_nothing() {
        let world = world();
        let tasks = tasks(3);
        let (at, versions) = world.refill(&tasks);
        let at = at.unwrap();
        assert_eq!(versions, 1);
        world.is_proved(&tasks, at).unwrap();
        assert!(world.server.has_snapshot(&world.account));
        let (again, versions) = world.refill(&tasks);
        assert_eq!((again.unwrap(), versions), (at, 0));
    }

    #[test]
    fn what_another_run_has_sent_is_completed_and_corrected() {
        let world = world();
        world.refill(&tasks(5)).0.unwrap();
        let mut wanted = tasks(7);
        wanted.remove(&Uuid::from_u128(2));
        wanted.get_mut(&Uuid::from_u128(3)).unwrap().insert("project".into(), "home".into());
        let (at, _) = world.refill(&wanted);
        world.is_proved(&wanted, at.unwrap()).unwrap();
    }

    #[test]
    fn a_push_that_stops_in_the_middle_is_continued_and_one_that_waits_goes_on() {
        let world = world();
        let many: Tasks = tasks(40)
            .into_iter()
            .map(|(id, mut task)| {
                task.insert("annotation_1".into(), "x".repeat(100_000));
                (id, task)
            })
            .collect();
        world.server.accepts_versions(2);
        let (stopped, versions) = world.refill(&many);
        assert!(matches!(stopped, Err(RefillError::Send(_))), "{stopped:?}");
        assert_eq!(versions, 2);
        world.server.accepts_versions(u32::MAX);
        let (at, versions) = world.refill(&many);
        assert_eq!(versions, 3, "five in all, and no more than is needed");
        world.is_proved(&many, at.unwrap()).unwrap();
    }

    #[test]
    fn a_version_whose_answer_was_lost_is_not_sent_twice() {
        let world = world();
        world.server.loses_the_answer_to_a_version();
        let (lost, _) = world.refill(&tasks(3));
        assert!(matches!(lost, Err(RefillError::Send(ServerError::Unreachable { .. }))), "{lost:?}");
        let (at, versions) = world.refill(&tasks(3));
        assert_eq!(versions, 0);
        world.is_proved(&tasks(3), at.unwrap()).unwrap();
    }

    #[test]
    fn an_account_that_is_not_what_was_sent_is_no_success() {
        let world = world();
        let at = world.refill(&tasks(3)).0.unwrap();
        assert!(matches!(world.is_proved(&tasks(4), at), Err(RefillError::NotEqual)));
    }
}
