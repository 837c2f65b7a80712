//! Whatever has come between a computer and its account, `taskferry repair` says it and mends it, and no task is missing afterwards
//! on either side.

use std::process::Command;
use std::{fs, thread};

use e2e::command::{Outcome, Transcript, run};
use e2e::cut::CutLine;
use e2e::tasks::{TaskSet, to_do};
use e2e::{Gate, SyncSettings, TaskHome, TestServer, wait};

use crate::{KILLED, PROGRAMS, server};

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
    add_more_than_one_version_takes(&laptop);
    laptop.sync().good();
    let desktop = joined(&laptop);
    add_more_than_one_version_takes(&laptop);
    server.stop();
    fs::remove_dir_all(server.data_dir()).expect("the data");
    server.start();
    repair(&laptop).good();
    desktop.sync().good();
    assert_equal(&[&laptop, &desktop, &joined(&laptop)]);
    assert_eq!(laptop.tasks().len(), 12);
}

/// A version that nobody else can open.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_spoiled_account_is_named_with_the_last_good_version_and_never_with_its_id_unasked() {
    let server = server();
    let settings = server.new_account();
    let (laptop, desktop) = (TaskHome::with(&settings), TaskHome::with(&settings));
    add_and_sync(&laptop, &["buy milk"]);
    desktop.sync().good();
    add_and_sync(&desktop, &["still good"]);
    let good = e2e::Account::known_as(server.address(), settings.client_id).info().latest_version_id.to_string();
    let wrong = SyncSettings { secret: "0".repeat(64), ..settings.clone() };
    fs::write(desktop.taskrc(), wrong.taskrc_lines()).expect("a taskrc");
    add_and_sync(&desktop, &["spoils it"]);
    add_and_sync(&desktop, &["and again"]);
    laptop.task(["add", "waits"]).good();
    laptop.sync().fails_with("unsealing");

    assert_eq!(state(&laptop), "spoiled");
    let before = database(&laptop);
    let id = settings.client_id.expose().to_string();
    let rewind = |account: &str| format!("`taskferry-server account rewind {account} --to {good}`");
    let said = repair(&laptop).exits_with(3);
    assert!(said.stderr.contains(&rewind("ACCOUNT")), "{said}");
    assert!(!said.stderr.contains(&id) && !said.stderr.contains(&settings.secret), "{said}");
    let shown = laptop.wizard(PROGRAMS, ["repair", "--show-account"], "").exits_with(3);
    assert!(shown.stderr.contains(&rewind(&id)), "{shown}");
    assert_eq!(database(&laptop), before);

    // The one that did it is told that its own secret is the wrong one, and sends nothing more.
    let said = repair(&desktop).exits_with(3);
    assert!(said.stderr.contains("secret: the encryption secret does not fit"), "{said}");

    // Whoever runs the server does what stood there; then the desktop gets the right secret.
    server.operate(["account", "rewind", &id, "--to", &good, "--yes"]).good();
    wait::until("the server notices", || state(&laptop) != "spoiled");
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), ["buy milk", "still good", "waits"]);
    let link = laptop.wizard(PROGRAMS, ["share", "--link"], "").good().stdout;
    let said = desktop.wizard(PROGRAMS, ["join", "--from-stdin", "--yes", "--replace"], &link).either_way();
    repair(&desktop).good();
    laptop.sync().good();
    assert_equal(&[&laptop, &desktop, &joined(&laptop)]);
    assert_eq!(to_do(&laptop.tasks()), ["and again", "buy milk", "spoils it", "still good", "waits"], "{said}");
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn an_account_that_was_deleted_or_switched_off_is_named_and_nothing_is_tried() {
    let server = server();
    let settings = server.new_account();
    let laptop = TaskHome::with(&settings);
    add_and_sync(&laptop, &["buy milk"]);
    let id = settings.client_id.expose().to_string();
    let account = e2e::Account::known_as(server.address(), settings.client_id);
    server.operate(["account", "disable", &id]).good();
    wait::until("the server notices", || state(&laptop) == "disabled");
    let said = repair(&laptop).exits_with(3);
    assert!(said.stderr.contains("the account is disabled"), "{said}");
    server.operate(["account", "delete", &id, "--yes"]).good();
    wait::until("the server notices", || account.describe().status == 403);
    assert_eq!(state(&laptop), "deleted");
    let said = repair(&laptop).exits_with(3);
    assert!(said.stderr.contains("`taskferry move --without-old` takes them to a new account"), "{said}");
    assert_eq!(to_do(&laptop.tasks()), ["buy milk"]);
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
    add_more_than_one_version_takes(&laptop);
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
fn a_line_that_breaks_in_the_middle_leaves_the_computer_as_it_was_and_the_next_run_finishes() {
    let mut server = server();
    let line = CutLine::to(server.address(), usize::MAX);
    let laptop = TaskHome::untouched();
    laptop.wizard(PROGRAMS, ["setup", "--server", &line.url(), "--yes"], "").good();
    add_and_sync(&laptop, &["buy milk"]);
    back_up(&server);
    add_more_than_one_version_takes(&laptop);
    laptop.sync().good();
    restore(&mut server);
    let before = database(&laptop);
    // Within the changes, and at the snapshot behind them.
    for _ in 0..2 {
        line.cut_after(1);
        let said = repair(&laptop).exits_with(1);
        assert!(said.stderr.contains("hint: run `taskferry repair` again: it goes on where it stopped"), "{said}");
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

/// The disk is full before anything happened, on either side.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_full_disk_is_told_before_anything_is_sent() {
    let mut server = server();
    let laptop = set_up(&server);
    add_more_than_one_version_takes(&laptop);
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

/// It comes along, instead of being overwritten.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn what_is_typed_while_a_repair_runs_is_not_lost() {
    let mut server = server();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["buy milk"]);
    back_up(&server);
    add_and_sync(&laptop, &["lost by the server"]);
    restore(&mut server);
    let gate = Gate::closing_before_version(1, server.address());
    let taskrc = fs::read_to_string(laptop.taskrc()).expect("a taskrc");
    fs::write(laptop.taskrc(), taskrc.replace(&server.url(), &gate.url())).expect("a taskrc");
    thread::scope(|threads| {
        let repairing = threads.spawn(|| repair(&laptop));
        gate.wait_until_closed();
        laptop.task(["add", "typed meanwhile"]).good();
        gate.open();
        let said = repairing.join().expect("a repair").good();
        assert!(said.stderr.contains("something was changed on this computer meanwhile; looking again"), "{said}");
    });
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), ["buy milk", "lost by the server", "typed meanwhile"]);
    assert_equal(&[&laptop, &joined(&laptop)]);
}

