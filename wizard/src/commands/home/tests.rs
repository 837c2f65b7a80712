//! Whole runs of `taskferry home` as far as nothing is started: what is said where there is no server. Real servers are started
//! in the end-to-end tests.

use insta::assert_snapshot;

use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::FakeServer;

/// A server that says where it would listen, and does nothing else.
const SERVER: &str = "#!/bin/sh\ncase $1 in\n--version) echo taskferry-server 9.9.9 ;;\nconfig) printf '%s' '\
                      [{\"key\":\"listen\",\"value\":\"127.0.0.1:9\"}]' ;;\n*) exit 1 ;;\nesac\n";

fn with_program() -> FakeComputer {
    FakeComputer::new().with_program("taskferry-server", SERVER)
}

#[test]
fn without_the_program_it_is_said_how_to_get_it() {
    let run = FakeComputer::new().run("home start --listen 127.0.0.1:9", &FakeServer::other());
    assert_eq!((run.exit, run.data.as_str()), (Exit::Failed, ""));
    assert_snapshot!(run.talk, @r"
    error: the server is not installed: there is no `taskferry-server` beside this program or on your PATH

    hint: with the installer of Taskferry: `sh install.sh --only taskferry-server`
    hint: on Debian and Ubuntu, the package `taskferry-server`; in a clone, `cargo install --path server`
    hint: or choose another server: run `taskferry setup`
    ");
}

#[test]
fn where_none_runs_status_says_how_to_begin_and_ends_with_3() {
    let server = FakeServer::other();
    let run = with_program().run("home status", &server);
    assert_eq!(run.exit, Exit::Found);
    assert_snapshot!(run.talk, @r"
    error: no server runs at home

    hint: run `taskferry setup --home` to sync through one, or `taskferry home start` to start one
    ");
    let run = with_program().run("home status --json", &server);
    assert_eq!(run.exit, Exit::Found);
    let status: serde_json::Value = serde_json::from_str(&run.data).unwrap();
    assert_eq!((&status["running"], &status["url"]), (&false.into(), &serde_json::Value::Null));
    assert!(with_program().run("home stop", &server).talk.contains("no server of yours runs here"));
}

#[test]
fn an_address_that_is_none_is_a_usage_error() {
    let run = with_program().run("home start --listen localhost", &FakeServer::other());
    assert_eq!(run.exit, Exit::Usage);
    let run = with_program().run("home start --listen 127.0.0.1:0", &FakeServer::other());
    assert_eq!(run.exit, Exit::Usage, "others have to know the port");
    let run = with_program().run("home start --listen 192.0.2.1:8080", &FakeServer::other());
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.starts_with("error: this computer can't listen on `192.0.2.1:8080`\n"), "{}", run.talk);
    assert!(run.talk.contains("hint: name one of this computer's own addresses"), "{}", run.talk);
}

#[test]
fn another_servers_place_is_used_and_not_taken_for_ones_own() {
    let server = FakeServer::taskferry();
    let script = SERVER.replace("127.0.0.1:9", server.url().trim_start_matches("http://"));
    let mut laptop = FakeComputer::new().with_program("taskferry-server", &script);
    let run = laptop.run("home start", &server);
    assert_eq!((run.exit, run.data.trim()), (Exit::Fine, server.url().as_str()));
    assert!(
        run.talk.starts_with("Taskferry 9.9.9 runs already, at `[SERVER]`; it was not started by you\nnote: to start")
    );
    let run = laptop.run("home status", &server);
    assert!(run.talk.contains("whoever runs it looks after it"), "{}", run.talk);
    assert!(laptop.run("home stop", &server).talk.contains("no server of yours runs here"));
    assert_eq!(laptop.read(".local/state/taskferry/home.json"), None);
}

#[test]
fn where_nothing_could_start_it_the_way_around_is_named() {
    let run = with_program().with_variable("PATH", "/nonexistent").run("home install", &FakeServer::other());
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.talk.contains("`@reboot taskferry home start`"), "{}", run.talk);
}

#[test]
fn a_plan_to_serve_at_home_shows_the_server_first_and_starts_nothing() {
    let server = FakeServer::other();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut laptop = FakeComputer::new().with_program("taskferry-server", &SERVER.replace("127.0.0.1:9", &free));
    let run = laptop.run("setup --home --dry-run", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk.replace(&free, "[FREE]"), @r"
    found Taskwarrior 3.5.0 (`~/bin/task`)

    this is going to happen:

      start a sync server on this computer, at `http://[FREE]`, with its data in `~/.local/share/taskferry-server`
      create a new account there
      create `~/.taskrc`
        + # >>> taskferry: sync settings; `taskferry share` shows them >>>
        + sync.server.url=http://[FREE]
        + sync.server.client_id=(hidden)
        + sync.encryption_secret=(hidden)
        + # <<< taskferry <<<
      run `task sync`

    nothing was changed: this was only the plan
    ");
    assert_eq!((laptop.read(".taskrc"), laptop.read(".local/state/taskferry/home.json")), (None, None));
}
