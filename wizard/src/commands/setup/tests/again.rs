//! A second run: nothing is set up twice, and what does not work any more is told.

use insta::assert_snapshot;

use super::SETUP;
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::{FakeServer, version};

#[test]
fn running_it_twice_equals_running_it_once() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    assert_eq!(laptop.run(&format!("{SETUP} --yes"), &server).exit, Exit::Fine);
    let after_once = laptop.read(".taskrc");
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    running `task sync` …
    sync with `[SERVER]` is set up already, and works; no setting was changed
    next: run `taskferry share` here, and `taskferry join` on your other computer
    ");
    assert_eq!(laptop.read(".taskrc"), after_once);
    assert_eq!(server.accounts(), 1);
}

/// After `undo`, there may be no taskrc at all, and Taskwarrior takes the tasks for sent.
#[test]
fn tasks_that_count_as_sent_are_taken_along_also_where_there_is_no_taskrc() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with_tasks(1).with_database(version(1), &[(1, "buy milk")], 0);
    let run = laptop.run(&format!("{SETUP} --dry-run"), &server);
    assert!(run.talk.contains("\n  send 1 task to it, encrypted, finished and deleted ones too\n"), "{}", run.talk);
}

#[test]
fn a_second_run_needs_no_address_and_with_no_sync_it_only_asks_the_server() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    assert_eq!(laptop.run(&format!("{SETUP} --yes"), &server).exit, Exit::Fine);
    for flag in ["--no-sync", "--dry-run"] {
        let run = laptop.run(&format!("setup {flag}"), &server);
        assert_eq!(run.exit, Exit::Fine);
        assert!(run.talk.contains("sync with `[SERVER]` is set up already; no setting was changed"), "{}", run.talk);
    }
    assert_eq!(laptop.syncs(), 1);
}

#[test]
fn a_second_run_tells_what_does_not_work_any_more() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    assert_eq!(laptop.run(&format!("{SETUP} --yes"), &server).exit, Exit::Fine);
    let taskrc = laptop.read(".taskrc");

    let mut desktop = FakeComputer::new().with(".taskrc", &taskrc.clone().unwrap()).with(".task/broken", "503\n");
    let run = desktop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("`task sync` failed") && !run.talk.contains("works"), "{}", run.talk);

    server.forgets_all_accounts();
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("error: this computer is set up for an account that `[SERVER]` does not know any more"));
    assert_eq!((laptop.read(".taskrc"), laptop.syncs()), (taskrc, 1));
}
