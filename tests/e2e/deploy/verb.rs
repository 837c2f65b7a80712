//! `taskferry-server deploy`: files that work, nothing overwritten, and a wait for the server that ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use e2e::command::{Outcome, run};
use e2e::log::Log;
use tempfile::TempDir;

use super::read;
use crate::{PROGRAMS, server};

/// A clone, as far as the verb looks at it.
fn clone() -> TempDir {
    let clone = tempfile::tempdir().expect("a temporary folder");
    fs::write(clone.path().join("Dockerfile"), "").expect("a Dockerfile");
    clone
}

fn deploy(folder: &Path, arguments: &[&str]) -> Outcome {
    let mut command = Command::new(PROGRAMS.server);
    command.arg("deploy").args(arguments).current_dir(folder).env_clear().env("HOME", folder);
    run(&mut command, "")
}

/// Every file below a folder, with its content.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.display().to_string(), fs::read_to_string(&path).expect("a file")));
        }
    }
    found.sort();
    found
}

#[test]
fn the_commands_for_fly_come_in_order_and_the_file_has_the_answers() {
    let clone = clone();
    let said = deploy(clone.path(), &["fly", "--name", "our-tasks", "--region", "ams"]).good();
    let position = |command: &str| said.stderr.find(command).unwrap_or_else(|| panic!("no `{command}`: {said}"));
    let commands = [
        "fly auth login",
        "fly apps create our-tasks",
        "fly deploy --config taskferry-fly/fly.toml --ha=false",
        "taskferry-server deploy fly --check https://our-tasks.fly.dev",
    ];
    assert!(commands.map(position).is_sorted(), "{said}");
    let file = fs::read_to_string(clone.path().join("taskferry-fly/fly.toml")).expect("fly.toml");
    assert!(file.contains("app = \"our-tasks\"\nprimary_region = \"ams\"\n"), "{file}");
}

#[test]
fn everything_said_fits_eighty_columns() {
    let clone = clone();
    let calls: [&[&str]; 4] = [
        &["fly", "--name", "our-tasks", "--region", "ams"],
        &["railway", "--name", "our-tasks", "--region", "us-west2"],
        &["compose", "--domain", "sync.example.org"],
        &["systemd", "--domain", "sync.example.org"],
    ];
    for call in calls {
        let said = deploy(clone.path(), call).good();
        // Commands are indented, and never broken.
        let wide = said.stderr.lines().filter(|line| line.chars().count() > 80 && !line.starts_with("   "));
        assert_eq!(wide.collect::<Vec<_>>(), [] as [&str; 0]);
    }
}

/// Whoever has the guide open sees the same commands on the screen.
#[test]
fn every_command_that_is_printed_stands_in_the_guide() {
    let clone = clone();
    let calls: [&[&str]; 4] = [
        &["fly", "--name", "our-tasks", "--region", "fra"],
        &["railway", "--name", "our-tasks", "--region", "us-west2"],
        &["compose", "--domain", "sync.example.org"],
        &["systemd", "--domain", "sync.example.org"],
    ];
    for call in calls {
        let said = deploy(clone.path(), call).good();
        let guide = read(&format!("docs/deploy/{}.md", call[0]));
        let commands = said.stderr.lines().filter_map(|line| line.strip_prefix("   ")).map(str::trim);
        // Where this program lies, and the address that Railway gives, nobody knows beforehand.
        let commands = commands.filter(|command| !command.contains(PROGRAMS.server) && !command.ends_with("https://…"));
        let commands: Vec<&str> = commands.collect();
        assert!(commands.len() >= 4, "{said}");
        for command in commands {
            assert!(guide.lines().any(|line| line.trim() == command), "docs/deploy/{}.md: {command}", call[0]);
        }
    }
}

#[test]
fn a_missing_answer_names_its_flag_and_writes_nothing() {
    let clone = clone();
    for (call, flag) in [
        (&["fly", "--region", "ams"][..], "`--name`"),
        (&["fly", "--name", "our-tasks"], "`--region`"),
        (&["railway", "--region", "us-west2"], "`--name`"),
        (&["compose"], "`--domain`"),
        (&["systemd"], "`--domain`"),
    ] {
        let refused = deploy(clone.path(), call).exits_with(2);
        assert!(refused.stderr.contains(flag), "{refused}");
    }
    assert_eq!(contents(clone.path()).len(), 1, "the Dockerfile");
}

