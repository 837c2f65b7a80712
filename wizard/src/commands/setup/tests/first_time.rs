//! The first computer, from the plan to the first sync.

use insta::assert_snapshot;

use super::SETUP;
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::{FakeServer, version};

#[test]
fn a_person_sees_the_plan_accepts_it_and_is_told_what_is_next() {
    let server = FakeServer::taskferry();
    let mut laptop =
        FakeComputer::new().with(".taskrc", "color=off\n").with_tasks(12).with_person(&[("go on?", "enter")]);
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_eq!(run.data, "");
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`

    this is going to happen:

      create a new account at `[SERVER]`
      change `~/.taskrc` (the former one is kept in `~/.local/state/taskferry/backups`)
        +
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`: sends 12 tasks to the server, encrypted

    the former file is kept as `~/.local/state/taskferry/backups/taskrc.0001`
    running `task sync` …

    sync with `[SERVER]` works; it now holds 12 tasks
    next: run `taskferry share` here, and `taskferry join` on your other computer
    ");
    assert_eq!(server.accounts(), 1);
    assert_eq!(laptop.syncs(), 1);
    assert_eq!(laptop.read(".local/state/taskferry/backups/taskrc.0001").as_deref(), Some("color=off\n"));
}

#[test]
fn tasks_of_taskwarrior_2_that_were_never_imported_are_told_of_in_the_plan() {
    let server = FakeServer::taskferry();
    let id = uuid::Uuid::from_u128(1);
    let mut laptop = FakeComputer::new()
        .with(".taskrc", "color=off\n")
        .with(".task/pending.data", &format!("[description:\"milk\" uuid:\"{id}\"]\n"));
    let run = laptop.run(&format!("{SETUP} --dry-run"), &server);
    assert!(
        run.talk.contains(
            "note: not imported yet: 1 task of Taskwarrior 2 in `~/.task`, which no sync takes along\n\
             note: run `task import-v2` to have them on all your computers, before this or afterwards\n"
        ),
        "{}",
        run.talk
    );
}

#[test]
fn without_a_terminal_every_missing_answer_names_its_flag() {
    let server = FakeServer::taskferry();
    let mut script = FakeComputer::new();
    let run = script.run("setup", &server);
    assert_eq!(run.exit, Exit::Usage);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    error: setup needs to know through which server to sync, and nobody can be asked here

    hint: add `--server https://…`, `--cloud`, `--home` or `--skip`
    ");
    let run = script.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.ends_with("hint: add `--yes` to accept it unasked\n"), "{}", run.talk);
    assert_eq!(server.accounts(), 0);
}

#[test]
fn a_dry_run_changes_nothing_anywhere() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    let run = laptop.run(&format!("{SETUP} --dry-run"), &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.ends_with("nothing was changed: this was only the plan\n"), "{}", run.talk);
    assert_eq!((laptop.read(".taskrc"), server.accounts(), laptop.syncs()), (None, 0, 0));
}

#[test]
fn without_the_first_sync_it_is_left_to_the_person() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    let run = laptop.run(&format!("{SETUP} --yes --no-sync"), &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.contains("run `task sync` when you are ready"), "{}", run.talk);
    assert_eq!(laptop.syncs(), 0);
}

#[test]
fn a_taskrc_of_dotfiles_only_includes_the_settings() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with("dotfiles/taskrc", "color=off\n").with("dotfiles/.git/HEAD", "");
    std::os::unix::fs::symlink("dotfiles/taskrc", laptop.path(".taskrc")).unwrap();
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`

    this is going to happen:

      create a new account at `[SERVER]`
      create `~/.config/taskferry/sync.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      change `~/dotfiles/taskrc` (the former one is kept in `~/.local/state/taskferry/backups`)
        +
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + include ~/.config/taskferry/sync.taskrc
        + # <<< taskferry <<<
      run `task sync`

    note: the settings get a private file, since your taskrc is a link, and dotfiles get published
    note: where the same taskrc is used without that file, every `task` fails; there, run `taskferry join`, or `touch ~/.config/taskferry/sync.taskrc`

    the former file is kept as `~/.local/state/taskferry/backups/taskrc.0001`
    running `task sync` …

    sync with `[SERVER]` works; there are no tasks yet
    next: run `taskferry share` here, and `taskferry join` on your other computer
    ");
    assert!(laptop.path(".taskrc").is_symlink());
    let published = laptop.read("dotfiles/taskrc").unwrap();
    assert!(published.starts_with("color=off\n") && !published.contains("sync.encryption_secret="), "{published}");
    assert!(laptop.read(".config/taskferry/sync.taskrc").unwrap().contains("sync.encryption_secret="));
}

#[test]
fn settings_that_are_not_read_back_are_taken_back() {
    let server = FakeServer::taskferry();
    // The block is there, but emptied, and a later include would bring another address.
    let taskrc = "# >>> taskferry >>>\n# <<< taskferry <<<\ninclude [HOME]/late\n";
    let mut laptop = FakeComputer::new();
    let taskrc = taskrc.replace("[HOME]", &laptop.path("").display().to_string());
    laptop = laptop.with("late", "sync.server.url=\n").with(".taskrc", &taskrc);
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("your configuration is as it was before"), "{}", run.talk);
    assert_eq!(laptop.read(".taskrc"), Some(taskrc));
    assert_eq!(laptop.syncs(), 0);
}

