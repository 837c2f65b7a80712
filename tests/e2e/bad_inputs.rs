//! Whatever is wrong with the data, a backup or a place: a sentence, a hint, the right exit code, and nothing lost. Word for
//! word.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use e2e::command::Transcript;
use e2e::{Bucket, TestServer};
use taskferry_protocol::VersionId;

use crate::{PROGRAMS, server};

/// Every verb that opens the data, where none of them can do anything.
const VERBS: [&[&str]; 8] = [
    &["account", "list"],
    &["invite", "create"],
    &["backup", "create"],
    &["prune", "--dry-run"],
    &["stats"],
    &["db", "status"],
    &["db", "check"],
    &["db", "vacuum"],
];

/// What it said, with names for what is another one each time.
fn words(said: &Transcript, server: &TestServer) -> String {
    let data = server.data_dir().to_str().expect("a path");
    let folder = server.data_dir().parent().and_then(|folder| folder.to_str()).expect("a path");
    // The server's log comes first.
    let error = said.stderr.find("error: ").unwrap_or(0);
    said.stderr[error..].replace(data, "DATA").replace(folder, "FOLDER")
}

#[track_caller]
fn assert_said(said: &Transcript, server: &TestServer, expected: &str) {
    assert_eq!(words(said, server).trim_end(), expected, "{said}");
}

/// A stopped server with an account in it.
#[track_caller]
fn stopped() -> TestServer {
    let mut server = server();
    server.account().append(VersionId::NIL, "a version");
    server.stop();
    server
}

/// The server and every verb refuse this file in the place of the database with these words, and leave it as it is.
#[track_caller]
fn all_refuse(server: &TestServer, file: &[u8], expected: &str) {
    let database = server.data_dir().join("taskferry.sqlite3");
    fs::write(&database, file).expect("a file");
    assert_said(&PROGRAMS.server().on_data_of(server).run_to_its_end().exits_with(1), server, expected);
    for verb in VERBS {
        assert_said(&server.operate(verb).exits_with(1), server, expected);
    }
    assert!(fs::read(&database).expect("the file") == file, "it was changed");
}

#[test]
fn a_second_server_is_told_who_holds_the_data_and_the_first_goes_on() {
    let server = server();
    let account = server.account();
    let [latest] = account.grow();
    let refused = PROGRAMS.server().on_data_of(&server).run_to_its_end().exits_with(1);
    let expected = format!(
        "error: another server is using `DATA` (process {})\n\n\
         hint: stop that server first, or choose another directory with `--data-dir DIR`",
        server.process()
    );
    assert_said(&refused, &server, &expected);
    account.append(latest, "goes on");
}

#[test]
fn a_file_that_is_no_database_of_ours_is_refused_by_everything_and_left_as_it_is() {
    let server = stopped();
    let foreign = server.data_dir().join("foreign");
    let db = rusqlite::Connection::open(&foreign).expect("a database");
    db.execute_batch("CREATE TABLE theirs (x)").expect("a table");
    drop(db);
    let expected = "error: `DATA/taskferry.sqlite3` is a database of another program\n\n\
                    hint: it is left as it is; choose another directory with `--data-dir DIR`";
    all_refuse(&server, &fs::read(foreign).expect("a database"), expected);
    all_refuse(&server, b"this is a letter to my grandmother, and no database at all", expected);
}

#[test]
fn a_database_of_a_later_version_is_refused_by_everything_and_left_as_it_is() {
    let server = stopped();
    let database = server.data_dir().join("taskferry.sqlite3");
    let db = rusqlite::Connection::open(&database).expect("the database");
    db.pragma_update(None, "journal_mode", "DELETE").expect("one file");
    db.pragma_update(None, "user_version", 99).expect("a later schema");
    drop(db);
    let known: u32 = 1;
    let expected = format!(
        "error: `DATA/taskferry.sqlite3` was written by a newer version (schema 99; this one knows up to {known})\n\n\
         hint: run the newer version again, or restore a backup made before the upgrade"
    );
    all_refuse(&server, &fs::read(&database).expect("the database"), &expected);
}

