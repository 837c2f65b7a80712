//! Whole runs of `taskferry recover` and `taskferry share --sheet`: what is typed from paper, what is proved, and that nothing of
//! the computer is touched.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::credentials::Credentials;
use crate::error::Exit;
use crate::testing::computer::FakeComputer;
use crate::testing::server::{FakeServer, version};

const TASKS: [(u128, &str); 2] = [(1, "buy milk"), (2, "call Ada")];

/// Credentials with a secret as `setup` makes them.
fn credentials(server: &FakeServer) -> Credentials {
    server.credentials(1, &"3c5a8b7e".repeat(8))
}

fn set_up(credentials: &Credentials) -> FakeComputer {
    let Credentials { server, client_id, secret } = credentials;
    let (id, secret) = (client_id.expose(), secret.expose());
    let lines = format!("sync.server.url={server}\nsync.server.client_id={id}\nsync.encryption_secret={secret}\n");
    FakeComputer::new().with(".taskrc", &lines)
}

/// The rows of the code, as they stand on the sheet.
fn rows(credentials: &Credentials) -> Vec<String> {
    let link = credentials.to_text();
    let payload: Vec<char> = link.split_once('#').unwrap().1.chars().collect();
    payload.chunks(24).map(|row| row.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(" ")).collect()
}

/// A computer on which nothing may be touched, and nothing is installed.
fn bare() -> FakeComputer {
    FakeComputer::new().with_variable("PATH", "/nonexistent")
}

