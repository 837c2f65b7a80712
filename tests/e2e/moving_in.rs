//! Accounts of another server move here without their devices noticing.

use std::fs;
use std::path::Path;

use e2e::reference as reference_data;
use e2e::{Account, TaskHome, TestServer};
use rusqlite::{Connection, params};
use taskferry_protocol::VersionId;

use crate::{PROGRAMS, server};

/// The reference server's data directory, by the words of `taskchampion-sync-server-storage-sqlite` 0.7.1.
fn reference(directory: &Path) -> Connection {
    fs::create_dir_all(directory).expect("a folder");
    let db = Connection::open(directory.join("taskchampion-sync-server.sqlite3")).expect("a database");
    db.pragma_update(None, "journal_mode", "WAL").expect("its mode");
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS clients (
            client_id STRING PRIMARY KEY,
            latest_version_id STRING,
            snapshot_version_id STRING,
            versions_since_snapshot INTEGER,
            snapshot_timestamp INTEGER,
            snapshot BLOB);
        CREATE TABLE IF NOT EXISTS versions (version_id STRING PRIMARY KEY, client_id STRING, parent_version_id STRING, \
            history_segment BLOB);
        CREATE INDEX IF NOT EXISTS versions_by_parent ON versions (parent_version_id);",
    )
    .expect("its tables");
    db
}

/// Writes an account as the reference server would have: what our server has of it, asked over the protocol.
fn copy(account: &Account, client: &str, to: &Connection) {
    for version in account.chain() {
        let ids = [version.id, version.parent].map(|id: VersionId| id.as_uuid().to_string());
        to.execute("INSERT INTO versions VALUES (?1, ?2, ?3, ?4)", params![ids[0], client, ids[1], version.body])
            .expect("a version");
    }
    let info = account.info();
    let latest = info.latest_version_id.as_uuid().to_string();
    let snapshot = info.snapshot.map(|meta| (meta.version_id.as_uuid().to_string(), account.snapshot().good().body));
    let (version, body) = snapshot.unzip();
    let at = version.as_ref().map(|_| 1_700_000_000);
    to.execute(
        "INSERT INTO clients VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![client, latest, version, version.as_ref().map(|_| 0), at, body],
    )
    .expect("a client");
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn taskwarrior_goes_on_with_an_account_that_moved_here_from_the_reference_server() {
    let old = server();
    let settings = old.new_account();
    let laptop = TaskHome::with(&settings);
    laptop.task(["add", "made on the old server"]).good();
    laptop.sync().good();

    let new = PROGRAMS.server();
    let theirs = new.data_dir().parent().expect("its folder").join("theirs");
    let account = Account::known_as(old.address(), settings.client_id);
    copy(&account, &settings.client_id.expose().to_string(), &reference(&theirs));

    let from = theirs.to_str().expect("a path").to_owned();
    let told = new.operate(["import", "--from", &from]).good();
    assert!(told.stderr.contains("took over 1 account with 1 version from the reference server"), "{told}");
    let new: TestServer = new.start();
    let moved = e2e::SyncSettings { url: new.url(), ..settings.clone() };
    fs::write(laptop.taskrc(), moved.taskrc_lines()).expect("a taskrc");
    laptop.task(["add", "made on the new server"]).good();
    laptop.sync().good();
    let phone = TaskHome::with(&moved);
    phone.sync().good();
    assert_eq!((phone.tasks().len(), phone.tasks()), (2, laptop.tasks()));

    // A second time, beside the running server: nothing is taken back.
    let again = new.operate(["import", "--from", &from]).good();
    assert!(again.stderr.contains("here already, with the same history: 1 account"), "{again}");
    phone.sync().good();
    assert_eq!(phone.tasks(), laptop.tasks());
}

/// Written by the reference's own crates, and by a Taskwarrior that synced through them.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn what_the_published_reference_wrote_arrives_byte_for_byte_and_its_computer_carries_on() {
    let setup = PROGRAMS.server();
    let theirs = setup.data_dir().parent().expect("its folder").join("theirs");
    reference_data::lay_into(&theirs);
    let before = reference_data::chains(&theirs);
    assert!(before.len() > 10 && before.iter().any(|(_, chain)| chain.len() > 3), "an empty fixture");
    let from = theirs.to_str().expect("a path").to_owned();
    setup.operate(["import", "--from", &from]).good();
    let server = setup.start();
    for (client, chain) in &before {
        let account = Account::known_as(server.address(), *client);
        let first = chain.first().map_or(VersionId::NIL, |(parent, ..)| *parent);
        let arrived: Vec<_> =
            account.chain_from(first).into_iter().map(|version| (version.parent, version.id, version.body)).collect();
        assert_eq!(arrived, *chain);
    }
    server.operate(["db", "check"]).good();

    let laptop = reference_data::laptop(&server.url());
    laptop.task(["add", "made after the move"]).good();
    laptop.sync().good();
    let phone = TaskHome::with(&reference_data::settings(&server.url()));
    phone.sync().good();
    assert_eq!((phone.tasks().len(), phone.tasks()), (5, laptop.tasks()));
    phone.task(["add", "from the phone"]).good();
    phone.sync().good();
    laptop.sync().good();
    assert_eq!((laptop.tasks().len(), phone.tasks()), (6, laptop.tasks()));
}

