//! Whatever breaks, fills up, or is killed in the middle: the computer is as it was, and the next run finishes.

use std::fs;
use std::process::Command;

use e2e::TaskHome;
use e2e::command::run;
use e2e::cut::CutLine;

use super::{
    add_and_sync, assert_equal, back_up, database, export, joined, killed_at, repair, restore, set_up, versions,
};
use crate::{PROGRAMS, server};

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_line_that_breaks_in_the_middle_leaves_the_computer_as_it_was_and_the_next_run_finishes() {
    let mut server = server();
    let line = CutLine::to(server.address(), usize::MAX);
    let laptop = TaskHome::untouched();
    laptop.wizard(PROGRAMS, ["setup", "--server", &line.url(), "--yes"], "").good();
    add_and_sync(&laptop, &["buy milk"]);
    back_up(&server);
    laptop.add_more_than_one_version_takes();
    laptop.sync().good();
    restore(&mut server);
    let before = database(&laptop);
    // Within the changes, and at the snapshot behind them.
    for _ in 0..2 {
        line.cut_after(1);
        let said = repair(&laptop).exits_with(1);
        assert!(said.stderr.contains("hint: run the same command again: it goes on where it stopped"), "{said}");
        assert_eq!(database(&laptop), before);
    }
    line.mend();
    repair(&laptop).good();
    assert_equal(&[&laptop, &joined(&laptop)]);
    assert_eq!(laptop.tasks().len(), 7);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_protected_database_is_refused_before_anything_is_sent() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut server = server();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["call Ada"]);
    back_up(&server);
    add_and_sync(&laptop, &["buy milk"]);
    restore(&mut server);
    let folder = laptop.path().join(".task");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).expect("a protected folder");
    let said = repair(&laptop);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("a usual folder");
    let said = said.exits_with(1);
    assert!(said.stderr.contains("is read-only"), "{said}");
}

/// The disk is full before anything happened, on either side.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_full_disk_is_told_before_anything_is_sent() {
    let mut server = server();
    let laptop = set_up(&server);
    laptop.add_more_than_one_version_takes();
    laptop.sync().good();
    back_up(&server);
    add_and_sync(&laptop, &["lost by the server"]);
    let sent = versions(&server, &laptop);
    restore(&mut server);
    let restored = versions(&server, &laptop);
    assert!(restored < sent);
    let before = database(&laptop);
    // No file may grow beyond 300 KiB, and the database has more: a write beyond fails, as on a disk without room.
    let command = laptop.command_of(PROGRAMS);
    let mut small = Command::new("/bin/sh");
    let script = "trap '' XFSZ; ulimit -f 600; exec \"$0\" repair --yes";
    small.arg("-c").arg(script).arg(command.get_program()).env_clear().current_dir(laptop.path());
    small.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = run(&mut small, "").exits_with(1);
    assert!(said.stderr.contains("error: could not keep a copy of your tasks in"), "{said}");
    assert!(said.stderr.contains("hint: make room"), "{said}");
    assert_eq!(database(&laptop), before);
    assert_eq!(versions(&server, &laptop), restored, "nothing was sent");
    repair(&laptop).good();
    assert_equal(&[&laptop, &joined(&laptop)]);
}

/// Whatever was done when it was killed: nothing is lost, and the next run finishes.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_repair_that_is_killed_at_any_step_is_finished_by_the_next_one() {
    let mut server = server();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["buy milk"]);
    back_up(&server);
    for step in ["keep", "send", "sent", "snapshot", "prove", "switch", "sync"] {
        add_and_sync(&laptop, &[&format!("sent before {step}")]);
        restore(&mut server);
        laptop.task(["add", &format!("waits at {step}")]).good();
        let tasks = export(&laptop);
        killed_at(step, &laptop);
        assert_eq!(export(&laptop), tasks, "after {step}");
        repair(&laptop).good();
        assert_eq!(export(&laptop), tasks, "after {step}");
        laptop.sync().good();
        assert_equal(&[&laptop, &joined(&laptop)]);
        assert!(!laptop.path().join(".local/state/taskferry/unfinished.json").exists(), "after {step}");
    }
}
