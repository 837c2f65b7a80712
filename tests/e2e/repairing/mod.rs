//! Whatever has come between a computer and its account, `taskferry repair` says it and mends it, and no task is missing afterwards
//! on either side.
//!
//! | module | tells |
//! |---|---|
//! | [`interrupted`] | whatever breaks, fills up, or is killed in the middle: the computer is as it was, and the next run finishes |
//! | [`lost_account`] | the server lost the account, or all that was in it |
//! | [`meanwhile`] | what happens on the computer while a repair runs |
//! | [`not_here`] | what can't be repaired from a computer is named, and nothing is tried |
//! | [`parted`] | what has come between a computer and its account, one by one |

mod interrupted;
mod lost_account;
mod meanwhile;
mod not_here;
mod parted;

use std::fs;

use e2e::command::{Outcome, Transcript, run};
use e2e::tasks::TaskSet;
use e2e::{TaskHome, TestServer};

use crate::{KILLED, PROGRAMS};

/// How many versions the account of this computer has.
#[track_caller]
fn versions(server: &TestServer, home: &TaskHome) -> u64 {
    let lines = fs::read_to_string(home.taskrc()).expect("a taskrc");
    let id = lines.lines().find_map(|line| line.strip_prefix("sync.server.client_id=")).expect("an ID");
    e2e::Account::known_as(server.address(), id.parse().expect("a UUID")).info().versions
}

/// The wizard, ended where this step begins.
#[track_caller]
fn killed_at(step: &str, home: &TaskHome) {
    let mut command = home.command_of(KILLED);
    run(command.args(["repair", "--yes"]).env("KILL_AT", step), "").was_killed();
}

#[track_caller]
fn set_up(server: &TestServer) -> TaskHome {
    let home = TaskHome::untouched();
    home.wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "").good();
    home
}

/// Another computer of the same person.
#[track_caller]
fn joined(home: &TaskHome) -> TaskHome {
    let link = home.wizard(PROGRAMS, ["share", "--link"], "").good().stdout;
    let other = TaskHome::untouched();
    other.wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], &link).good();
    other
}

#[track_caller]
fn repair(home: &TaskHome) -> Outcome {
    home.wizard(PROGRAMS, ["repair", "--yes"], "")
}

#[track_caller]
fn json<const COUNT: usize>(home: &TaskHome, more: [&str; COUNT]) -> serde_json::Value {
    let args = ["repair", "--yes", "--json"].into_iter().chain(more);
    let said = home.wizard(PROGRAMS, args, "").good();
    serde_json::from_str(&said.stdout).expect("JSON")
}

/// In one word.
#[track_caller]
fn state(home: &TaskHome) -> String {
    let said = home.wizard(PROGRAMS, ["status", "--json"], "").either_way();
    let status: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    status["state"].as_str().expect("a word").to_owned()
}

#[track_caller]
fn add_and_sync(home: &TaskHome, tasks: &[&str]) {
    for task in tasks {
        home.task(["add", *task]).good();
    }
    home.sync().good();
}

#[track_caller]
fn back_up(server: &TestServer) {
    server.operate(["backup", "create"]).good();
}

#[track_caller]
fn restore(server: &mut TestServer) {
    server.stop();
    server.operate(["restore", "latest", "--yes"]).good();
    server.start();
}

/// As Taskwarrior prints them, all attributes included.
#[track_caller]
fn export(home: &TaskHome) -> Vec<serde_json::Value> {
    let said = home.task(["rc.gc=off", "rc.hooks=off", "rc.verbose=nothing", "export"]).good().stdout;
    let mut tasks: Vec<serde_json::Value> = serde_json::from_str(&said).expect("what `task export` prints");
    for task in &mut tasks {
        let fields = task.as_object_mut().expect("a task");
        // The numbers and the urgency are of the moment.
        fields.remove("id");
        fields.remove("urgency");
    }
    tasks.sort_by_key(|task| task["uuid"].to_string());
    tasks
}

#[track_caller]
fn assert_equal(computers: &[&TaskHome]) {
    for other in &computers[1..] {
        assert_eq!(export(computers[0]), export(other));
    }
}

/// Everything in the database, byte for byte.
fn database(home: &TaskHome) -> Vec<(String, String)> {
    let database = rusqlite::Connection::open(home.path().join(".task/taskchampion.sqlite3")).expect("the database");
    let all = "SELECT 'task ' || uuid, data FROM tasks UNION ALL SELECT 'change ' || id || synced, data FROM operations
               UNION ALL SELECT key, value FROM sync_meta ORDER BY 1";
    let mut rows = database.prepare(all).expect("the tables");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("text")
}

/// What was kept opens with Taskwarrior, and its path was said.
#[track_caller]
fn kept_by(home: &TaskHome, said: &Transcript) {
    let kept = home.path().join(".local/state/taskferry/databases/0001");
    assert!(said.stderr.contains("are kept in `~/.local/state/taskferry/databases/0001`"), "{said}");
    let json = fs::read_to_string(kept.join("tasks.json")).expect("the tasks");
    let tasks: Vec<e2e::tasks::Task> = serde_json::from_str(&json).expect("JSON");
    let tasks: TaskSet = e2e::tasks::task_set(tasks);
    assert_eq!(tasks, home.tasks());
    let data = format!("rc.data.location={}", kept.display());
    let listed = home.task([data.as_str(), "rc.gc=off", "rc.verbose=nothing", "export"]).good().stdout;
    let listed: Vec<e2e::tasks::Task> = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(e2e::tasks::task_set(listed), tasks);
}
