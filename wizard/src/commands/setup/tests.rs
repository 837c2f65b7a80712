//! Whole runs of `taskferry setup`: what is said, and what is on the disk afterwards.

use insta::assert_snapshot;

use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

const SETUP: &str = "setup --server [SERVER]";

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
fn the_server_is_asked_for_until_it_is_an_address() {
    let server = FakeServer::taskferry();
    let url = server.url();
    let script = [("address", "tasks.example.org"), ("address", url.as_str()), ("go on?", "no")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    error: the server's address can't be used
      Caused by: `tasks.example.org` does not start with `https://` or `http://`

    hint: did you mean `https://tasks.example.org`?

    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`

    this is going to happen:

      create a new account at `[SERVER]`
      create `~/.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`

    stopped; nothing was changed
    ");
}

#[test]
fn without_a_terminal_every_missing_answer_names_its_flag() {
    let server = FakeServer::taskferry();
    let mut script = FakeComputer::new();
    let run = script.run("setup", &server);
    assert_eq!(run.exit, Exit::Usage);
    assert_snapshot!(run.talk, @r"
    error: setup needs the address of a sync server, and nobody can be asked here

    hint: add `--server https://…`
    ");
    let run = script.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.ends_with("hint: add `--yes` to accept it unasked\n"), "{}", run.talk);
    assert_eq!(server.accounts(), 0);
}

#[test]
fn running_it_twice_equals_running_it_once() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    assert_eq!(laptop.run(&format!("{SETUP} --yes"), &server).exit, Exit::Fine);
    let after_once = laptop.read(".taskrc");
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    running `task sync` …
    sync with `[SERVER]` is set up already, and works; no setting was changed
    next: run `taskferry share` here, and `taskferry join` on your other computer
    ");
    assert_eq!(laptop.read(".taskrc"), after_once);
    assert_eq!(server.accounts(), 1);
}

#[test]
fn a_second_run_needs_no_address_and_with_no_sync_it_only_asks_the_server() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    assert_eq!(laptop.run(&format!("{SETUP} --yes"), &server).exit, Exit::Fine);
    for flag in ["--no-sync", "--dry-run"] {
        let run = laptop.run(&format!("setup {flag}"), &server);
        assert_eq!(run.exit, Exit::Fine);
        assert!(run.talk.contains("sync with `[SERVER]` is set up already; no setting was changed"), "{}", run.talk);
    }
    assert_eq!(laptop.syncs(), 1);
}

#[test]
fn a_second_run_tells_what_does_not_work_any_more() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    assert_eq!(laptop.run(&format!("{SETUP} --yes"), &server).exit, Exit::Fine);
    let taskrc = laptop.read(".taskrc");

    let mut desktop = FakeComputer::new().with(".taskrc", &taskrc.clone().unwrap()).with(".task/broken", "503\n");
    let run = desktop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("`task sync` failed") && !run.talk.contains("works"), "{}", run.talk);

    server.forgets_all_accounts();
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("error: this computer is set up for an account that `[SERVER]` does not know any more"));
    assert_eq!((laptop.read(".taskrc"), laptop.syncs()), (taskrc, 1));
}

#[test]
fn a_server_at_home_is_suggested_with_http_and_enter_accepts_it() {
    let server = FakeServer::taskferry();
    let address = server.url().replace("http://", "");
    let script = [("address", address.as_str()), ("[http://127.0.0.1:", ""), ("go on?", "yes")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("hint: did you mean `[SERVER]`?"), "{}", run.talk);
}

#[test]
fn an_empty_answer_is_told_what_is_wanted() {
    let server = FakeServer::taskferry();
    let script = [("address", ""), ("address", " "), ("address", "")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(
        run.talk.ends_with(
            "error: the address of a sync server is needed here\n\nhint: it looks like `https://tasks.example.org`\n"
        ),
        "{}",
        run.talk
    );
}

#[test]
fn a_setup_link_in_the_place_of_an_address_is_recognised_and_not_shown_again() {
    let server = FakeServer::taskferry();
    let link = server.credentials(1, "sesame").to_text();
    let run = FakeComputer::new().run(&format!("setup --server {}", *link), &server);
    assert_eq!(run.exit, Exit::Usage);
    assert_snapshot!(run.talk, @r"
    error: this is a setup link, not the address of a server

    hint: run `taskferry join`, and paste the link when it asks for it
    ");
}

#[test]
fn nobody_is_asked_on_a_computer_that_can_not_sync() {
    let server = FakeServer::taskferry();
    for words in ["setup", "join"] {
        let run = FakeComputer::new().with(".task/version", "2.6.2").with_person(&[]).run(words, &server);
        assert_eq!(run.exit, Exit::Failed);
        assert!(run.talk.starts_with("error: Taskwarrior 2.6.2 is too old"), "{}", run.talk);
    }
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
fn another_server_than_the_present_one_is_refused_with_the_reason() {
    let (server, other) = (FakeServer::taskferry(), FakeServer::taskferry());
    let mut laptop = FakeComputer::new();
    laptop.run(&format!("{SETUP} --yes"), &other);
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk.replace(&other.url(), "[OTHER]"), @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    error: this computer already syncs with `[OTHER]`

    hint: a new account would stay empty: Taskwarrior does not send again what it has sent before
    hint: to bring other computers to the present account, run `taskferry share`
    ");
    assert_eq!(server.accounts(), 0);
}

#[test]
fn another_way_to_sync_is_refused_by_its_key() {
    let server = FakeServer::taskferry();
    for key in ["sync.local.server_dir", "sync.aws.bucket", "sync.gcp.bucket", "sync.git.local_path"] {
        let mut laptop = FakeComputer::new().with(".taskrc", &format!("{key}=x\n"));
        let run = laptop.run(&format!("{SETUP} --yes"), &server);
        assert_eq!(run.exit, Exit::Failed);
        assert!(
            run.talk.contains(&format!("error: this computer already syncs in another way: `{key}` is set")),
            "{}",
            run.talk
        );
    }
}

#[test]
fn incomplete_settings_are_refused_by_the_missing_key() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".taskrc", "sync.server.url=https://a.example\n");
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("incomplete: `sync.server.client_id` is not set"), "{}", run.talk);
}

