//! Whole runs of `taskferry repair`: what somebody reads who is worried about their tasks, and that nothing happens unasked.

use insta::assert_snapshot;

use crate::credentials::Credentials;
use crate::database::Database;
use crate::error::Exit;
use crate::testing::computer::{FakeComputer, Transcript};
use crate::testing::server::{FakeServer, version};

const MILK: (u128, &str) = (1, "buy milk");
const ADA: (u128, &str) = (2, "call Ada");
const ROOF: (u128, &str) = (3, "fix the roof");

/// A computer with these credentials in its taskrc.
fn set_up(credentials: &Credentials) -> FakeComputer {
    let Credentials { server, client_id, secret } = credentials;
    let (id, secret) = (client_id.expose(), secret.expose());
    let lines = format!("sync.server.url={server}\nsync.server.client_id={id}\nsync.encryption_secret={secret}\n");
    FakeComputer::new().with(".taskrc", &lines).with_tasks(3)
}

/// A Taskferry, and credentials of an account with two tasks.
fn world() -> (FakeServer, Credentials) {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&[MILK], &[ADA]]);
    (server, credentials)
}

/// The descriptions of all tasks of a computer.
fn tasks(computer: &FakeComputer) -> Vec<String> {
    let content = Database::in_folder(&computer.path(".task")).content().unwrap();
    content.tasks.into_values().map(|mut task| task.remove("description").unwrap()).collect()
}

/// Neither side changed.
#[track_caller]
fn untouched(server: &FakeServer, computer: &FakeComputer, tasks_before: &[&str]) {
    assert_eq!(tasks(computer), tasks_before);
    assert!(server.asked().iter().all(|request| request.starts_with("GET ")), "{:?}", server.asked());
    assert!(!computer.path(".local/state/taskferry/databases").exists());
    assert_eq!(computer.syncs(), 0);
}

fn json(run: &Transcript) -> serde_json::Value {
    serde_json::from_str(&run.data).unwrap()
}

