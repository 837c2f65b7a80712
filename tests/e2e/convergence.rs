//! Devices of one account end with the same tasks, whatever each of them did.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use e2e::replica::Attributes;
use e2e::tasks::to_do;
use e2e::{Replica, SyncSettings, TaskHome, TestServer};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{PROGRAMS, server, server_for_many_accounts};

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn two_taskwarriors_end_with_the_same_tasks() {
    let server = server();
    let settings = server.new_account();
    let (laptop, phone) = (TaskHome::with(&settings), TaskHome::with(&settings));

    laptop.task(["add", "buy milk", "project:home"]).good();
    phone.task(["add", "call Ada", "+work"]).good();
    laptop.sync().good();
    phone.sync().good();
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), ["buy milk", "call Ada"]);
    assert_eq!(laptop.tasks(), phone.tasks());

    laptop.task(["/milk/", "modify", "buy oat milk"]).good();
    phone.task(["/milk/", "modify", "+urgent"]).good();
    phone.task(["/Ada/", "done"]).good();
    laptop.sync().good();
    phone.sync().good();
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), ["buy oat milk"]);
    assert!(laptop.tasks().values().any(|task| task.tags.contains("urgent")), "{:?}", laptop.tasks());
    assert_eq!(laptop.tasks(), phone.tasks());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn two_taskwarriors_that_sync_at_the_same_moment_both_succeed() {
    let server = server();
    let settings = server.new_account();
    let (laptop, phone) = (TaskHome::with(&settings), TaskHome::with(&settings));
    for round in 1..=5 {
        laptop.task(["add", &format!("laptop {round}")]).good();
        phone.task(["add", &format!("phone {round}")]).good();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for device in [&laptop, &phone] {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    device.sync().good();
                });
            }
        });
    }
    laptop.sync().good();
    phone.sync().good();
    assert_eq!(to_do(&laptop.tasks()).len(), 10);
    assert_eq!(laptop.tasks(), phone.tasks());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn taskwarrior_and_its_engine_alone_end_with_the_same_tasks() {
    let server = server();
    let settings = server.new_account();
    let (laptop, mut phone) = (TaskHome::with(&settings), Replica::with(&settings));

    laptop.task(["add", "buy milk", "project:home", "+shop"]).good();
    laptop.sync().good();
    phone.sync().good();
    assert_eq!(phone.tasks(), laptop.tasks());

    let milk = *phone.tasks().keys().next().expect("the task from the laptop");
    phone.complete(milk);
    let bread = phone.add("buy bread");
    phone.delete(bread);
    phone.add("buy cheese");
    phone.sync().good();
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), ["buy cheese"]);
    assert_eq!(laptop.tasks(), phone.tasks());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn taskwarrior_with_the_wrong_secret_is_told_and_changes_nothing() {
    let server = server();
    let settings = server.new_account();
    let (laptop, stranger) =
        (TaskHome::with(&settings), TaskHome::with(&SyncSettings { secret: "guessed".into(), ..settings.clone() }));
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    stranger.sync().fails_with("unsealing");
    assert!(stranger.tasks().is_empty());
}