#[test]
fn a_database_whose_beginning_is_destroyed_is_told_from_a_foreign_one() {
    let server = stopped();
    let mut bytes = fs::read(server.data_dir().join("taskferry.sqlite3")).expect("the database");
    // Its header says whose it is; the list of its tables behind that is gone.
    bytes[100..4096].fill(0xA5);
    all_refuse(
        &server,
        &bytes,
        "error: could not open the database `DATA/taskferry.sqlite3`\n  \
         Caused by: database disk image is malformed\n\n\
         hint: keep a copy of the whole data directory as it is, which may help to rescue more; \
         then `taskferry-server restore latest` puts the last good backup back",
    );
}

#[test]
fn whoever_may_not_see_the_data_is_told_so_and_not_that_there_is_none() {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run as root: nobody else can be asked");
        return;
    }
    let server = stopped();
    fs::set_permissions(server.data_dir().parent().expect("a parent"), fs::Permissions::from_mode(0o755))
        .expect("permissions");
    for verb in VERBS {
        assert_said(
            &server.operate_as(NOBODY, verb).exits_with(1),
            &server,
            "error: could not look into `DATA`\n  \
             Caused by: Permission denied (os error 13)\n\n\
             hint: run the command as the user of the server, or as root",
        );
    }
    let data = server.data_dir().to_str().expect("a path");
    for verb in [&["backup", "list"][..], &["restore", "latest"], &["restore", data, "--dry-run"]] {
        let said = server.operate_as(NOBODY, verb).either_way();
        assert!(matches!(said.code(), 1 | 3), "{said}");
        assert!(said.stderr.contains("\n\nhint: run the command as the user of the server, or as root\n"), "{said}");
    }
    assert_said(
        &server.operate_as(NOBODY, ["import", "--from", data]).exits_with(1),
        &server,
        "error: could not look into `DATA`\n  \
         Caused by: Permission denied (os error 13)\n\n\
         hint: run the command as root: it opens the source before it acts as the data's owner",
    );
    let doctor = server.operate_as(NOBODY, ["doctor"]).exits_with(3);
    assert!(doctor.stdout.contains("`permissions` first: ") && !doctor.stdout.contains("there is none"), "{doctor}");
}

/// A command that root starts acts as the data's owner, who may not go everywhere where root may.
#[test]
fn what_the_data_s_owner_may_not_read_is_not_called_missing_to_root() {
    const OWNER: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run as root: nobody else owns the data");
        return;
    }
    let server = stopped();
    let private = tempfile::tempdir().expect("a folder");
    let backup = private.path().join("copy.sqlite3");
    fs::copy(server.data_dir().join("taskferry.sqlite3"), &backup).expect("a copy");
    for entry in fs::read_dir(server.data_dir()).expect("the data").flatten() {
        std::os::unix::fs::chown(entry.path(), Some(OWNER), Some(OWNER)).expect("another owner");
    }
    std::os::unix::fs::chown(server.data_dir(), Some(OWNER), Some(OWNER)).expect("another owner");
    fs::set_permissions(server.data_dir().parent().expect("a parent"), fs::Permissions::from_mode(0o755))
        .expect("permissions");
    let backup = backup.to_str().expect("a path");
    let said = server.operate(["restore", backup, "--dry-run"]).exits_with(1);
    assert!(said.stderr.starts_with(&format!("error: could not read `{backup}`\n")), "{said}");
    assert!(
        said.stderr.contains("hint: the command acts as user 65534, whose the data is: let that user in"),
        "{said}"
    );
}

#[test]
fn a_directory_is_not_imported_into_itself() {
    let server = stopped();
    let around = server.data_dir().join("../data");
    let around = if around.exists() { around } else { server.data_dir().to_owned() };
    assert_said(
        &server.operate(["import", "--from", around.to_str().expect("a path")]).exits_with(1),
        &server,
        "error: `DATA` holds this server's own data\n\nhint: name the other server's directory with `--from DIR`",
    );
}

