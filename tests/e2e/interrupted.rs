//! An operator's long work ends when it is told to, by Ctrl-C or by a service manager, and leaves nothing half-done.

use std::fs;

use e2e::TestServer;
use e2e::bucket::Bucket;
use e2e::wait;
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;
use taskferry_protocol::VersionId;

use crate::{PROGRAMS, server};

/// A connection of somebody else's to the server's database.
fn beside(server: &TestServer) -> Connection {
    Connection::open(server.data_dir().join("taskferry.sqlite3")).expect("the database")
}

/// Interrupts a verb that waits for its turn to write, which somebody else has meanwhile.
#[track_caller]
fn interrupted_while_it_waits(server: &TestServer, verb: &[&str], signal: Signal) {
    let turn = beside(server);
    turn.execute_batch("BEGIN IMMEDIATE").expect("the turn");
    let underway = server.begin(verb);
    underway.heeds(signal);
    underway.send(signal);
    underway.says("stopping …");
    turn.execute_batch("ROLLBACK").expect("the end of the turn");
    let (code, said) = underway.ends();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("stopped before it was done"), "{said}");
    server.operate(["db", "check"]).good();
}

#[track_caller]
fn names_with(server: &TestServer, part: &str) -> Vec<String> {
    let names = fs::read_dir(server.data_dir()).expect("the data directory").map(|entry| entry.expect("an entry"));
    names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.contains(part)).collect()
}

#[test]
fn pruning_ends_between_two_slices_and_goes_on_where_it_was() {
    let mut server = PROGRAMS.server().option("--limits", "off").start();
    let account = server.account();
    let mut at = VersionId::NIL;
    for _ in 0..200 {
        at = account.append(at, "small");
    }
    account.add_snapshot(at, "all of it").good();
    server.stop();
    server.let_days_pass(400);
    let left = || server.ask_operator(["stats"])["versions"].as_u64().expect("a number");

    interrupted_while_it_waits(&server, &["prune", "--yes"], Signal::INT);
    // Told to before its first slice, or in it.
    assert!(matches!(left(), 200 | 136), "{} versions are left", left());
    let done = server.ask_operator(["prune", "--yes"]);
    assert_eq!((left(), done["pruned"] == done["prunable"]), (5, false), "{done}");
    server.start();
    assert_eq!(account.info().latest_version_id, at);
}

#[test]
fn giving_pages_back_ends_between_two_slices_and_goes_on_where_it_was() {
    let server = server();
    let account = server.account();
    let latest = account.append(VersionId::NIL, "small");
    // 32 MiB that were used once.
    beside(&server)
        .execute_batch(
            "BEGIN; INSERT INTO blob (id, linked) VALUES (1, 1); \
             WITH RECURSIVE n (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM n WHERE n < 127) \
             INSERT INTO chunk (blob, seq, data) SELECT 1, n, zeroblob(262144) FROM n; \
             DELETE FROM chunk; DELETE FROM blob; COMMIT",
        )
        .expect("free pages");
    let free = || server.ask_operator(["db", "status"])["free_bytes"].as_u64().expect("a number");
    let before = free();
    assert!(before > 32 << 20, "{before}");

    interrupted_while_it_waits(&server, &["db", "vacuum"], Signal::TERM);
    let left = free();
    assert!(left > 16 << 20 && left <= before, "{left} of {before}");
    let done = server.ask_operator(["db", "vacuum"]);
    assert_eq!(done["complete"], Value::Bool(true), "{done}");
    assert!(free() < 1 << 20, "{} bytes are free", free());
    account.append(latest, "goes on");
}

#[test]
fn a_restore_that_is_interrupted_while_the_backup_comes_leaves_the_data_as_it_was() {
    let bucket = Bucket::start();
    let mut setup = PROGRAMS.server();
    for (name, value) in bucket.variables() {
        setup = setup.variable(name, value);
    }
    let mut server = setup.variable("TASKFERRY_BACKUP_TO", format!("s3://{}/ours", Bucket::NAME)).start();
    let account = server.account();
    let first = account.append(VersionId::NIL, vec![b'x'; 300_000]);
    server.operate(["backup", "create"]).good();
    let second = account.append(first, "after the backup");
    server.stop();

    for signal in [Signal::INT, Signal::TERM] {
        bucket.stall(true);
        let underway = server.begin(["restore", "latest", "--yes"]);
        wait::until("the backup is on its way", || bucket.is_stalled());
        underway.heeds(signal);
        underway.send(signal);
        let (code, said) = underway.ends();
        bucket.stall(false);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("stopping …") && said.contains("stopped before it was done"), "{said}");
        assert_eq!(names_with(&server, "restoring"), [] as [&str; 0], "what was fetched is gone");
        assert_eq!(names_with(&server, "before"), [] as [&str; 0], "nothing was replaced");
    }
    server.start();
    assert_eq!(account.info().latest_version_id, second);
    server.stop();
    server.operate(["restore", "latest", "--yes"]).good();
    server.start();
    assert_eq!(account.info().latest_version_id, first);
}

/// What was fetched for it is a copy of everybody's data.
#[test]
fn to_interrupt_the_question_of_a_restore_is_a_no_and_leaves_nothing_behind() {
    let mut server = server();
    let account = server.account();
    let first = account.append(VersionId::NIL, "in the backup");
    server.operate(["backup", "create"]).good();
    let second = account.append(first, "after it");
    server.stop();
    for signal in [Signal::INT, Signal::TERM] {
        let underway = server.begin_at_a_terminal(["restore", "latest"]);
        underway.says("[y/N]");
        underway.send(signal);
        let (code, said) = underway.ends();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("stopped; nothing was changed"), "{said}");
        assert_eq!(names_with(&server, "restoring"), [] as [&str; 0]);
    }
    server.start();
    assert_eq!(account.info().latest_version_id, second);
}
