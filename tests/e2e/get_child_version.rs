//! `GET /v1/client/get-child-version/{parent}`: 200, or which kind of nothing. Stock clients take a 404 for "up to date"
//! and stop for good at a 410.

use taskferry_protocol::VersionId;
use taskferry_protocol::wire::{HISTORY_SEGMENT, X_PARENT_VERSION_ID};
use uuid::Uuid;

use crate::server;

#[test]
fn a_child_comes_with_its_id_its_parent_and_its_body() {
    let server = server();
    let account = server.account();
    let [first, second] = account.grow();
    let answer = account.child_of(first).good();
    assert_eq!((answer.version_id(), answer.id_in(X_PARENT_VERSION_ID)), (second, first));
    assert_eq!(answer.header("content-type"), Some(HISTORY_SEGMENT));
    assert_eq!(answer.body, b"version 2");
}

#[test]
fn the_latest_version_has_no_child_yet() {
    let server = server();
    let account = server.account();
    let [_, latest] = account.grow();
    account.child_of(latest).is_nothing_there();
}

#[test]
fn an_empty_account_is_up_to_date_whatever_is_asked() {
    let server = server();
    let account = server.account();
    account.child_of(VersionId::NIL).is_nothing_there();
    account.child_of(VersionId::from_uuid(Uuid::from_u128(7))).is_nothing_there();
}

#[test]
fn an_unknown_account_looks_like_an_empty_one_and_is_not_created() {
    let server = server();
    let account = server.unknown_account();
    account.child_of(VersionId::NIL).is_nothing_there();
    account.child_of(VersionId::from_uuid(Uuid::from_u128(7))).is_nothing_there();
    account.describe().refused(404, "unknown_account");
}

#[test]
fn a_version_that_the_account_does_not_have_is_gone() {
    let server = server();
    let account = server.account();
    account.grow::<2>();
    let answer = account.child_of(VersionId::from_uuid(Uuid::from_u128(7)));
    answer.refused(410, "version_gone");
}
