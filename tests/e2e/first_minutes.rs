//! From nothing to shared tasks in a real terminal, with real Taskwarrior: one command on each computer, at most four answers
//! on the first and two on the second, and no file edited by hand.

use e2e::tasks::to_do;
use e2e::{Person, TaskHome};

use crate::{PROGRAMS, server};

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn two_people_at_two_terminals_share_tasks_after_two_commands() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());

    let mut person = at(&laptop, &[], &server.url());
    person.sees("your choice, 1 to 5 [1]").answers("");
    person.sees("go on? [Y/n]").answers("").sees("works; there are no tasks yet").sees("taskferry share");
    person.is_done_after(2);
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();

    let link = laptop.wizard(PROGRAMS, ["share"], "").good().stdout;
    let mut person = at(&desktop, &["join"], &server.url());
    person.sees("paste the setup link").answers(&pasted(&link));
    person.sees("the secret fits").sees("go on? [Y/n]").answers("").sees("joined; 1 task arrived").sees("pending");
    let screen = person.is_done_after(2);
    assert!(!screen.contains(link.trim()), "a pasted link is not shown:\n{screen}");
    assert_eq!(desktop.tasks(), laptop.tasks());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_server_of_ones_own_takes_four_answers() {
    let server = server();
    let laptop = TaskHome::untouched();
    // Nothing listens there, so cloud sync is not the default.
    let mut person = at(&laptop, &[], "http://127.0.0.1:9");
    person.sees("does not answer right now").sees("your choice, 1 to 5 [2]").answers("");
    person.sees("address of the sync server").answers(server.url().trim_start_matches("http://"));
    person.sees("did you mean").sees("address of the sync server").answers("");
    person.sees("go on? [Y/n]").answers("yes").sees("works; there are no tasks yet").sees("taskferry share");
    person.is_done_after(4);
}

/// Several lines, as a terminal hands them over: marked, and in one piece.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn own_tasks_on_both_sides_meet_after_the_second_person_said_yes() {
    let server = server();
    let (laptop, desktop) = (TaskHome::with_an_empty_taskrc(), TaskHome::with_an_empty_taskrc());
    laptop.task(["add", "buy milk"]).good();
    desktop.task(["add", "call Ada"]).good();
    laptop.wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "").good();

    let lines = laptop.wizard(PROGRAMS, ["share", "--text"], "").good().stdout;
    let mut person = at(&desktop, &["join"], &server.url());
    person.sees("paste the setup link").answers(&pasted(&lines));
    person.sees("and sends 1 task of this").sees("go on? [y/N]").answers("y").sees("joined; 1 task arrived");
    person.sees("next `task sync`");
    person.is_done_after(2);
    laptop.sync().good();
    assert_eq!(to_do(&laptop.tasks()), ["buy milk", "call Ada"]);
    assert_eq!(desktop.tasks(), laptop.tasks());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_qr_code_fits_the_terminal_and_its_picture_brings_the_second_computer_in() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    laptop.wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "").good();
    let mut person = at(&laptop, &["share", "--qr"], &server.url());
    person.sees("scan it with a phone").sees("▄").sees("\u{1b}[0m");
    person.is_done_after(0);

    let picture = desktop.path().join("photo.png");
    laptop.wizard(PROGRAMS, ["share".as_ref(), "--png".as_ref(), picture.as_os_str()], "").good();
    desktop.wizard(PROGRAMS, ["join", "--image", "photo.png", "--yes"], "").good();
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    desktop.sync().good();
    assert_eq!(desktop.tasks(), laptop.tasks());
}

