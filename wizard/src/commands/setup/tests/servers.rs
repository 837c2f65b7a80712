//! What servers answer, or do not.

use insta::assert_snapshot;

use super::SETUP;
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

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
