//! Whole runs of `taskferry sync`.

use insta::assert_snapshot;

use crate::credentials::Credentials;
use crate::database::ONE_VERSION_BYTES;
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::{FakeServer, version};

const MILK: (u128, &str) = (1, "buy milk");

fn world() -> (FakeServer, Credentials, FakeComputer) {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&[MILK]]);
    let laptop = FakeComputer::new().with(".taskrc", &lines_of(&credentials, "sesame"));
    (server, credentials, laptop)
}

fn lines_of(account: &Credentials, secret: &str) -> String {
    let Credentials { server, client_id, .. } = account;
    let id = client_id.expose();
    format!("sync.server.url={server}\nsync.server.client_id={id}\nsync.encryption_secret={secret}\n")
}

/// So many bytes of changes wait.
fn with_changes(laptop: FakeComputer, bytes: usize) -> FakeComputer {
    laptop.with_database(version(1), &[MILK], bytes)
}

#[test]
fn it_says_how_much_was_sent() {
    let (server, _, laptop) = world();
    let mut laptop = laptop.with_database(version(1), &[(1, "buy milk")], 0);
    let run = laptop.run("sync", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_eq!(run.talk, "running `task sync` …\nin sync with `[SERVER]`; there was nothing to send\n");
    let run = laptop.with_database(version(1), &[(1, "buy milk")], 10).run("sync", &server);
    assert!(run.talk.ends_with("in sync with `[SERVER]`; changes of 1 task were sent\n"), "{}", run.talk);
}

#[test]
fn only_what_goes_up_in_several_versions_is_proved() {
    let (server, _, laptop) = world();
    let large = usize::try_from(ONE_VERSION_BYTES).unwrap();
    let mut laptop = laptop.with_database(version(1), &[(1, "buy milk")], large);
    let run = laptop.run("sync", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert!(run.talk.contains("proved: the account, rebuilt from the server, has the same 1 task"), "{}", run.talk);
}

#[test]
fn with_mend_lost_tasks_are_put_back_unasked() {
    let (server, credentials, laptop) = world();
    let run = laptop.with_database(version(1), &[(1, "buy milk"), (2, "lost")], 0).run("sync --mend", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("mended: the account now has the same 2 tasks"), "{}", run.talk);
    assert!(server.has_snapshot(&credentials));
}

#[test]
fn a_refusal_for_now_is_waited_for_and_the_sync_is_tried_again() {
    let (server, _, laptop) = world();
    let refused = "Failed to synchronize with server: Server Error: x responded with 503 Service Unavailable\n";
    let run = laptop.with(".task/broken_once", refused).run("sync", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_eq!(run.talk.matches("running `task sync` …\n").count(), 2, "{}", run.talk);
}

#[test]
fn any_other_failure_is_final_and_names_the_next_step() {
    let (server, _, laptop) = world();
    let said = "Failed to synchronize with server: x responded with 500 Internal Server Error\n";
    let mut laptop = laptop.with(".task/broken", said);
    let run = laptop.run("sync", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("hint: run `taskferry doctor` to find out why; nothing is lost"), "{}", run.talk);
    assert_eq!(run.talk.matches("running `task sync`").count(), 1);
}

#[test]
fn a_computer_that_can_not_go_on_is_led_to_repair() {
    for said in ["Server Error: x responded with 410 Gone", "error while unsealing encrypted value: y"] {
        let (server, _, laptop) = world();
        let said = format!("Failed to synchronize with server: {said}\n");
        let run = laptop.with(".task/broken", &said).run("sync", &server);
        assert_eq!(run.exit, Exit::Failed);
        assert!(run.talk.contains("hint: run `taskferry repair`, which says what has happened"), "{}", run.talk);
    }
}

#[test]
fn a_computer_without_sync_is_told_how_to_begin() {
    let run = FakeComputer::new().run("sync", &FakeServer::taskferry());
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("error: sync is not set up on this computer\n"), "{}", run.talk);
}

/// Taskwarrior would report success, and no other computer could sync any more.
#[test]
fn with_a_secret_that_does_not_open_the_account_nothing_is_sent() {
    let mut said = Vec::new();
    for server in [FakeServer::taskferry(), FakeServer::other()] {
        let account = server.credentials(1, "sesame");
        server.history(&account, &[&[MILK]]);
        let mistyped = lines_of(&account, "sesamE");
        let mut laptop = with_changes(FakeComputer::new().with(".taskrc", &mistyped), 10);
        let run = laptop.run("sync", &server);
        assert_eq!((run.exit, laptop.syncs()), (Exit::Failed, 0));
        said.push(run.talk);
        assert!(server.asked().iter().all(|request| request.starts_with("GET ")), "{:?}", server.asked());
        assert_eq!(laptop.read(".taskrc"), Some(mistyped));
        let told: serde_json::Value = serde_json::from_str(&laptop.run("sync --json", &server).data).unwrap();
        assert!(told["error"].as_str().unwrap().starts_with("nothing was sent"), "{told}");
        // Every other way to a sync.
        for words in ["setup --yes", "verify --yes"] {
            laptop.run(words, &server);
        }
        assert_eq!(laptop.syncs(), 0);
    }
    assert_eq!(said[0], said[1], "whether or not the server is one of ours");
    assert_snapshot!(said[0], @r"
    error: nothing was sent: no other computer could open what this one would send
      Caused by: the encryption secret does not fit the tasks on the server

    hint: don't run `task sync` here: it would send all the same; your tasks are safe on this computer
    hint: for the right secret, run `taskferry share` on a computer that syncs, and `taskferry join --replace` here
    hint: if no other computer syncs either, run `taskferry doctor`: it says what is left
    ");
}

/// As above; and nobody would ever look into the account that comes into being.
#[test]
fn with_a_mistyped_account_nothing_is_sent() {
    let (server, credentials, laptop) = world();
    let mut laptop = with_changes(laptop, 0);
    assert_eq!(laptop.run("sync", &server).exit, Exit::Fine);
    let mistyped = Credentials { client_id: server.credentials(2, "sesame").client_id, ..credentials.clone() };
    let mut laptop = with_changes(laptop.with(".taskrc", &lines_of(&mistyped, "sesame")), 10);
    let (asked, synced) = (server.asked().len(), laptop.syncs());
    let run = laptop.run("sync", &server);
    assert_eq!((run.exit, laptop.syncs(), server.asked().len()), (Exit::Failed, synced, asked));
    assert_snapshot!(run.talk, @r"
    error: nothing was sent: this computer's tasks were last synced with another account than the present one

    hint: if the account's ID was changed by hand, look for a typing error: `taskferry share` on a computer that syncs shows it
    hint: run `taskferry repair`: it brings both together again, and keeps every task of either
    hint: nothing is lost on this computer, and `task` works on it as before
    hint: to go back to the former account instead, run `taskferry undo`
    ");
    let mut laptop = laptop.with(".taskrc", &lines_of(&credentials, "sesame"));
    assert_eq!(laptop.run("sync", &server).exit, Exit::Fine, "the right one again");
}

#[test]
fn the_usual_sync_asks_the_server_nothing_more() {
    let (server, _, laptop) = world();
    let (usual, first) =
        ("GET /taskferry/v1/account", "GET /v1/client/get-child-version/00000000-0000-0000-0000-000000000000");
    let asked = |since: usize| server.asked().split_off(since);
    let mut laptop = with_changes(laptop, 0);
    laptop.run("sync", &server);
    assert_eq!(asked(0), [usual], "nothing waits to be sent");
    let mut laptop = with_changes(laptop, 10);
    laptop.run("sync", &server);
    assert_eq!(asked(1), [first, usual], "the first time, the secret is proved");
    for since in [3, 4] {
        assert_eq!(laptop.run("sync", &server).exit, Exit::Fine);
        assert_eq!(asked(since), [usual]);
    }
}

#[test]
fn a_secret_that_was_changed_is_looked_at_again_and_so_is_another_account() {
    let (server, account, laptop) = world();
    let other = server.credentials(2, "tulip");
    server.history(&other, &[&[MILK]]);
    let mut laptop = with_changes(laptop, 10);
    let (synced, never) = (version(1), taskferry_protocol::VersionId::NIL);
    for (account, secret, base, exit) in [
        (&account, "sesame", synced, Exit::Fine),
        (&account, "sesamE", synced, Exit::Failed),
        (&other, "sesame", never, Exit::Failed),
        (&other, "tulip", never, Exit::Fine),
        (&account, "sesame", synced, Exit::Fine),
    ] {
        laptop = laptop.with(".taskrc", &lines_of(account, secret)).with_database(base, &[MILK], 10);
        assert_eq!(laptop.run("sync", &server).exit, exit, "{secret}");
    }
    assert_eq!(laptop.syncs(), 3);
    let seen = laptop.read(".local/state/taskferry/seen.json").unwrap();
    assert!(!seen.contains("sesam") && !seen.contains("tulip"), "{seen}");
}

/// What the first computer sends is what all others have to open.
#[test]
fn an_empty_account_takes_any_secret_and_one_without_its_beginning_is_proved_by_its_snapshot() {
    let server = FakeServer::taskferry();
    let account = server.credentials(1, "sesame");
    server.empty_account(&account);
    let mut laptop = FakeComputer::new().with(".taskrc", &lines_of(&account, "anything")).with_database(
        taskferry_protocol::VersionId::NIL,
        &[MILK],
        10,
    );
    assert_eq!(laptop.run("sync", &server).exit, Exit::Fine);
    server.pruned_account(&account);
    assert_eq!(laptop.run("sync", &server).exit, Exit::Failed, "that it was empty is not remembered as a proof");
    let mut laptop = laptop.with(".taskrc", &lines_of(&account, "sesame"));
    assert_eq!((laptop.run("sync", &server).exit, laptop.syncs()), (Exit::Fine, 2));
}

#[test]
fn where_it_can_not_be_looked_nothing_is_sent() {
    let server = FakeServer::taskferry().answers(500, ("x", "y"), b"");
    let account = server.credentials(1, "sesame");
    let mut laptop = with_changes(FakeComputer::new().with(".taskrc", &lines_of(&account, "sesame")), 10);
    let run = laptop.run("sync", &server);
    assert_eq!((run.exit, laptop.syncs()), (Exit::Failed, 0));
    assert_snapshot!(run.talk, @r"
    error: the sync failed
      Caused by: `[SERVER]` gave an answer that makes no sense (status 500 Internal Server Error)

    hint: run `taskferry doctor` to find out why; nothing is lost on this computer
    ");
}

#[test]
fn a_server_that_is_away_is_waited_for_a_moment_and_nothing_is_lost() {
    let (server, account, laptop) = world();
    let down = lines_of(&account, "sesame").replace(&server.url(), "http://127.0.0.1:1");
    let mut laptop = with_changes(laptop.with(".taskrc", &down), 10);
    let run = laptop.run("sync", &server);
    assert_eq!((run.exit, laptop.syncs()), (Exit::Failed, 0));
    assert_snapshot!(run.talk, @r"
    nobody answers at `http://127.0.0.1:1`; trying again in 1 s, in case it is just restarting
    nobody answers at `http://127.0.0.1:1`; trying again in 2 s, in case it is just restarting
    error: the sync failed
      Caused by: could not reach the sync server at `http://127.0.0.1:1`
      Caused by: Connection refused (os error 111)

    hint: run `taskferry doctor` to find out why; nothing is lost on this computer
    ");
}

#[test]
fn a_script_gets_the_outcome() {
    let (server, _, laptop) = world();
    let run = with_changes(laptop, 10).run("sync --json", &server);
    assert_snapshot!(run.data.replace(&server.url(), "[SERVER]"), @r#"{"outcome":"synced","server":"[SERVER]","sent":1}"#);
}

/// Taskwarrior reports success in each of these.
#[test]
fn a_sync_with_which_nothing_is_shared_is_no_success() {
    let never = taskferry_protocol::VersionId::NIL;
    let unknown = FakeServer::taskferry();
    let emptied = FakeServer::taskferry();
    emptied.empty_account(&emptied.credentials(1, "sesame"));
    let emptied_elsewhere = FakeServer::other();
    let no_server = FakeServer::other().answers(404, ("x", "y"), b"nothing here");
    for (server, base, why) in [
        (&unknown, version(1), "`[SERVER]` does not know this account"),
        (&unknown, never, "`[SERVER]` does not know this account"),
        (&emptied, version(1), "the account is empty, though this computer has synced before"),
        (&emptied_elsewhere, version(1), "the account is empty, though this computer has synced before"),
        (&no_server, version(1), "`[SERVER]` answers, but it is not a TaskChampion sync server"),
        (&no_server, never, "`[SERVER]` answers, but it is not a TaskChampion sync server"),
    ] {
        let account = server.credentials(1, "sesame");
        let laptop = FakeComputer::new().with(".taskrc", &lines_of(&account, "sesame"));
        let mut laptop = laptop.with_database(base, &[MILK], 0);
        let run = laptop.run("sync", server);
        assert_eq!((run.exit, laptop.syncs()), (Exit::Failed, 1), "{}", run.talk);
        let said = format!("error: `task sync` reports success, but nothing is shared\n  Caused by: {why}\n\nhint: ");
        assert!(run.talk.contains(&said) && !run.talk.contains("in sync"), "{}", run.talk);
    }
}

#[test]
fn an_account_that_waits_for_its_first_task_is_fine() {
    let (ours, other) = (FakeServer::taskferry(), FakeServer::other());
    ours.empty_account(&ours.credentials(1, "sesame"));
    for server in [&ours, &other] {
        let account = server.credentials(1, "sesame");
        let mut laptop = FakeComputer::new().with(".taskrc", &lines_of(&account, "sesame")).with_database(
            taskferry_protocol::VersionId::NIL,
            &[],
            0,
        );
        let run = laptop.run("sync", server);
        assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    }
}

/// Taskwarrior would start a second account, into which nobody else ever looks.
#[test]
fn to_an_account_that_the_server_does_not_know_nothing_is_sent() {
    let server = FakeServer::taskferry();
    let account = server.credentials(1, "sesame");
    let laptop = FakeComputer::new().with(".taskrc", &lines_of(&account, "sesame"));
    let mut laptop = laptop.with_database(taskferry_protocol::VersionId::NIL, &[MILK], 10);
    let run = laptop.run("sync", &server);
    assert_eq!((run.exit, laptop.syncs(), server.accounts()), (Exit::Failed, 0, 0));
    assert_snapshot!(run.talk, @r"
    error: nothing was sent: `[SERVER]` does not know this account

    hint: `task sync` would send all the same, and start a new account there, in which no other computer looks
    hint: either its ID has a typing error, or the server lost it; your tasks are still on this computer
    hint: run `taskferry share` on a computer that syncs, and compare
    hint: where no other computer syncs either, run `taskferry repair`: it puts the tasks of this one there again
    ");
    server.empty_account(&account);
    assert_eq!(laptop.run("sync", &server).exit, Exit::Fine, "once it is there");
}
