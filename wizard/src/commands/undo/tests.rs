//! Whole runs of `taskferry undo`: what comes back, and what stays.

use insta::assert_snapshot;

use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

const SETUP: &str = "setup --yes --server [SERVER]";

/// A computer on which setup was run on this taskrc.
fn set_up(server: &FakeServer, taskrc: Option<&str>) -> FakeComputer {
    let mut laptop = FakeComputer::new();
    if let Some(taskrc) = taskrc {
        laptop = laptop.with(".taskrc", taskrc);
    }
    assert_eq!(laptop.run(SETUP, server).exit, Exit::Fine);
    laptop
}

fn mode(laptop: &FakeComputer, path: &str) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(laptop.path(path)).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_file_comes_back_byte_for_byte_with_its_permissions() {
    let server = FakeServer::taskferry();
    for before in ["", "color=off", "color=off\n", "\n\n"] {
        let laptop = FakeComputer::new().with(".taskrc", before);
        let was = mode(&laptop, ".taskrc");
        let mut laptop = laptop;
        assert_eq!(laptop.run(SETUP, &server).exit, Exit::Fine);
        assert_eq!(laptop.run("undo --yes", &server).exit, Exit::Fine);
        assert_eq!(laptop.read(".taskrc").as_deref(), Some(before));
        assert_eq!(mode(&laptop, ".taskrc"), was);
    }
}

#[test]
fn it_says_what_it_does_and_keeps_what_it_takes_away() {
    let server = FakeServer::taskferry();
    let mut laptop = set_up(&server, Some("color=off\n"));
    let with_secret = laptop.read(".taskrc").unwrap();
    laptop = laptop.with_person(&[("go on?", "enter")]);
    let run = laptop.run("undo", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    this is going to happen:

      restore `~/.taskrc`, byte for byte as it was before

    restored `~/.taskrc`, byte for byte as it was before
    what stood there is kept as `~/.local/state/taskferry/backups/taskrc.0002`
    your tasks stay on this computer, and the account stays on the server
    to sync with it again, run `taskferry share` on another computer, and `taskferry join` here
    without another computer: `taskferry join --yes --keep-recurrence --from-stdin < ~/.local/state/taskferry/backups/taskrc.0002`
    ");
    assert_eq!(laptop.read(".local/state/taskferry/backups/taskrc.0002"), Some(with_secret));
    assert_eq!(mode(&laptop, ".local/state/taskferry/backups/taskrc.0002"), 0o600);
}

#[test]
fn a_file_that_was_not_there_goes_again() {
    let server = FakeServer::taskferry();
    let mut laptop = set_up(&server, None);
    let run = laptop.run("undo --yes", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.contains("removed `~/.taskrc`, which was not there before\n"), "{}", run.talk);
    assert_eq!(laptop.read(".taskrc"), None);
}

#[test]
fn where_the_file_was_edited_since_only_our_lines_go() {
    let server = FakeServer::taskferry();
    let mut laptop = set_up(&server, Some("color=off\n"));
    let edited = format!("first=1\n{}last=1\n", laptop.read(".taskrc").unwrap());
    laptop = laptop.with(".taskrc", &edited);
    let run = laptop.run("undo --yes", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(
        run.talk.contains("took taskferry's lines out of `~/.taskrc`; what was edited since stays\n"),
        "{}",
        run.talk
    );
    assert_eq!(laptop.read(".taskrc").as_deref(), Some("first=1\ncolor=off\nlast=1\n"));
}

#[test]
fn an_include_goes_before_the_file_that_it_names() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".git/HEAD", "").with(".taskrc", "color=off\n");
    assert_eq!(laptop.run(SETUP, &server).exit, Exit::Fine);
    assert!(laptop.path(".config/taskferry/sync.taskrc").exists());
    let run = laptop.run("undo --yes", &server);
    let said: Vec<_> = run.talk.lines().filter(|line| line.contains("restored") || line.contains("removed")).collect();
    assert_eq!(
        said,
        [
            "restored `~/.taskrc`, byte for byte as it was before",
            "removed `~/.config/taskferry/sync.taskrc`, which was not there before"
        ]
    );
    assert_eq!(laptop.read(".taskrc").as_deref(), Some("color=off\n"));
    assert!(!laptop.path(".config/taskferry/sync.taskrc").exists());
}

#[test]
fn a_second_undo_has_nothing_left_to_do_and_says_so() {
    let server = FakeServer::taskferry();
    let mut laptop = set_up(&server, Some("color=off\n"));
    assert_eq!(laptop.run("undo --yes", &server).exit, Exit::Fine);
    let run = laptop.run("undo --yes", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    error: there is nothing to undo: no change of taskferry is in place on this computer

    hint: sync settings that were written by hand stay: remove the lines that begin with `sync.` from your taskrc
    ");
    assert_eq!(laptop.read(".taskrc").as_deref(), Some("color=off\n"));
}

#[test]
fn settings_that_were_written_by_hand_are_left_alone() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".taskrc", "sync.server.url=https://a.example\n");
    let run = laptop.run("undo --yes", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("there is nothing to undo"), "{}", run.talk);
    assert_eq!(laptop.read(".taskrc").as_deref(), Some("sync.server.url=https://a.example\n"));
}

#[test]
fn a_no_and_nobody_to_ask_change_nothing() {
    let server = FakeServer::taskferry();
    let mut laptop = set_up(&server, None);
    let taskrc = laptop.read(".taskrc");
    assert_eq!(laptop.run("undo", &server).exit, Exit::Usage);
    let mut laptop = laptop.with_person(&[("go on?", "no")]);
    let run = laptop.run("undo", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.ends_with("stopped; nothing was changed\n"), "{}", run.talk);
    assert_eq!(laptop.read(".taskrc"), taskrc);
}

/// Killed between the record of the change and the file: there is a record of what never happened.
#[test]
fn a_change_that_was_never_made_is_not_taken_back_but_the_one_before_is() {
    let server = FakeServer::taskferry();
    let mut laptop = set_up(&server, Some("color=off\n"));
    let record = laptop.read(".local/state/taskferry/changes/000001.json").unwrap();
    let taskrc = laptop.path(".taskrc").display().to_string();
    assert!(record.contains(&taskrc), "{record}");
    std::fs::write(laptop.path("now"), laptop.read(".taskrc").unwrap()).unwrap();
    let never = record.replace("taskrc.0001", "taskrc.0002");
    let laptop_now = laptop.read(".taskrc").unwrap();
    laptop = laptop
        .with(".local/state/taskferry/changes/000002.json", &never)
        .with(".local/state/taskferry/backups/taskrc.0002", &laptop_now);
    assert_eq!(laptop.run("undo --yes", &server).exit, Exit::Fine);
    assert_eq!(laptop.read(".taskrc").as_deref(), Some("color=off\n"));
    assert!(!laptop.path(".local/state/taskferry/changes/000002.json").exists());
}

#[test]
fn a_join_that_waits_is_forgotten() {
    let server = FakeServer::taskferry();
    server.refuses_for_now(u32::MAX);
    let mut desktop = FakeComputer::new().with_input(&server.credentials(1, "sesame").to_text());
    assert_eq!(desktop.run("join --from-stdin --yes", &server).exit, Exit::Failed);
    let run = desktop.run("undo --yes", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.ends_with("done; no file of yours was touched\n"), "{}", run.talk);
    assert!(!desktop.path(".local/state/taskferry/pending.json").exists());
}
