//! Whole runs of `taskferry setup`: what is said, and what is on the disk afterwards.

use insta::assert_snapshot;

use crate::error::Exit;
use crate::platform::Platform;
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
    let script = [("your choice", "2"), ("address", "tasks.example.org"), ("address", url.as_str()), ("go on?", "no")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    looking for cloud sync at `http://127.0.0.1:9` …

    through which server shall your computers share tasks?
    none can read them: they are encrypted here first

      1  set up sync: cloud sync at `http://127.0.0.1:9` (does not answer right now)
      2  set up sync: a server of your own, or one that you were invited to
      3  set up sync: a server on this very computer (needs `taskferry-server`, not found)
      4  join from another computer, which syncs already
      5  skip: set up nothing now

    error: the server's address can't be used
      Caused by: `tasks.example.org` does not start with `https://` or `http://`

    hint: did you mean `https://tasks.example.org`?

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
    let script = [("your choice", "2"), ("address", address.as_str()), ("[http://127.0.0.1:", ""), ("go on?", "yes")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("hint: did you mean `[SERVER]`?"), "{}", run.talk);
}

#[test]
fn an_empty_answer_is_told_what_is_wanted() {
    let server = FakeServer::taskferry();
    let script = [("your choice", "2"), ("address", ""), ("address", " "), ("address", "")];
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
fn another_server_than_the_present_one_needs_a_word_and_tasks_forbid_it() {
    let (server, other) = (FakeServer::taskferry(), FakeServer::taskferry());
    let mut laptop = FakeComputer::new();
    laptop.run(&format!("{SETUP} --yes"), &other);
    let before = laptop.read(".taskrc");
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Usage);
    assert_snapshot!(run.talk.replace(&other.url(), "[OTHER]"), @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    error: this computer already syncs with `[OTHER]`

    hint: to keep that account and bring other computers to it, run `taskferry share`
    hint: to give it up on this computer, add `--replace`
    ");
    let mut laptop = laptop.with_tasks(3);
    let run = laptop.run(&format!("{SETUP} --yes --replace"), &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk.replace(&other.url(), "[OTHER]"), @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    error: this computer already syncs with `[OTHER]`, and has 3 tasks there

    hint: to take all tasks along to a new account, run `taskferry move --server https://…`
    hint: to bring other computers to the present one, run `taskferry share` here and `taskferry join` there
    ");
    assert_eq!((server.accounts(), laptop.read(".taskrc")), (0, before));
}

#[test]
fn an_account_without_tasks_is_replaced_and_leaves_no_second_key() {
    let (server, other) = (FakeServer::taskferry(), FakeServer::taskferry());
    let account = other.credentials(1, "sesame");
    let by_hand = format!(
        "color=off\nsync.server.url = {}\nsync.server.client_id={}\nsync.encryption_secret=sesame # mine\nlast=1\n",
        other.url(),
        account.client_id.expose()
    );
    let mut laptop = FakeComputer::new()
        .with(".taskrc", &by_hand)
        .with_person(&[("give it up on this computer?", "yes"), ("go on?", "enter")]);
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk.replace(&other.url(), "[OTHER]"), @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    this computer already syncs with `[OTHER]`; it has no tasks, so none would be lost here
    that account, and the other computers that use it, would stay as they are
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`

    this is going to happen:

      create a new account at `[SERVER]`
      change `~/.taskrc` (the former one is kept in `~/.local/state/taskferry/backups`)
        - sync.server.url = [OTHER]
        - sync.server.client_id=(hidden)
        - sync.encryption_secret=(hidden)
        +
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`

    the former file is kept as `~/.local/state/taskferry/backups/taskrc.0001`
    running `task sync` …

    sync with `[SERVER]` works; there are no tasks yet
    next: run `taskferry share` here, and `taskferry join` on your other computer
    ");
    let taskrc = laptop.read(".taskrc").unwrap();
    assert!(taskrc.starts_with("color=off\nlast=1\n"), "{taskrc}");
    assert_eq!(taskrc.matches("sync.encryption_secret").count(), 1, "{taskrc}");
    assert_eq!((server.accounts(), laptop.syncs()), (1, 1));
}

#[test]
fn another_way_to_sync_stays_unless_somebody_says_that_it_may_go() {
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
        assert_eq!((laptop.read(".taskrc"), server.accounts()), (Some(format!("{key}=x\n")), 0));
    }
    let mut laptop = FakeComputer::new()
        .with(".taskrc", "sync.gcp.bucket=b\ncolor=off\nsync.local.server_dir=~/shared # old\n")
        .with_person(&[("go on?", "enter")]);
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`

    this is going to happen:

      create a new account at `[SERVER]`
      change `~/.taskrc` (the former one is kept in `~/.local/state/taskferry/backups`)
        - sync.gcp.bucket=b
        - sync.local.server_dir=~/shared # old
        +
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`

    note: `sync.local.server_dir` goes: with it, Taskwarrior would never contact a server; the data there stays as it is

    stopped; nothing was changed
    ");
    let mut laptop = laptop.with_person(&[("go on?", "yes")]);
    assert_eq!(laptop.run(SETUP, &server).exit, Exit::Fine);
    let taskrc = laptop.read(".taskrc").unwrap();
    assert!(taskrc.starts_with("color=off\n\n# >>> taskferry"), "{taskrc}");
}

#[test]
fn another_way_to_sync_in_an_included_file_is_found_by_reading_back() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".taskrc", "include ~/work\n").with("work", "sync.aws.bucket=b\n");
    let run = laptop.run(&format!("{SETUP} --yes --replace"), &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("your configuration is as it was before"), "{}", run.talk);
    assert_eq!(laptop.read(".taskrc").as_deref(), Some("include ~/work\n"));
}

