//! What has come between a computer and its account, one by one.

use std::fs;

use e2e::cut::CutLine;
use e2e::tasks::to_do;
use e2e::{TaskHome, wait};

use super::{
    add_and_sync, assert_equal, back_up, database, export, joined, json, kept_by, repair, restore, set_up, state,
};
use crate::{PROGRAMS, server};

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_computer_where_all_is_well_is_left_alone() {
    let server = server();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["buy milk"]);
    laptop.task(["add", "not sent yet"]).good();
    let before = database(&laptop);
    let said = repair(&laptop).good();
    assert!(said.stderr.contains("there is nothing to repair: the account has the same"), "{said}");
    assert_eq!(json(&laptop, ["--dry-run"])["outcome"], "nothing-to-do");
    assert_eq!(database(&laptop), before);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn what_a_restored_server_has_lost_comes_back_with_what_was_not_sent_yet() {
    let mut server = server();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["buy milk", "call Ada", "water the plants"]);
    back_up(&server);
    laptop.task(["add", "sent after the backup", "+new", "due:tomorrow", "priority:H"]).good();
    laptop.task(["/milk/", "modify", "buy oat milk"]).good();
    laptop.task(["/Ada/", "done"]).good();
    laptop.task(["/plants/", "annotate", "twice"]).good();
    laptop.sync().good();
    restore(&mut server);
    laptop.task(["add", "not sent yet"]).good();
    laptop.task(["/plants/", "modify", "project:home"]).good();
    let tasks = export(&laptop);
    laptop.sync().fails_with("410");

    assert_eq!(state(&laptop), "ahead");
    let verify = laptop.wizard(PROGRAMS, ["verify"], "").exits_with(3);
    assert!(verify.stderr.contains("hint: run `taskferry repair`"), "{verify}");
    let before = database(&laptop);
    let planned = laptop.wizard(PROGRAMS, ["repair", "--dry-run"], "").good();
    assert!(planned.stderr.contains("nothing was changed, on neither side"), "{planned}");
    assert_eq!(database(&laptop), before);

    let said = repair(&laptop).good();
    assert!(said.stderr.contains("proved: the account, rebuilt from the server, has all 5 tasks of both"), "{said}");
    assert_eq!(export(&laptop), tasks, "every attribute");
    assert_eq!(state(&laptop), "up-to-date");
    laptop.sync().good();
    assert_equal(&[&laptop, &joined(&laptop)]);
    kept_by(&laptop, &said);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn two_computers_that_are_both_ahead_end_with_the_tasks_and_edits_of_both_in_either_order() {
    for laptop_first in [true, false] {
        let mut server = server();
        let laptop = set_up(&server);
        add_and_sync(&laptop, &["both edit this", "one edits this"]);
        let desktop = joined(&laptop);
        back_up(&server);
        // What the desktop has is older than what the laptop has, and neither knows all of the other's.
        add_and_sync(&desktop, &["from the desktop"]);
        laptop.sync().good();
        add_and_sync(&laptop, &["from the laptop"]);
        restore(&mut server);
        laptop.task(["/both/", "modify", "project:laptop", "+laptop"]).good();
        desktop.task(["/both/", "modify", "project:desktop", "+desktop"]).good();
        desktop.task(["/one edits/", "modify", "priority:H"]).good();

        let mut order = [&laptop, &desktop];
        if !laptop_first {
            order.reverse();
        }
        for computer in order {
            repair(computer).good();
        }
        for computer in [&laptop, &desktop, &laptop] {
            computer.sync().good();
        }
        assert_equal(&[&laptop, &desktop, &joined(&laptop)]);
        let tasks = laptop.tasks();
        let expected = ["both edit this", "from the desktop", "from the laptop", "one edits this"];
        assert_eq!(to_do(&tasks), expected);
        let both = tasks.values().find(|task| task.description == "both edit this").expect("it");
        assert_eq!(both.project.as_deref(), Some("desktop"), "it was changed last");
        assert!(both.tags.contains("laptop") && both.tags.contains("desktop"), "{both:?}");
    }
}

