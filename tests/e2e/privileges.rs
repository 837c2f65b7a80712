//! A server that was started as root is root no more, and can't be again.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use taskferry_protocol::VersionId;

use crate::PROGRAMS;

const NOBODY: &str = "65532:65532";

fn tests_run_as_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A line of a thread's `/proc/…/status`.
fn field<'a>(status: &'a str, name: &str) -> Vec<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in\n{status}"));
    line.split_whitespace().collect()
}

#[test]
fn started_as_root_it_becomes_the_user_with_every_thread_and_owns_its_fresh_directory() {
    if !tests_run_as_root() {
        eprintln!("not run as root: what only root can give up is not tested here");
        return;
    }
    let setup = PROGRAMS.server().option("--user", NOBODY);
    // The user has to get there, past a folder that is private to the tests.
    let folder = setup.data_dir().parent().expect("a folder").to_owned();
    fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o711)).expect("our own folder");
    let server = setup.start();
    let account = server.account();
    account.append(VersionId::NIL, "a version");

    let tasks = fs::read_dir(format!("/proc/{}/task", server.process())).expect("its threads");
    let mut threads = 0;
    for task in tasks {
        let status = fs::read_to_string(task.expect("a thread").path().join("status")).expect("its status");
        assert_eq!(field(&status, "Uid:"), ["65532"; 4], "{status}");
        assert_eq!(field(&status, "Gid:"), ["65532"; 4], "{status}");
        assert_eq!(field(&status, "Groups:"), ["65532"], "{status}");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(field(&status, set), ["0000000000000000"], "{status}");
        }
        assert_eq!(field(&status, "NoNewPrivs:"), ["1"], "{status}");
        threads += 1;
    }
    assert!(threads > 1, "the server's threads were not looked at");
    let directory = fs::metadata(server.data_dir()).expect("its data");
    assert_eq!((directory.uid(), directory.gid(), directory.mode() & 0o777), (65532, 65532, 0o700));
}

#[test]
fn a_directory_with_something_in_it_is_not_taken_over() {
    if !tests_run_as_root() {
        eprintln!("not run as root: what only root can give away is not tested here");
        return;
    }
    let setup = PROGRAMS.server().option("--user", NOBODY);
    fs::create_dir(setup.data_dir()).expect("a directory");
    fs::write(setup.data_dir().join("somebody's file"), "").expect("a file in it");
    setup.run_to_its_end().fails_with("as data directory");
    assert_eq!(fs::metadata(setup.data_dir()).expect("the directory").uid(), 0);
}

#[test]
fn only_root_can_become_somebody_else() {
    let setup = PROGRAMS.server();
    let mut command = Command::new(PROGRAMS.server);
    command.args(["serve", "--user", "12345:12345", "--listen", "127.0.0.1:0", "--data-dir"]).arg(setup.data_dir());
    command.env_clear().env("HOME", setup.data_dir());
    if tests_run_as_root() {
        command.uid(65532).gid(65532);
    }
    e2e::command::run(&mut command, "").fails_with("only root can become another user");
    assert!(!setup.data_dir().exists());
    setup.option("--user", "root").run_to_its_end().exits_with(2);
}
