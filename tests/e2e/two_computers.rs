//! The wizard brings two computers together, and stock Taskwarrior does the rest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use e2e::command::Outcome;
use e2e::tasks::to_do;
use e2e::{SyncSettings, TaskHome, TestServer};
use taskferry_protocol::SetupLink;
use taskferry_protocol::link::Secret;

use crate::{PROGRAMS, server};

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_second_computer_joins_before_the_first_task_and_both_share_it() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    set_up(&laptop, &server).good();
    join(&desktop, &link_from(&laptop)).good();

    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    desktop.sync().good();
    assert_eq!(to_do(&desktop.tasks()), ["buy milk"]);
    assert_eq!(desktop.tasks(), laptop.tasks());

    desktop.task(["1", "done"]).good();
    desktop.sync().good();
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), [""; 0]);
    assert_eq!(desktop.tasks(), laptop.tasks());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_second_computer_that_joins_later_has_all_tasks_at_once() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    set_up(&laptop, &server).good();
    laptop.task(["add", "buy milk", "+shop", "project:home"]).good();
    laptop.task(["add", "call Ada"]).good();
    laptop.sync().good();

    join(&desktop, &link_from(&laptop)).good();
    assert_eq!(to_do(&desktop.tasks()), ["buy milk", "call Ada"]);
    assert_eq!(desktop.tasks(), laptop.tasks());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn tasks_that_both_computers_had_before_end_on_both() {
    let server = server();
    let (laptop, desktop) = (TaskHome::with_an_empty_taskrc(), TaskHome::with_an_empty_taskrc());
    laptop.task(["add", "buy milk"]).good();
    desktop.task(["add", "call Ada"]).good();

    set_up(&laptop, &server).good();
    join(&desktop, &link_from(&laptop)).good();
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), ["buy milk", "call Ada"]);
    assert_eq!(desktop.tasks(), laptop.tasks());
}

/// Taskwarrior itself refuses to start there, so the wizard has to look in another way.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn own_tasks_of_a_computer_without_a_taskrc_are_announced_and_not_counted_as_arrived() {
    let server = server();
    let (laptop, desktop) = (TaskHome::with_an_empty_taskrc(), TaskHome::with_an_empty_taskrc());
    laptop.task(["add", "buy milk"]).good();
    desktop.task(["add", "call Ada"]).good();
    desktop.task(["add", "call Grace"]).good();
    fs::remove_file(desktop.taskrc()).expect("a taskrc");

    set_up(&laptop, &server).good();
    let said = join(&desktop, &link_from(&laptop)).good();
    assert!(said.stderr.contains("sends 2 tasks of this computer"), "{said}");
    assert!(said.stderr.contains("joined; 1 task arrived"), "{said}");
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_second_computer_with_the_same_dotfiles_joins() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    for home in [&laptop, &desktop] {
        let dotfiles = home.path().join("dotfiles");
        fs::create_dir(&dotfiles).expect("a folder");
        fs::write(dotfiles.join("taskrc"), "include colors\n").expect("a file");
        fs::write(dotfiles.join("colors"), "color=off\n").expect("a file");
        std::os::unix::fs::symlink("dotfiles/taskrc", home.taskrc()).expect("a link");
    }
    set_up(&laptop, &server).good();
    fs::copy(laptop.taskrc(), desktop.taskrc()).expect("the same dotfiles");
    join(&desktop, &link_from(&laptop)).good();

    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    desktop.sync().good();
    assert_eq!(to_do(&desktop.tasks()), ["buy milk"]);
    let dotfiles = [&laptop, &desktop].map(|home| fs::read(home.taskrc()).expect("a taskrc"));
    assert_eq!(dotfiles[0], dotfiles[1]);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn two_computers_share_tasks_through_a_server_under_a_path() {
    let server = PROGRAMS.server().under("/sync").start();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    set_up(&laptop, &server).good();
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    join(&desktop, &link_from(&laptop)).good();
    assert_eq!(to_do(&desktop.tasks()), ["buy milk"]);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn the_secret_is_only_in_taskrc_which_only_its_owner_can_read() {
    let server = server();
    let laptop = TaskHome::untouched();
    let said = set_up(&laptop, &server).good();

    let mode = fs::metadata(laptop.taskrc()).expect("a taskrc").permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    let taskrc = fs::read_to_string(laptop.taskrc()).expect("a taskrc");
    let (_, rest) = taskrc.split_once("sync.encryption_secret=").expect("a secret");
    let secret = rest.lines().next().unwrap_or_default();
    assert_eq!(secret.len(), 64);
    assert!(!said.to_string().contains(secret), "{said}");
    assert!(!server.log().text().contains(secret));
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn setting_up_or_joining_twice_changes_nothing() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    set_up(&laptop, &server).good();
    let link = link_from(&laptop);
    join(&desktop, &link).good();
    let before = [&laptop, &desktop].map(|home| fs::read(home.taskrc()).expect("a taskrc"));

    set_up(&laptop, &server).good();
    join(&desktop, &link).good();
    assert!([&laptop, &desktop].map(|home| fs::read(home.taskrc()).expect("a taskrc")) == before);
    assert_eq!(link_from(&laptop), link);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_mistyped_link_is_refused_and_changes_nothing() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    set_up(&laptop, &server).good();

    let mut link = link_from(&laptop);
    let last = link.pop();
    link.push(if last == Some('A') { 'B' } else { 'A' });
    is_refused(join(&desktop, &link), &desktop);
}

/// Taskwarrior would say "Success!" and show nothing.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_link_to_an_account_that_nobody_made_is_refused_and_changes_nothing() {
    let server = server();
    let desktop = TaskHome::untouched();
    is_refused(join(&desktop, &link_of(&server.new_account())), &desktop);
}

