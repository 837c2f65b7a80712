//! An operator sees in the log what happens, and never whose tasks it happens to. docs/LOGGING.md is the contract.

use std::path::Path;
use std::{fs, str};

use e2e::http::Request;
use e2e::{Account, TestServer};
use taskferry_protocol::VersionId;
use taskferry_protocol::wire::{ADD_VERSION, X_CLIENT_ID};

use crate::{PROGRAMS, server};

/// Every endpoint, rightly and wrongly, with bodies and IDs that are recognised wherever they appear.
fn use_everything(server: &TestServer, account: &Account) -> Vec<String> {
    let version = account.append(VersionId::NIL, "sealed-version-body");
    account.add_snapshot(version, "sealed-snapshot-body").good();
    account.child_of(VersionId::NIL).good();
    account.child_of(version);
    account.child_of(account_of_nobody());
    account.snapshot().good();
    account.add_version(VersionId::NIL, "sealed-conflict-body");
    let large = account.append(version, "sealed-large-body ".repeat(100_000));
    // Ends the push, so that a stop does not wait for more of it.
    account.add_snapshot(large, "sealed-large-snapshot ".repeat(100_000)).good();
    account.request("POST", "/taskferry/v1/register").body(r#"{"invite":"secret-invite-code"}"#).send(server.address());
    account.request("POST", "/taskferry/v1/register").body("secret-invite-code").send(server.address());
    account.describe().good();
    let unknown = server.unknown_account();
    unknown.child_of(version);
    unknown.describe();
    unknown.delete();
    let deleted = server.account();
    deleted.delete().good();
    deleted.delete();
    let broken = account.id().expose().to_string().replace('-', "_");
    for id in [broken.clone(), format!("{broken}0")] {
        Request::new("POST", format!("{ADD_VERSION}/{version}"))
            .header(X_CLIENT_ID, id)
            .body("x")
            .send(server.address());
    }
    for path in ["/", "/j", "/i", "/livez", "/readyz", "/health", "/.well-known/taskferry", "/nowhere?secret-query"] {
        Request::get(path).send(server.address());
    }
    let ids = [account.id().expose(), unknown.id().expose(), deleted.id().expose(), version.as_uuid()];
    let spelled = ids.iter().flat_map(|id| [id.hyphenated().to_string(), id.simple().to_string()]);
    let bodies = ["sealed-", "secret-invite-code", "secret-query", "x-client-id"].map(str::to_owned);
    spelled.chain(bodies).chain([broken]).collect()
}

fn account_of_nobody() -> VersionId {
    "ffffffff-ffff-4fff-bfff-ffffffffffff".parse().expect("a UUID")
}

#[test]
fn nothing_that_identifies_or_belongs_to_an_account_is_logged_at_any_level() {
    for format in ["human", "json"] {
        let setup = PROGRAMS.server().option("--log-level", "trace").option("--log-format", format);
        let mut server = setup.start();
        let account = server.account();
        let never = use_everything(&server, &account);
        let log = server.log().clone();
        server.stop();
        let text = log.text().to_lowercase();
        for secret in never {
            assert!(!text.contains(&secret.to_lowercase()), "`{secret}` is in the log:\n{text}");
        }
        assert!(
            text.contains("get-child-version") && text.contains("add-snapshot"),
            "and yet all of it is there:\n{text}"
        );
    }
}

#[test]
fn an_account_has_the_same_name_in_every_line() {
    let server = PROGRAMS.server().option("--log-level", "debug").option("--log-format", "json").start();
    let (account, other) = (server.account(), server.account());
    account.append(VersionId::NIL, "a");
    other.append(VersionId::NIL, "a");
    let mut names = Vec::new();
    server.log().wait_for("the second version", |line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let version = line["message"] == "request" && line["route"] == "add-version";
        if line["message"] == "account created" || version {
            names.push(line["account"].as_str().expect("an account's name").to_owned());
        }
        (names.len() == 4).then_some(())
    });
    assert_eq!((&names[0], &names[1]), (&names[2], &names[3]), "created, created, version, version");
    assert_ne!(names[0], names[1]);
}

