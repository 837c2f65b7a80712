//! A computer that syncs already, or was meant to: what stays, what may go, and who says so.

use insta::assert_snapshot;

use super::SETUP;
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

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