#[test]
fn a_healthy_computer_is_told_so_and_left_alone() {
    let (server, credentials) = world();
    let mut laptop = set_up(&credentials).with_database(version(2), &[MILK, ADA], 0);
    let run = laptop.run("repair", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk, @r"
    looking how this computer and its account at `[SERVER]` stand …
    comparing this computer with what the server holds …

    there is nothing to repair: the account has the same 2 tasks as this computer
    ");
    untouched(&server, &laptop, &["buy milk", "call Ada"]);
    let run = laptop.run("repair --json", &server);
    assert_eq!(
        (json(&run)["outcome"].as_str(), json(&run)["state"].as_str()),
        (Some("nothing-to-do"), Some("up-to-date"))
    );
}

#[test]
fn histories_that_have_parted_come_together_and_every_step_is_said() {
    let (server, credentials) = world();
    let mut laptop = set_up(&credentials).with_database(version(77), &[MILK, ROOF], 0);
    let run = laptop.run("repair --yes", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk, @r"
    looking how this computer and its account at `[SERVER]` stand …
      problem  position: the account does not have the version at which this computer was last
    nothing is lost on this computer, and `task` works on it as before

    reading the account from the server …

    this is going to happen:

      keep a copy of all tasks of this computer in `~/.local/state/taskferry/databases`
      send to the account what only this computer has: 1 task
      bring to this computer what only the account has: 1 task
      run `task sync`, and compare both

    note: a task that was purged on another computer long ago comes back, if this one still has it: nobody remembers the purge

    sending …
    proved: the account, rebuilt from the server, has all 3 tasks of both
    running `task sync` …
    comparing this computer with what the server holds …
    proved: the account, rebuilt from the server, has the same 3 tasks as this computer

    repaired: `task sync` works again, and this computer has 3 tasks
    all tasks as they were before are kept in `~/.local/state/taskferry/databases/0001`
    note: where `task sync` fails on another computer of yours, run `taskferry repair` there, too
    ");
    assert_eq!(tasks(&laptop), ["buy milk", "call Ada", "fix the roof"]);
    let kept = Database::in_folder(&laptop.path(".local/state/taskferry/databases/0001")).content().unwrap();
    assert_eq!((kept.base, kept.tasks.len()), (version(77), 2));
    assert!(laptop.read(".local/state/taskferry/databases/0001/tasks.json").is_some());
    assert!(!laptop.path(".local/state/taskferry/unfinished.json").exists());
    let again = laptop.run("repair --yes", &server);
    assert!(again.talk.contains("there is nothing to repair"), "{}", again.talk);
}

#[test]
fn old_copies_that_nobody_needs_go_at_the_end_and_it_is_said() {
    let (server, credentials) = world();
    let mut laptop = set_up(&credentials).with_database(version(77), &[MILK, ROOF], 0);
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(31 * 24);
    for number in 1..=11 {
        let file = format!(".local/state/taskferry/databases/{number:04}/taskchampion.sqlite3");
        laptop = laptop.with(&file, "12345");
        for path in [laptop.path(&file), laptop.path(&file).parent().unwrap().to_owned()] {
            std::fs::File::open(path).unwrap().set_modified(long_ago).unwrap();
        }
    }
    let status = laptop.run("status", &server).talk;
    let there = "11 copies of your tasks from before changes (55 B) in `~/.local/state/taskferry/databases`\n";
    assert!(status.contains(there), "{status}");
    let doctor = laptop.run("doctor", &server).talk;
    assert!(doctor.contains("copies: 11 copies of your tasks from before changes (55 B)"), "{doctor}");
    let run = laptop.run("repair --yes", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    let last = run.talk.lines().last().unwrap();
    assert_snapshot!(last, @"note: 2 old copies of your tasks (10 B) went from `~/.local/state/taskferry/databases`: older than 30 days, not among the newest 10, and of no use to any `taskferry undo`");
    for (number, is_there) in [(1, false), (2, false), (3, true), (11, true), (12, true)] {
        assert_eq!(
            laptop.path(&format!(".local/state/taskferry/databases/{number:04}")).exists(),
            is_there,
            "{number}"
        );
    }
}

#[test]
fn with_dry_run_and_with_a_no_nothing_changes_on_either_side() {
    let (server, credentials) = world();
    let mut laptop = set_up(&credentials).with_database(version(77), &[MILK, ROOF], 0);
    let run = laptop.run("repair --dry-run --json", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_eq!((json(&run)["outcome"].as_str(), json(&run)["state"].as_str()), (Some("only-planned"), Some("gone")));
    untouched(&server, &laptop, &["buy milk", "fix the roof"]);

    let mut laptop = laptop.with_person(&[("go on?", "no")]);
    let run = laptop.run("repair", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.ends_with("stopped; nothing was changed\n"), "{}", run.talk);
    let run = laptop.run("repair", &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.contains("hint: add `--yes` to accept it unasked"), "{}", run.talk);
    untouched(&server, &laptop, &["buy milk", "fix the roof"]);
}

#[test]
fn the_protocol_alone_is_enough_and_then_all_reasons_are_named() {
    let server = FakeServer::other();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&[MILK]]);
    let mut laptop = set_up(&credentials).with_database(version(77), &[ROOF], 0);
    let run = laptop.run("verify --no-sync", &server);
    let reasons = "this computer was away for very long, or the server was taken back to an older state, or this computer \
                   synced with another account before";
    assert!(run.talk.contains(reasons), "{}", run.talk);
    let run = laptop.run("repair --yes", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_eq!(tasks(&laptop), ["buy milk", "fix the roof"]);
}

#[test]
fn an_emptied_account_is_filled_again_and_this_computer_stays_as_it_is() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.empty_account(&credentials);
    let mut laptop = set_up(&credentials).with_database(version(77), &[MILK, ROOF], 0);
    let run = laptop.run("repair --yes", &server);
    assert_snapshot!(run.talk, @r"
    looking how this computer and its account at `[SERVER]` stand …
      problem  position: this computer has synced before, but the account is empty: `task sync` would send nothing of what is here
    nothing is lost on this computer, and `task` works on it as before

    this is going to happen:

      send all 2 tasks of this computer to the account at `[SERVER]`, encrypted
      run `task sync`, and compare both; nothing changes on this computer

    sending …
    proved: the account, rebuilt from the server, has all 2 tasks of this computer
    running `task sync` …
    comparing this computer with what the server holds …
    another computer synced meanwhile; run `taskferry verify` to compare again

    repaired: `task sync` works again, and this computer has 3 tasks
    note: where `task sync` fails on another computer of yours, run `taskferry repair` there, too
    ");
    assert!(server.has_snapshot(&credentials));
    let content = Database::in_folder(&laptop.path(".task")).content().unwrap();
    assert_eq!(content.base, version(77), "the real `task sync` goes on from there");
}

#[test]
fn an_account_that_the_server_does_not_know_is_made_again_only_with_a_yes_and_with_an_invite_where_it_takes_one() {
    let server = FakeServer::taskferry().invites("GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ").loses_what_is_sent();
    let credentials = server.credentials(1, "sesame");
    let mut laptop = set_up(&credentials).with_database(version(77), &[MILK], 0);
    let run = laptop.run("repair --yes", &server);
    assert_eq!(run.exit, Exit::Usage, "{}", run.talk);
    assert!(run.talk.contains("hint: add `--invite CODE`"), "{}", run.talk);
    untouched(&server, &laptop, &["buy milk"]);
    let run = laptop.run("repair --dry-run --invite GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ", &server);
    assert_snapshot!(run.talk, @r"
    looking how this computer and its account at `[SERVER]` stand …
      problem  account: `[SERVER]` does not know this account
    nothing is lost on this computer, and `task` works on it as before

    this is going to happen:

      create the account at `[SERVER]` again, with the same ID and secret
      send the 1 task of this computer to the account at `[SERVER]`, encrypted
      run `task sync`, and compare both; nothing changes on this computer

    note: if another computer of yours still syncs, this one has another account than that, or its ID is mistyped
    note: then say no here, and compare `taskferry share` on both

    nothing was changed, on neither side
    ");
    let run = laptop.run("repair --yes --invite GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ", &server);
    assert_eq!((run.exit, server.accounts()), (Exit::Fine, 1), "{}", run.talk);
}

#[test]
fn a_spoiled_account_is_explained_and_left_to_those_who_can_mend_it() {
    let (server, credentials) = world();
    server.adds_a_version(&credentials, "sesame");
    server.adds_a_version(&credentials, "another secret");
    let mut laptop = set_up(&credentials).with_database(version(2), &[MILK, ADA], 0);
    let run = laptop.run("repair --yes", &server);
    assert_eq!(run.exit, Exit::Found);
    assert_snapshot!(run.talk, @r"
    looking how this computer and its account at `[SERVER]` stand …
      problem  position: a computer with another encryption secret has changed this account: nobody else can open what it sent
               hint: nothing is lost on this computer; leave it as it is until one of the two is done
               hint: either whoever runs `[SERVER]` takes the account back to where it was good: `taskferry-server account rewind ACCOUNT --to 00000000-0000-0000-0000-000000000067`
               hint: or take the tasks of this computer to a new account: `taskferry move --without-old`
               hint: the other computer needs the right secret before it syncs again: `taskferry share` here, `taskferry join --replace` there, and `taskferry repair` there in the end
    note: `taskferry repair --show-account` puts the account's ID there, for whoever runs the server: whoever has it can write to the account, but not read your tasks

    error: this can't be repaired from this computer; nothing was changed

    hint: do what is named above; your tasks are safe on this computer meanwhile
    ");
    untouched(&server, &laptop, &["buy milk", "call Ada"]);
    let id = credentials.client_id.expose().to_string();
    assert!(!run.talk.contains(&id));
    let run = laptop.run("repair --show-account", &server);
    assert!(run.talk.contains(&format!("rewind {id} --to {}`", version(3))), "{}", run.talk);
    let run = laptop.run("status --json", &server);
    assert_eq!(json(&run)["state"], "spoiled");
    let run = laptop.run("verify", &server);
    assert!(run.talk.contains("  problem  position: a computer with another encryption secret"), "{}", run.talk);
}

#[test]
fn a_wrong_secret_and_a_disabled_account_are_nothing_that_this_computer_can_mend() {
    let (server, credentials) = world();
    let wrong = server.credentials(1, "sesamE");
    let mut laptop = set_up(&wrong).with_database(version(2), &[MILK, ADA], 0);
    let run = laptop.run("repair --yes", &server);
    assert_eq!(run.exit, Exit::Found);
    assert!(run.talk.contains("  problem  secret: the encryption secret does not fit"), "{}", run.talk);
    untouched(&server, &laptop, &["buy milk", "call Ada"]);
    server.disabled_account(&credentials);
    let run = laptop.run("repair --yes", &server);
    assert!(run.talk.contains("  problem  account: the account is disabled"), "{}", run.talk);
    assert!(run.talk.contains("`taskferry move --without-old`"), "{}", run.talk);
}

#[test]
fn what_has_nothing_to_do_with_the_account_comes_first() {
    let (server, credentials) = world();
    let down = Credentials { server: "http://127.0.0.1:1".parse().unwrap(), ..credentials };
    let mut laptop = set_up(&down).with_database(version(77), &[MILK], 0);
    let run = laptop.run("repair --yes", &server);
    assert_eq!(run.exit, Exit::Found);
    assert_snapshot!(run.talk, @r"
    looking how this computer and its account at `http://127.0.0.1:1` stand …
      problem  connection: nobody listens on port 1 of `127.0.0.1`
               hint: check that the server is running, and that the port in its address is right

    error: something else comes first; nothing was changed

    hint: mend what is named above, then run `taskferry repair` again
    ");
    let run = FakeComputer::new().run("repair", &server);
    assert!(run.talk.contains("error: sync is not set up on this computer"), "{}", run.talk);
}

#[test]
fn a_refusal_of_the_server_leaves_this_computer_as_it_was() {
    let (server, credentials) = world();
    server.accepts_versions(0);
    let mut laptop = set_up(&credentials).with_database(version(77), &[MILK, ROOF], 0);
    let run = laptop.run("repair --yes", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("error: the tasks could not be sent to the account"), "{}", run.talk);
    assert!(run.talk.contains("hint: run the same command again: it goes on where it stopped"), "{}", run.talk);
    assert_eq!((tasks(&laptop), laptop.syncs()), (vec!["buy milk".to_owned(), "fix the roof".to_owned()], 0));
    server.accepts_versions(u32::MAX);
    assert_eq!(laptop.run("repair --yes", &server).exit, Exit::Fine);
}

#[test]
fn a_lost_answer_is_found_out_by_the_next_run_and_nothing_is_sent_twice() {
    let (server, credentials) = world();
    server.loses_the_answer_to_a_version();
    let mut laptop = set_up(&credentials).with_database(version(77), &[MILK, ROOF], 0);
    assert_eq!(laptop.run("repair --yes", &server).exit, Exit::Failed);
    let run = laptop.run("repair --yes", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("what only this computer has: nothing"), "{}", run.talk);
    assert_eq!(tasks(&laptop), ["buy milk", "call Ada", "fix the roof"]);
}