fn files(computer: &FakeComputer) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![computer.path("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_sheet_that_is_typed_in_opens_the_account_and_touches_nothing() {
    let server = FakeServer::taskferry();
    let credentials = credentials(&server);
    server.history(&credentials, &[&TASKS]);
    let (url, rows) = (server.url(), rows(&credentials));
    let typed =
        [rows[0].to_lowercase(), rows[1].replace(' ', ""), rows[2].replace('O', "0"), rows[3].replace(' ', "-")];
    let mut script = vec![("server", url.as_str())];
    script.extend(["row 1", "row 2", "row 3", "row 4"].into_iter().zip(typed.iter().map(String::as_str)));
    let mut anywhere = bare().with_person(&script);
    let before = files(&anywhere);
    let run = anywhere.run("recover --test", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert_snapshot!(run.talk, @r"
    type what stands on the sheet; it is shown while you type, so look who looks on
    capitals or not, with spaces or without: both are right

    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    opening the account as a new computer would …

    the sheet opens the account: 2 tasks, 2 pending
    nothing was changed on this computer, or on the server
    ");
    assert_eq!(files(&anywhere), before);
    assert!(server.asked().iter().all(|asked| asked.starts_with("GET ")), "{:?}", server.asked());
}

#[test]
fn after_one_slip_only_its_row_is_asked_for_again() {
    let server = FakeServer::taskferry();
    let credentials = credentials(&server);
    server.history(&credentials, &[&TASKS]);
    let (url, rows) = (server.url(), rows(&credentials));
    let mut wrong = rows[1].clone();
    let at = 7;
    wrong.replace_range(at..=at, if &wrong[at..=at] == "Q" { "R" } else { "Q" });
    let script = [
        ("server", url.as_str()),
        ("row 1", &rows[0]),
        ("row 2", &wrong),
        ("row 3", &rows[2]),
        ("row 4", &rows[3]),
        ("row 2 [", &rows[1]),
    ];
    let run = bare().with_person(&script).run("recover --test", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("error: one character is mistyped\n"), "{}", run.talk);
    assert!(run.talk.contains("hint: look at row 2, group 2, at the brackets: `…"), "{}", run.talk);
}

#[test]
fn a_slip_in_the_servers_address_is_told_and_only_that_is_asked_for_again() {
    let server = FakeServer::taskferry();
    let credentials = credentials(&server);
    server.history(&credentials, &[&TASKS]);
    let (url, rows) = (server.url(), rows(&credentials));
    let wrong = url.replace("127.0.0.1", "127.0.0.2");
    let mut script = vec![("server", wrong.as_str())];
    script.extend(["row 1", "row 2", "row 3", "row 4"].into_iter().zip(rows.iter().map(String::as_str)));
    script.push(("server [", url.as_str()));
    let run = bare().with_person(&script).run("recover --test", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(
        run.talk.contains("error: one character is mistyped\n\nhint: it is in the server's address"),
        "{}",
        run.talk
    );
}

#[test]
fn after_several_slips_each_row_is_shown_and_enter_keeps_it() {
    let server = FakeServer::taskferry();
    let credentials = credentials(&server);
    server.history(&credentials, &[&TASKS]);
    let (url, rows) = (server.url(), rows(&credentials));
    let wrong = rows[2].chars().rev().collect::<String>();
    let script = [
        ("server", url.as_str()),
        ("row 1", &rows[0]),
        ("row 2", &rows[1]),
        ("row 3", &wrong),
        ("row 4", &rows[3]),
        ("server [", ""),
        ("row 1 [", ""),
        ("row 2 [", ""),
        ("row 3 [", &rows[2]),
    ];
    let run = bare().with_person(&script).run("recover --test", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(
        run.talk.contains("error: more than one character is mistyped\n\nhint: compare with the sheet row by row"),
        "{}",
        run.talk
    );
}

#[test]
fn a_row_that_was_left_out_is_asked_for() {
    let server = FakeServer::taskferry();
    let credentials = credentials(&server);
    server.history(&credentials, &[&TASKS]);
    let (url, rows) = (server.url(), rows(&credentials));
    let script = [
        ("server", url.as_str()),
        ("row 1", &rows[0]),
        ("row 2", &rows[1]),
        ("row 3", &rows[2]),
        ("row 4", ""),
        ("row 4", &rows[3]),
    ];
    let run = bare().with_person(&script).run("recover --test", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("error: the code is not complete yet"), "{}", run.talk);
}

#[test]
fn what_does_not_open_says_why_and_ends_with_3() {
    let server = FakeServer::taskferry();
    let credentials = credentials(&server);
    let link = credentials.to_text();
    let test = |server: &FakeServer| bare().with_input(&link).run("recover --test --from-stdin --json", server);
    let run = test(&server);
    assert_eq!(run.exit, Exit::Found);
    assert!(run.talk.contains("error: `[SERVER]` does not know the account of this sheet"), "{}", run.talk);
    server.disabled_account(&credentials);
    assert!(test(&server).talk.contains("error: the account of this sheet is disabled"));
    let other = Credentials { secret: server.credentials(1, "sesame").secret, ..credentials.clone() };
    server.history(&credentials, &[&TASKS]);
    let wrong = other.to_text();
    let run = bare().with_input(&wrong).run("recover --test --from-stdin", &server);
    assert_eq!(run.exit, Exit::Found);
    assert_snapshot!(run.talk, @r"
    asking `[SERVER]` …
    found Taskferry 9.9.9 at `[SERVER]`
    opening the account as a new computer would …
    error: the sheet does not open the account
      Caused by: a part of it can't be opened
      Caused by: the encryption secret does not fit the tasks on the server

    hint: if a computer still syncs, run `taskferry verify` there; its tasks are the safest copy
    ");
    let down = Credentials { server: "http://127.0.0.1:1".parse().unwrap(), ..credentials.clone() }.to_text();
    let run = bare().with_input(&down).run("recover --test --from-stdin", &server);
    assert_eq!(run.exit, Exit::Found);
    assert!(run.talk.contains("could not reach the sync server"), "{}", run.talk);
}

#[test]
fn an_empty_account_proves_nothing_and_that_is_said() {
    let server = FakeServer::taskferry();
    let credentials = credentials(&server);
    server.empty_account(&credentials);
    let link = credentials.to_text();
    let run = bare().with_input(&link).run("recover --test --from-stdin --json", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("note: nothing there can prove the code yet, but its checksum fits"), "{}", run.talk);
    let told: serde_json::Value = serde_json::from_str(&run.data).unwrap();
    assert_eq!((&told["opens"], &told["proved"], &told["tasks"]), (&true.into(), &false.into(), &0.into()));
    assert!(!run.data.contains("3c5a8b7e") && !run.data.contains(&credentials.client_id.expose().to_string()));
}

#[test]
fn recovering_joins_and_leaves_recurring_tasks_to_this_computer() {
    let server = FakeServer::taskferry();
    let credentials = credentials(&server);
    server.account(&credentials);
    let (url, rows) = (server.url(), rows(&credentials));
    let mut script = vec![("server", url.as_str())];
    script.extend(["row 1", "row 2", "row 3", "row 4"].into_iter().zip(rows.iter().map(String::as_str)));
    script.push(("go on?", "enter"));
    let mut laptop = FakeComputer::new().with_person(&script).with(".task/arrives", "3");
    let run = laptop.run("recover", &server);
    assert_eq!(run.exit, Exit::Fine, "{}", run.talk);
    assert!(run.talk.contains("joined; 3 tasks arrived"), "{}", run.talk);
    let taskrc = laptop.read(".taskrc").unwrap();
    assert!(taskrc.contains("sync.encryption_secret=3c5a") && !taskrc.contains("recurrence"), "{taskrc}");
}

#[test]
fn without_anybody_the_flags_are_named() {
    let run = bare().run("recover --test", &FakeServer::taskferry());
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.contains("`--image FILE`") && run.talk.contains("`--from-stdin`"), "{}", run.talk);
}

#[test]
fn a_sheet_is_a_new_private_file_that_can_be_tested_and_says_what_it_is() {
    let server = FakeServer::taskferry();
    let credentials = credentials(&server);
    server.history(&credentials, &[&TASKS]);
    let mut laptop = set_up(&credentials).with_database(version(1), &TASKS, 0);
    for name in ["sheet.html", "sheet.txt"] {
        let run = laptop.run(&format!("share --sheet {name}"), &server);
        assert_eq!((run.exit, run.data.as_str()), (Exit::Fine, ""), "{}", run.talk);
        assert!(run.talk.contains(&format!("written to `{name}`, which only you can read")), "{}", run.talk);
        assert!(run.talk.contains("next: run `taskferry recover --test`"), "{}", run.talk);
        assert_eq!(laptop.path(name).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let before = laptop.read(name).unwrap();
        let run = laptop.run(&format!("share --sheet {name}"), &server);
        assert_eq!(run.exit, Exit::Failed);
        assert!(run.talk.contains("exists already"), "{}", run.talk);
        assert_eq!(laptop.read(name).unwrap(), before);
    }
    let text = laptop.read("sheet.txt").unwrap();
    let run = bare().with_input(&text).run("recover --test --from-stdin", &server);
    assert!(run.talk.contains("the sheet opens the account: 2 tasks"), "{}", run.talk);

    let run = laptop.run("share --sheet sheet.pdf", &server);
    assert_eq!(run.exit, Exit::Usage);
    assert!(run.talk.contains("ends neither in `.html` nor in `.txt`"), "{}", run.talk);
    assert_eq!(laptop.read("sheet.pdf"), None);
}