#[test]
fn a_file_in_the_place_of_the_data_directory_is_called_a_file() {
    let setup = PROGRAMS.server();
    fs::write(setup.data_dir(), "").expect("a file");
    let refused = setup.run_to_its_end().exits_with(1);
    assert!(refused.stderr.contains("is a file: name a directory with `--data-dir DIR`"), "{refused}");
}

#[test]
fn who_holds_the_database_for_long_is_named_as_the_reason() {
    let server = stopped();
    let holder = rusqlite::Connection::open(server.data_dir().join("taskferry.sqlite3")).expect("the database");
    holder.execute_batch("BEGIN IMMEDIATE").expect("the only one who writes");
    let said = server.operate(["account", "create"]).exits_with(1);
    assert!(said.stderr.contains("Caused by: database is locked"), "{said}");
    assert!(said.stderr.contains("hint: another program has held the database for seconds"), "{said}");
}

#[test]
fn a_backup_that_is_not_there_or_cut_short_is_not_restored() {
    let server = stopped();
    let restore = |what: &str| server.operate(["restore", what, "--yes"]).exits_with(1);
    let none = "error: there is no backup in `DATA/backups`\n\n\
                hint: `taskferry-server backup create` makes one; \
                `--backup-every 6h` lets the server make them by itself";
    assert_said(&restore("latest"), &server, none);
    assert_said(&server.operate(["backup", "verify"]).exits_with(1), &server, none);
    for missing in ["taskferry-20200101T000000.000Z", "nowhere"] {
        assert_said(
            &restore(missing),
            &server,
            &format!(
                "error: there is no backup `{missing}`\n\nhint: `taskferry-server backup list` shows what there is"
            ),
        );
    }
    server.operate(["backup", "create"]).good();
    let is_database = |file: &fs::DirEntry| file.path().extension().is_some_and(|end| end == "sqlite3");
    let folder = fs::read_dir(server.data_dir().join("backups")).expect("backups");
    let backup = folder.flatten().find(is_database).expect("a backup").path();
    let bytes = fs::read(&backup).expect("a backup");
    fs::write(&backup, &bytes[..bytes.len() / 2]).expect("a backup cut short");
    let said = words(&restore("latest"), &server);
    assert!(
        said.starts_with("error: the backup is damaged, and was not restored: its file has ")
            && said
                .contains(" and not what its manifest says: it was cut short or changed\n\nhint: choose another one: "),
        "{said}"
    );
    // Without its manifest it is none.
    fs::remove_file(backup.with_extension("json")).expect("a manifest");
    assert_said(&restore("latest"), &server, none);
}

#[test]
fn a_bucket_that_refuses_is_told_with_its_own_reason_and_without_its_credentials() {
    let bucket = Bucket::start();
    let mut setup = PROGRAMS.server();
    for (name, value) in bucket.variables() {
        setup = setup.variable(name, value);
    }
    let server = setup.variable("TASKFERRY_BACKUP_TO", "s3://bucket/ours").start();
    server.account();
    bucket.refuse(true);
    for verb in [["backup", "create"].as_slice(), &["backup", "list"], &["restore", "latest", "--dry-run"]] {
        let said = server.operate(verb).either_way();
        assert!(matches!(said.code(), 1 | 3), "{said}");
        assert!(said.stderr.contains("`s3://bucket/ours`") && said.stderr.contains("AccessDenied"), "{said}");
        assert!(!format!("{}{}", said.stdout, said.stderr).contains("nobody-prints"), "{said}");
    }
}

#[test]
fn a_place_that_can_not_be_written_costs_nothing_and_says_which() {
    let server = stopped();
    fs::write(server.data_dir().join("a file"), "").expect("a file");
    let file = server.data_dir().join("a file");
    let said = server.operate(["backup", "create", "--to", file.to_str().expect("a path")]).exits_with(1);
    assert_said(
        &said,
        &server,
        "error: could not write `DATA/a file`\n  \
         Caused by: File exists (os error 17)\n\n\
         hint: check its owner and its volume, or choose another place with `--to`; older backups are as they were",
    );
}