#[test]
fn an_active_context_that_would_override_the_settings_is_refused() {
    let server = FakeServer::taskferry();
    let taskrc = "context=work\ncontext.work.rc.sync.server.url=https://work.example\n";
    let run = FakeComputer::new().with(".taskrc", taskrc).run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("the active context `work` overrides `sync.server.url`"), "{}", run.talk);
}

#[test]
fn taskwarrior_3_0_gets_the_key_that_it_reads() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".task/version", "3.0.2");
    assert_eq!(laptop.run(&format!("{SETUP} --yes"), &server).exit, Exit::Fine);
    assert!(laptop.read(".taskrc").unwrap().contains("\nsync.server.origin="));
}

#[test]
fn an_old_or_missing_taskwarrior_comes_with_what_to_install() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".task/version", "2.6.2").with("bin/brew", "");
    std::fs::set_permissions(laptop.path("bin/brew"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    error: Taskwarrior 2.6.2 is too old to sync with this kind of server: it takes 3.0.0 or newer

    hint: run `brew install task`
    hint: other ways, also for systems that only have version 2: https://taskwarrior.org/download/
    ");
    std::fs::remove_file(laptop.path("bin/task")).unwrap();
    let run = laptop.run(SETUP, &server);
    assert!(run.talk.starts_with("error: Taskwarrior is not installed"), "{}", run.talk);
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
fn another_kind_of_server_works_with_a_word_about_empty_accounts() {
    let server = FakeServer::other();
    let run = FakeComputer::new().run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found a TaskChampion sync server at `[SERVER]`

    this is going to happen:

      create `~/.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`

    running `task sync` …

    sync with `[SERVER]` works; there are no tasks yet
    other computers can join only after the first sync of a task: this server knows no empty accounts
    next: run `taskferry share` here, and `taskferry join` on your other computer
    ");
}

#[test]
fn what_is_no_sync_server_is_refused_before_anything_is_written() {
    for (server, expected) in [
        (FakeServer::other().answers(200, ("x", "y"), b"<h1>It works!</h1>"), "it is not a TaskChampion sync server"),
        (FakeServer::other().answers(404, ("x", "y"), b""), "it is not a TaskChampion sync server"),
        (
            FakeServer::other().answers(301, ("location", "https://b.example/?t=1"), b""),
            "sends us on to another address: `https://b.example`",
        ),
        (FakeServer::other().answers(503, ("retry-after", "0"), b""), "status 503"),
        (FakeServer::other().answers(200, ("x", "y"), &vec![b' '; 64 * 1024 + 1]), "far too long"),
    ] {
        let mut laptop = FakeComputer::new();
        let run = laptop.run(&format!("{SETUP} --yes"), &server);
        assert_eq!(run.exit, Exit::Failed);
        assert!(run.talk.contains(expected), "{}", run.talk);
        assert_eq!(laptop.read(".taskrc"), None);
    }
}

#[test]
fn a_refusal_is_shown_in_the_words_of_the_server_and_nothing_is_written() {
    let server = FakeServer::taskferry();
    server.refuses_registration("this server asks for an invite\u{1b}[2J", "ask its operator for one");
    let mut laptop = FakeComputer::new();
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(
        run.talk.ends_with(
            "error: the server refused: this server asks for an invite[2J\n\nhint: ask its operator for one\n"
        ),
        "{}",
        run.talk
    );
    assert_eq!(laptop.read(".taskrc"), None);
}

#[test]
fn a_server_that_is_down_is_named_with_the_reason() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    // Port 1 of this computer: nothing listens there.
    let run = laptop.run("setup --yes --server http://127.0.0.1:1", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `http://127.0.0.1:1` …
    error: could not reach the sync server at `http://127.0.0.1:1`
      Caused by: Connection refused (os error 111)

    hint: check the address, and that the server is running; then run the same command again
    hint: if you are sure of the address, add `--later` to set up now and finish with `taskferry verify`
    ");
    assert_eq!(laptop.read(".taskrc"), None);
}
