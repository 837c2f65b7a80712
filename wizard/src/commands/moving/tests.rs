//! Whole runs of `taskferry move`: what is said, and what is on the disk afterwards.

use insta::assert_snapshot;
use taskferry_protocol::VersionId;

use crate::credentials::Credentials;
use crate::database::Database;
use crate::error::Exit;
use crate::testing::computer::{FakeComputer, Transcript};
use crate::testing::lines_of;
use crate::testing::server::{FakeServer, version};

const MILK: (u128, &str) = (1, "buy milk");
const ADA: (u128, &str) = (2, "call Ada");
const MOVE: &str = "move --server [SERVER]";

struct World {
    old: FakeServer,
    new: FakeServer,
    account: Credentials,
    laptop: FakeComputer,
}

/// A computer with two tasks, both of which the old account has.
fn world() -> World {
    let (old, new) = (FakeServer::taskferry(), FakeServer::taskferry());
    new.keeps_what_is_sent();
    let account = old.credentials(1, "sesame");
    old.history(&account, &[&[MILK], &[ADA]]);
    let laptop = FakeComputer::new().with(".taskrc", &lines_of(&account)).with_tasks(2).with_database(
        version(2),
        &[MILK, ADA],
        0,
    );
    World { old, new, account, laptop }
}

impl World {
    fn run(&mut self, words: &str) -> Transcript {
        let mut run = self.laptop.run(words, &self.new);
        run.talk = run.talk.replace(&self.old.url(), "[OLD]");
        run
    }

    fn base(&self) -> VersionId {
        Database::in_folder(&self.laptop.path(".task")).stand().unwrap().base
    }

    /// As it was before anything.
    fn is_untouched(&self) -> bool {
        self.laptop.read(".taskrc") == Some(lines_of(&self.account)) && self.base() == version(2)
    }
}

#[test]
fn a_person_sees_the_plan_the_proof_and_what_is_next() {
    let mut world = world();
    world.laptop = world.laptop.with_person(&[("go on?", "enter")]);
    let run = world.run(MOVE);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`

    this is going to happen:

      run `task sync` once more with the present account (`[OLD]`)
      create a new account at `[SERVER]`
      send 2 tasks to it, encrypted, finished and deleted ones too
      rebuild the new account from its server, as a new computer would, and compare
      only if it is equal: keep a copy of the tasks on this computer, and switch
      change `~/.taskrc` (the former one is kept in `~/.local/state/taskferry/backups`)
        - sync.server.url=[OLD]
        - sync.server.client_id=(hidden)
        - sync.encryption_secret=(hidden)
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=[SERVER]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync` with the new account

    note: the old account stays as it is; your other computers sync with it until they join the new one

    running `task sync` …
    sending 2 tasks to the new account, encrypted …
    rebuilding the new account from its server, as a new computer would …
    proved: the new account has the same 2 tasks, with every attribute (fingerprint `5cfa-0b96-80ff`)
    the former settings are kept as `~/.local/state/taskferry/backups/taskrc.0001`
    running `task sync` …
    comparing this computer with what the server holds …
    proved: the account, rebuilt from the server, has the same 2 tasks as this computer

    moved: 2 tasks of this computer are in the new account at `[SERVER]` (fingerprint `5cfa-0b96-80ff`)
    a copy of the tasks as they were is in `~/.local/state/taskferry/databases/0001`; `taskferry undo` takes the whole move back
    next: run `taskferry share` here, and `taskferry join --replace` on each of your other computers; what they have not sent yet comes along
    the old account at `[OLD]` stays as it is; when all have joined, `taskferry move --forget-old` deletes it
    ");
    assert_eq!(world.new.accounts(), 1);
    assert_eq!(world.laptop.syncs(), 2, "once with each account");
    assert!(world.old.asked().iter().all(|request| request.starts_with("GET ")), "{:?}", world.old.asked());
    let former = world.laptop.path(".local/state/taskferry/databases/0001");
    assert_eq!(Database::in_folder(&former).stand().unwrap().base, version(2));
    assert_eq!(world.laptop.read(".local/state/taskferry/unfinished.json"), None);
}

/// Where two computers make the next one of a recurring task, there are two of each.
#[test]
fn a_computer_that_leaves_recurring_tasks_to_another_goes_on_to() {
    let mut world = world();
    let joined = format!("# >>> taskferry >>>\n{}recurrence=off\n# <<< taskferry <<<\n", lines_of(&world.account));
    world.laptop = world.laptop.with(".taskrc", &joined);
    assert_eq!(world.run(&format!("{MOVE} --yes")).exit, Exit::Fine);
    let taskrc = world.laptop.read(".taskrc").unwrap();
    assert!(taskrc.contains("recurrence=off\n") && taskrc.contains(&world.new.url()), "{taskrc}");
}

