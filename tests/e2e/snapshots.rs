//! `POST /v1/client/add-snapshot/{version}` and `GET /v1/client/snapshot`. A refused snapshot would make stock clients fail
//! a sync whose versions are stored already, so whatever the rules say, a well-formed one of an account that exists is answered with 200.

use taskferry_protocol::VersionId;
use taskferry_protocol::wire::{SNAPSHOT_BODY, X_VERSION_ID};
use uuid::Uuid;

use crate::{PROGRAMS, server};

#[test]
fn a_snapshot_comes_back_byte_for_byte_with_its_version() {
    let server = server();
    let account = server.account();
    let [_, version] = account.grow();
    let body: Vec<u8> = (0..=u8::MAX).cycle().take(700_000).collect();
    let stored = account.add_snapshot(version, body.clone()).good();
    assert_eq!(stored.body, b"");

    let answer = account.snapshot().good();
    assert_eq!(answer.id_in(X_VERSION_ID), version);
    assert_eq!(answer.header("content-type"), Some(SNAPSHOT_BODY));
    assert!(answer.body == body, "the snapshot came back changed");
}

#[test]
fn without_a_snapshot_there_is_nothing() {
    let server = server();
    server.unknown_account().snapshot().is_nothing_there();
    let account = server.account();
    account.snapshot().is_nothing_there();
    account.grow::<1>();
    account.snapshot().is_nothing_there();
}

#[test]
fn a_newer_snapshot_replaces_the_older_and_an_older_one_is_ignored() {
    let server = server();
    let account = server.account();
    let [_, second, third, fourth] = account.grow();
    account.add_snapshot(second, "at version 2").good();
    account.add_snapshot(fourth, "at version 4").good();
    assert_eq!(account.snapshot().good().body, b"at version 4");

    account.add_snapshot(third, "at version 3").good();
    let kept = account.snapshot().good();
    assert_eq!((kept.version_id(), kept.body), (fourth, b"at version 4".to_vec()));
}

#[test]
fn a_snapshot_that_does_not_fit_the_chain_is_ignored() {
    let server = server();
    let account = server.account();
    let [old, ..] = account.grow::<8>();
    for version in [VersionId::NIL, old, VersionId::from_uuid(Uuid::from_u128(7))] {
        account.add_snapshot(version, "of another time or place").good();
        account.snapshot().is_nothing_there();
    }
}

#[test]
fn a_snapshot_of_an_unknown_account_is_refused_and_creates_nothing() {
    let server = server();
    let account = server.unknown_account();
    account.add_snapshot(VersionId::NIL, "of nobody").refused(404, "unknown_account");
    account.snapshot().is_nothing_there();
    account.describe().refused(404, "unknown_account");
}

#[test]
fn a_snapshot_at_the_limit_is_kept_and_one_above_is_dropped() {
    let server = PROGRAMS.server().option("--max-snapshot-bytes", "70000").start();
    assert_eq!(server.info().limits.snapshot_bytes, 70_000);
    let account = server.account();
    let [first, second] = account.grow();

    account.add_snapshot(first, vec![b'a'; 70_000]).good();
    assert_eq!(account.snapshot().good().body.len(), 70_000);

    account.add_snapshot(second, vec![b'b'; 70_001]).good();
    let kept = account.snapshot().good();
    assert_eq!((kept.version_id(), kept.body.len()), (first, 70_000));
}

#[test]
fn a_snapshot_far_above_the_limit_is_read_to_its_end_and_dropped() {
    let server = PROGRAMS.server().option("--max-snapshot-bytes", "1000").start();
    let account = server.account();
    let [version] = account.grow();
    account.add_snapshot(version, vec![b'x'; 3_000_000]).good();
    account.snapshot().is_nothing_there();
}