/// Where both computers made the next task of a recurring one, there were two of each.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_recurring_task_comes_once_on_two_computers() {
    let server = server();
    let (laptop, desktop) = (TaskHome::untouched(), TaskHome::untouched());
    laptop.wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "").good();
    laptop.task(["add", "water the plants", "due:2020-01-01", "recur:yearly", "until:2022-06-01"]).good();
    laptop.sync().good();
    let link = laptop.wizard(PROGRAMS, ["share"], "").good().stdout;
    desktop.wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], &link).good();

    // A list makes the tasks that are due; here it must not.
    desktop.task(["list"]).fails_with("No matches");
    laptop.task(["list"]).good();
    for home in [&laptop, &desktop, &laptop] {
        home.sync().good();
    }
    assert!(!to_do(&laptop.tasks()).is_empty());
    assert_eq!(desktop.tasks(), laptop.tasks());
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn an_invite_from_the_operator_lets_one_person_in() {
    let server = PROGRAMS.server().option("--registration", "invite").start();
    let made = server.ask_operator(["invite", "create"]);
    let invite = made["code"].as_str().expect("a code");
    let (laptop, stranger) = (TaskHome::untouched(), TaskHome::untouched());
    let url = server.url();
    let set_up = |home: &TaskHome, more: &[&str]| {
        home.wizard(PROGRAMS, [&["setup", "--server", &url, "--yes"], more].concat(), "")
    };

    let said = set_up(&stranger, &[]).exits_with(2);
    assert!(said.stderr.contains("this server takes new accounts only with an invite"), "{said}");
    assert!(said.stderr.contains("hint: add `--invite CODE`"), "{said}");

    set_up(&laptop, &["--invite", invite]).good();
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();

    let said = set_up(&stranger, &["--invite", invite]).exits_with(1);
    assert!(said.stderr.contains("error: this invite was used already"), "{said}");
    assert!(said.stderr.contains("nothing was changed on this computer"), "{said}");
    assert!(!stranger.taskrc().exists());

    // Whoever has the link needs no invite: the account is there.
    let link = laptop.wizard(PROGRAMS, ["share"], "").good().stdout;
    let desktop = TaskHome::untouched();
    desktop.wizard(PROGRAMS, ["join", "--from-stdin", "--yes"], &link).good();
    assert_eq!(desktop.tasks(), laptop.tasks());
    assert_eq!(server.ask_operator(["account", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn an_invite_is_asked_for_where_the_server_wants_one_and_again_where_it_is_refused() {
    let server = PROGRAMS.server().option("--registration", "invite").start();
    let made = server.ask_operator(["invite", "create"]);
    let invite = made["code"].as_str().expect("a code");
    let laptop = TaskHome::untouched();
    let mut person = at(&laptop, &["setup", "--server", &server.url()], &server.url());
    person.sees("only with an invite").sees("invite").answers("GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ");
    person.sees("go on? [Y/n]").answers("").sees("does not know this invite").sees("another invite");
    person.answers(&invite.to_lowercase()).sees("works; there are no tasks yet").sees("taskferry share");
    person.is_done_after(3);
}

/// Settings of another way to sync, written by hand once: real Taskwarrior would follow them and report success.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_leftover_way_to_sync_is_shown_and_goes_with_a_yes() {
    let server = server();
    let laptop = TaskHome::untouched();
    std::fs::write(laptop.taskrc(), "color=off\nsync.local.server_dir=/nowhere\n").expect("a taskrc");
    let mut person = at(&laptop, &["setup", "--server", &server.url()], &server.url());
    person.sees("- sync.local.server_dir=/nowhere").sees("go on? [y/N]").answers("y").sees("taskferry share");
    person.is_done_after(1);
    let taskrc = std::fs::read_to_string(laptop.taskrc()).expect("a taskrc");
    assert!(taskrc.starts_with("color=off\n") && !taskrc.contains("sync.local"), "{taskrc}");
}

/// Somebody in front of this computer, who starts the wizard.
#[track_caller]
fn at(home: &TaskHome, words: &[&str], cloud: &str) -> Person {
    Person::starts(home.command_of(PROGRAMS).args(words).env("TASKFERRY_CLOUD", cloud))
}

/// As a terminal marks what was pasted.
fn pasted(text: &str) -> String {
    format!("\u{1b}[200~{text}\u{1b}[201~")
}