#[test]
fn an_account_that_another_way_hides_is_left_to_the_person() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    laptop.run(&format!("{SETUP} --yes"), &server);
    let both = format!("sync.gcp.bucket=b\n{}", laptop.read(".taskrc").unwrap());
    let mut laptop = laptop.with(".taskrc", &both);
    for words in [format!("{SETUP} --yes --replace"), "share".into()] {
        let run = laptop.run(&words, &server);
        assert_eq!(run.exit, Exit::Failed);
        assert!(run.talk.contains("hint: to sync with the account, run `taskferry doctor --fix`"), "{}", run.talk);
    }
    assert_eq!(laptop.read(".taskrc"), Some(both.clone()));
    laptop.run("doctor --fix", &server);
    assert_eq!(laptop.read(".taskrc"), both.strip_prefix("sync.gcp.bucket=b\n").map(str::to_owned));
}

#[test]
fn settings_that_never_worked_are_replaced_and_it_is_said() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new().with(".taskrc", "sync.server.url=https://a.example\ncolor=off\n");
    let run = laptop.run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.contains("    - sync.server.url=https://a.example\n"), "{}", run.talk);
    assert!(run.talk.contains("note: former settings go, since they never worked"), "{}", run.talk);
    assert!(laptop.read(".taskrc").unwrap().starts_with("color=off\n"));
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
    hint: other ways: https://taskwarrior.org/download/
    ");
    std::fs::remove_file(laptop.path("bin/task")).unwrap();
    let run = laptop.run(SETUP, &server);
    assert!(run.talk.starts_with("error: Taskwarrior is not installed"), "{}", run.talk);
}