#[test]
fn at_info_usual_requests_leave_no_line_and_state_changes_do() {
    let mut server = server();
    let account = server.account();
    let [first, _] = account.grow();
    account.add_version(first, "a conflict");
    account.child_of(account_of_nobody());
    server.unknown_account().describe();
    let log = server.log().clone();
    server.stop();
    let events: Vec<String> = log
        .text()
        .lines()
        .filter_map(|line| Some(line.split_once("Z  INFO ").or_else(|| line.split_once("Z  WARN "))?.1.to_owned()))
        .collect();
    let created = events.iter().position(|event| event.starts_with("account created account=")).expect("its creation");
    // A note about the settings, which only root gets.
    let is_note = |event: &str| event.starts_with("running as root");
    let others = events.iter().enumerate().filter(|(n, event)| *n != created && !is_note(event));
    let rest: Vec<&String> = others.map(|(_, event)| event).collect();
    let starting = format!("starting version=\"{}\"", env!("CARGO_PKG_VERSION"));
    let expected = [&*starting, "ready", "stopping: what is under way is finished first", "stopped"];
    assert_eq!(rest, expected, "{}", log.text());
}

#[test]
fn a_failure_inside_the_server_is_found_in_the_log_by_the_name_that_its_answer_has() {
    let server = PROGRAMS.server().with_metrics().start();
    let account = server.account();
    let database = rusqlite::Connection::open(server.data_dir().join("taskferry.sqlite3")).expect("the database");
    database.execute_batch("ALTER TABLE version RENAME TO elsewhere").expect("a broken database");
    let answer = account.child_of(VersionId::NIL);
    answer.refused(500, "internal_error");
    let name = answer.header("x-request-id").expect("a name").to_owned();
    let line =
        server.log().wait_for("the failure", |line| line.contains(&name).then(|| line.to_owned())).expect("a line");
    for part in ["ERROR", "route=\"get-child-version\"", "account=", "no such table"] {
        assert!(line.contains(part), "no {part} in: {line}");
    }
    let failed = [("route", "get-child-version"), ("status", "500")];
    assert!(server.metrics().sum("taskferry_http_requests_total", &failed) >= 1.0);
}

#[test]
fn a_hundred_failures_are_twenty_lines() {
    let mut server = PROGRAMS.server().start();
    let account = server.account();
    let database = rusqlite::Connection::open(server.data_dir().join("taskferry.sqlite3")).expect("the database");
    database.execute_batch("ALTER TABLE version RENAME TO elsewhere").expect("a broken database");
    for _ in 0..100 {
        account.child_of(VersionId::NIL).refused(500, "internal_error");
    }
    let log = server.log().clone();
    server.stop();
    let failures = log.text().lines().filter(|line| line.contains("a request failed inside the server")).count();
    assert_eq!(failures, 20);
}

#[test]
fn every_event_stands_in_the_documentation_with_its_level() {
    let documented = include_str!("../../docs/LOGGING.md");
    let (_, table) = documented.split_once("## Events").expect("a table of events");
    let (table, _) = table.split_once("\n## ").expect("something behind it");
    let mut events = Vec::new();
    collect_events(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../server/src")), &mut events);
    for (level, message) in &events {
        let row = format!("| {level} | `{message}` |");
        assert!(table.contains(&row), "docs/LOGGING.md does not have: {row}");
    }
    let rows = table.lines().filter(|line| line.contains("| `")).count();
    let mut different = events.clone();
    different.sort();
    different.dedup();
    assert_eq!(
        rows,
        different.len(),
        "docs/LOGGING.md has an event that no source has; these are there: {different:#?}"
    );
}

/// Level and message of every `tracing::LEVEL!(…)` outside of tests.
fn collect_events(folder: &Path, events: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a source").path();
        if path.is_dir() {
            collect_events(&path, events);
        } else {
            let source = fs::read_to_string(&path).expect("a source");
            let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for level in ["error", "warn", "info", "debug", "trace"] {
                for call in source.split(&format!("tracing::{level}!(")).skip(1) {
                    let message = last_text(call).expect("an event with a message");
                    events.push((level.to_owned(), message.to_owned()));
                }
            }
        }
    }
}

/// The last quoted text among a call's arguments; `call` begins behind its opening bracket.
fn last_text(call: &str) -> Option<&str> {
    let (mut depth, mut quoted_from, mut last) = (1, None, None);
    for (at, c) in call.char_indices() {
        match (c, quoted_from) {
            ('"', Some(from)) => (last, quoted_from) = (Some(&call[from..at]), None),
            ('"', None) => quoted_from = Some(at + 1),
            ('(', None) => depth += 1,
            (')', None) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    last
}
