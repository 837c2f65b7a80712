//! What is wrong with a server is found and said, with what mends it, and nothing is touched.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use e2e::http::Request;
use e2e::{Account, TestServer, wait};
use rusqlite::Connection;
use serde_json::Value;
use taskferry_protocol::VersionId;

use crate::{PROGRAMS, server};

/// Asks it about a server, as a program does. Its exit code, and each finding under the name of its check.
#[track_caller]
fn ask(server: &TestServer, more: &[&str]) -> (i32, BTreeMap<String, Value>) {
    let address = server.is_running().then(|| server.address().to_string());
    let mut verb = vec!["doctor", "--json"];
    verb.extend(address.iter().flat_map(|address| ["--listen", address]));
    verb.extend(more);
    let said = server.operate(verb).judged();
    let answer: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|why| panic!("not JSON ({why}): {said}"));
    let code = said.code();
    assert_eq!(answer["works"], code == 0, "{said}");
    let findings = answer["findings"].as_array().expect("findings").iter();
    (code, findings.map(|finding| (finding["check"].as_str().expect("a name").to_owned(), finding.clone())).collect())
}

#[track_caller]
fn assert_found(findings: &BTreeMap<String, Value>, check: &str, outcome: &str, words: &str) {
    let finding = &findings[check];
    assert_eq!(finding["outcome"], outcome, "{finding}");
    assert!(finding["sentence"].as_str().is_some_and(|text| text.contains(words)), "{finding}");
    let bad = matches!(outcome, "warning" | "problem");
    assert_eq!(finding["remedy"].is_string(), bad, "what is bad has a remedy, and nothing else: {finding}");
}

/// Every file in a data directory, byte for byte, but for what SQLite keeps beside a database while it is read.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(directory).expect("the data directory").map(|file| file.expect("a file").path());
    let named = files.map(|file| (file.file_name().expect("a name").to_string_lossy().into_owned(), file));
    named
        .filter(|(name, file)| file.is_file() && !name.ends_with("-shm") && !name.ends_with("-wal"))
        .map(|(name, file)| (name, fs::read(file).expect("a file")))
        .collect()
}

#[test]
fn a_healthy_server_is_found_healthy_and_nothing_is_touched() {
    let server = server();
    let account = server.account();
    account.grow::<3>();
    server.operate(["backup", "create"]).good();
    let before = contents(server.data_dir());
    let (code, found) = ask(&server, &["--thorough"]);
    assert_eq!(code, 0, "{found:?}");
    for (check, words) in [
        ("version", "with SQLite 3."),
        ("settings", "good"),
        ("permissions", "only the server's user"),
        ("disk speed", "a durable write takes"),
        ("clock", "nothing here is from the future"),
        ("database", "1 account"),
        ("integrity", "1 account, 3 versions, 0 snapshots"),
        ("backups", "the last one, `taskferry-"),
        ("proved backup", "`taskferry-"),
        ("server", "and is ready at"),
        ("epoch", "here and with the running server"),
        ("registration", "open to the world"),
        ("limits", "rates and quotas are on"),
        ("proxy", "none"),
    ] {
        assert_found(&found, check, "ok", words);
    }
    let pid = format!("(process {})", server.process());
    assert_found(&found, "server", "ok", &pid);
    assert_eq!(contents(server.data_dir()), before, "the data directory is as it was");
    assert_eq!(account.chain().len(), 3);
}

