//! What can't be repaired from a computer is named, and nothing is tried.

use std::fs;

use e2e::tasks::to_do;
use e2e::{SyncSettings, TaskHome, wait};

use super::{add_and_sync, assert_equal, database, joined, repair, state};
use crate::{PROGRAMS, server};

/// A version that nobody else can open.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_spoiled_account_is_named_with_the_last_good_version_and_never_with_its_id_unasked() {
    let server = server();
    let settings = server.new_account();
    let (laptop, desktop) = (TaskHome::with(&settings), TaskHome::with(&settings));
    add_and_sync(&laptop, &["buy milk"]);
    desktop.sync().good();
    add_and_sync(&desktop, &["still good"]);
    let good = e2e::Account::known_as(server.address(), settings.client_id).info().latest_version_id.to_string();
    let wrong = SyncSettings { secret: "0".repeat(64), ..settings.clone() };
    fs::write(desktop.taskrc(), wrong.taskrc_lines()).expect("a taskrc");
    add_and_sync(&desktop, &["spoils it"]);
    add_and_sync(&desktop, &["and again"]);
    laptop.task(["add", "waits"]).good();
    laptop.sync().fails_with("unsealing");

    assert_eq!(state(&laptop), "spoiled");
    let before = database(&laptop);
    let id = settings.client_id.expose().to_string();
    let rewind = |account: &str| format!("`taskferry-server account rewind {account} --to {good}`");
    let said = repair(&laptop).exits_with(3);
    assert!(said.stderr.contains(&rewind("ACCOUNT")), "{said}");
    assert!(!said.stderr.contains(&id) && !said.stderr.contains(&settings.secret), "{said}");
    let shown = laptop.wizard(PROGRAMS, ["repair", "--show-account"], "").exits_with(3);
    assert!(shown.stderr.contains(&rewind(&id)), "{shown}");
    assert_eq!(database(&laptop), before);

    // The one that did it is told that its own secret is the wrong one, and sends nothing more.
    let said = repair(&desktop).exits_with(3);
    assert!(said.stderr.contains("secret: the encryption secret does not fit"), "{said}");

    // Whoever runs the server does what stood there; then the desktop gets the right secret.
    server.operate(["account", "rewind", &id, "--to", &good, "--yes"]).good();
    wait::until("the server notices", || state(&laptop) != "spoiled");
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), ["buy milk", "still good", "waits"]);
    let link = laptop.wizard(PROGRAMS, ["share", "--link"], "").good().stdout;
    let said = desktop.wizard(PROGRAMS, ["join", "--from-stdin", "--yes", "--replace"], &link).either_way();
    repair(&desktop).good();
    laptop.sync().good();
    assert_equal(&[&laptop, &desktop, &joined(&laptop)]);
    assert_eq!(to_do(&laptop.tasks()), ["and again", "buy milk", "spoils it", "still good", "waits"], "{said}");
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn an_account_that_was_deleted_or_switched_off_is_named_and_nothing_is_tried() {
    let server = server();
    let settings = server.new_account();
    let laptop = TaskHome::with(&settings);
    add_and_sync(&laptop, &["buy milk"]);
    let id = settings.client_id.expose().to_string();
    let account = e2e::Account::known_as(server.address(), settings.client_id);
    server.operate(["account", "disable", &id]).good();
    wait::until("the server notices", || state(&laptop) == "disabled");
    let said = repair(&laptop).exits_with(3);
    assert!(said.stderr.contains("the account is disabled"), "{said}");
    server.operate(["account", "delete", &id, "--yes"]).good();
    wait::until("the server notices", || account.describe().status == 403);
    assert_eq!(state(&laptop), "deleted");
    let said = repair(&laptop).exits_with(3);
    assert!(said.stderr.contains("`taskferry move --without-old` takes them to a new account"), "{said}");
    assert_eq!(to_do(&laptop.tasks()), ["buy milk"]);
}
