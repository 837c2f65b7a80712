//! The wizard brings two computers together, and stock Taskwarrior does the rest.

use e2e::TaskHome;
use e2e::tasks::to_do;

use crate::{PROGRAMS, server};

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_second_computer_joins_before_the_first_task_and_both_share_it() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());

    laptop
        .wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "")
        .good();
    let link = laptop.wizard(PROGRAMS, ["share", "--link"], "").good().stdout;
    desktop
        .wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], &link)
        .good();

    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    desktop.sync().good();
    assert_eq!(to_do(&desktop.tasks()), ["buy milk"]);
    assert_eq!(desktop.tasks(), laptop.tasks());

    desktop.task(["1", "done"]).good();
    desktop.sync().good();
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), [""; 0]);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_second_computer_that_joins_later_has_all_tasks_at_once() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());

    laptop
        .wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "")
        .good();
    laptop.task(["add", "buy milk", "+shop", "project:home"]).good();
    laptop.task(["add", "call Ada"]).good();
    laptop.sync().good();

    let link = laptop.wizard(PROGRAMS, ["share", "--link"], "").good().stdout;
    desktop
        .wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], &link)
        .good();
    assert_eq!(to_do(&desktop.tasks()), ["buy milk", "call Ada"]);
    assert_eq!(desktop.tasks(), laptop.tasks());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_mistyped_link_is_refused_and_nothing_on_disk_changes() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    laptop
        .wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "")
        .good();

    let mut link = laptop
        .wizard(PROGRAMS, ["share", "--link"], "")
        .good()
        .stdout
        .trim()
        .to_owned();
    let last = link.pop();
    link.push(if last == Some('A') { 'B' } else { 'A' });
    let refused = desktop
        .wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], &link)
        .exits_with(1);
    assert!(refused.stderr.contains("hint: "), "{refused}");
    assert!(!desktop.taskrc().exists());
}
