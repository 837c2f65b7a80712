//! A person deletes their own account.

use e2e::http::Request;
use e2e::{Replica, wait};
use taskferry_protocol::VersionId;
use taskferry_protocol::describe::Deletion;
use taskferry_protocol::wire::ACCOUNT;

use crate::{PROGRAMS, server};

const DAY: i64 = 24 * 60 * 60;

#[test]
fn a_deleted_account_is_refused_at_once_and_its_operator_can_bring_it_back() {
    let server = server();
    let settings = server.new_account();
    let account = e2e::Account::known_as(server.address(), settings.client_id);
    let other = server.account();
    let mut laptop = Replica::with(&settings);
    laptop.add("buy milk");
    laptop.sync().good();
    other.grow::<1>();

    let before = account.info();
    let Deletion { erase_at } = account.delete().good().json();
    let since = erase_at - before.last_version_at.expect("a version");
    assert!((30 * DAY..30 * DAY + 120).contains(&since), "{since} s");
    // Without a wait.
    account.snapshot().refused(403, "account_deleted");
    account.describe().refused(403, "account_deleted");
    account.register().refused(403, "account_deleted");
    account.add_version(VersionId::NIL, "starting anew").refused(403, "account_deleted");
    account.delete().refused(403, "account_deleted");
    laptop.add("call Ada");
    laptop.sync().fails_with("403");
    assert_eq!(other.chain().len(), 1);

    let hash = server.hash_of(&account);
    let shown = server.ask_operator(["account", "show", &hash]);
    assert_eq!((&shown["state"], &shown["erase_at"]), (&"deleted".into(), &erase_at.into()));
    assert!(server.log().text().contains("account deleted by its owner"), "{}", server.log().text());
    server.operate(["account", "enable", &hash]).good();
    wait::until("the server notices", || account.snapshot().status != 403);
    laptop.sync().good();
    assert_eq!(account.info().versions, before.versions + 1);
}

#[test]
fn an_account_that_is_not_there_or_switched_off_can_not_be_deleted() {
    let server = server();
    server.unknown_account().delete().refused(404, "unknown_account");
    Request::new("DELETE", ACCOUNT).send(server.address()).refused(400, "client_id_missing");
    let account = server.account();
    account.grow::<1>();
    let hash = server.hash_of(&account);
    server.operate(["account", "disable", &hash]).good();
    wait::until("the server notices", || account.snapshot().status == 403);
    account.delete().refused(403, "account_disabled");
    assert_eq!(server.ask_operator(["account", "show", &hash])["state"], "disabled");
}

#[test]
fn in_the_middle_of_a_large_push_it_waits_for_the_end() {
    let server = server();
    let account = server.account();
    let first = account.append(VersionId::NIL, vec![b'x'; 1_000_000]);
    let refused = account.delete();
    refused.refused(503, "push_under_way");
    assert_eq!(refused.header("retry-after"), Some("10"));
    let last = account.append(first, "the last one");
    account.child_of(last).is_nothing_there();
    account.delete().good();
    account.child_of(last).refused(403, "account_deleted");
}

#[test]
fn an_operator_can_keep_it_to_themselves() {
    let server = PROGRAMS.server().option("--self-deletion", "off").start();
    assert!(!server.info().allows_deletion());
    let account = server.account();
    account.grow::<1>();
    let refused = account.delete().refused(403, "self_deletion_off");
    assert!(refused.hint.is_some_and(|hint| hint.contains("whoever runs this server")));
    assert_eq!(account.chain().len(), 1);
}

#[test]
fn deleted_over_a_restart_it_stays_deleted() {
    let mut server = server();
    let account = server.account();
    account.grow::<2>();
    account.delete().good();
    server.restart();
    account.snapshot().refused(403, "account_deleted");
    assert_eq!(server.ask_operator(["account", "show", &server.hash_of(&account)])["versions"], 2);
}
