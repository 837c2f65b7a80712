//! A poisoned account is taken back to its last good version.

use std::fs;
use std::path::PathBuf;

use e2e::{Account, SyncSettings, TaskHome, wait};
use taskferry_protocol::VersionId;

use crate::{PROGRAMS, server};

/// A device with a wrong secret that stands at the account's end sends what nobody else can read, and the server can't tell.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn rewound_to_its_last_good_version_a_poisoned_account_works_again_at_once() {
    // It asks for snapshots often, so that there is a poisoned one, too.
    let server = PROGRAMS.server().option("--snapshot-versions", "1").start();
    let settings = server.new_account();
    let account = Account::known_as(server.address(), settings.client_id);
    let (laptop, desk) = (TaskHome::with(&settings), TaskHome::with(&settings));
    laptop.task(["add", "buy milk"]).good();
    laptop.sync().good();
    desk.sync().good();
    let good = account.info().latest_version_id;

    let wrong = SyncSettings { secret: "another secret".to_owned(), ..settings.clone() };
    fs::write(desk.taskrc(), wrong.taskrc_lines()).expect("a taskrc");
    for poison in ["poison", "more of it", "and more"] {
        desk.task(["add", poison]).good();
        desk.sync().good();
    }
    laptop.task(["add", "call Ada"]).good();
    laptop.sync().fails_with("unsealing");
    TaskHome::with(&settings).sync().fails_with("unsealing");
    let poisoned = account.info();
    assert_ne!(poisoned.snapshot.map(|snapshot| snapshot.version_id), Some(good), "the snapshot is poisoned as well");

    let (hash, to) = (server.hash_of(&account), good.to_string());
    let done = server.ask_operator(["account", "rewind", &hash, "--to", &to, "--yes"]);
    assert_eq!(
        (&done["versions"], &done["takes_snapshot"], &done["complete"]),
        (&3.into(), &true.into(), &true.into())
    );
    wait::until("the server notices", || account.info().latest_version_id == good);

    // Whoever is healthy, and whoever is new, goes on.
    laptop.sync().good();
    let phone = TaskHome::with(&settings);
    phone.sync().good();
    assert_eq!((phone.tasks().len(), phone.tasks()), (2, laptop.tasks()));
    // Whoever caused it is told, and loses nothing.
    fs::write(desk.taskrc(), settings.taskrc_lines()).expect("a taskrc");
    desk.sync().fails_with("410");
    assert_eq!(desk.tasks().len(), 4);
    server.operate(["db", "check"]).good();
}

#[test]
fn what_was_taken_away_is_kept_and_can_be_had_back() {
    let server = server();
    let account = server.account();
    let [_, second, third, latest] = account.grow();
    account.add_snapshot(third, "the snapshot").good();
    let before = account.chain();
    let hash = server.hash_of(&account);
    let to = second.to_string();

    let dry = server.ask_operator(["account", "rewind", &hash, "--to", &to, "--dry-run"]);
    assert_eq!((&dry["versions"], &dry["kept"]), (&2.into(), &serde_json::Value::Null));
    assert_eq!((account.info().latest_version_id, account.chain().len()), (latest, 4), "nothing was changed");

    let done = server.ask_operator(["account", "rewind", &hash, "--to", &to, "--yes"]);
    wait::until("the server notices", || account.info().latest_version_id == second);
    assert_eq!((account.chain().len(), account.info().snapshot), (2, None));
    account.child_of(latest).refused(410, "version_gone");
    let kept = PathBuf::from(done["kept"].as_str().expect("a path"));
    assert!(kept.starts_with(server.data_dir()), "{}", kept.display());

    let kept = kept.to_str().expect("a path");
    server.operate(["account", "import", kept, "--replace", "--yes"]).good();
    wait::until("the server notices", || account.info().latest_version_id == latest);
    assert_eq!(account.chain(), before);
    assert_eq!(account.snapshot().good().body, b"the snapshot");
    server.operate(["db", "check"]).good();
}

#[test]
fn an_account_that_is_rewound_to_nothing_takes_any_history() {
    let mut server = server();
    let account = server.account();
    account.grow::<3>();
    let hash = server.hash_of(&account);
    server.stop();
    server.operate(["account", "rewind", &hash, "--to", &VersionId::NIL.to_string(), "--yes"]).good();
    server.start();
    assert!(account.info().is_empty());
    let elsewhere: VersionId = "c5b2a1de-4d3f-4b8e-9a6c-0123456789ab".parse().expect("an ID");
    account.append(elsewhere, "from another server");
    server.operate(["db", "check"]).good();
}

#[test]
fn what_is_no_version_of_the_account_is_refused_and_nobody_to_ask_is_no_yes() {
    let server = server();
    let (account, other) = (server.account(), server.account());
    let [first, latest] = account.grow();
    let [theirs] = other.grow();
    let hash = server.hash_of(&account);
    let rewind = |to: &str| server.operate(["account", "rewind", &hash, "--to", to, "--yes"]);
    let unknown = rewind(&theirs.to_string()).exits_with(1);
    assert!(unknown.stderr.contains("this account has no such version"), "{unknown}");
    rewind("yesterday").exits_with(2);
    let nothing = rewind(&latest.to_string()).good();
    assert!(nothing.stderr.contains("that is its latest version"), "{nothing}");
    let asked = server.operate(["account", "rewind", &hash, "--to", &first.to_string()]).exits_with(2);
    assert!(asked.stderr.contains("taking an account back needs a yes"), "{asked}");
    let (code, screen) = server.operate_at_a_terminal(["account", "rewind", &hash, "--to", &first.to_string()], "n\n");
    assert_eq!(code, Some(1), "{screen}");
    assert!(screen.contains("1 version (9 B) goes") && screen.contains("nothing was changed"), "{screen}");
    assert_eq!(account.chain().len(), 2);
    assert!(!server.data_dir().join("kept-accounts").exists(), "nothing was kept for nothing");
}

#[test]
fn where_what_goes_can_not_be_kept_nothing_goes() {
    let server = server();
    let account = server.account();
    let [first] = account.grow();
    let latest = account.append(first, vec![b'x'; 900_000]);
    let hash = server.hash_of(&account);
    let verb = ["account", "rewind", &hash, "--to", &first.to_string(), "--yes"];
    let full = server.operate_with_files_of(512, true, verb).exits_with(1);
    assert!(full.stderr.contains("could not write"), "{full}");
    server.operate_with_files_of(512, false, verb).was_killed();
    assert_eq!(account.info().latest_version_id, latest);
    assert_eq!(account.chain().len(), 2);
    server.operate(verb).good();
    wait::until("the server notices", || account.info().latest_version_id == first);
}