#[test]
fn a_plan_that_is_only_looked_at_or_declined_changes_nothing() {
    let mut world = world();
    let run = world.run(&format!("{MOVE} --dry-run --json"));
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.ends_with("nothing was changed: this was only the plan\n"), "{}", run.talk);
    assert!(run.data.starts_with(r#"{"outcome":"only-planned","server":"http://"#), "{}", run.data);
    world.laptop = world.laptop.with_person(&[("go on?", "no")]);
    assert_eq!(world.run(MOVE).exit, Exit::Failed);
    assert_eq!(world.run(MOVE).exit, Exit::Usage, "nobody is there to accept it");
    assert!(world.is_untouched());
    assert_eq!((world.new.accounts(), world.laptop.syncs()), (0, 0));
    assert_eq!(world.laptop.read(".local/state/taskferry/at-work.lock"), None);
}

#[test]
fn where_there_is_nothing_to_move_setup_is_named() {
    let new = FakeServer::taskferry();
    let run = FakeComputer::new().run(&format!("{MOVE} --yes"), &new);
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    error: there are no tasks on this computer yet

    hint: run `taskferry setup`, which makes an account and sends what is here
    ");
    let mut never_synced =
        FakeComputer::new().with(".taskrc", "").with_tasks(1).with_database(VersionId::NIL, &[MILK], 10);
    let run = never_synced.run(&format!("{MOVE} --yes"), &new);
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("this computer does not sync yet"), "{}", run.talk);
    assert_eq!(new.accounts(), 0);
}

#[test]
fn an_old_account_that_does_not_sync_any_more_needs_a_word() {
    let mut world = world();
    world.laptop = world.laptop.with(".task/broken", "no route to host");
    let run = world.run(&format!("{MOVE} --yes"));
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk.split_once("running `task sync`").unwrap().1, @r"
     …
    error: there was no sync with the old account, so what other computers have sent there since is not on this one
      Caused by: `task sync` failed
      Caused by: no route to host

    hint: wait until its server answers, and run the same command again; nothing was changed
    hint: if it is gone for good, add `--without-old`: what is on this computer goes to the new account, and your other computers bring theirs along when they join it
    ");
    assert!(world.is_untouched());
    assert_eq!(world.new.accounts(), 0);

    world.laptop = world.laptop.with_person(&[("go on?", "enter"), ("go on with what is on this computer?", "no")]);
    let run = world.run(MOVE);
    assert!(run.talk.ends_with("stopped; nothing was changed\n"), "{}", run.talk);
    assert!(world.is_untouched());
    let _ = std::fs::rename(world.laptop.path(".task/broken"), world.laptop.path(".task/broken_once"));
    let run = world.run(&format!("{MOVE} --yes --without-old"));
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
}

/// What it would send there could be opened by no other computer, and would lock all of them out.
#[test]
fn a_computer_with_another_secret_sends_nothing_to_the_account_that_it_leaves() {
    let mut world = world();
    let mistyped = lines_of(&world.account).replace("sesame", "sesamE");
    world.laptop = world.laptop.with(".taskrc", &mistyped).with_database(version(2), &[MILK, ADA], 10);
    let run = world.run(&format!("{MOVE} --yes"));
    assert_eq!((run.exit, world.laptop.syncs()), (Exit::Failed, 0));
    assert_snapshot!(run.talk.split_once("join the new one\n\n").unwrap().1, @r"
    error: there was no sync with the old account, so what other computers have sent there since is not on this one
      Caused by: nothing was sent: no other computer could open what this one would send
      Caused by: the encryption secret does not fit the tasks on the server

    hint: nothing was changed
    hint: for the right secret, run `taskferry share` on a computer that syncs, and `taskferry join --replace` here
    hint: if no computer has another one, add `--without-old`: what is on this computer goes to the new account, and your other computers bring theirs along when they join it
    ");
    let run = world.run(&format!("{MOVE} --yes --without-old"));
    assert_eq!((run.exit, world.laptop.syncs()), (Exit::Fine, 1), "only with the new account: {}", run.talk);
    assert!(world.old.asked().iter().all(|request| request.starts_with("GET ")), "{:?}", world.old.asked());
}

#[test]
fn a_refusal_in_the_middle_leaves_everything_and_the_next_run_goes_on() {
    let mut world = world();
    world.new.accepts_versions(0);
    let run = world.run(&format!("{MOVE} --yes"));
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk.split_once("sending 2 tasks").unwrap().1, @r"
     to the new account, encrypted …
    error: the tasks could not be sent to the account
      Caused by: the server refused: x

    hint: ask whoever runs the server
    hint: run the same command again: it goes on where it stopped; your tasks are as they were
    ");
    assert!(world.is_untouched());
    let status = world.run("verify --no-sync");
    assert!(status.talk.contains("`taskferry move` was interrupted"), "{}", status.talk);

    world.new.accepts_versions(9);
    let run = world.run("move");
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk, @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)
    going on with the move to `[SERVER]`, which was interrupted
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    sending 2 tasks to the new account, encrypted …
    rebuilding the new account from its server, as a new computer would …
    proved: the new account has the same 2 tasks, with every attribute (fingerprint `5cfa-0b96-80ff`)
    the former settings are kept as `~/.local/state/taskferry/backups/taskrc.0001`
    running `task sync` …
    comparing this computer with what the server holds …
    proved: the account, rebuilt from the server, has the same 2 tasks as this computer

    moved: 2 tasks of this computer are in the new account at `[SERVER]` (fingerprint `5cfa-0b96-80ff`)
    a copy of the tasks as they were is in `~/.local/state/taskferry/databases/0001`; `taskferry undo` takes the whole move back
    next: run `taskferry share` here, and `taskferry join --replace` on each of your other computers; what they have not sent yet comes along
    the old account at `[OLD]` stays as it is; when all have joined, `taskferry move --forget-old` deletes it
    ");
    assert_eq!(world.new.accounts(), 1, "the one that was begun");
}

