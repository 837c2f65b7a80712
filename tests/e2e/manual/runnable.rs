//! What a guide marks as runnable runs: `<!-- try: COMPUTER -->` in front of a block of `sh`.
//!
//! All blocks of a page are one shell's, in their order. A computer is a home directory of its own; `operator` is the machine of the
//! server, where its verbs find its data. The addresses in the guides, `https://sync.example.org` and `https://other.example.org`,
//! stand for servers of the test's own, and `ssh COMPUTER …` runs there. Everything else is as it stands: the programs of this build and the real Taskwarrior.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::log::Log;

use super::{Page, pages};
use crate::{PROGRAMS, server_for_many_accounts};

const ADDRESS: &str = "https://sync.example.org";
const OTHER_ADDRESS: &str = "https://other.example.org";

const SSH: &str = "#!/bin/sh
computer=$1
shift
export HOME=\"$COMPUTERS/$computer\"
cd \"$HOME\"
exec sh -c \"$*\"
";

/// Programs under the names that people type.
fn programs(folder: &Path, task: &Path) {
    fs::create_dir(folder).expect("a folder");
    symlink(PROGRAMS.server, folder.join("taskferry-server")).expect("the server");
    symlink(PROGRAMS.wizard, folder.join("taskferry")).expect("the wizard");
    symlink(task, folder.join("task")).expect("Taskwarrior");
    fs::write(folder.join("ssh"), SSH).expect("ssh");
    fs::set_permissions(folder.join("ssh"), fs::Permissions::from_mode(0o755)).expect("our own file");
}

#[track_caller]
fn follow(path: &str) {
    let page = Page::read(path);
    let (server, other) = (server_for_many_accounts(), server_for_many_accounts());
    let folder = tempfile::Builder::new().prefix("guide-").tempdir().expect("a temporary folder");
    let computers = folder.path().join("computers");
    for computer in ["laptop", "desktop", "operator"] {
        fs::create_dir_all(computers.join(computer)).expect("a home");
    }
    // Taskwarrior is used there already; the other one is new.
    fs::write(computers.join("laptop/.taskrc"), "").expect("a taskrc");
    programs(&folder.path().join("bin"), e2e::home::taskwarrior());

    let (mut script, mut places) = ("set -euo pipefail\nexec 2>&1 </dev/null\n".to_owned(), Vec::new());
    for block in page.blocks() {
        let Some(computer) = block.computer else { continue };
        assert_eq!(block.language, "sh", "{}", block.place);
        assert!(computers.join(computer).is_dir(), "{}: there is no `{computer}`", block.place);
        let data = if computer == "operator" { server.data_dir().display().to_string() } else { String::new() };
        let place = format!("--- {} on {computer}", block.place);
        let _ = writeln!(script, "echo '{place}'");
        places.push(place);
        let _ = writeln!(script, "export HOME=\"$COMPUTERS/{computer}\" TASKFERRY_DATA_DIR='{data}'\ncd \"$HOME\"");
        script.push_str(&block.text.replace(ADDRESS, &server.url()).replace(OTHER_ADDRESS, &other.url()));
    }
    let file = folder.path().join("script");
    fs::write(&file, script).expect("a script");
    let mut bash = Command::new("bash");
    bash.arg(&file).env_clear().env("COMPUTERS", &computers).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    bash.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", folder.path().join("bin").display()));
    let mut shell = bash.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("bash");
    let log = Log::follow(shell.stdout.take().expect("its standard output"));
    // A page takes as long as it takes; none of its blocks does.
    for place in places {
        log.wait_for(&place, |line| (line == place).then_some(()));
    }
    log.wait_until_closed();
    let status = shell.wait().expect("its end");
    assert!(status.success(), "{path}: {status}\n{}", log.text());
}

macro_rules! followed {
    ($($name:ident: $path:literal;)+) => {
        const FOLLOWED: &[&str] = &[$($path),+];
        $(
            #[test]
            #[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
            fn $name() {
                follow($path);
            }
        )+
    };
}

followed! {
    two_computers_in_two_minutes: "docs/guide/first-minutes.md";
    every_day: "docs/guide/every-day.md";
    which_server: "docs/guide/servers.md";
    a_lost_computer: "docs/guide/lost-computer.md";
    repair: "docs/guide/repair.md";
    moving: "docs/guide/moving.md";
    by_hand_without_the_wizard: "docs/guide/by-hand.md";
    for_testers: "docs/tester.md";
    the_first_hour: "docs/operator/first-hour.md";
    upgrades: "docs/operator/upgrades.md";
    abuse: "docs/operator/abuse.md";
}

/// A page with something runnable that nobody runs would be worse than one without.
#[test]
fn every_page_with_something_runnable_is_followed() {
    for page in pages() {
        let runnable = page.blocks().iter().any(|block| block.computer.is_some());
        assert_eq!(runnable, FOLLOWED.contains(&page.path.as_str()), "{}", page.path);
    }
}
