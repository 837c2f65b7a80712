//! Whole runs of `taskferry status`: for people, and for status bars.

use insta::assert_snapshot;
use serde_json::Value;

use crate::credentials::Credentials;
use crate::error::Exit;
use crate::testing::computer::{FakeComputer, Transcript};
use crate::testing::server::{FakeServer, version};

fn set_up(credentials: &Credentials) -> FakeComputer {
    let Credentials { server, client_id, secret } = credentials;
    let (id, secret) = (client_id.expose(), secret.expose());
    let lines = format!("sync.server.url={server}\nsync.server.client_id={id}\nsync.encryption_secret={secret}\n");
    FakeComputer::new().with(".taskrc", &lines).with_tasks(2)
}

fn json(run: &Transcript) -> Value {
    assert_eq!(run.data.lines().count(), 1, "a status bar reads one line");
    serde_json::from_str(&run.data).unwrap()
}

const TASKS: [(u128, &str); 1] = [(1, "buy milk")];

#[test]
fn what_waits_on_either_side_is_said() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&TASKS, &[(2, "call Ada")]]);
    let run = set_up(&credentials).with_database(version(1), &TASKS, 10).run("status", &server);
    assert_eq!(run.exit, Exit::Fine);
    let (waiting, rest): (Vec<&str>, Vec<&str>) =
        run.talk.lines().partition(|line| line.starts_with("the oldest of these changes has been waiting for "));
    assert!(waiting.len() == 1 && waiting[0].ends_with("days"), "a change of long ago: {}", run.talk);
    assert_snapshot!(rest.join("\n"), @r"
    this computer syncs with `[SERVER]`, account `00000000…`
    on this computer: 2 tasks
    to send: changes of 1 task; run `taskferry sync`
    to fetch: other computers have changed something; run `taskferry sync`
    ");
    let mut proved = set_up(&credentials).with_database(version(2), &TASKS, 10);
    proved.run("sync", &server);
    let run = proved.run("status", &server);
    assert!(run.talk.contains("to send: changes of 1 task; run `task sync`\n"), "it opens the account: {}", run.talk);
    let run = set_up(&credentials).with_database(version(2), &TASKS, 0).run("status", &server);
    assert!(run.talk.contains("to send: nothing\nto fetch: nothing\n"), "{}", run.talk);
}

#[test]
fn the_usual_case_takes_one_request() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&TASKS]);
    let run = set_up(&credentials).with_database(version(1), &TASKS, 0).run("status", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_eq!(server.asked(), ["GET /taskferry/v1/account"]);
}

#[test]
fn json_is_one_line_with_one_word_for_the_state() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    let state = |computer: FakeComputer, exit: Exit| {
        let mut computer = computer;
        let run = computer.run("status --json", &server);
        assert_eq!(run.exit, exit, "{}", run.talk);
        let status = json(&run);
        assert_eq!(status["works"], exit == Exit::Fine);
        assert!(!run.data.contains("sesame") && !run.data.contains(&credentials.client_id.expose().to_string()));
        status["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(set_up(&credentials), Exit::Found), "unknown-account");
    server.disabled_account(&credentials);
    assert_eq!(state(set_up(&credentials), Exit::Found), "disabled");
    server.empty_account(&credentials);
    assert_eq!(state(set_up(&credentials).with_database(version(9), &TASKS, 0), Exit::Found), "emptied");
    server.history(&credentials, &[&TASKS, &TASKS]);
    assert_eq!(state(set_up(&credentials).with_database(version(2), &TASKS, 0), Exit::Fine), "up-to-date");
    assert_eq!(state(set_up(&credentials).with_database(version(2), &TASKS, 9), Exit::Fine), "unsent");
    assert_eq!(state(set_up(&credentials).with_database(version(1), &TASKS, 9), Exit::Fine), "behind");
    assert_eq!(state(set_up(&credentials).with_database(version(9), &TASKS, 9), Exit::Found), "gone");
    let down = Credentials { server: "http://127.0.0.1:1".parse().unwrap(), ..credentials.clone() };
    assert_eq!(state(set_up(&down), Exit::Found), "unreachable");
}

#[test]
fn a_prompt_gets_one_word_and_nothing_else_whatever_happens() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&TASKS, &TASKS]);
    let short = |mut computer: FakeComputer| {
        let run = computer.run("status --short", &server);
        assert_eq!(run.talk, "");
        (run.data.trim_end().to_owned(), run.exit)
    };
    let at = |number, unsent| set_up(&credentials).with_database(version(number), &TASKS, unsent);
    assert_eq!(short(at(2, 0)), ("ok".into(), Exit::Fine));
    assert_eq!(short(at(2, 9)), ("1".into(), Exit::Fine));
    assert_eq!(short(at(1, 9)), ("behind".into(), Exit::Fine));
    assert_eq!(short(at(9, 9)), ("gone".into(), Exit::Found));
    let down = Credentials { server: "http://127.0.0.1:1".parse().unwrap(), ..credentials.clone() };
    assert_eq!(short(set_up(&down)), ("unreachable".into(), Exit::Found));
    assert_eq!(short(FakeComputer::new()), ("off".into(), Exit::Found));
    assert_eq!(short(FakeComputer::new().with_variable("PATH", "/nonexistent")), ("error".into(), Exit::Found));
}

