//! `POST /taskferry/v1/register` and `GET /taskferry/v1/account`: what the protocol alone can't say.

use taskferry_protocol::VersionId;
use taskferry_protocol::describe::AccountState;
use taskferry_protocol::wire::{ACCOUNT, REGISTER};

use e2e::http::Request;
use e2e::{Account, Replica, TestServer, wait};
use taskferry_protocol::describe::Registration;

use crate::{PROGRAMS, server};

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

/// A request that only the protocol's own 404 would let pass for a success.
#[track_caller]
fn is_refused_everything(account: &Account, code: &str) {
    account.child_of(VersionId::NIL).refused(403, code);
    account.snapshot().refused(403, code);
    account.add_version(VersionId::NIL, "first").refused(403, code);
    account.add_snapshot(VersionId::from_uuid(account.id().expose()), "a snapshot").refused(403, code);
    account.register().refused(403, code);
    account.describe().refused(404, "unknown_account");
}

fn no_accounts(server: &TestServer) -> bool {
    server.ask_operator(["account", "list"]).as_array().is_some_and(Vec::is_empty)
}

#[test]
fn where_registration_is_closed_an_unknown_account_is_refused_by_every_request() {
    for (policy, described, code) in
        [("closed", Registration::Closed, "registration_closed"), ("invite", Registration::Invite, "invite_needed")]
    {
        let server = PROGRAMS.server().option("--registration", policy).start();
        assert_eq!(server.info().registration, described);
        is_refused_everything(&server.unknown_account(), code);
        // Taskwarrior would take a 404 for "up to date".
        Replica::with(&server.new_account()).sync().fails_with("403");
        assert!(no_accounts(&server));
    }
}

#[test]
fn accounts_that_are_there_stay_when_registration_is_closed() {
    let mut open = server();
    let account = open.account();
    let [latest] = account.grow();
    open.stop();
    let server = PROGRAMS.server().option("--registration", "closed").on_data_of(&open).start();
    let account = Account::known_as(server.address(), account.id());
    account.append(latest, "still welcome");
    assert_eq!(account.register().status, 200);
}

#[test]
fn an_invite_creates_one_account_after_which_stock_requests_need_nothing_more() {
    let server = PROGRAMS.server().option("--registration", "invite").start();
    let made = server.ask_operator(["invite", "create", "--public-url", "https://sync.example.org"]);
    let code = made["code"].as_str().expect("a code");
    let command = made["command"].as_str().expect("a command");
    assert_eq!(command, format!("taskferry setup --server https://sync.example.org --invite {code}"));

    let settings = server.new_account();
    let account = Account::known_as(server.address(), settings.client_id);
    assert_eq!(account.register_with(&code.to_lowercase().replace('-', " ")).status, 201);
    assert_eq!(account.register_with(code).status, 200, "the same request again");
    assert_eq!(account.register().status, 200);
    server.unknown_account().register_with(code).refused(403, "invite_used");
    assert_eq!(server.ask_operator(["invite", "ls"])[0]["used"], 1);

    let mut laptop = Replica::with(&settings);
    laptop.add("buy milk");
    laptop.sync().good();
}

#[test]
fn an_invite_that_is_not_good_creates_nothing() {
    let server = PROGRAMS.server().option("--registration", "invite").start();
    let code = |invite: &serde_json::Value| invite["code"].as_str().expect("a code").to_owned();
    let revoked = server.ask_operator(["invite", "create", "--uses", "5"]);
    server.operate(["invite", "revoke", &revoked["id"].to_string()]).good();
    server.operate(["invite", "revoke", &revoked["id"].to_string()]).exits_with(1);
    let account = server.unknown_account();
    account.register_with(&code(&revoked)).refused(403, "invite_invalid");
    account.register_with("GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ").refused(403, "invite_invalid");
    account.register_with("please").refused(403, "invite_invalid");

    let expired = code(&server.ask_operator(["invite", "create", "--uses", "100000", "--expires", "1s"]));
    wait::until("it expires", || server.unknown_account().register_with(&expired).status == 403);
    server.unknown_account().register_with(&expired).refused(403, "invite_expired");
    server.operate(["invite", "create", "--expires", "soon"]).exits_with(2);
}

#[test]
fn an_account_on_the_references_allow_list_creates_itself_by_its_first_version() {
    let known = Account::unknown_to(([127, 0, 0, 1], 0).into());
    let server = PROGRAMS.server().variable("CLIENT_ID", known.id().expose().to_string()).start();
    let known = Account::known_as(server.address(), known.id());
    known.child_of(VersionId::NIL).is_nothing_there();
    known.append(VersionId::NIL, "first");
    is_refused_everything(&server.unknown_account(), "registration_closed");

    let server = PROGRAMS.server().variable("CREATE_CLIENTS", "false").start();
    is_refused_everything(&server.unknown_account(), "registration_closed");
}

#[test]
fn an_operator_creates_accounts_where_nobody_else_can() {
    let server = PROGRAMS.server().option("--registration", "closed").start();
    let created = server.operate(["account", "create"]).good().stdout;
    let account = Account::known_as(server.address(), created.trim().parse().expect("a client ID"));
    account.append(VersionId::NIL, "first");
}
