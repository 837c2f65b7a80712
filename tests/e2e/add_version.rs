//! `POST /v1/client/add-version/{parent}`: one chain per account, whoever races whom.

use std::sync::Barrier;
use std::thread;

use e2e::Account;
use e2e::http::Answer;
use taskferry_protocol::VersionId;
use taskferry_protocol::wire::{X_PARENT_VERSION_ID, X_SNAPSHOT_REQUEST};
use uuid::Uuid;

use crate::{PROGRAMS, server, server_for_many_accounts};

#[test]
fn the_first_version_of_an_unknown_client_id_creates_its_account() {
    let server = server();
    let account = server.unknown_account();
    let first = account.append(VersionId::NIL, "first");
    assert_eq!(account.child_of(VersionId::NIL).good().version_id(), first);
    assert_eq!(account.info().versions, 1);
}

#[test]
fn versions_form_a_chain_that_comes_back_byte_for_byte() {
    let server = server();
    let account = server.account();
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let bodies = [b"\0".to_vec(), every_byte, b"\r\n\r\nHTTP/1.1 200 OK\r\n".to_vec(), vec![0xff; 300_000]];
    let mut parent = VersionId::NIL;
    for body in &bodies {
        parent = account.append(parent, body.clone());
    }
    let chain = account.chain();
    assert_eq!(chain.len(), bodies.len());
    assert!(chain.iter().map(|version| &version.body).eq(&bodies), "a body came back changed");
    assert_eq!(account.info().latest_version_id, parent);
}

#[test]
fn an_empty_account_accepts_any_parent() {
    let server = server();
    let account = server.account();
    let elsewhere = VersionId::from_uuid(Uuid::from_u128(7));
    let first = account.append(elsewhere, "moved here from another server");
    assert_eq!(account.child_of(elsewhere).good().version_id(), first);
    assert_eq!(account.child_of(VersionId::NIL).status, 410);
}

#[test]
fn a_conflict_names_the_expected_parent() {
    let server = server();
    let account = server.account();
    let [first, second] = account.grow();
    for stale in [VersionId::NIL, first, VersionId::from_uuid(Uuid::from_u128(7))] {
        let answer = account.add_version(stale, "too late");
        assert_eq!((answer.status, answer.id_in(X_PARENT_VERSION_ID)), (409, second), "{answer:?}");
    }
    assert_eq!(account.chain().len(), 2);
}

/// What a proxy sends again when the answer got lost.
#[test]
fn the_same_version_sent_again_is_the_same_version() {
    let server = server();
    let account = server.account();
    let [first, second] = account.grow();
    assert_eq!(account.append(first, "version 2"), second);
    assert_eq!(account.append(first, "version 2"), second);
    assert_eq!(account.chain().len(), 2);
}

#[test]
fn another_version_under_the_same_parent_conflicts() {
    let server = server();
    let account = server.account();
    let [first, second] = account.grow();
    for other in ["version 3", "version 2 ", "version "] {
        let answer = account.add_version(first, other);
        assert_eq!((answer.status, answer.id_in(X_PARENT_VERSION_ID)), (409, second), "{other}: {answer:?}");
    }
    assert_eq!(account.child_of(first).good().body, b"version 2");
}

#[test]
fn a_version_without_a_snapshot_before_it_asks_urgently_for_one() {
    let server = server();
    let account = server.account();
    let first = account.add_version(VersionId::NIL, "first").good();
    assert_eq!(first.header(X_SNAPSHOT_REQUEST), Some("urgency=high"));

    account.add_snapshot(first.version_id(), "a snapshot").good();
    let second = account.add_version(first.version_id(), "second").good();
    assert_eq!(second.header(X_SNAPSHOT_REQUEST), None);
}

#[test]
fn the_more_versions_since_the_snapshot_the_more_urgently_the_next_one_is_asked_for() {
    let server = PROGRAMS.server().option("--snapshot-versions", "4").start();
    let account = server.account();
    let [mut latest] = account.grow();
    account.add_snapshot(latest, "a snapshot").good();
    let urgencies: Vec<Option<String>> = (0..8)
        .map(|number| {
            let answer = account.add_version(latest, format!("since the snapshot: {number}")).good();
            latest = answer.version_id();
            answer.header(X_SNAPSHOT_REQUEST).map(Into::into)
        })
        .collect();
    let [none, low, high] = [None, Some("urgency=low".to_owned()), Some("urgency=high".to_owned())];
    let expected = [&none, &none, &none, &none, &low, &low, &high, &high];
    assert!(urgencies.iter().eq(expected), "{urgencies:?}");

    account.add_snapshot(latest, "a newer snapshot").good();
    assert_eq!(account.add_version(latest, "next").good().header(X_SNAPSHOT_REQUEST), None);
}

#[test]
fn of_first_versions_that_race_on_a_new_account_exactly_one_wins() {
    let server = server_for_many_accounts();
    for _ in 1..=60 {
        let account = server.unknown_account();
        let winner = race(&account, VersionId::NIL);
        assert_eq!(account.child_of(VersionId::NIL).good().version_id(), winner);
        account.child_of(winner).is_nothing_there();
    }
}

#[test]
fn of_versions_that_race_on_one_parent_exactly_one_wins() {
    const ROUNDS: usize = 30;
    let server = server();
    let account = server.account();
    let mut latest = VersionId::NIL;
    for _ in 1..=ROUNDS {
        latest = race(&account, latest);
    }
    assert_eq!(account.chain().len(), ROUNDS);
}

/// Several devices add a version to `parent` at the same moment. One wins, the others are told so.
fn race(account: &Account, parent: VersionId) -> VersionId {
    const RACERS: usize = 4;
    let start = Barrier::new(RACERS);
    let run = |racer| {
        start.wait();
        account.add_version(parent, format!("racer {racer}"))
    };
    let run = &run;
    let answers: Vec<Answer> = thread::scope(|scope| {
        let racers: Vec<_> = (1..=RACERS).map(|racer| scope.spawn(move || run(racer))).collect();
        racers.into_iter().map(|racer| racer.join().expect("an answer")).collect()
    });
    let (won, lost): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1, "{answers:?}");
    let winner = won[0].version_id();
    for answer in lost {
        assert_eq!((answer.status, answer.id_in(X_PARENT_VERSION_ID)), (409, winner), "{answer:?}");
    }
    winner
}