#[test]
fn a_value_that_could_break_out_of_a_file_is_refused() {
    let clone = clone();
    for call in [
        ["fly", "--region", "ams", "--name", "x\"\n[env]"],
        ["railway", "--region", "us-west2", "--name", "x\"; process.exit()"],
        ["fly", "--name", "our-tasks", "--region", "$(reboot)"],
    ] {
        deploy(clone.path(), &call).exits_with(2);
    }
    deploy(clone.path(), &["compose", "--domain", "a.example {"]).exits_with(2);
    assert_eq!(contents(clone.path()).len(), 1, "the Dockerfile");
}

#[test]
fn an_edited_file_is_not_overwritten_and_nothing_else_is_written() {
    let clone = clone();
    let call = ["compose", "--domain", "sync.example.org"];
    deploy(clone.path(), &call).good();
    let before = contents(clone.path());
    deploy(clone.path(), &call).good();
    assert_eq!(contents(clone.path()), before, "twice equals once");

    fs::write(clone.path().join("taskferry-compose/Caddyfile"), "mine").expect("a file");
    fs::remove_file(clone.path().join("taskferry-compose/compose.yaml")).expect("a file less");
    let before = contents(clone.path());
    deploy(clone.path(), &call).fails_with("nothing was written");
    assert_eq!(contents(clone.path()), before);
}

#[test]
fn without_a_clone_an_image_has_to_be_named() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    deploy(elsewhere.path(), &["compose", "--domain", "sync.example.org"]).fails_with("there is no `Dockerfile`");
    assert_eq!(contents(elsewhere.path()), []);
    let image = "ghcr.io/example/taskferry-server:0.1.0";
    deploy(elsewhere.path(), &["compose", "--domain", "sync.example.org", "--image", image]).good();
    let env = fs::read_to_string(elsewhere.path().join("taskferry-compose/.env")).expect(".env");
    assert!(env.contains("SYNC_IMAGE=ghcr.io/example/taskferry-server:0.1.0\n"), "{env}");
}

#[test]
fn the_service_is_the_repositorys_and_a_server_starts_with_its_settings() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    deploy(folder.path(), &["systemd", "--domain", "sync.example.org"]).good();
    let written = |name: &str| fs::read_to_string(folder.path().join("taskferry-systemd").join(name)).expect(name);
    assert_eq!(written("taskferry-server.service"), read("deploy/systemd/taskferry-server.service"));
    // The flags of the test's own port and directory win over the file.
    let server = PROGRAMS.server().config_file(&written("server.toml")).start();
    assert_eq!(server.info().public_url.as_deref(), Some("https://sync.example.org"));
}

#[test]
fn a_ready_server_yields_the_command_for_testers_and_nothing_else_on_standard_output() {
    let server = server();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let checked = deploy(folder.path(), &["fly", "--check", &server.url()]).good();
    assert_eq!(checked.stdout, format!("taskferry setup --server {}\n", server.url()));
    assert!(checked.stderr.contains("is ready"), "{checked}");
    assert_eq!(contents(folder.path()), []);
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let port = e2e::port::Port::reserve();
    let address = port.address().to_string();
    let mut check = Command::new(PROGRAMS.server)
        .args(["deploy", "compose", "--wait", "60", "--check", &format!("http://{address}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the check");
    let log = Log::follow(check.stderr.take().expect("its standard error"));
    assert!(log.wait_for("that it waits", |line| line.contains("not ready yet").then_some(())).is_some());
    let _server = PROGRAMS.server().listening_on(&address).start();
    assert!(log.wait_for("that it is ready", |line| line.contains("is ready").then_some(())).is_some());
    assert!(check.wait().expect("its end").success());
}

#[test]
fn the_wait_ends_and_says_how_the_last_attempt_went() {
    let port = e2e::port::Port::reserve();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("http://{}", port.address());
    let failed = deploy(folder.path(), &["fly", "--wait", "0", "--check", &url]).exits_with(1);
    assert!(failed.stderr.contains("was not ready within 0 seconds\n  Caused by: Connection refused"), "{failed}");
    assert_eq!(failed.stdout, "");
}

#[test]
fn something_else_at_that_address_is_not_taken_for_a_server() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            let _ =
                reader.into_inner().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
        }
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    deploy(folder.path(), &["railway", "--check", &url]).fails_with("it is not a Taskferry server");
}

#[test]
fn plain_http_to_a_public_address_is_refused_without_asking_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let refused = deploy(folder.path(), &["fly", "--check", "http://sync.example.org"]);
    refused.fails_with("plain http, which the computers of your testers refuse");
}
