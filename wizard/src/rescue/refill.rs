//! Gives an account all tasks, as versions from its beginning and a snapshot, and proves it: the account is rebuilt from what the
//! server holds, as a new computer would, and compared attribute by attribute.
//!
//! Each round first looks what the account has, and sends only what is missing ([`super::push`]). So a run that was cut, refused or
//! killed is finished by the next one, and a version whose answer was lost on the way is not sent twice.

use taskferry_protocol::VersionId;

use super::edits;
use super::push::{Connect, PushError, prove, push, store_snapshot};
use super::whole::Edited;
use crate::credentials::Credentials;
use crate::database::Tasks;
use crate::proof::rebuild::{RebuildError, Rebuilt, Start, rebuild};

/// How often it is looked again what is missing. Only an answer that was lost, or somebody else, makes another round.
const ROUNDS_MAX: u32 = 5;

/// Sends what the account lacks of `tasks`, and takes away what it has too much. The version at which it has them. `sent`
/// is told after each version.
pub fn refill(
    connect: &Connect<'_>,
    account: &Credentials,
    tasks: &Tasks,
    edited: &Edited,
    sent: &mut dyn FnMut(),
) -> Result<VersionId, PushError> {
    for _ in 0..ROUNDS_MAX {
        let there = look(connect, account)?;
        let missing = edits::between(&there.tasks, tasks, edited);
        if missing.is_empty() {
            return Ok(there.at);
        }
        // Whether another one was faster, and whether all of it arrived, shows the next look.
        push(connect, account, there.at, &missing, sent)?;
    }
    Err(PushError::NotAlone)
}

/// Stores a snapshot of `tasks` at the version `at`, from which new computers start, and proves that both ways into the account
/// lead to exactly these tasks: the snapshot, and the history from its beginning.
pub fn prove_refilled(
    connect: &Connect<'_>,
    account: &Credentials,
    tasks: &Tasks,
    at: VersionId,
) -> Result<(), PushError> {
    if !at.is_nil() {
        store_snapshot(connect, account, at, tasks)?;
    }
    for start in [Start::Snapshot, Start::FirstVersion] {
        if !prove(connect, account, start, at, tasks)? {
            return Err(PushError::NotAlone);
        }
    }
    Ok(())
}

/// What the account has now. From its beginning; if that is not kept, from its snapshot.
fn look(connect: &Connect<'_>, account: &Credentials) -> Result<Rebuilt, PushError> {
    let from = |start| rebuild(connect().map_err(RebuildError::Server)?, account, start, VersionId::NIL);
    Ok(match from(Start::FirstVersion) {
        Err(RebuildError::Incomplete) => from(Start::Snapshot)?,
        there => there?,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::server::{Server, ServerError};
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
        fn refill(&self, tasks: &Tasks) -> (Result<VersionId, PushError>, usize) {
            let mut versions = 0;
            let filled = refill(&|| self.connect(), &self.account, tasks, &Edited::default(), &mut || versions += 1);
            (filled, versions)
        }

        fn is_proved(&self, tasks: &Tasks, at: VersionId) -> Result<(), PushError> {
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
        assert!(matches!(stopped, Err(PushError::Send(_))), "{stopped:?}");
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
        assert!(matches!(lost, Err(PushError::Send(ServerError::Unreachable { .. }))), "{lost:?}");
        let (at, versions) = world.refill(&tasks(3));
        assert_eq!(versions, 0);
        world.is_proved(&tasks(3), at.unwrap()).unwrap();
    }

    #[test]
    fn an_account_that_is_not_what_was_sent_is_no_success() {
        let world = world();
        let at = world.refill(&tasks(3)).0.unwrap();
        assert!(matches!(world.is_proved(&tasks(4), at), Err(PushError::NotEqual)));
    }
}