#[test]
fn what_was_interrupted_is_forgotten_by_undo_and_earlier_changes_stay() {
    let mut world = world();
    world.new.accepts_versions(0);
    world.run(&format!("{MOVE} --yes"));
    let run = world.run("undo --yes");
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    this is going to happen:

      forget that `taskferry move` was interrupted

    done; no file of yours was touched
    ");
    assert!(world.is_untouched());
    assert_eq!(world.run("undo --yes").exit, Exit::Failed);
}

#[test]
fn undo_gives_settings_and_tasks_their_former_place() {
    let mut world = world();
    assert_eq!(world.run(&format!("{MOVE} --yes")).exit, Exit::Fine);
    assert!(!world.is_untouched());
    let run = world.run("undo --yes");
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk, @r"
    this is going to happen:

      let your tasks belong to their former account again; all of them stay
      restore `~/.taskrc`, byte for byte as it was before

    your tasks belong to their former account again
    restored `~/.taskrc`, byte for byte as it was before
    what stood there is kept as `~/.local/state/taskferry/databases/0002`
    what stood there is kept as `~/.local/state/taskferry/backups/taskrc.0002`
    your tasks stay on this computer, and the account stays on the server
    run `taskferry sync` to sync with the former account again
    ");
    assert!(world.is_untouched());
}

#[test]
fn setup_on_a_computer_that_syncs_offers_the_move() {
    let mut world = world();
    let script = [("move them to a new account", "enter"), ("go on?", "enter")];
    world.laptop = world.laptop.with_person(&script);
    let run = world.run("setup --server [SERVER]");
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("moved: 2 tasks"), "{}", run.talk);

    let mut world = self::world();
    let run = world.run("setup --server [SERVER] --yes --replace");
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("run `taskferry move --server https://…`"), "{}", run.talk);
    assert!(world.is_untouched());
}

#[test]
fn an_account_that_its_server_does_not_let_people_delete_stays() {
    let mut world = world();
    assert_eq!(world.run("move --forget-old --yes").exit, Exit::Failed, "there was no move");
    assert_eq!(world.run(&format!("{MOVE} --yes")).exit, Exit::Fine);
    let run = world.run("move --forget-old --yes");
    assert_eq!(run.exit, Exit::Failed);
    assert_snapshot!(run.talk, @r"
    asking `[OLD]` …
    found Taskferry 9.9.9 at `[OLD]`
    error: the server of the old account does not let people delete their accounts

    hint: ask whoever runs it to delete the account
    ");
    assert_eq!(world.old.accounts(), 1);

    world.old.lets_people_delete();
    let run = world.run("move --forget-old");
    assert_eq!(run.exit, Exit::Failed, "nobody has accepted it");
    assert_eq!(world.old.accounts(), 1);
    world.laptop = world.laptop.with_person(&[("delete the old account?", "ctrl-c")]);
    let run = world.run("move --forget-old");
    assert_eq!((run.exit, world.old.accounts()), (Exit::Interrupted, 1));
    assert!(run.talk.ends_with("\nstopped; the old account stays as it is\n"), "the move is done: {}", run.talk);
    world.laptop = world.laptop.with_person(&[("delete the old account?", "yes")]);
    let run = world.run("move --forget-old");
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk, @r"
    asking `[OLD]` …
    found Taskferry 9.9.9 at `[OLD]`
    the old account at `[OLD]` is about to be deleted: a computer that has not joined the new one can't sync any more until it does; its tasks stay on it
    the old account at `[OLD]` is deleted; its data goes in 7 days, and until then whoever runs the server can bring it back
    ");
    assert_eq!((world.old.accounts(), world.new.accounts()), (0, 1));
    let run = world.run("move --forget-old --yes");
    assert!(run.talk.ends_with("is deleted already\n"), "{}", run.talk);
}

#[test]
fn where_there_is_nothing_to_move_nobody_is_asked_where_to() {
    let server = FakeServer::taskferry();
    let mut fresh = FakeComputer::new().with_person(&[]);
    let run = fresh.run("move", &server);
    assert_eq!(run.exit, Exit::Failed);
    assert!(
        run.talk.contains("error: there are no tasks on this computer yet\n\nhint: run `taskferry setup`"),
        "{}",
        run.talk
    );
    let alone = FakeComputer::new().with(".taskrc", "").with_tasks(1).with_database(VersionId::NIL, &[MILK], 10);
    let run = alone.with_person(&[]).run("move", &server);
    assert!(
        run.talk.contains("error: this computer does not sync yet, so there is nothing to move from\n"),
        "{}",
        run.talk
    );
    assert_eq!(server.asked(), [""; 0]);
}
