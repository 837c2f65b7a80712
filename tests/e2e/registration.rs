//! `POST /taskferry/v1/register` and `GET /taskferry/v1/account`: what the protocol alone can't say.

use taskferry_protocol::VersionId;
use taskferry_protocol::describe::AccountState;
use taskferry_protocol::wire::{ACCOUNT, REGISTER};

use e2e::http::Request;

use crate::server;

#[test]
fn an_account_is_created_once_and_then_already_there() {
    let server = server();
    let account = server.unknown_account();
    assert_eq!(account.register().status, 201);
    assert_eq!(account.register().status, 200);
    account.grow::<1>();
    assert_eq!(account.register().status, 200);
    assert_eq!(account.chain().len(), 1);
}

#[test]
fn unknown_empty_and_used_accounts_can_be_told_apart() {
    let server = server();
    let account = server.unknown_account();
    account.describe().refused(404, "unknown_account");

    account.register();
    let empty = account.info();
    assert!(empty.is_empty());
    assert_eq!((empty.state, empty.versions, empty.version_bytes), (AccountState::Active, 0, 0));
    assert_eq!((empty.last_version_at, empty.snapshot), (None, None));
    assert_eq!(empty.epoch, server.info().epoch);

    let [_, at] = account.grow();
    account.add_snapshot(at, "a snapshot").good();
    let latest = account.append(at, "version 3");
    let used = account.info();
    assert!(!used.is_empty());
    assert_eq!((used.latest_version_id, used.versions, used.version_bytes), (latest, 3, 3 * "version 3".len() as u64));
    assert!(used.last_version_at.is_some_and(|at| at >= used.created_at));
    let snapshot = used.snapshot.expect("the snapshot");
    assert_eq!((snapshot.version_id, snapshot.bytes, snapshot.versions_since), (at, "a snapshot".len() as u64, 1));
}

#[test]
fn a_registered_account_is_empty_to_the_protocol() {
    let server = server();
    let account = server.account();
    account.child_of(VersionId::NIL).is_nothing_there();
    account.snapshot().is_nothing_there();
    account.append(VersionId::NIL, "first");
}

#[test]
fn registering_needs_a_client_id_and_a_body_that_makes_sense() {
    let server = server();
    Request::post(REGISTER).send(server.address()).refused(400, "client_id_missing");
    Request::get(ACCOUNT).send(server.address()).refused(400, "client_id_missing");

    let account = server.unknown_account();
    let json = |body: &str| account.request("POST", REGISTER).header("content-type", "application/json").body(body);
    for nonsense in ["{", "[]", "\"invite\"", r#"{"invite":7}"#, r#"{"invitation":"x"}"#] {
        let answer = json(nonsense).send(server.address());
        assert_eq!(answer.status, 400, "{nonsense}: {answer:?}");
        answer.refused(400, "body_not_json");
    }
    account.describe().refused(404, "unknown_account");
    assert_eq!(json("{}").send(server.address()).status, 201);
}