#[test]
fn accounts_move_from_one_taskferry_to_another_byte_for_byte_while_both_run() {
    let (old, new) = (server(), server());
    let account = old.account();
    let [.., latest] = account.grow::<7>();
    let latest = account.append(latest, vec![b'x'; 900_000]);
    account.add_snapshot(latest, vec![b'y'; 700_000]).good();
    let from = old.data_dir().to_str().expect("a path").to_owned();

    let looked = new.operate(["import", "--from", &from, "--dry-run"]).good();
    assert!(looked.stderr.contains("would take over 1 account with 8 versions from another Taskferry"), "{looked}");
    let moved = Account::known_as(new.address(), account.id());
    assert_eq!(moved.describe().status, 404, "nothing was changed");

    new.operate(["import", "--from", &from]).good();
    assert_eq!(moved.chain(), account.chain());
    assert_eq!(moved.snapshot().good().body, account.snapshot().good().body);
    assert_eq!(moved.info().snapshot, account.info().snapshot);
    new.operate(["db", "check"]).good();
    moved.append(latest, "goes on here");
}

#[test]
fn an_account_with_another_history_is_left_alone_and_named() {
    let (old, new) = (server(), server());
    let account = old.account();
    account.grow::<2>();
    let ours = Account::known_as(new.address(), account.id());
    ours.append(VersionId::NIL, "ours");
    let from = old.data_dir().to_str().expect("a path").to_owned();
    let told = new.operate(["import", "--from", &from]).exits_with(3);
    assert!(told.stderr.contains("its history is another one"), "{told}");
    assert!(!told.to_string().contains(&account.id().expose().to_string()), "no credential is shown");
    assert_eq!(ours.chain().len(), 1);
}

#[test]
fn a_server_started_on_the_references_data_says_how_to_take_it_over() {
    let setup = PROGRAMS.server();
    drop(reference(setup.data_dir()));
    let refused = setup.run_to_its_end().exits_with(1);
    assert!(refused.stderr.contains("taskferry-server import --from"), "{refused}");
}

#[test]
fn the_command_that_is_offered_there_is_the_one_that_works() {
    let setup = PROGRAMS.server();
    reference_data::lay_into(setup.data_dir());
    let refused = setup.run_to_its_end().exits_with(1);
    let command =
        refused.stderr.split('`').find(|text| text.starts_with("taskferry-server import")).expect("a command");
    let mut words: Vec<&str> = command.split(' ').skip(1).collect();
    let ours = setup.data_dir().with_file_name("ours");
    assert_eq!(words.pop(), Some("DIR"), "{refused}");
    words.push(ours.to_str().expect("a path"));
    setup.operate_as_typed(&words).good();
    assert!(ours.join("taskferry.sqlite3").is_file());
    let theirs = |name: &str| fs::read(setup.data_dir().join(name));
    assert!(
        theirs("taskferry.sqlite3").is_err() && theirs("taskferry.lock").is_err(),
        "nothing of ours is beside theirs"
    );
    let untouched = tempfile::tempdir().expect("a folder");
    reference_data::lay_into(untouched.path());
    let before = fs::read(untouched.path().join(reference_data::FILE)).expect("theirs");
    assert!(theirs(reference_data::FILE).is_ok_and(|now| now == before), "theirs is as it was");
}
