//! With a secret that does not open the account, the wizard sends nothing, on whatever way to a sync; and with the right one, everything
//! that waited comes along.

use std::fs;

use e2e::tasks::to_do;
use e2e::{Account, SyncSettings, TaskHome};

use crate::{PROGRAMS, server};

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn nothing_is_sent_with_it_and_with_the_right_one_all_of_it_is() {
    let server = server();
    let settings = server.new_account();
    let (laptop, desktop) = (TaskHome::with(&settings), TaskHome::with(&settings));
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    desktop.sync().good();
    let account = Account::known_as(server.address(), settings.client_id);
    let versions = account.info().versions;

    let mistyped =
        SyncSettings { secret: settings.secret.replace(|c: char| c.is_ascii_digit(), "x"), ..settings.clone() };
    fs::write(desktop.taskrc(), mistyped.taskrc_lines()).expect("a taskrc");
    desktop.task(["add", "waits"]).good();
    for (words, code) in [(&["sync"][..], 1), (&["sync", "--mend"], 1), (&["setup", "--yes"], 1), (&["verify"], 3)] {
        let said = desktop.wizard(PROGRAMS, words, "").exits_with(code);
        assert!(said.stderr.contains("the encryption secret does not fit the tasks on the server"), "{said}");
        assert!(!said.stderr.contains(&settings.secret) && !said.stderr.contains(&mistyped.secret), "{said}");
    }
    assert_eq!(account.info().versions, versions, "nothing was sent");
    laptop.task(["add", "goes on"]).good();
    laptop.sync().good();

    let link = laptop.wizard(PROGRAMS, ["share", "--link"], "").good().stdout;
    desktop.wizard(PROGRAMS, ["join", "--from-stdin", "--replace", "--yes"], &link).good();
    laptop.sync().good();
    for computer in [&laptop, &desktop] {
        assert_eq!(to_do(&computer.tasks()), ["buy milk", "goes on", "waits"]);
    }
}

/// Whoever types it wrong later, by hand, after many syncs that were fine.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn one_that_was_right_once_is_looked_at_again_when_it_changes() {
    let server = server();
    let settings = server.new_account();
    let laptop = TaskHome::with(&settings);
    laptop.task(["add", "pay the rent"]).good();
    laptop.sync().good();
    for task in ["buy milk", "call Ada", "water the plants"] {
        laptop.task(["add", task]).good();
        laptop.wizard(PROGRAMS, ["sync"], "").good();
    }
    let seen = fs::read_to_string(laptop.path().join(".local/state/taskferry/seen.json")).expect("what was seen");
    assert!(seen.contains("proved") && !seen.contains(&settings.secret), "{seen}");
    let account = Account::known_as(server.address(), settings.client_id);
    let versions = account.info().versions;
    let mistyped = SyncSettings { secret: settings.secret[1..].to_owned(), ..settings.clone() };
    fs::write(laptop.taskrc(), mistyped.taskrc_lines()).expect("a taskrc");
    laptop.task(["add", "waits"]).good();
    laptop.wizard(PROGRAMS, ["sync"], "").exits_with(1);
    assert_eq!(account.info().versions, versions);
    fs::write(laptop.taskrc(), settings.taskrc_lines()).expect("a taskrc");
    laptop.wizard(PROGRAMS, ["sync"], "").good();
    assert_eq!(account.info().versions, versions + 1);
}
