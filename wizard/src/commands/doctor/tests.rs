//! Whole runs of `taskferry doctor`: everything at once, what it mends, and what it never tells anybody.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::{FakeServer, version};

const TASKS: [(u128, &str); 1] = [(1, "buy milk")];

/// A computer that syncs, whose taskrc has these lines too.
fn set_up(server: &FakeServer, more: &str) -> FakeComputer {
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&TASKS]);
    let (url, id) = (server.url(), credentials.client_id.expose());
    let lines = format!("sync.server.url={url}\nsync.server.client_id={id}\nsync.encryption_secret=sesame\n{more}");
    FakeComputer::new().with(".taskrc", &lines).with_database(version(1), &TASKS, 0)
}

fn mode(computer: &FakeComputer) -> u32 {
    std::fs::metadata(computer.path(".taskrc")).unwrap().permissions().mode() & 0o777
}

#[test]
fn findings_come_in_the_same_order_however_fast_each_check_was() {
    let server = FakeServer::taskferry();
    let mut laptop = set_up(&server, "");
    let run = laptop.run("doctor", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
      ok       Taskwarrior: 3.5.0 (`~/bin/task`)
      ok       settings: sync with `[SERVER]`, account `00000000…`
      ok       other ways to sync: none is configured
      ok       context: none overrides the sync settings
      warning  permissions: other users of this computer can read `~/.taskrc` (mode 0644), and the secret in it
               hint: run `chmod 600 ~/.taskrc`, or `taskferry doctor --fix`
      ok       recurrence: no task recurs
      ok       proxy: none, requests go straight to the server
      ok       name: `127.0.0.1` is an address already
      ok       connection: `127.0.0.1` answers on port [PORT]
      ok       encryption: none (`http://`), on a network of your own
      ok       sync server: Taskferry 9.9.9
      ok       description: everybody may create an account there
      ok       clock: agrees with the server's
      ok       protocol: answers as it should
      ok       account: is there, and in use
      ok       room: 374 B used, and no limit
      ok       secret: unseals the account's tasks
      ok       position: up to date

    no problem was found, but 1 warning
    to prove that this computer and the account have the same tasks, run `taskferry verify`
    ");
    assert_eq!((laptop.syncs(), mode(&laptop)), (0, 0o644), "it only looks");
}

#[test]
fn a_readable_secret_is_taken_from_other_users() {
    let server = FakeServer::taskferry();
    let mut laptop = set_up(&server, "");
    let taskrc = laptop.read(".taskrc");
    let run = laptop.run("doctor --fix", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("mended: only you can read `~/.taskrc` now\n"), "{}", run.talk);
    assert!(run.talk.contains("  ok       permissions: only you can read `~/.taskrc`\n"), "{}", run.talk);
    assert_eq!((mode(&laptop), laptop.read(".taskrc")), (0o600, taskrc));
}

#[test]
fn leftovers_of_other_ways_to_sync_go_with_a_backup_and_come_back_with_undo() {
    let server = FakeServer::taskferry();
    let mut laptop = set_up(&server, "color=off\nsync.local.server_dir=/srv/tasks\nlast=1\n");
    let before = laptop.read(".taskrc");
    assert_eq!(laptop.run("doctor", &server).exit, Exit::Found);
    let run = laptop.run("doctor --fix", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("mended: removed `sync.local.server_dir` from `~/.taskrc`\n"), "{}", run.talk);
    assert_eq!(
        laptop.read(".taskrc"),
        before.clone().map(|text| text.replace("sync.local.server_dir=/srv/tasks\n", ""))
    );
    assert_eq!(laptop.read(".local/state/taskferry/backups/taskrc.0001"), before);
    assert_eq!(laptop.run("undo --yes", &server).exit, Exit::Fine);
    assert_eq!(laptop.read(".taskrc"), before);
}

#[test]
fn a_way_to_sync_that_was_chosen_in_place_of_an_account_is_left_alone() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".taskrc", "sync.local.server_dir=/srv/tasks\n");
    let run = laptop.run("doctor --fix", &server);
    assert_eq!(run.exit, Exit::Found);
    assert!(run.talk.contains("  warning  other ways to sync: this computer syncs in another way"), "{}", run.talk);
    assert!(run.talk.contains("nothing here can be mended safely without you"), "{}", run.talk);
    assert_eq!(laptop.read(".taskrc").as_deref(), Some("sync.local.server_dir=/srv/tasks\n"));
}

#[test]
fn what_an_included_file_sets_is_said_and_left_alone() {
    let server = FakeServer::taskferry();
    let mut laptop = set_up(&server, "include ~/shared\n").with("shared", "sync.aws.bucket=b\n");
    let run = laptop.run("doctor --fix", &server);
    assert_eq!(run.exit, Exit::Found);
    assert!(run.talk.contains("`sync.aws.bucket` is not set in `~/.taskrc` itself"), "{}", run.talk);
    assert_eq!(laptop.read("shared").as_deref(), Some("sync.aws.bucket=b\n"));
}

#[test]
fn a_report_names_nothing_that_its_writer_would_regret() {
    let server = FakeServer::taskferry();
    let laptop = set_up(&server, "");
    let home = laptop.path("").display().to_string();
    let run = laptop.with_variable("USER", "ada").with_variable("LOGNAME", "sync").run("doctor --report", &server);
    assert_eq!(run.exit, Exit::Fine);
    let id = server.credentials(1, "sesame").client_id;
    for private in ["sesame", "127.0.0.1", home.trim_end_matches('/'), "ada", &id.short(), &id.expose().to_string()] {
        assert!(!run.data.contains(private), "{private} in {}", run.data);
    }
    assert!(run.data.starts_with("taskferry 0."), "{}", run.data);
    assert!(run.data.contains("\nok       settings: sync with `[server]`, account `[account]`\n"), "{}", run.data);
    assert!(run.data.contains("\nok       sync server: "), "a name that is a word of ours: {}", run.data);
    assert!(!run.talk.contains("  ok "), "a report is data");
}

#[test]
fn json_names_every_check() {
    let server = FakeServer::taskferry();
    let run = set_up(&server, "").run("doctor --json", &server);
    let json: serde_json::Value = serde_json::from_str(&run.data).unwrap();
    let names: Vec<_> = json["findings"].as_array().unwrap().iter().map(|finding| &finding["check"]).collect();
    assert_eq!(names, crate::checks::all().iter().map(|check| check.name()).collect::<Vec<_>>());
    assert_eq!(json["works"], true);
}

#[test]
fn what_waits_to_be_finished_is_named_and_finished_with_fix() {
    let server = FakeServer::taskferry().loses_what_is_sent();
    server.refuses_for_now_at(taskferry_protocol::wire::REGISTER, u32::MAX);
    let mut laptop = FakeComputer::new();
    assert_eq!(laptop.run("setup --yes --server [SERVER]", &server).exit, Exit::Failed);
    server.refuses_for_now_at(taskferry_protocol::wire::REGISTER, 0);
    let run = laptop.run("doctor", &server);
    assert!(
        run.talk.starts_with("note: a setup or a join waits to be finished: run `taskferry verify`"),
        "{}",
        run.talk
    );
    assert_eq!(run.exit, Exit::Found);
    let run = laptop.run("doctor --fix", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_eq!(server.accounts(), 1);
}