/// And not what the operator's own shell would say.
#[test]
#[cfg(target_os = "linux")]
fn the_settings_that_count_are_those_with_which_the_server_was_started() {
    let setup = PROGRAMS.server().option("--registration", "invite").option("--trusted-proxy", "loopback");
    let server = setup.config_file("backup_every = '1h'").option("--limits", "off").start();
    let said = server.operate(["doctor", "--json"]).good();
    let answer: Value = serde_json::from_str(&said.stdout).expect("JSON");
    let sentence = |check: &str| {
        let findings = answer["findings"].as_array().expect("findings");
        let finding = findings.iter().find(|finding| finding["check"] == check).expect("a check");
        finding["sentence"].as_str().expect("a sentence").to_owned()
    };
    assert_eq!(sentence("settings"), "good, as the running server was started");
    assert!(sentence("server").contains(&format!("and is ready at {}", server.address())), "{said}");
    assert!(sentence("registration").starts_with("by invite"), "{said}");
    assert!(sentence("proxy").contains("the proxy that the settings name"), "{said}");
    assert!(sentence("limits").starts_with("rates and quotas are off, and only this machine"), "{said}");
    assert!(!sentence("backups").contains("none is scheduled"), "{said}");
}

#[test]
fn people_read_findings_with_their_remedies_and_the_count_at_the_end() {
    let server = server();
    let address = server.address().to_string();
    let said = server.operate(["doctor", "--listen", &address]).good();
    assert!(said.stdout.starts_with("  ok       version: "), "{said}");
    assert!(
        said.stdout.contains("\n  warning  backups: there is none, and none is scheduled\n           hint: "),
        "{said}"
    );
    assert!(said.stdout.contains("\n\nno problem was found, but "), "{said}");
    assert_eq!(said.stderr, "", "{said}");
    let nowhere = PROGRAMS.server().operate(["doctor"]).exits_with(3);
    assert!(nowhere.stdout.contains("  problem  data directory: there is no `/"), "{nowhere}");
    assert!(
        nowhere.stdout.contains("  skipped  what needs `data directory` first: permissions, free space, "),
        "{nowhere}"
    );
}

#[test]
fn a_mistyped_directory_is_a_problem_and_no_new_database() {
    let setup = PROGRAMS.server();
    let said = setup.operate(["doctor", "--json"]).exits_with(3);
    assert!(said.stdout.contains("data directory") && !setup.data_dir().exists(), "{said}");
    fs::create_dir(setup.data_dir()).expect("an empty directory");
    let said = setup.operate(["doctor", "--json"]).exits_with(3);
    assert!(said.stdout.contains("there is no data of a server in"), "{said}");
    assert_eq!(fs::read_dir(setup.data_dir()).expect("the directory").count(), 0);
}

#[test]
fn a_server_that_is_stopped_is_told_from_one_that_listens_elsewhere() {
    let mut server = server();
    let (_, found) = ask(&server, &["--listen", "127.0.0.1:1"]);
    assert_found(&found, "server", "ok", "is ready");
    let said = server.operate(["doctor", "--listen", "127.0.0.1:1"]).good();
    assert!(said.stdout.contains(&format!("runs (process {}), but not at 127.0.0.1:1", server.process())), "{said}");
    server.stop();
    let said = server.operate(["doctor", "--listen", "127.0.0.1:1"]).good();
    assert!(said.stdout.contains("does not run: nobody answers at 127.0.0.1:1"), "{said}");
}

#[test]
fn a_server_with_other_data_is_not_taken_for_this_one() {
    let (here, elsewhere) = (server(), server());
    let address = elsewhere.address().to_string();
    let said = here.operate(["doctor", "--listen", &address]).exits_with(3);
    assert!(said.stdout.contains("problem  epoch: the running server works on other data than these"), "{said}");
}

