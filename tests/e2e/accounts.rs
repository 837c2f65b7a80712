//! Accounts never see each other, also many at once.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use e2e::Replica;
use taskferry_protocol::VersionId;

use crate::{server, server_for_many_accounts};

#[test]
fn a_foreign_version_id_finds_nothing() {
    let server = server();
    let (ada, bob) = (server.account(), server.account());
    let [first, second] = ada.grow();
    ada.add_snapshot(second, "ada's snapshot").good();

    // Bob's account is empty, so everything is up to date, as for any other version that nobody has.
    bob.child_of(first).is_nothing_there();
    bob.snapshot().is_nothing_there();

    // With versions of his own, hers is one that is gone, as for any other version that nobody has.
    let own = bob.append(VersionId::NIL, "bob's own");
    assert_eq!(bob.child_of(first).status, 410);
    assert_eq!(bob.child_of(second).status, 410);
    bob.child_of(own).is_nothing_there();
    assert!(bob.info().snapshot.is_none());
}

#[test]
fn a_foreign_parent_conflicts_as_any_unknown_parent_does() {
    let server = server();
    let (ada, bob) = (server.account(), server.account());
    let hers = ada.append(VersionId::NIL, "ada's");
    let his = bob.append(VersionId::NIL, "bob's");

    let answer = bob.add_version(hers, "bob's second");
    assert_eq!((answer.status, answer.id_in("x-parent-version-id")), (409, his));
    assert_eq!(ada.chain().len(), 1);
    assert_eq!(bob.chain().len(), 1);
}

/// An empty account takes any parent, so both chains may contain the same ID; they stay two chains.
#[test]
fn an_empty_account_that_starts_from_a_foreign_version_leaves_that_account_alone() {
    let server = server();
    let (ada, bob) = (server.account(), server.account());
    let hers = ada.append(VersionId::NIL, "ada's");
    let his = bob.append(hers, "bob's");

    ada.child_of(hers).is_nothing_there();
    assert_eq!(bob.child_of(hers).good().version_id(), his);
    let next = ada.append(hers, "ada's second");
    assert_eq!(ada.child_of(hers).good().body, b"ada's second");
    assert_eq!(bob.child_of(hers).good().body, b"bob's");
    assert_eq!(bob.child_of(next).status, 410);
}

#[test]
fn a_snapshot_for_a_foreign_version_is_ignored() {
    let server = server();
    let (ada, bob) = (server.account(), server.account());
    let hers = ada.append(VersionId::NIL, "ada's");
    bob.append(VersionId::NIL, "bob's");

    bob.add_snapshot(hers, "bob's snapshot").good();
    ada.snapshot().is_nothing_there();
    bob.snapshot().is_nothing_there();
}

#[test]
fn twenty_accounts_with_two_devices_each_sync_at_once_and_keep_apart() {
    const ACCOUNTS: usize = 20;
    const AT_ONCE: usize = 8;
    const ROUNDS: usize = 5;

    let server = server_for_many_accounts();
    let waiting = Mutex::new((1..=ACCOUNTS).map(|number| (number, server.new_account())).collect::<Vec<_>>());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((number, settings)) = { waiting.lock().expect("no panic in between").pop() } {
                    let (mut laptop, mut phone) = (Replica::with(&settings), Replica::with(&settings));
                    let mut expected = BTreeSet::new();
                    for round in 1..=ROUNDS {
                        expected.insert(laptop.add(&format!("account {number}, laptop, {round}")));
                        expected.insert(phone.add(&format!("account {number}, phone, {round}")));
                        laptop.sync().good();
                        phone.sync().good();
                    }
                    laptop.sync().good();
                    assert_eq!(laptop.rows().into_keys().collect::<BTreeSet<_>>(), expected);
                    assert_eq!(laptop.rows(), phone.rows());
                }
            });
        }
    });
}
