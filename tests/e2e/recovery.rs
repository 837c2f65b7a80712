//! The wizard finds what stock Taskwarrior reports as success, and finishes what a server's absence interrupted.

use std::fs;
use std::path::Path;

use e2e::command::Outcome;
use e2e::cut::CutLine;
use e2e::tasks::to_do;
use e2e::{SyncSettings, TaskHome, TestServer};

use crate::{PROGRAMS, server};

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn verify_proves_that_both_sides_have_the_same_tasks() {
    let server = server();
    let laptop = set_up(&server);
    laptop.task(["add", "buy milk", "+shop", "due:tomorrow"]).good();
    laptop.task(["add", "call Ada"]).good();
    laptop.task(["2", "done"]).good();
    let said = verify(&laptop).good();
    assert!(said.stderr.contains("proved: the account, rebuilt from the server, has the same 2 tasks"), "{said}");
    let status = laptop.wizard(PROGRAMS, ["status"], "").good();
    assert!(status.stderr.contains("to send: nothing\nto fetch: nothing\n"), "{status}");
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn what_waits_to_be_sent_or_fetched_is_seen_without_a_sync() {
    let server = server();
    let laptop = set_up(&server);
    laptop.task(["add", "buy milk"]).good();
    let status = laptop.wizard(PROGRAMS, ["status", "--json"], "").good().stdout;
    assert!(status.contains(r#""state":"unsent""#), "{status}");
    laptop.sync().good();

    let desktop = TaskHome::untouched();
    join(&desktop, &link_from(&laptop)).good();
    desktop.task(["add", "call Ada"]).good();
    desktop.sync().good();
    let status = laptop.wizard(PROGRAMS, ["status", "--json"], "").good().stdout;
    assert!(status.contains(r#""state":"behind""#), "{status}");
    assert_eq!(to_do(&laptop.tasks()), ["buy milk"]);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn looking_does_not_keep_task_from_working_and_works_while_it_does() {
    let server = server();
    let laptop = set_up(&server);
    laptop.task(["add", "buy milk"]).good();
    // As `task` holds it during a sync.
    let database = rusqlite::Connection::open(laptop.path().join(".task/taskchampion.sqlite3")).expect("the database");
    database.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let status = laptop.wizard(PROGRAMS, ["doctor"], "").good();
    assert!(status.stderr.contains("to be sent"), "{status}");
    database.execute_batch("ROLLBACK").expect("an unlock");
    laptop.task(["add", "call Ada"]).good();
}

/// Taskwarrior's next change would be sealed with it, and lock everybody else out.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn verify_finds_a_wrong_secret_before_it_spoils_the_account() {
    let server = server();
    let settings = server.new_account();
    let (laptop, desktop) = (TaskHome::with(&settings), TaskHome::with(&settings));
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    desktop.sync().good();

    let wrong = SyncSettings { secret: "0".repeat(64), ..settings };
    fs::write(desktop.taskrc(), wrong.taskrc_lines()).expect("a taskrc");
    desktop.task(["add", "call Ada"]).good();
    let said = verify(&desktop).exits_with(3);
    assert!(said.stderr.contains("problem  secret: the encryption secret does not fit"), "{said}");
    laptop.sync().good();
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_server_that_was_taken_back_to_an_older_state_is_noticed() {
    let mut server = server();
    let laptop = set_up(&server);
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    server.stop();
    let backup = tempfile::tempdir().expect("a folder");
    copy(server.data_dir(), backup.path());
    server.start();
    laptop.task(["add", "call Ada"]).good();
    laptop.sync().good();

    server.stop();
    fs::remove_dir_all(server.data_dir()).expect("the data");
    copy(backup.path(), server.data_dir());
    server.start();
    let said = verify(&laptop).exits_with(3);
    assert!(said.stderr.contains("problem  position: "), "{said}");
    assert!(said.stderr.contains("hint: run `taskferry repair`"), "{said}");
    assert_eq!(to_do(&laptop.tasks()), ["buy milk", "call Ada"]);
}

/// Taskwarrior would say "Success!" there, and send nothing of what is here.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_server_that_lost_everything_is_noticed() {
    let mut server = server();
    let laptop = set_up(&server);
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    server.stop();
    fs::remove_dir_all(server.data_dir()).expect("the data");
    server.start();
    laptop.sync().good();
    let said = verify(&laptop).exits_with(3);
    assert!(said.stderr.contains("does not know this account"), "{said}");
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_join_for_which_the_server_was_down_is_finished_by_verify() {
    let mut server = server();
    let (laptop, desktop) = (set_up(&server), TaskHome::untouched());
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    let link = link_from(&laptop);
    server.stop();
    let said = join(&desktop, &link).exits_with(1);
    assert!(said.stderr.contains("run `taskferry verify` to finish"), "{said}");
    assert!(!desktop.taskrc().exists());

    verify(&desktop).exits_with(3);
    assert!(!desktop.taskrc().exists());
    server.start();
    let said = desktop.wizard(PROGRAMS, ["verify", "--yes"], "").good();
    assert!(said.stderr.contains("joined; 1 task arrived"), "{said}");
    assert_eq!(desktop.tasks(), laptop.tasks());
    assert!(!desktop.path().join(".local/state/taskferry/pending.json").exists());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_setup_for_which_the_server_was_down_is_finished_by_verify() {
    let mut server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    server.stop();
    let url = server.url();
    laptop.wizard(PROGRAMS, ["setup", "--server", &url, "--yes", "--later"], "").exits_with(1);
    laptop.task(["add", "buy milk"]).good();
    server.start();
    verify(&laptop).good();
    join(&desktop, &link_from(&laptop)).good();
    assert_eq!(desktop.tasks(), laptop.tasks());
}

/// After a push of more than one version was cut, the next sync drops the rest and reports success.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn tasks_that_taskwarrior_lost_on_the_way_are_found_and_put_back() {
    let server = server();
    let line = CutLine::to(server.address(), 1);
    let laptop = TaskHome::untouched();
    laptop.wizard(PROGRAMS, ["setup", "--server", &line.url(), "--yes"], "").good();
    laptop.add_more_than_one_version_takes();
    laptop.sync().fails_with("");
    line.mend();

    let said = laptop.wizard(PROGRAMS, ["sync"], "").exits_with(3);
    assert!(
        said.stderr
            .contains("of the 6 tasks on this computer, or parts of them, though Taskwarrior takes them for sent"),
        "{said}"
    );
    assert!(said.stderr.contains("hint: run `taskferry sync --mend`"), "{said}");
    verify(&laptop).exits_with(3);

    let said = laptop.wizard(PROGRAMS, ["sync", "--mend"], "").good();
    assert!(said.stderr.contains("mended: the account now has the same 6 tasks"), "{said}");
    verify(&laptop).good();
    let desktop = TaskHome::untouched();
    join(&desktop, &link_from(&laptop)).good();
    assert_eq!(desktop.tasks(), laptop.tasks());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn undo_leaves_a_computer_as_it_was_and_joining_again_works() {
    let server = server();
    let (laptop, desktop) = (set_up(&server), TaskHome::with_an_empty_taskrc());
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    fs::write(desktop.taskrc(), "color=off\r\nlast=1").expect("a taskrc");
    let link = link_from(&laptop);
    for _ in 0..2 {
        join(&desktop, &link).good();
        desktop.wizard(PROGRAMS, ["undo", "--yes"], "").good();
        assert_eq!(fs::read(desktop.taskrc()).expect("a taskrc"), b"color=off\r\nlast=1");
    }
    assert_eq!(desktop.tasks(), laptop.tasks());
    desktop.wizard(PROGRAMS, ["undo", "--yes"], "").fails_with("there is nothing to undo");
}

/// A computer that was there before follows the versions, and never sees the snapshot that holds everything.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn what_a_computer_lacks_that_was_there_before_is_said_on_both_sides() {
    let server = server();
    // The first version and the snapshot behind it.
    let line = CutLine::to(server.address(), 2);
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    laptop.wizard(PROGRAMS, ["setup", "--server", &line.url(), "--yes"], "").good();
    join(&desktop, &link_from(&laptop)).good();
    laptop.add_more_than_one_version_takes();
    laptop.sync().fails_with("");
    desktop.task(["add", "something of its own"]).good();
    line.mend();

    let said = laptop.wizard(PROGRAMS, ["sync"], "").good();
    assert!(said.stderr.contains("note: an earlier sync was cut while it sent much"), "{said}");
    let said = verify(&desktop).exits_with(3);
    assert!(said.stderr.contains("error: this computer and the account differ"), "{said}");
    assert!(said.stderr.contains("hint: run `taskferry repair`: it puts both together"), "{said}");
}

#[track_caller]
fn set_up(server: &TestServer) -> TaskHome {
    let home = TaskHome::untouched();
    home.wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "").good();
    home
}

#[track_caller]
fn join(home: &TaskHome, link: &str) -> Outcome {
    home.wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], link)
}

#[track_caller]
fn verify(home: &TaskHome) -> Outcome {
    home.wizard(PROGRAMS, ["verify"], "")
}

#[track_caller]
fn link_from(home: &TaskHome) -> String {
    home.wizard(PROGRAMS, ["share", "--link"], "").good().stdout.trim().to_owned()
}

#[track_caller]
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
