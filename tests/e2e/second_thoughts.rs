//! Whoever takes a setup back can have it again, on their only computer too: into the same account or into a new one, and with every
//! task.

use e2e::TaskHome;
use e2e::tasks::to_do;

use crate::{PROGRAMS, server};

/// A computer that was set up, has sent a task, and took the setup back; and what it was told in the end.
fn taken_back(server: &e2e::TestServer) -> (TaskHome, String) {
    let laptop = TaskHome::untouched();
    laptop.wizard(PROGRAMS, ["setup", "--yes", "--server", &server.url()], "").good();
    laptop.task(["add", "buy milk"]).good();
    laptop.wizard(PROGRAMS, ["sync"], "").good();
    let told = laptop.wizard(PROGRAMS, ["undo", "--yes"], "").good().stderr;
    assert!(!laptop.taskrc().exists(), "{told}");
    (laptop, told)
}

/// Taskwarrior takes the tasks for sent, and would send none of them to another account.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_second_setup_takes_the_tasks_along() {
    let server = server();
    let (laptop, _) = taken_back(&server);
    let said = laptop.wizard(PROGRAMS, ["setup", "--yes", "--server", &server.url()], "").good();
    assert!(said.stderr.contains("proved: the new account has the same 1 task"), "{said}");
    let link = laptop.wizard(PROGRAMS, ["share", "--link"], "").good().stdout;
    let desktop = TaskHome::untouched();
    desktop.wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], &link).good();
    assert_eq!(to_do(&desktop.tasks()), ["buy milk"]);
    laptop.wizard(PROGRAMS, ["status"], "").good();
}

/// What it was told is what it takes.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn without_another_computer_the_kept_settings_lead_back_to_the_account() {
    let server = server();
    let (laptop, told) = taken_back(&server);
    let command = "without another computer: `taskferry ";
    let (_, rest) = told.split_once(command).unwrap_or_else(|| panic!("{told}"));
    let (words, file) = rest.split_once(" < ").expect("a file");
    let file = file.split('`').next().expect("its end").replace('~', &laptop.path().display().to_string());
    let kept = std::fs::read_to_string(file).expect("the kept settings");
    laptop.wizard(PROGRAMS, words.split(' '), &kept).good();
    laptop.task(["add", "call Ada"]).good();
    laptop.wizard(PROGRAMS, ["sync"], "").good();
    let link = laptop.wizard(PROGRAMS, ["share", "--link"], "").good().stdout;
    let desktop = TaskHome::untouched();
    desktop.wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], &link).good();
    assert_eq!(to_do(&desktop.tasks()), ["buy milk", "call Ada"]);
}
