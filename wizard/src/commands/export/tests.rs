//! Whole runs of `taskferry export`: what is written, where, and what is left alone.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use taskferry_protocol::account_file;

use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

const MILK: (u128, &str) = (1, "buy milk");
const ADA: (u128, &str) = (2, "call Ada");

/// A computer that syncs with an account of two versions, and has no database.
fn laptop(server: &FakeServer) -> FakeComputer {
    let account = server.credentials(1, "sesame");
    server.history(&account, &[&[MILK], &[ADA]]);
    let lines = format!(
        "sync.server.url={}\nsync.server.client_id={}\nsync.encryption_secret=sesame\n",
        server.url(),
        account.client_id.expose()
    );
    FakeComputer::new().with(".taskrc", &lines)
}

#[test]
fn all_tasks_of_the_account_go_to_standard_output() {
    let server = FakeServer::taskferry();
    let run = laptop(&server).run("export", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.data, @r#"
    [
    {"description":"buy milk","status":"pending","uuid":"00000000-0000-0000-0000-000000000001"},
    {"description":"call Ada","status":"pending","uuid":"00000000-0000-0000-0000-000000000002"}
    ]
    "#);
    assert_snapshot!(run.talk, @r"
    fetching the account from `[SERVER]` …
    2 tasks; `task import` takes them
    ");
    assert!(server.asked().iter().all(|request| request.starts_with("GET ")), "{:?}", server.asked());
}

#[test]
fn a_history_that_leads_in_a_circle_fills_no_disk() {
    let server = FakeServer::taskferry();
    let mut laptop = laptop(&server);
    server.leads_in_a_circle(&server.credentials(1, "sesame"));
    for command in ["export --sealed mine.account", "export tasks.json"] {
        let run = laptop.run(command, &server);
        assert_eq!(run.exit, Exit::Failed);
        assert!(run.talk.contains("leads back to where it was"), "{}", run.talk);
    }
    assert_eq!((laptop.read("mine.account"), laptop.read("tasks.json")), (None, None));
}

#[test]
fn a_file_is_new_and_private_and_gets_whole_or_is_gone() {
    let server = FakeServer::taskferry();
    let mut laptop = laptop(&server);
    let run = laptop.run("export tasks.json --json-lines", &server);
    assert_eq!((run.exit, run.data.as_str()), (Exit::Fine, ""));
    let written = laptop.read("tasks.json").unwrap();
    assert_eq!(written.lines().count(), 2);
    let mode = std::fs::metadata(laptop.path("tasks.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let run = laptop.run("export tasks.json", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("is there already"), "{}", run.talk);
    assert_eq!(laptop.read("tasks.json").as_deref(), Some(written.as_str()), "nothing is overwritten");

    let account = server.credentials(1, "another");
    server.history(&account, &[&[MILK]]);
    let run = laptop.run("export other.json", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_eq!(laptop.read("other.json"), None, "{}", run.talk);
}

#[test]
fn a_sealed_backup_is_an_account_file_with_every_version_and_tells_nothing() {
    let server = FakeServer::taskferry();
    let mut laptop = laptop(&server);
    let run = laptop.run("export --sealed account.taskferry", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk, @r"
    fetching the account from `[SERVER]`, sealed as it is …
    the account, 2 versions and 748 bytes, is in `[HOME]/account.taskferry`, which only you can read
    `taskferry-server account import FILE` puts it on another server; your computers then change the address, and nothing else
    note: the tasks in it are sealed: without the encryption secret of your computers nobody can read them, and neither can you
    ");
    let bytes = std::fs::read(laptop.path("account.taskferry")).unwrap();
    let head = account_file::check(bytes.as_slice()).unwrap();
    assert_eq!((head.versions, head.snapshot_bytes), (2, 0));
    assert!(!bytes.windows(4).any(|window| window == b"milk"));
}

#[test]
fn an_account_without_anything_is_no_backup() {
    let server = FakeServer::taskferry();
    let mut laptop = laptop(&server);
    server.empty_account(&server.credentials(1, "sesame"));
    let run = laptop.run("export --sealed account.taskferry", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("the account is empty"), "{}", run.talk);
    assert_eq!(laptop.read("account.taskferry"), None);
}