#[test]
fn damage_is_found_in_pages_at_once_and_in_chains_when_thorough() {
    let mut server = server();
    let account = server.account();
    let [.., latest] = account.grow::<4>();
    account.append(latest, vec![b'x'; 400_000]);
    server.stop();
    let file = server.data_dir().join("taskferry.sqlite3");
    let whole = fs::read(&file).expect("the database");

    let db = Connection::open(&file).expect("the database");
    db.execute_batch("PRAGMA foreign_keys = off; DELETE FROM version WHERE seq = 2").expect("a broken chain");
    drop(db);
    let (code, found) = ask(&server, &[]);
    assert_eq!(code, 0, "{found:?}");
    assert_found(&found, "integrity", "ok", "`--thorough` looks at chains");
    let (code, found) = ask(&server, &["--thorough"]);
    assert_eq!(code, 3);
    assert_found(&found, "integrity", "problem", "the data is DAMAGED: account ");

    // The middle of the file is the large version's.
    let mut torn = whole.clone();
    let middle = torn.len() / 2;
    torn[middle..middle + 16_384].fill(0xA5);
    fs::write(&file, torn).expect("a damaged database");
    let (code, found) = ask(&server, &[]);
    assert_eq!(code, 3);
    assert_found(&found, "integrity", "problem", "the data is DAMAGED: ");

    fs::write(&file, "a letter to my grandmother").expect("no database");
    let (code, found) = ask(&server, &[]);
    assert_eq!(code, 3);
    assert_found(&found, "database", "problem", "is a database of another program");
    assert_eq!(found["integrity"]["outcome"], "skipped");
}

#[test]
fn a_backup_that_failed_or_went_bad_is_a_problem_until_there_is_a_good_one() {
    let server = server();
    server.account();
    server.operate(["backup", "create", "--to", "/proc/nowhere"]).exits_with(1);
    let (code, found) = ask(&server, &[]);
    assert_eq!(code, 3);
    assert_found(&found, "backups", "problem", "there is none, and the last try failed: could not");
    server.operate(["backup", "create"]).good();
    assert_eq!(ask(&server, &[]).0, 0);

    let folder = server.data_dir().join("backups");
    let database = |file: &fs::DirEntry| file.path().extension().is_some_and(|end| end == "sqlite3");
    let backup = fs::read_dir(folder).expect("backups").flatten().find(database).expect("a backup").path();
    let bytes = fs::read(&backup).expect("a backup");
    fs::write(&backup, &bytes[..bytes.len() - 4096]).expect("a backup cut short");
    server.operate(["backup", "verify"]).exits_with(3);
    let (code, found) = ask(&server, &[]);
    assert_eq!(code, 3);
    assert_found(&found, "proved backup", "problem", "damaged");
    fs::write(&backup, &bytes).expect("the backup, whole again");
    server.operate(["backup", "verify"]).good();
    assert_found(&ask(&server, &[]).1, "proved backup", "ok", "ago");
}

#[test]
fn a_full_volume_is_a_problem_and_is_not_written_to() {
    let volume = e2e::operator::PretendedVolume::with_free_mb(30);
    let file = volume.file().to_str().expect("a path").to_owned();
    let setup = PROGRAMS.server().variable("TASKFERRY_PRETENDED_VOLUME", &file);
    let server = setup.start();
    let (code, found) = ask(&server, &[]);
    assert_eq!(code, 3);
    assert_found(&found, "free space", "problem", "30.0 MB of 1.0 GB free: nobody can send");
    assert_eq!(found["disk speed"]["outcome"], "skipped");
    volume.set_free_mb(350);
    assert_found(&ask(&server, &[]).1, "free space", "warning", "no accounts are created");
}

#[test]
fn the_public_address_is_tried_as_devices_would() {
    let (here, elsewhere) = (server(), server());
    let told = |url: &str| ask(&here, &["--public-url", url]);
    let (code, found) = told(&here.url());
    assert_eq!(code, 0);
    assert_found(&found, "public address", "ok", "leads here");
    assert_eq!(found["certificate"]["outcome"], "skipped");
    let (code, found) = told(&elsewhere.url());
    assert_eq!(code, 3);
    assert_found(&found, "public address", "problem", "leads to another server");
    // Unreachable from here is no failure: one's own public address often is.
    let (code, found) = told("https://127.0.0.1:1");
    assert_eq!(code, 0);
    assert_found(&found, "public address", "warning", "can't be reached from here");
    assert_found(&found, "proxy", "warning", "people come by https");
}

