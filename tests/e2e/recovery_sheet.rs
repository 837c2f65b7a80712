//! The recovery sheet: what is on the paper brings the tasks back when every computer is gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::command::run;
use e2e::tasks::to_do;
use e2e::{Person, TaskHome, TestServer};

use crate::{PROGRAMS, server};

/// The browser that `build.rs` found.
const CHROMIUM: Option<&str> = option_env!("CHROMIUM");

/// A computer in sync with a task and one that recurs, and the sheet that was made there.
fn with_sheet(server: &TestServer, name: &str) -> (TaskHome, PathBuf) {
    let laptop = TaskHome::untouched();
    laptop.wizard(PROGRAMS, ["setup", "--server", &server.url(), "--yes"], "").good();
    laptop.task(["add", "buy milk"]).good();
    laptop.task(["add", "water the plants", "due:2020-01-01", "recur:yearly", "until:2022-06-01"]).good();
    laptop.sync().good();
    laptop.wizard(PROGRAMS, ["share", "--sheet", name], "").good();
    let sheet = laptop.path().join(name);
    (laptop, sheet)
}

/// The rows of the code on a text sheet.
fn rows(sheet: &Path) -> Vec<String> {
    let text = fs::read_to_string(sheet).expect("a sheet");
    let rows = text.lines().filter_map(|line| line.strip_prefix("row "));
    rows.map(|row| row.split_once(' ').expect("a row").1.trim().to_owned()).collect()
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_sheet_typed_on_a_new_computer_brings_the_tasks_back_when_the_old_one_is_gone() {
    let server = server();
    let (laptop, sheet) = with_sheet(&server, "sheet.txt");
    let (rows, before) = (rows(&sheet), laptop.tasks());
    drop(laptop);

    let anywhere = TaskHome::untouched();
    let mut person = Person::starts(anywhere.command_of(PROGRAMS).args(["recover", "--test"]));
    person.sees("server:").answers(&server.url());
    for (number, row) in (1..).zip(&rows) {
        person.sees(&format!("row {number}:")).answers(&row.to_lowercase());
    }
    person.sees("the sheet opens the account: 1 task").sees("nothing was changed");
    person.is_done_after(1 + rows.len());
    assert_eq!(fs::read_dir(anywhere.path()).expect("a folder").count(), 0, "a test leaves nothing behind");

    let mut person = Person::starts(anywhere.command_of(PROGRAMS).arg("recover"));
    person.sees("server:").answers(&server.url());
    for (number, row) in (1..).zip(&rows) {
        person.sees(&format!("row {number}:")).answers(row);
    }
    person.sees("go on? [Y/n]").answers("").sees("joined; 1 task arrived").sees("pending");
    person.is_done_after(2 + rows.len());
    assert_eq!(anywhere.tasks(), before);
    // Nobody else makes the next ones of a recurring task any more.
    anywhere.task(["list"]).good();
    assert!(to_do(&anywhere.tasks()).len() > 2, "{:?}", anywhere.tasks());
}

/// The page as it comes out of a printer, and a photograph of it.
#[test]
#[cfg_attr(not(all(taskwarrior, chromium)), ignore = "needs Taskwarrior, and Chromium: apt-get install chromium")]
fn the_printed_page_is_one_and_its_qr_code_opens_the_account() {
    let server = server();
    let (laptop, sheet) = with_sheet(&server, "sheet.html");
    let browser = |target: &str| {
        let mut command = Command::new(CHROMIUM.expect("Chromium"));
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=860,1216",
            "--no-pdf-header-footer",
        ]);
        command.arg(format!("--user-data-dir={}", laptop.path().join("browser").display()));
        command.arg(target).arg(format!("file://{}", sheet.display()));
        run(command.env("HOME", laptop.path()), "").good();
    };
    let (paper, photo) = (laptop.path().join("sheet.pdf"), laptop.path().join("photo.png"));
    browser(&format!("--print-to-pdf={}", paper.display()));
    let pdf = String::from_utf8_lossy(&fs::read(&paper).expect("a PDF")).into_owned();
    let pages =
        pdf.match_indices("/Type /Page").filter(|(at, found)| !pdf[at + found.len()..].starts_with('s')).count();
    assert_eq!(pages, 1, "the sheet fits on one page");

    browser(&format!("--screenshot={}", photo.display()));
    let anywhere = TaskHome::untouched();
    let image = [photo.as_os_str()];
    let test = ["recover", "--test", "--image"].map(std::ffi::OsStr::new);
    let said = anywhere.wizard(PROGRAMS, test.into_iter().chain(image), "").good();
    assert!(said.stderr.contains("the sheet opens the account: 1 task"), "{said}");
    let join = ["join", "--yes", "--image"].map(std::ffi::OsStr::new);
    anywhere.wizard(PROGRAMS, join.into_iter().chain(image), "").good();
    assert_eq!(anywhere.tasks(), laptop.tasks());
}
