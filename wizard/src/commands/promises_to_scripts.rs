//! With `--json`, every command prints one document on one line, however it ends, and in it what is promised for any case.

use clap::CommandFactory;
use serde_json::Value;

use crate::cli::Cli;
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::{FakeServer, version};

/// Every command that has the flag, with what it needs to get somewhere, and fields that are there in any case.
const COMMANDS: [(&str, &str, &[&str]); 11] = [
    ("setup", "--yes --server [SERVER]", &[]),
    ("join", "--yes --from-stdin", &[]),
    ("recover", "--yes --from-stdin", &[]),
    ("share", "", &[]),
    ("move", "--yes --server [SERVER]", &[]),
    ("status", "", &["works", "state"]),
    ("verify", "--yes", &["works"]),
    ("doctor", "", &["works"]),
    ("repair", "--yes", &["state"]),
    ("sync", "", &[]),
    ("home status", "", &[]),
];

/// A computer that is set up for an account of this server, with this secret.
fn set_up(server: &FakeServer, secret: &str) -> FakeComputer {
    let account = server.credentials(1, "sesame");
    server.history(&account, &[&[(1, "buy milk")]]);
    let id = account.client_id.expose();
    let lines =
        format!("sync.server.url={}\nsync.server.client_id={id}\nsync.encryption_secret={secret}\n", account.server);
    FakeComputer::new().with(".taskrc", &lines).with_tasks(1).with_database(version(1), &[(1, "buy milk")], 10)
}

/// Worlds in which commands end in every way.
fn worlds() -> Vec<(&'static str, FakeServer, FakeComputer)> {
    let in_world = |words, make: fn(&FakeServer) -> FakeComputer| {
        let server = FakeServer::taskferry();
        let computer = make(&server);
        (words, server, computer)
    };
    let broken = FakeServer::taskferry().answers(500, ("x", "y"), b"");
    let for_broken = set_up(&broken, "sesame");
    let note = "{\"command\":\"move\",\"note\":7}";
    vec![
        in_world("nothing is set up", |_| FakeComputer::new()),
        in_world("there is no Taskwarrior", |_| FakeComputer::new().with_variable("PATH", "/nonexistent")),
        in_world("all is well", |server| set_up(server, "sesame")),
        in_world("the secret is a wrong one", |server| set_up(server, "sesamE")),
        in_world("the account is gone", |server| {
            let computer = set_up(server, "sesame");
            server.forgets_all_accounts();
            computer
        }),
        in_world("a link is pasted", |server| {
            let account = server.credentials(1, "sesame");
            server.account(&account);
            FakeComputer::new().with_input(&account.to_text())
        }),
        ("the server is broken", broken, for_broken),
        in_world("the state folder is damaged", |server| set_up(server, "sesame"))
            .map_computer(|computer| computer.with(".local/state/taskferry/unfinished.json", note)),
    ]
}

trait MapComputer {
    fn map_computer(self, change: impl FnOnce(FakeComputer) -> FakeComputer) -> Self;
}

impl MapComputer for (&'static str, FakeServer, FakeComputer) {
    fn map_computer(self, change: impl FnOnce(FakeComputer) -> FakeComputer) -> Self {
        (self.0, self.1, change(self.2))
    }
}

#[test]
fn no_command_with_the_flag_is_missing_here() {
    let has_json = |command: &clap::Command| command.get_arguments().any(|arg| arg.get_id() == "json");
    let mut with_the_flag = Vec::new();
    for command in Cli::command().get_subcommands() {
        with_the_flag.extend(has_json(command).then(|| command.get_name().to_owned()));
        let below = command.get_subcommands().filter(|below| has_json(below));
        with_the_flag.extend(below.map(|below| format!("{} {}", command.get_name(), below.get_name())));
    }
    with_the_flag.sort_unstable();
    let mut known = COMMANDS.map(|(command, ..)| command);
    known.sort_unstable();
    assert_eq!(with_the_flag, known);
}

#[test]
fn whatever_happens_one_document_is_printed_and_it_has_what_is_promised() {
    for (command, flags, always) in COMMANDS {
        for (world, server, mut computer) in worlds() {
            let run = computer.run(&format!("{command} --json {flags}"), &server);
            let which = format!("{command}, where {world}: {:?}\n{}\n{}", run.exit, run.data, run.talk);
            assert_eq!(run.data.lines().count(), 1, "{which}");
            let told: Value = serde_json::from_str(&run.data).unwrap_or_else(|_| panic!("{which}"));
            for field in always {
                assert!(told.get(field).is_some(), "no `{field}`: {which}");
            }
            if run.exit == Exit::Fine {
                assert!(told.get("error").is_none(), "{which}");
            } else {
                let says_why = ["error", "why", "findings", "running"].iter().any(|field| told.get(field).is_some());
                assert!(says_why && told["works"] != true, "{which}");
            }
            assert!(!run.data.contains("sesame") || ["share"].contains(&command), "{which}");
        }
    }
}

#[test]
fn a_repair_names_the_state_also_where_it_can_do_nothing() {
    let state = |server: &FakeServer, mut computer: FakeComputer| {
        let run = computer.run("repair --yes --json", server);
        let told: Value = serde_json::from_str(&run.data).unwrap();
        assert!(told["error"].is_string(), "{told}");
        told["state"].clone()
    };
    let server = FakeServer::taskferry();
    assert_eq!(state(&server, set_up(&server, "sesamE")), "wrong-secret");
    assert_eq!(state(&server, FakeComputer::new()), Value::Null);
    let spoiled = set_up(&server, "sesame");
    server.adds_a_version(&server.credentials(1, "sesame"), "other");
    assert_eq!(state(&server, spoiled), "spoiled");
    server.disabled_account(&server.credentials(1, "sesame"));
    let lines = set_up(&FakeServer::taskferry(), "sesame");
    let down = lines.read(".taskrc").unwrap().lines().skip(1).collect::<Vec<_>>().join("\n");
    let disabled = FakeComputer::new().with(".taskrc", &format!("sync.server.url={}\n{down}", server.url()));
    assert_eq!(state(&server, disabled), "disabled");
    let nobody = FakeComputer::new().with(".taskrc", &format!("sync.server.url=http://127.0.0.1:1\n{down}"));
    assert_eq!(state(&server, nobody), "unreachable");
}