#[test]
fn a_proxy_that_nobody_named_is_said() {
    let server = server();
    for number in 0..40 {
        let request = Request::get("/").header("x-forwarded-for", format!("198.51.100.{number}"));
        request.send(server.address());
    }
    let suspected =
        || String::from_utf8_lossy(&Request::get("/readyz").send(server.address()).body).contains("unconfigured_proxy");
    wait::until("the server suspects a proxy", suspected);
    let (code, found) = ask(&server, &[]);
    assert_eq!(code, 0, "it goes on all the same");
    assert_found(&found, "proxy", "warning", "a proxy that the server was not told of");
}

#[test]
fn a_report_names_nobody_and_no_place() {
    let server = server();
    let account = server.account();
    let [latest] = account.grow();
    account.append(latest, "more");
    let (address, url) = (server.address().to_string(), server.url());
    let verb = ["doctor", "--report", "--thorough", "--listen", &address, "--public-url", &url];
    let said = server.operate(verb).good();
    assert!(said.stdout.starts_with("taskferry-server "), "{said}");
    assert!(said.stderr.contains("read it before you send it"), "{said}");
    let folder = server.data_dir().parent().expect("a folder").to_str().expect("a path").to_owned();
    let port = server.address().port().to_string();
    let id = account.id().expose().to_string();
    for private in [&folder, &port, &id, &server.info().epoch, &server.hash_of(&account), &"127.0.0.1".to_owned()] {
        assert!(!said.stdout.contains(private.as_str()), "{private} stands in {said}");
    }
    for kept in ["[data-directory]", "a durable write takes", "open to the world"] {
        assert!(said.stdout.contains(kept), "{kept}: {said}");
    }

    // What is damaged is named by its kind.
    let db = Connection::open(server.data_dir().join("taskferry.sqlite3")).expect("the database");
    db.execute_batch("PRAGMA foreign_keys = off; DELETE FROM version WHERE seq = 1").expect("a broken chain");
    let said = server.operate(verb).exits_with(3);
    assert!(said.stdout.contains("the data is DAMAGED: account [account]: "), "{said}");
}

#[test]
fn as_root_it_acts_as_the_datas_owner() {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run as root: nothing could be left behind");
        return;
    }
    let mut server = server();
    Account::append(&server.account(), VersionId::NIL, "a version");
    server.stop();
    fs::set_permissions(server.data_dir().parent().expect("a parent"), fs::Permissions::from_mode(0o755))
        .expect("permissions");
    let files = || fs::read_dir(server.data_dir()).expect("the data").map(|file| file.expect("a file").path());
    for path in files().chain([server.data_dir().to_owned()]) {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("another owner");
    }
    // Settings for root's eyes only are read before.
    let config = server.data_dir().with_file_name("private.toml");
    fs::write(&config, "registration = 'invite'").expect("a configuration file");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).expect("permissions");
    let (code, found) = ask(&server, &["--config", config.to_str().expect("a path")]);
    assert_eq!(code, 0, "{found:?}");
    assert_found(&found, "registration", "ok", "by invite");
    for file in files() {
        assert_eq!(fs::metadata(&file).expect("a file").uid(), NOBODY, "{}", file.display());
    }
    chown(server.data_dir().join("taskferry.sqlite3"), Some(0), Some(0)).expect("root's");
    let (code, found) = ask(&server, &[]);
    assert_eq!(code, 3);
    assert_found(&found, "permissions", "problem", "`taskferry.sqlite3` belongs to another user");
}

#[test]
fn wrong_settings_are_a_finding_and_the_rest_is_looked_at() {
    let server = server();
    fs::write(server.data_dir().join("server.toml"), "registration = 'maybe'").expect("a file");
    let config = server.data_dir().join("server.toml");
    let (code, found) = ask(&server, &["--config", config.to_str().expect("a path")]);
    assert_eq!(code, 3);
    assert_found(&found, "settings", "problem", "`maybe` is not open, invite or closed");
    assert_found(&found, "database", "ok", "0 accounts");
    assert_eq!(found["server"]["outcome"], "skipped");
}
