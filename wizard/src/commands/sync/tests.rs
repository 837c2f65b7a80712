//! Whole runs of `taskferry sync`.

use crate::credentials::Credentials;
use crate::database::ONE_VERSION_BYTES;
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::{FakeServer, version};

fn world() -> (FakeServer, Credentials, FakeComputer) {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&[(1, "buy milk")]]);
    let (id, secret) = (credentials.client_id.expose(), credentials.secret.expose());
    let lines = format!("sync.server.url=[S]\nsync.server.client_id={id}\nsync.encryption_secret={secret}\n");
    let laptop = FakeComputer::new().with(".taskrc", &lines.replace("[S]", &server.url()));
    (server, credentials, laptop)
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