/// Nothing was changed, and the computer syncs with what the server has.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_computer_that_was_away_for_too_long_brings_its_changes_along() {
    let mut server = PROGRAMS.server().option("--snapshot-versions", "4").start();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["buy milk", "call Ada"]);
    let desktop = joined(&laptop);
    desktop.task(["/milk/", "modify", "+urgent"]).good();
    desktop.task(["add", "made while away"]).good();
    for number in 0..12 {
        add_and_sync(&laptop, &[&format!("meanwhile {number}")]);
    }
    laptop.task(["/Ada/", "done"]).good();
    server.stop();
    server.let_days_pass(400);
    server.start();
    add_and_sync(&laptop, &["much later"]);
    server.operate(["prune", "--yes"]).good();
    wait::until("the server notices", || state(&desktop) == "pruned");

    let said = repair(&desktop).good();
    assert!(said.stderr.contains("this computer was away for longer than"), "{said}");
    laptop.sync().good();
    assert_equal(&[&laptop, &desktop, &joined(&laptop)]);
    assert_eq!(laptop.tasks().len(), 16);
    assert!(laptop.tasks().values().any(|task| task.description == "buy milk" && task.tags.contains("urgent")));
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn tasks_of_another_account_come_along_and_that_account_stays_as_it_was() {
    let server = server();
    let (laptop, desktop) = (set_up(&server), set_up(&server));
    add_and_sync(&laptop, &["of the laptop"]);
    add_and_sync(&desktop, &["of the desktop"]);
    let elsewhere = joined(&desktop);
    desktop.wizard(PROGRAMS, ["status"], "").good();
    desktop.task(["add", "not sent yet"]).good();
    fs::copy(laptop.taskrc(), desktop.taskrc()).expect("another account");
    assert_eq!(state(&desktop), "other-account");

    let said = repair(&desktop).good();
    assert!(said.stderr.contains("last synced with another account"), "{said}");
    laptop.sync().good();
    assert_equal(&[&laptop, &desktop, &joined(&laptop)]);
    assert_eq!(to_do(&laptop.tasks()), ["not sent yet", "of the desktop", "of the laptop"]);
    elsewhere.sync().good();
    assert_eq!(to_do(&elsewhere.tasks()), ["of the desktop"]);
}

/// After a push of several versions was cut, Taskwarrior drops the rest, and computers that were there before never get it.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn tasks_that_a_cut_push_has_lost_arrive_on_every_computer() {
    let server = server();
    let line = CutLine::to(server.address(), 1);
    let laptop = TaskHome::untouched();
    laptop.wizard(PROGRAMS, ["setup", "--server", &line.url(), "--yes"], "").good();
    let desktop = joined(&laptop);
    laptop.add_more_than_one_version_takes();
    laptop.sync().fails_with("");
    line.mend();
    laptop.sync().good();
    desktop.task(["add", "of the desktop"]).good();
    desktop.sync().good();
    laptop.sync().good();
    assert!(export(&desktop).len() < export(&laptop).len());

    let said = repair(&laptop).good();
    assert!(said.stderr.contains("have different tasks, though both are at the same version"), "{said}");
    desktop.sync().good();
    assert_equal(&[&laptop, &desktop, &joined(&laptop)]);
    assert_eq!(laptop.tasks().len(), 7);
    assert!(laptop.tasks().values().filter(|task| task.description.len() > 100_000).count() == 6);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn an_account_that_is_lost_everywhere_comes_back_from_a_sealed_backup() {
    let mut server = server();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["buy milk", "call Ada"]);
    laptop.task(["/Ada/", "done"]).good();
    laptop.sync().good();
    laptop.wizard(PROGRAMS, ["export", "--sealed", "account.backup"], "").good();
    let backup = laptop.path().join("account.backup");
    server.stop();
    fs::remove_dir_all(server.data_dir()).expect("the data");
    server.start();

    // A new computer, with the settings and one task of its own.
    let tablet = TaskHome::untouched();
    fs::copy(laptop.taskrc(), tablet.taskrc()).expect("a taskrc");
    tablet.task(["add", "of the tablet"]).good();
    let from = ["repair", "--yes", "--from", backup.to_str().expect("a path")];
    let said = tablet.wizard(PROGRAMS, from, "").good();
    assert!(said.stderr.contains("has: 2 tasks"), "{said}");
    assert_eq!(to_do(&tablet.tasks()), ["buy milk", "of the tablet"]);
    assert_equal(&[&tablet, &joined(&tablet)]);
    let again = tablet.wizard(PROGRAMS, from, "").good();
    assert!(again.stderr.contains("this computer has all that is in `"), "{again}");
    // The laptop was further than the backup, and joins them.
    repair(&laptop).good();
    tablet.sync().good();
    assert_equal(&[&laptop, &tablet]);

    let other = set_up(&server);
    let refused = other.wizard(PROGRAMS, from, "").exits_with(1);
    assert!(refused.stderr.contains("is of another account"), "{refused}");
}
