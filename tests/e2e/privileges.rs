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

/// As on a new machine whose volume is mounted for the first time: what a restore or an import puts there must be the server's.
#[test]
fn what_root_restores_or_imports_into_a_fresh_directory_belongs_to_the_servers_user() {
    if !tests_run_as_root() {
        eprintln!("not run as root: what only root can give away is not tested here");
        return;
    }
    let open = |folder: &std::path::Path| {
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o711)).expect("our own folder");
    };
    let lost = PROGRAMS.server();
    let place = lost.data_dir().parent().expect("a folder").join("backups");
    open(place.parent().expect("a folder"));
    let lost = lost.start();
    let account = lost.account();
    let latest = account.append(VersionId::NIL, "a version");
    let to = place.to_str().expect("a path").to_owned();
    lost.operate(["backup", "create", "--to", &to]).good();
    for entry in fs::read_dir(&place).expect("backups").flatten() {
        fs::set_permissions(entry.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("our own file");
    }
    open(&place);
    fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("our own folder");
    let from = lost.data_dir().to_str().expect("a path").to_owned();

    for verb in [&["restore", &to, "--yes"][..], &["import", "--from", &from]] {
        let new = PROGRAMS.server().variable("TASKFERRY_USER", NOBODY);
        open(new.data_dir().parent().expect("a folder"));
        new.operate(verb).good();
        for path in [new.data_dir().to_owned(), new.data_dir().join("taskferry.sqlite3")] {
            assert_eq!(fs::metadata(&path).expect("its data").uid(), 65532, "{}", path.display());
        }
        let server = new.start();
        let here = e2e::Account::known_as(server.address(), account.id());
        assert_eq!(here.info().latest_version_id, latest);
    }
}

/// The reference server's directory is private to its user, and so is ours.
#[test]
fn root_imports_what_lets_only_its_own_user_in_and_leaves_it_that_users() {
    const THEIRS: u32 = 65531;
    if !tests_run_as_root() {
        eprintln!("not run as root: there is nobody else's data");
        return;
    }
    let new = PROGRAMS.server().option("--user", NOBODY);
    let folder = new.data_dir().parent().expect("a folder").to_owned();
    fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o711)).expect("our own folder");
    let theirs = folder.join("theirs");
    e2e::reference::lay_into(&theirs);
    let handed = |path: &std::path::Path| std::os::unix::fs::chown(path, Some(THEIRS), Some(THEIRS)).expect("theirs");
    for entry in fs::read_dir(&theirs).expect("their data").flatten() {
        fs::set_permissions(entry.path(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a file");
        handed(&entry.path());
    }
    fs::set_permissions(&theirs, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("a folder");
    handed(&theirs);

    let server = new.start();
    let said = server.operate(["import", "--from", theirs.to_str().expect("a path")]).good();
    assert!(said.stderr.contains("took over 13 accounts with 33 versions from the reference server"), "{said}");
    for (directory, owner) in [(theirs.as_path(), THEIRS), (server.data_dir(), 65532)] {
        for entry in fs::read_dir(directory).expect("a directory").flatten() {
            assert_eq!(entry.metadata().expect("a file").uid(), owner, "{}", entry.path().display());
        }
    }
    server.operate(["db", "check"]).good();
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