/// As a `task sync` over a slow line: it holds the database all the while.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_task_that_holds_the_database_is_waited_for() {
    let mut server = server();
    let laptop = set_up(&server);
    add_and_sync(&laptop, &["buy milk"]);
    back_up(&server);
    add_and_sync(&laptop, &["lost by the server"]);
    restore(&mut server);
    let gate = Gate::closing_before_version(1, server.address());
    let taskrc = fs::read_to_string(laptop.taskrc()).expect("a taskrc");
    fs::write(laptop.taskrc(), taskrc.replace(&server.url(), &gate.url())).expect("a taskrc");
    thread::scope(|threads| {
        let repairing = threads.spawn(|| repair(&laptop));
        gate.wait_until_closed();
        let database = rusqlite::Connection::open(laptop.path().join(".task/taskchampion.sqlite3")).expect("it");
        database.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        gate.open();
        wait::until("all of it arrives at the server", || versions(&server, &laptop) >= 2);
        database.execute_batch("ROLLBACK").expect("an unlock");
        repairing.join().expect("a repair").good();
    });
    assert_equal(&[&laptop, &joined(&laptop)]);
}

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

/// Few but long ones: importing many takes Taskwarrior minutes.
#[track_caller]
fn add_more_than_one_version_takes(home: &TaskHome) {
    for number in 0..6 {
        let text = format!("{number} {}", "very long ".repeat(30_000));
        home.import(&format!(r#"{{"description":"{text}","status":"pending"}}"#)).good();
    }
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