/// A server that answered 404 there would make it print "Success!".
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn taskwarrior_with_a_wrong_path_in_the_address_is_told_so() {
    let server = PROGRAMS.server().under("/sync").start();
    let right = server.new_account();
    for wrong in ["/", "/snyc/", "/sync/v1/client/"] {
        let url = right.url.replace("/sync", wrong);
        let laptop = TaskHome::with(&SyncSettings { url, ..right.clone() });
        laptop.sync().fails_with("400 Bad Request");
    }
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn taskwarrior_syncs_again_after_the_server_was_down() {
    let mut server = server();
    let settings = server.new_account();
    let (laptop, phone) = (TaskHome::with(&settings), TaskHome::with(&settings));
    laptop.task(["add", "before"]).good();
    laptop.sync().good();

    server.stop();
    laptop.task(["add", "meanwhile"]).good();
    laptop.sync().fails_with("error sending request");

    server.start();
    laptop.sync().good();
    phone.sync().good();
    assert_eq!(to_do(&phone.tasks()), ["before", "meanwhile"]);
    assert_eq!(phone.tasks(), laptop.tasks());
}

#[test]
fn a_device_that_joins_late_has_everything() {
    let server = server();
    let settings = server.new_account();
    let (mut laptop, mut phone) = (Replica::with(&settings), Replica::with(&settings));
    for number in 1..=10 {
        laptop.add(&format!("task {number}"));
        laptop.sync().good();
    }
    phone.sync().good();
    assert_eq!(phone.rows(), laptop.rows());
    assert_eq!(phone.rows().len(), 10);
}

/// More than a megabyte goes up as several versions, and a device that joins fetches a snapshot and what follows.
#[test]
fn a_thousand_tasks_at_once_arrive() {
    let server = server();
    let settings = server.new_account();
    let (mut laptop, mut phone) = (Replica::with(&settings), Replica::with(&settings));
    laptop.add_many(
        (1..=2_000).map(|number| format!("task {number}, and what else there is to say about it: {}", "…".repeat(200))),
    );
    laptop.sync().good();
    phone.sync().good();
    assert_eq!(phone.rows().len(), 2_000);
    assert_eq!(phone.rows(), laptop.rows());
}

/// What one of three devices does next. All three know the same few tasks, so that their edits meet.
#[derive(Debug, Clone)]
enum Step {
    Create(usize),
    Set(usize, &'static str, &'static str),
    Purge(usize),
    Sync,
}

const DEVICES: usize = 3;
const TASKS: usize = 3;

fn step() -> impl Strategy<Value = Step> {
    let attribute = prop::sample::select(vec!["description", "status", "project", "tag_home"]);
    let value = prop::sample::select(vec!["pending", "completed", "deleted", "x"]);
    prop_oneof![
        3 => (0..TASKS).prop_map(Step::Create),
        6 => (0..TASKS, attribute, value).prop_map(|(task, attribute, value)| Step::Set(task, attribute, value)),
        1 => (0..TASKS).prop_map(Step::Purge),
        4 => Just(Step::Sync),
    ]
}

/// A history that once failed becomes a test of its own above, with a name.
fn histories() -> ProptestConfig {
    ProptestConfig::with_cases(16)
}

#[test]
fn three_devices_with_any_history_end_with_the_same_tasks() {
    let server = server_for_many_accounts();
    let steps = prop::collection::vec((0..DEVICES, step()), 0..60);
    proptest!(histories(), |(history in steps)| {
        let rows = live_through(&server, &history);
        for later in &rows[1..] {
            prop_assert_eq!(later, &rows[0]);
        }
    });
}

/// The tasks on each device, and on one that joins at the end.
fn live_through(server: &TestServer, history: &[(usize, Step)]) -> Vec<BTreeMap<Uuid, Attributes>> {
    let settings = server.new_account();
    let mut devices: Vec<Replica> = (0..DEVICES).map(|_| Replica::with(&settings)).collect();
    let tasks: Vec<Uuid> = (1..).map(Uuid::from_u128).take(TASKS).collect();
    for (device, step) in history {
        let device = &mut devices[*device];
        match *step {
            Step::Create(task) => device.create(tasks[task], "new"),
            Step::Set(task, attribute, value) => device.set(tasks[task], attribute, value),
            Step::Purge(task) => device.purge(tasks[task]),
            Step::Sync => device.sync().good(),
        }
    }
    // The first round sends everything, the second one fetches it.
    for _ in 0..2 {
        for device in &mut devices {
            device.sync().good();
        }
    }
    let mut newcomer = Replica::with(&settings);
    newcomer.sync().good();
    devices.push(newcomer);
    devices.iter_mut().map(Replica::rows).collect()
}