/// Taskwarrior would send its next change sealed with the wrong secret, and spoil the account for all computers.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_wrong_secret_is_refused_before_it_spoils_the_account() {
    let server = server();
    let settings = server.new_account();
    let (laptop, desktop) = (TaskHome::with(&settings), TaskHome::untouched());
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();

    let guessed = SyncSettings { secret: "0".repeat(64), ..settings };
    is_refused(join(&desktop, &link_of(&guessed)), &desktop);
}

/// Nothing can prove a secret there: the next change would be sealed with it, and lock the first computer out.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_wrong_secret_without_a_checksum_can_not_take_over_an_empty_account() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    set_up(&laptop, &server).good();
    let lines = laptop.wizard(PROGRAMS, ["share", "--text"], "").good().stdout;
    let (before, secret) = lines.split_once("sync.encryption_secret=").expect("a secret");
    let turned: String = secret.trim().chars().rev().collect();
    is_refused(join(&desktop, &format!("{before}sync.encryption_secret={turned}\n")), &desktop);

    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    join(&desktop, &lines).good();
    assert_eq!(to_do(&desktop.tasks()), ["buy milk"]);
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn joining_while_the_server_is_down_changes_no_configuration_and_can_be_done_again() {
    let mut server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    set_up(&laptop, &server).good();
    let link = link_from(&laptop);
    server.stop();
    join(&desktop, &link).exits_with(1);
    assert!(!desktop.taskrc().exists() && !desktop.path().join(".task").exists());

    server.start();
    join(&desktop, &link).good();
}

#[track_caller]
fn set_up(home: &TaskHome, server: &TestServer) -> Outcome {
    home.wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "")
}

#[track_caller]
fn join(home: &TaskHome, link: &str) -> Outcome {
    home.wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], link)
}

/// The setup link that a computer hands on.
#[track_caller]
fn link_from(home: &TaskHome) -> String {
    home.wizard(PROGRAMS, ["share", "--link"], "").good().stdout.trim().to_owned()
}

/// A setup link that nobody handed on.
fn link_of(settings: &SyncSettings) -> String {
    let link = SetupLink {
        server: settings.url.parse().expect("a server's address"),
        client_id: settings.client_id,
        secret: Secret::parse(settings.secret.clone()).expect("a secret"),
    };
    link.to_text().to_string()
}

/// Told what is wrong and what to do; nothing is written.
#[track_caller]
fn is_refused(outcome: Outcome, home: &TaskHome) {
    let said = outcome.exits_with(1);
    assert!(said.stderr.contains("error: ") && said.stderr.contains("hint: "), "{said}");
    let there: Vec<_> = std::fs::read_dir(home.path()).expect("the home").flatten().map(|entry| entry.path()).collect();
    assert!(there.is_empty(), "{said}\nleft behind: {there:?}");
}