#[test]
fn the_way_to_taskwarrior_3_is_that_of_this_platform() {
    let server = FakeServer::taskferry();
    let debian = Platform::of_os_release("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    let mut laptop = FakeComputer::new().with(".task/version", "2.6.2").with_platform(debian);
    assert_snapshot!(laptop.run(SETUP, &server).talk, @r"
    error: Taskwarrior 2.6.2 is too old to sync with this kind of server: it takes 3.0.0 or newer

    hint: run `sudo apt install taskwarrior`
    hint: if that gives version 2, Debian GNU/Linux 12 (bookworm) has no newer one: with Homebrew (https://brew.sh), run `brew install task`
    hint: other ways: https://taskwarrior.org/download/
    ");
    let mut mac = FakeComputer::new().with_platform(Platform::MacOs);
    std::fs::remove_file(mac.path("bin/task")).unwrap();
    assert_snapshot!(mac.run(SETUP, &server).talk, @r"
    error: Taskwarrior is not installed: there is no `task` on your PATH

    hint: run `brew install task`
    hint: other ways: https://taskwarrior.org/download/
    ");
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
    nobody answers at `http://127.0.0.1:1`; trying again in 1 s, in case it is just restarting
    nobody answers at `http://127.0.0.1:1`; trying again in 2 s, in case it is just restarting
    error: could not reach the sync server at `http://127.0.0.1:1`
      Caused by: Connection refused (os error 111)

    hint: check the address, and that the server is running; then run the same command again
    hint: if you are sure of the address, add `--later` to set up now and finish with `taskferry verify`
    ");
    assert_eq!(laptop.read(".taskrc"), None);
}

#[test]
fn a_computer_that_syncs_nowhere_is_offered_cloud_sync_first_and_enter_takes_it() {
    let (server, cloud) = (FakeServer::taskferry(), FakeServer::taskferry());
    let mut laptop =
        FakeComputer::new().with_cloud(&cloud).with_person(&[("your choice, 1 to 5 [1]", ""), ("go on?", "enter")]);
    let run = laptop.run("setup", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk.replace(&cloud.url(), "[CLOUD]"), @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    looking for cloud sync at `[CLOUD]` …

    through which server shall your computers share tasks?
    none can read them: they are encrypted here first

      1  set up sync: cloud sync at `[CLOUD]`, nothing to run yourself
      2  set up sync: a server of your own, or one that you were invited to
      3  set up sync: a server on this very computer (needs `taskferry-server`, not found)
      4  join from another computer, which syncs already
      5  skip: set up nothing now

    asking `[CLOUD]` …
    found Taskferry 9.9.9 at `[CLOUD]`

    this is going to happen:

      create a new account at `[CLOUD]`
      create `~/.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[CLOUD]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`

    running `task sync` …

    sync with `[CLOUD]` works; there are no tasks yet
    next: run `taskferry share` here, and `taskferry join` on your other computer
    ");
    assert_eq!((cloud.accounts(), server.accounts()), (1, 0));

    let mut script = FakeComputer::new().with_cloud(&cloud);
    assert_eq!(script.run("setup --cloud --yes", &server).exit, Exit::Fine);
    assert_eq!(cloud.accounts(), 2);
}

#[test]
fn cloud_sync_that_does_not_answer_like_a_sync_server_is_shown_so_and_is_not_the_default() {
    let server = FakeServer::taskferry();
    let parked = FakeServer::taskferry().answers(200, ("content-type", "text/html"), b"this domain is for sale");
    for computer in [FakeComputer::new(), FakeComputer::new().with_cloud(&parked)] {
        let mut laptop = computer.with_person(&[("your choice, 1 to 5 [2]", "5")]);
        let run = laptop.run("setup", &server);
        assert_eq!(run.exit, Exit::Fine);
        assert!(run.talk.contains("(does not answer right now)"), "{}", run.talk);
        assert!(run.talk.ends_with("nothing was changed; later, run `taskferry setup`\n"), "{}", run.talk);
        assert_eq!(laptop.read(".taskrc"), None);
    }
}

#[test]
fn the_address_of_cloud_sync_comes_from_the_environment_else_from_the_settings() {
    let (server, cloud) = (FakeServer::taskferry(), FakeServer::taskferry());
    let settings = format!("cloud = \"{}\"\n", cloud.url());
    let file = ".config/taskferry/config.toml";
    let mut laptop = FakeComputer::new().with_variable("TASKFERRY_CLOUD", "").with(file, &settings);
    assert_eq!(laptop.run("setup --cloud --yes", &server).exit, Exit::Fine);
    assert_eq!(cloud.accounts(), 1);

    let mut desktop = FakeComputer::new().with_cloud(&server).with(file, &settings);
    assert_eq!(desktop.run("setup --cloud --yes", &server).exit, Exit::Fine);
    assert_eq!((cloud.accounts(), server.accounts()), (1, 1));
}

#[test]
fn an_account_of_another_computer_is_joined_from_the_same_menu() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.account(&credentials);
    let link = credentials.to_text();
    let script = [("your choice", "4"), ("paste the setup link", link.as_str()), ("go on?", "enter")];
    let mut desktop = FakeComputer::new().with_person(&script);
    let run = desktop.run("setup", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.contains("joined; "), "{}", run.talk);
}

#[test]
fn an_answer_that_is_no_choice_is_asked_again_and_a_link_is_recognised() {
    let server = FakeServer::taskferry();
    let link = server.credentials(1, "sesame").to_text();
    let script = [("your choice", "cloud"), ("your choice", "7"), ("your choice", "0")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert_eq!(run.exit, Exit::Usage);
    assert_eq!(run.talk.matches("error: that is none of the numbers from 1 to 5").count(), 3, "{}", run.talk);
    let invited = format!("https://sync.example.org/i#{INVITE}");
    let script = [("your choice", invited.as_str()), ("your choice", "5")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert!(run.talk.contains("error: this is an invite link, not the number of a choice"), "{}", run.talk);
    let script = [("your choice", link.as_str()), ("your choice", "5")];
    let run = FakeComputer::new().with_person(&script).run("setup", &server);
    assert!(run.talk.contains("error: this is a setup link") && !run.talk.contains("/j#"), "{}", run.talk);
}

#[test]
fn to_skip_changes_nothing_and_asks_nobody() {
    let server = FakeServer::taskferry();
    let mut laptop = FakeComputer::new();
    let run = laptop.run("setup --skip", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"nothing was set up, and nothing was changed; later, run `taskferry setup`");
    assert_eq!((laptop.read(".taskrc"), server.asked().len()), (None, 0));
}

const INVITE: &str = "GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ";

#[test]
fn an_invite_is_asked_for_where_one_is_needed() {
    let server = FakeServer::taskferry().invites(INVITE);
    let mut laptop = FakeComputer::new().with_person(&[
        ("invite", "GAYT-EMZU"),
        ("invite", "gayt emzu gu3d oobz mfrg gzdf myzq"),
        ("go on?", "enter"),
    ]);
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    `[SERVER]` takes new accounts only with an invite from whoever runs it
    error: the invite can't be used
      Caused by: an invite code has 28 letters and digits

    hint: it looks like `GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ`: copy it from what you were sent


    this is going to happen:

      create a new account at `[SERVER]`
      create `~/.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`

    running `task sync` …

    sync with `[SERVER]` works; there are no tasks yet
    next: run `taskferry share` here, and `taskferry join` on your other computer
    ");
    assert_eq!(server.accounts(), 1);

    let mut script = FakeComputer::new();
    assert_eq!(script.run(&format!("{SETUP} --yes --invite {INVITE}"), &server).exit, Exit::Fine);
    assert_eq!(server.accounts(), 2);
}

#[test]
fn without_an_invite_and_without_anybody_its_flag_is_named() {
    let server = FakeServer::taskferry().invites(INVITE);
    let run = FakeComputer::new().run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.ends_with("hint: add `--invite CODE`\n"), "{}", run.talk);
    let mistyped = INVITE.replace("MYZQ", "MYZA");
    let run = FakeComputer::new().run(&format!("{SETUP} --yes --invite {mistyped}"), &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.contains("typing error") && !run.talk.contains("MYZA"), "{}", run.talk);
    assert_eq!(server.accounts(), 0);
}

#[test]
fn a_refused_invite_may_be_followed_by_another_one() {
    let server = FakeServer::taskferry().invites(INVITE);
    let other = taskferry_protocol::InviteCode::from_random([0; 16]).to_text();
    let script = [("invite", other.as_str()), ("go on?", "enter"), ("another invite", INVITE)];
    let mut laptop = FakeComputer::new().with_person(&script);
    let run = laptop.run(SETUP, &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("error: `[SERVER]` does not know this invite"), "{}", run.talk);
}

#[test]
fn every_refusal_of_an_account_has_words_and_a_remedy_of_its_own() {
    let cases = [
        ("registration_closed", "takes no new accounts", "ask whoever runs the server, or choose another one"),
        ("invite_needed", "takes new accounts only with an invite", "`--invite CODE`"),
        ("invite_invalid", "does not know this invite", "compare it"),
        ("invite_expired", "this invite has expired", "a new one"),
        ("invite_used", "this invite was used already", "another one"),
        ("account_deleted", "this account was deleted", "make a new account"),
        ("too_many_accounts", "has taken many new accounts lately", "again in 10 minutes"),
    ];
    for (code, what, remedy) in cases {
        let server = FakeServer::taskferry();
        server.refuses_registration_with(code, "600");
        let mut laptop = FakeComputer::new();
        let run = laptop.run(&format!("{SETUP} --yes"), &server);
        assert_eq!(run.exit, Exit::Failed);
        assert!(run.talk.contains(what) && run.talk.contains(remedy), "{code}: {}", run.talk);
        assert!(run.talk.ends_with("hint: nothing was changed on this computer\n"), "{code}: {}", run.talk);
        assert_eq!((laptop.read(".taskrc"), laptop.syncs()), (None, 0), "{code}");
    }
}

#[test]
fn where_no_account_can_be_made_it_is_said_before_the_plan() {
    let server = FakeServer::taskferry().takes_nobody();
    let run = FakeComputer::new().run(&format!("{SETUP} --yes"), &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("error: `[SERVER]` takes no new accounts"), "{}", run.talk);
    assert!(!run.talk.contains("this is going to happen"), "{}", run.talk);
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

#[test]
fn an_invite_link_is_server_and_invite_in_one() {
    let server = FakeServer::taskferry().invites(INVITE);
    let words = format!("setup --yes --server [SERVER]/i#{}", INVITE.replace('-', ""));
    let run = FakeComputer::new().run(&words, &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    let link = format!("{}/i#{}", server.url(), INVITE.to_lowercase());
    let script = [("your choice", "2"), ("or invite link", link.as_str()), ("go on?", "enter")];
    assert_eq!(FakeComputer::new().with_person(&script).run("setup", &server).exit, Exit::Fine);
    let words = format!("setup --yes --server [SERVER] --invite {link}");
    assert_eq!(FakeComputer::new().run(&words, &server).exit, Exit::Fine);
    assert_eq!(server.accounts(), 3);
}

#[test]
fn a_mistyped_invite_link_is_told_and_one_in_the_place_of_a_setup_link_too() {
    let server = FakeServer::taskferry().invites(INVITE);
    let run = FakeComputer::new().run("setup --yes --server [SERVER]/i#GAYT", &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(
        run.talk.starts_with("error: could not read the invite link\n  Caused by: the invite link has no usable code")
    );
    assert!(!run.talk.contains("GAYT"), "{}", run.talk);
    let link = format!("{}/i#{INVITE}", server.url());
    let run = FakeComputer::new().with_input(&link).run("join --from-stdin --yes", &server);
    assert!(run.talk.contains("error: this is an invite link: it makes a new account"), "{}", run.talk);
    assert!(run.talk.contains("hint: to make an account with it, run `taskferry setup --server LINK`"), "{}", run.talk);
    assert_eq!(server.accounts(), 0);
}