#[test]
fn a_failed_first_sync_keeps_the_settings_and_says_how_to_finish() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".task/broken", "Failed to synchronize with server: \u{1b}[31m503\n");
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(
        run.talk.ends_with(
            "error: the settings are in place, but the sync failed\n  Caused by: `task sync` failed\n  \
             Caused by: Failed to synchronize with server: [31m503\n\n\
             hint: run `taskferry verify` to finish, once the cause is gone\n"
        ),
        "{}",
        run.talk
    );
    assert!(laptop.read(".taskrc").unwrap().contains("sync.server.url="));
}

#[test]
fn a_sync_that_sent_nothing_is_noticed_although_taskwarrior_reports_success() {
    let server = FakeServer::taskferry().loses_what_is_sent();
    let run = FakeComputer::new().with(".taskrc", "").with_tasks(2).run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("but Taskwarrior sent none of the 2 tasks of this computer"), "{}", run.talk);
}

#[test]
fn a_script_gets_the_outcome_or_the_failure_as_json() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with_tasks(2);
    let data = |run: crate::testing::computer::Transcript| run.data.replace(&server.url(), "[SERVER]");
    assert_snapshot!(data(laptop.run(&format!("{SETUP} --dry-run --json"), &server)), @r#"{"outcome":"only-planned","server":"[SERVER]"}"#);
    assert_snapshot!(data(laptop.run(&format!("{SETUP} --yes --json"), &server)), @r#"{"outcome":"set-up","server":"[SERVER]","tasks":{"all":2,"pending":2}}"#);
    assert_snapshot!(data(laptop.run("setup --no-sync --json", &server)), @r#"{"outcome":"already-set-up","server":"[SERVER]"}"#);
    assert_snapshot!(data(laptop.run("setup --skip --json", &server)), @r#"{"outcome":"skipped"}"#);
    assert_snapshot!(data(laptop.run("setup --server nonsense --json", &server)), @r#"{"error":"the server's address can't be used","causes":["`nonsense` does not start with `https://` or `http://`"],"hints":["did you mean `https://nonsense`?"]}"#);
}

#[test]
fn verbose_tells_files_and_requests_but_no_secrets() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    let run = laptop.run(&format!("{SETUP} --yes --verbose"), &server);
    let told: Vec<&str> = run.talk.lines().filter(|line| line.starts_with("verbose: ")).collect();
    // What it answers is as long as it is.
    let told: Vec<&str> = told.into_iter().filter(|line| !line.contains("it answers")).collect();
    assert_snapshot!(told.join("\n"), @r"
    verbose: running `~/bin/task`
    verbose: reading `~/.taskrc`
    verbose: asking `GET [SERVER]/`
    verbose: asking `GET [SERVER]/.well-known/taskferry`
    verbose: asking `POST [SERVER]/taskferry/v1/register`
    ");
    let taskrc = laptop.read(".taskrc").unwrap();
    for line in taskrc.lines().filter(|line| line.contains("client_id") || line.contains("secret")) {
        let (_, value) = line.split_once('=').unwrap();
        assert!(!run.talk.contains(value), "{}", run.talk);
    }
}

/// As where Nix or a dotfile manager writes it.
#[test]
fn a_taskrc_that_another_program_writes_stays_as_it_is_and_includes_the_settings() {
    use std::os::unix::fs::PermissionsExt;
    let server = FakeServer::taskferry();
    let read_only = |text: &str| {
        let laptop = FakeComputer::new().with(".taskrc", text);
        std::fs::set_permissions(laptop.path(".taskrc"), PermissionsExt::from_mode(0o444)).unwrap();
        laptop
    };
    let run = read_only("color=off\n").run(&format!("{SETUP} --yes"), &server);
    assert_eq!((run.exit, server.asked().len()), (Exit::Failed, 0));
    assert_snapshot!(run.talk, @r"
    error: Taskwarrior's configuration `[HOME]/.taskrc` is read-only

    hint: make `[HOME]/.taskrc` writable, or name another file in the environment variable `TASKRC`
    hint: where another program writes it, let that write the line `include ~/.config/taskferry/sync.taskrc`, then run the same command again: it changes that file alone
    ");
    let written = "include ~/.config/taskferry/sync.taskrc\ncolor=off\n";
    let mut laptop = read_only(written);
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_eq!(laptop.read(".taskrc").as_deref(), Some(written));
    for words in ["status", "setup", "sync", "share"] {
        let run = laptop.run(words, &server);
        assert_eq!(run.exit, Exit::Fine, "{words}: {}", run.talk);
    }
    let run = laptop.run("undo --yes", &server);
    assert_eq!((run.exit, laptop.read(".taskrc").as_deref()), (Exit::Fine, Some(written)), "{}", run.talk);
}

/// Whoever only looks changes nothing.
#[test]
fn settings_in_a_read_only_taskrc_are_used_as_they_are() {
    use std::os::unix::fs::PermissionsExt;
    let server = FakeServer::taskferry();
    let account = server.credentials(1, "sesame");
    server.history(&account, &[&[(1, "buy milk")]]);
    let id = account.client_id.expose();
    let lines =
        format!("sync.server.url={}\nsync.server.client_id={id}\nsync.encryption_secret=sesame\n", account.server);
    let mut laptop =
        FakeComputer::new().with(".taskrc", &lines).with_tasks(1).with_database(version(1), &[(1, "buy milk")], 0);
    std::fs::set_permissions(laptop.path(".taskrc"), PermissionsExt::from_mode(0o400)).unwrap();
    for words in ["status", "sync", "share", "verify", "doctor", "setup"] {
        let run = laptop.run(words, &server);
        assert_eq!(run.exit, Exit::Fine, "{words}: {}", run.talk);
    }
}
