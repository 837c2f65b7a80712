//! Proofs against a server that can be as wrong as it likes.

use taskferry_protocol::VersionId;

use super::rebuild::{RebuildError, Start, rebuild};
use super::*;
use crate::credentials::unseal::{UnsealError, seal};
use crate::testing::computer::FakeComputer;
use crate::testing::server::{FakeServer, version};

const MILK: (u128, &str) = (1, "buy milk");
const ADA: (u128, &str) = (2, "call Ada");

/// A server with this history, an account there, and a connection.
fn world(history: &[&[(u128, &str)]]) -> (FakeServer, Credentials) {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, history);
    (server, credentials)
}

fn connection(server: &FakeServer) -> Server {
    Server::new(server.url().parse().unwrap(), false).unwrap()
}

fn verdict(server: &FakeServer, account: &Credentials, base: VersionId, tasks: &[(u128, &str)]) -> Verdict {
    let computer = FakeComputer::new().with_database(base, tasks, 0);
    prove(connection(server), account, &Database::in_folder(&computer.path(".task"))).unwrap()
}

#[test]
fn an_account_is_compared_at_the_version_where_this_computer_is() {
    let (server, account) = world(&[&[MILK], &[ADA]]);
    assert_eq!(verdict(&server, &account, version(2), &[MILK, ADA]), Verdict::Equal { tasks: 2 });
    assert_eq!(
        verdict(&server, &account, version(1), &[MILK]),
        Verdict::Equal { tasks: 1 },
        "what came later is not it"
    );
}

#[test]
fn to_prove_only_reads() {
    let (server, account) = world(&[&[MILK]]);
    verdict(&server, &account, version(1), &[MILK, ADA]);
    assert!(server.asked().iter().all(|request| request.starts_with("GET ")), "{:?}", server.asked());
}

#[test]
fn a_history_that_leads_in_a_circle_is_not_followed_for_ever() {
    let (server, account) = world(&[&[MILK], &[ADA]]);
    server.leads_in_a_circle(&account);
    let why = match rebuild(connection(&server), &account, Start::FirstVersion, VersionId::NIL) {
        Err(RebuildError::Server(why)) => why.to_string(),
        other => panic!("{:?}", other.err()),
    };
    assert!(why.ends_with("makes no sense (the account's history leads back to where it was)"), "{why}");
    assert!(server.asked().len() < 10, "{:?}", server.asked());
}

#[test]
fn what_can_not_be_compared_is_no_difference() {
    let (server, account) = world(&[&[MILK]]);
    assert_eq!(verdict(&server, &account, version(9), &[MILK]), Verdict::Overtaken);
    server.empty_account(&account);
    assert_eq!(verdict(&server, &account, version(1), &[MILK]), Verdict::Empty);
}

#[test]
fn a_snapshot_is_what_new_computers_start_from_and_does_not_hide_what_the_history_lacks() {
    let (server, account) = world(&[&[MILK]]);
    let computer = FakeComputer::new().with_database(version(1), &[MILK, ADA], 0);
    let database = Database::in_folder(&computer.path(".task"));
    let lacks = |server: &FakeServer| missing_in_history(connection(server), &account, &database).unwrap();
    cure::send_snapshot(&connection(&server), &account, &database.content().unwrap()).unwrap();
    assert_eq!(verdict(&server, &account, version(1), &[MILK, ADA]), Verdict::Equal { tasks: 2 });
    assert_eq!(lacks(&server), Some(1));
    server.pruned_account(&account);
    assert_eq!(lacks(&server), None, "nobody can tell");
}

#[test]
fn a_version_of_a_stranger_a_part_of_a_history_and_garbage_are_told_apart() {
    let (server, account) = world(&[&[MILK]]);
    let failure =
        |account: &Credentials| rebuild(connection(&server), account, Start::FirstVersion, version(9)).err().unwrap();
    let wrong = server.credentials(1, "sesamE");
    assert!(matches!(failure(&wrong), RebuildError::Unseal(UnsealError::WrongSecret)));
    server.pruned_account(&account);
    assert!(matches!(failure(&account), RebuildError::Incomplete));
    for plain in ["", "[]", "{\"operations\":[{\"Explode\":{}}]}", "\u{0}"] {
        let body = seal(plain.as_bytes(), VersionId::NIL, &account.client_id, &account.secret);
        server.account_with_first_version(&account, body);
        assert!(matches!(failure(&account), RebuildError::Malformed), "{plain:?}");
    }
}

#[test]
fn a_server_that_says_not_now_in_the_middle_is_waited_for() {
    let (server, account) = world(&[&[MILK], &[ADA]]);
    server.refuses_for_now(2);
    assert_eq!(verdict(&server, &account, version(2), &[MILK, ADA]), Verdict::Equal { tasks: 2 });
}