#[test]
fn offline_no_server_is_asked_and_nothing_is_claimed_of_it() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    let mut laptop = set_up(&credentials).with_database(version(1), &TASKS, 0);
    let run = laptop.run("status --offline", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(run.talk, @r"
    this computer syncs with `[SERVER]`, account `00000000…`
    on this computer: 2 tasks
    to send: nothing
    to fetch: not known, since the server was not asked
    ");
    let status = json(&laptop.run("status --offline --json", &server));
    assert_eq!((&status["state"], &status["works"]), (&"not-asked".into(), &Value::Null));
    assert_eq!(laptop.run("status --offline --short", &server).data, "0\n");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn what_can_not_work_is_not_advised() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&TASKS]);
    // Whatever a clock tells stands in lines of its own.
    let rest = |talk: &str| {
        let lines = talk.lines().filter(|line| !line.contains("waiting"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let run = set_up(&credentials).with_database(version(9), &TASKS, 10).run("status", &server);
    assert_snapshot!(rest(&run.talk), @r"
    this computer syncs with `[SERVER]`, account `00000000…`
    on this computer: 2 tasks
    to send: changes of 1 task, once sync goes on

    error: sync does not work: the account does not have the version at which this computer was last

    hint: run `taskferry repair`: it mends that, and keeps every task; `taskferry doctor` says more
    ");
    let down = Credentials { server: "http://127.0.0.1:1".parse().unwrap(), ..credentials.clone() };
    let run = set_up(&down).with_database(version(1), &TASKS, 10).run("status", &server);
    assert_snapshot!(rest(&run.talk), @r"
    this computer syncs with `http://127.0.0.1:1`, account `00000000…`
    on this computer: 2 tasks
    to send: changes of 1 task, once the server answers

    error: sync does not work: could not reach the sync server at `http://127.0.0.1:1`

    hint: run `taskferry doctor` to find out why; nothing is lost on this computer
    ");
    let note = r#"{"command":"move","change_before":null,"note":7}"#;
    let mut interrupted = set_up(&credentials).with_database(version(1), &TASKS, 10).with(NOTE, note);
    let run = interrupted.run("status", &server);
    assert_eq!(run.exit, Exit::Fine);
    assert_snapshot!(rest(&run.talk), @r"
    this computer syncs with `[SERVER]`, account `00000000…`
    on this computer: 2 tasks
    to send: changes of 1 task, once `taskferry move` has come to its end
    to fetch: nothing
    note: `taskferry move` was interrupted on this computer; run it again: it goes on where it stopped
    ");
    assert_eq!(interrupted.run("status --short", &server).data, "interrupted\n");
    assert_eq!(
        json(&interrupted.run("status --json", &server))["hints"][0],
        "run `taskferry move` again: it goes on where it stopped"
    );
    let run = set_up(&credentials).with_database(version(9), &TASKS, 10).with(NOTE, note).run("status", &server);
    assert!(run.talk.ends_with("hint: run `taskferry move` again: it goes on where it stopped\n"), "{}", run.talk);
    assert_eq!(run.talk.matches("again").count(), 1, "said once: {}", run.talk);
}

const NOTE: &str = ".local/state/taskferry/unfinished.json";

#[test]
fn other_accounts_of_this_computer_are_named_and_their_secrets_are_not() {
    let server = FakeServer::taskferry();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&TASKS]);
    let mut laptop = set_up(&credentials).with_database(version(1), &TASKS, 0);
    let work = "TASKRC";
    let file = laptop.path("work.taskrc").display().to_string();
    // Set up by this program, in a taskrc of its own, for tasks of its own.
    let data = laptop.path("work").display().to_string();
    laptop = laptop.with_variable(work, &file).with_variable("TASKDATA", &data);
    assert_eq!(laptop.run("setup --yes --no-sync --server [SERVER]", &server).exit, Exit::Fine);
    laptop = laptop.with_variable(work, "").with_variable("TASKDATA", "");
    let run = laptop.run("status", &server);
    assert!(
        run.talk.contains("other accounts on this computer:\n  `~/work.taskrc`: `[SERVER]`, account `"),
        "{}",
        run.talk
    );
    let status = json(&laptop.run("status --json", &server));
    assert_eq!(status["other_accounts"][0]["file"], file.as_str());
    assert!(!status.to_string().contains("secret"), "{status}");
}

#[test]
fn another_server_of_the_protocol_is_asked_in_the_protocol_alone() {
    let server = FakeServer::other();
    let credentials = server.credentials(1, "sesame");
    server.history(&credentials, &[&TASKS]);
    let run = set_up(&credentials).with_database(version(1), &TASKS, 0).run("status", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
}

#[test]
fn a_computer_without_sync_is_told_how_to_begin() {
    let run = FakeComputer::new().run("status", &FakeServer::taskferry());
    assert_eq!(run.exit, Exit::Found);
    assert_snapshot!(run.talk, @r"
    error: sync is not set up on this computer

    hint: run `taskferry setup`, or `taskferry join` if another computer has it already
    ");
}

/// It would be taken for a server that has lost the account, and `repair` can't mend that.
#[test]
fn a_web_server_that_knows_no_page_is_not_taken_for_an_empty_account() {
    let server = FakeServer::other().answers(404, ("x", "y"), b"nothing here");
    let credentials = server.credentials(1, "sesame");
    let run = set_up(&credentials).with_database(version(1), &TASKS, 0).run("status", &server);
    assert_eq!(run.exit, Exit::Found);
    assert!(run.talk.contains("it is not a TaskChampion sync server"), "{}", run.talk);
    let run = set_up(&credentials).with_database(version(1), &TASKS, 0).run("status --short", &server);
    assert_eq!(run.data, "unreachable\n");
}
