//! Whoever searches the page on troubleshooting for what they see finds it: the messages are made here, by the real Taskwarrior.

use std::fs;

use e2e::command::Transcript;
use e2e::port::Port;
use e2e::{SyncSettings, TaskHome};

use super::Page;
use crate::{PROGRAMS, server};

const PAGE: &str = "docs/guide/troubleshooting.md";

/// The page has this as a heading, with `…` where Taskwarrior puts something of its own, and Taskwarrior says it.
#[track_caller]
fn explained(heading: &str, said: &Transcript) {
    let page = Page::read(PAGE);
    let found = page.prose().any(|(_, line)| line.starts_with("### ") && line.contains(&format!("`{heading}`")));
    assert!(found, "{PAGE} has no heading with `{heading}`");
    let said = format!("{}{}", said.stdout, said.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = said.as_str();
    for part in heading.split('…').map(str::trim).filter(|part| !part.is_empty()) {
        let at = rest.find(part).unwrap_or_else(|| panic!("Taskwarrior does not say `{heading}`:\n{said}"));
        rest = &rest[at + part.len()..];
    }
}

/// A computer with these lines in its taskrc.
fn computer(lines: &str) -> TaskHome {
    let home = TaskHome::untouched();
    fs::write(home.taskrc(), lines).expect("a taskrc");
    home
}

#[track_caller]
fn sync_fails(home: &TaskHome) -> Transcript {
    home.sync().fails_with("")
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn missing_and_mistyped_settings_are_explained() {
    explained("No sync.* settings are configured. See task-sync(5).", &sync_fails(&computer("")));
    let url = "sync.server.url=https://127.0.0.1:1\n";
    let required = "sync.server.client_id and sync.encryption_secret are required";
    explained(required, &sync_fails(&computer(url)));
    let id = "sync.server.client_id=0b1f3a52-6c7d-4e8f-9a0b-1c2d3e4f5a6b\nsync.encryption_secret=s\n";
    explained("… is not a valid UUID", &sync_fails(&computer(&format!("{url}{}", id.replace("0b1f", "")))));
    explained("Could not parse … as a URL", &sync_fails(&computer(&format!("sync.server.url=127.0.0.1\n{id}"))));
    explained("Could not build url from base", &sync_fails(&computer(&format!("sync.server.url=localhost:1\n{id}"))));
    explained("sync.aws.region is required", &sync_fails(&computer("sync.aws.bucket=b\n")));
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_server_that_can_not_be_reached_is_explained() {
    let nobody = Port::reserve();
    let id = "sync.server.client_id=0b1f3a52-6c7d-4e8f-9a0b-1c2d3e4f5a6b\nsync.encryption_secret=s\n";
    let said = sync_fails(&computer(&format!("sync.server.url=http://{}\n{id}", nobody.address())));
    explained("error sending request for url (…)", &said);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn what_a_server_answers_is_explained() {
    let closed = PROGRAMS.server().option("--registration", "closed").start();
    let stranger = TaskHome::with(&closed.new_account());
    stranger.task(["add", "buy milk"]).good();
    explained("responded with 403 Forbidden", &sync_fails(&stranger));

    let server = server();
    let settings = server.new_account();
    let laptop = TaskHome::with(&settings);
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    explained("There are … local changes. Sync required.", &{
        laptop.task(["add", "one"]).good();
        laptop.task(["add", "two"]).good();
        laptop.task(["list"]).good()
    });

    // The server lost everything, another computer was first, and this one is somewhere else.
    let elsewhere = TaskHome::with(&SyncSettings { url: server.url(), ..server.new_account() });
    elsewhere.task(["add", "call Ada"]).good();
    elsewhere.sync().good();
    let moved = fs::read_to_string(elsewhere.taskrc()).expect("its taskrc");
    fs::write(laptop.taskrc(), moved).expect("a taskrc");
    explained("responded with 410 Gone", &sync_fails(&laptop));

    let stranger = TaskHome::with(&SyncSettings { secret: "another".to_owned(), ..settings.clone() });
    explained("error while unsealing encrypted value", &sync_fails(&stranger));

    let lost = TaskHome::with(&SyncSettings { url: format!("{}/elsewhere", server.url()), ..settings });
    lost.task(["add", "buy milk"]).good();
    explained("responded with 400 Bad Request", &sync_fails(&lost));
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn what_every_task_says_is_explained() {
    explained("Cannot proceed without rc file.", &TaskHome::untouched().task(["list"]).fails_with(""));
    let missing = computer("include /nowhere/at-all\n");
    explained("Could not read include file '…'.", &missing.task(["list"]).fails_with(""));
    let broken = computer("sync.server.client_id=0b1f3a52\n6c7d-4e8f\n");
    explained("Malformed entry '…' in config file.", &broken.task(["list"]).fails_with(""));
    let home = TaskHome::with_an_empty_taskrc();
    let asked = home.command_of_task(["rc.confirmation=on", "config", "sync.server.url", "https://127.0.0.1"]);
    explained("No changes made.", &e2e::command::run(&mut { asked }, "").good());
}

/// Every message that ecosystem and experience know of, also those that take other versions or other servers to see.
#[test]
fn rare_messages_are_explained_too() {
    let page = Page::read(PAGE);
    for message in [
        "Local replica is out of sync with the server",
        "responded with 404 Not Found",
        "responded with 409 Conflict",
        "responded with 413 Payload Too Large",
        "responded with 429 Too Many Requests",
        "responded with 500 Internal Server Error",
        "responded with 502 Bad Gateway",
        "responded with 503 Service Unavailable",
        "responded with 507 Insufficient Storage",
        "sync.server.origin is deprecated. Use sync.server.url instead.",
        "database is locked: Error code 5: database is locked",
        "Could not find file in CWD, directory of config file or search paths '…'.",
        "Connection refused",
        "UnknownIssuer",
    ] {
        assert!(page.text.contains(&format!("`{message}`")), "{PAGE}: `{message}`");
    }
}
