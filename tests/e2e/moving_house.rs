//! A person's tasks move to another account, whole, whatever happens in between.

use std::process::Command;

use e2e::command::{Outcome, run};
use e2e::tasks::to_do;
use e2e::{Programs, TaskHome, TestServer};
use serde_json::Value;

use crate::{KILLED, PROGRAMS, server};

/// Two computers of one account, with tasks of every kind.
struct Family {
    old: TestServer,
    new: TestServer,
    laptop: TaskHome,
    desktop: TaskHome,
}

impl Family {
    #[track_caller]
    fn new() -> Self {
        let (old, new) = (server(), server());
        let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
        laptop.wizard(PROGRAMS, ["setup", "--server", &old.url(), "--yes"], "").good();
        furnish(&laptop);
        laptop.sync().good();
        join(&desktop, &link_from(&laptop), &[]).good();
        Self { old, new, laptop, desktop }
    }

    fn move_away<'a>(&'a self, programs: Programs, more: &[&'a str]) -> Command {
        let mut command = self.laptop.command_of(programs);
        command.args(["move", "--server", &self.new.url(), "--yes"]).args(more);
        command
    }
}

/// Pending, completed, deleted, waiting and recurring tasks, with everything that a task can have.
#[track_caller]
fn furnish(home: &TaskHome) {
    let add = |words: &[&str]| home.task([&["rc.verbose=nothing", "add"], words].concat()).good();
    add(&[
        "buy “milk” & bread \\ 1/2",
        "project:home.kitchen",
        "+shop",
        "+next",
        "due:2031-02-03T04:05:06",
        "priority:H",
    ]);
    add(&["fix the roof", "wait:2031-01-01", "scheduled:2030-12-01"]);
    add(&["pay the rent", "due:2031-01-01", "recur:monthly", "until:2031-12-31"]);
    add(&["paint the roof", "depends:2", "until:2032-01-01"]);
    add(&["old news"]);
    add(&["never mind"]);
    home.task(["1", "annotate", "semi-skimmed, https://example.org/?a=b#c"]).good();
    home.task(["1", "start"]).good();
    home.task(["rc.recurrence=off", "5", "done"]).good();
    home.task(["rc.recurrence=off", "6", "delete"]).good();
    home.import(
        r#"[{"uuid":"6d3f0dcb-6e9d-4a6c-8d0c-0f0f5b3e0f11","description":"from another app","status":"pending",
             "entry":"20240101T000000Z","estimate":"3.50 h","jiraurl":"https://example.org/1"}]"#,
    )
    .good();
}

/// Everything that `task export` tells, but for the urgency, which grows by itself.
#[track_caller]
fn exported(home: &TaskHome) -> Vec<Value> {
    let quietly = ["rc.gc=off", "rc.hooks=off", "rc.recurrence=off", "rc.verbose=nothing", "export"];
    let export = home.task(quietly).good().stdout;
    let mut tasks: Vec<Value> = serde_json::from_str(&export).expect("what `task export` prints");
    for task in &mut tasks {
        task.as_object_mut().expect("a task").remove("urgency");
    }
    tasks.sort_by_key(|task| task["uuid"].to_string());
    tasks
}

/// The same without the numbers, which each computer gives by itself.
#[track_caller]
fn without_numbers(home: &TaskHome) -> Vec<Value> {
    let mut tasks = exported(home);
    for task in &mut tasks {
        task.as_object_mut().expect("a task").remove("id");
    }
    tasks
}

#[track_caller]
fn join(home: &TaskHome, link: &str, more: &[&str]) -> Outcome {
    home.wizard(PROGRAMS, [&["join", "--from-stdin", "--yes"], more].concat(), link)
}

#[track_caller]
fn link_from(home: &TaskHome) -> String {
    home.wizard(PROGRAMS, ["share", "--link"], "").good().stdout.trim().to_owned()
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn every_task_moves_with_every_attribute_and_a_new_computer_has_them_all() {
    let family = Family::new();
    let before = exported(&family.laptop);
    let said = run(&mut family.move_away(PROGRAMS, &[]), "").good();
    eprintln!("{said}");
    assert!(said.stderr.contains("moved: "), "{said}");
    assert_eq!(exported(&family.laptop), before, "with the same numbers");

    let tablet = TaskHome::untouched();
    join(&tablet, &link_from(&family.laptop), &[]).good();
    assert_eq!(without_numbers(&tablet), without_numbers(&family.laptop));

    family.laptop.task(["add", "after the move"]).good();
    family.laptop.sync().good();
    tablet.sync().good();
    assert!(to_do(&tablet.tasks()).contains(&"after the move"));
    family.desktop.sync().good();
    assert!(!to_do(&family.desktop.tasks()).contains(&"after the move"), "the old account is left alone");
}
