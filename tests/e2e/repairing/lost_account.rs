//! The server lost the account, or all that was in it.

use std::fs;

use e2e::tasks::to_do;

use super::{add_and_sync, assert_equal, export, joined, killed_at, repair, set_up, state};
use crate::server;

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_server_that_lost_everything_gets_it_again_and_other_computers_do_not_notice() {
    let mut server = server();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["buy milk", "call Ada"]);
    let desktop = joined(&laptop);
    let old = joined(&laptop);
    old.task(["add", "never sent"]).good();
    add_and_sync(&laptop, &["much more"]);
    desktop.sync().good();
    desktop.task(["add", "of the desktop"]).good();
    server.stop();
    fs::remove_dir_all(server.data_dir()).expect("the data");
    server.start();

    assert_eq!(state(&laptop), "unknown-account");
    let said = repair(&laptop).good();
    assert!(said.stderr.contains("proved: the account, rebuilt from the server, has all 3 tasks"), "{said}");
    desktop.sync().good();
    laptop.sync().good();
    assert_equal(&[&laptop, &desktop, &joined(&laptop)]);
    assert_eq!(to_do(&laptop.tasks()), ["buy milk", "call Ada", "much more", "of the desktop"]);

    // It was behind, so its version is nowhere.
    old.sync().fails_with("410");
    repair(&old).good();
    laptop.sync().good();
    assert_equal(&[&laptop, &old]);
    assert_eq!(laptop.tasks().len(), 5);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_large_account_that_was_lost_is_filled_again_whole() {
    let mut server = server();
    let laptop = set_up(&server);
    laptop.add_more_than_one_version_takes();
    laptop.sync().good();
    let desktop = joined(&laptop);
    laptop.add_more_than_one_version_takes();
    server.stop();
    fs::remove_dir_all(server.data_dir()).expect("the data");
    server.start();
    repair(&laptop).good();
    desktop.sync().good();
    assert_equal(&[&laptop, &desktop, &joined(&laptop)]);
    assert_eq!(laptop.tasks().len(), 12);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn filling_a_lost_account_that_is_killed_at_any_step_is_finished_by_the_next_run() {
    let mut server = server();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["buy milk"]);
    for step in ["register", "send", "sent", "snapshot", "prove", "sync"] {
        server.stop();
        fs::remove_dir_all(server.data_dir()).expect("the data");
        server.start();
        laptop.task(["add", &format!("waits at {step}")]).good();
        let tasks = export(&laptop);
        killed_at(step, &laptop);
        assert_eq!(export(&laptop), tasks, "after {step}");
        repair(&laptop).good();
        laptop.sync().good();
        assert_eq!(export(&laptop), tasks, "after {step}");
        assert_equal(&[&laptop, &joined(&laptop)]);
    }
}
