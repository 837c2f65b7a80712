//! A year in the life of an operator and the people on the server, told once from its beginning to its end: with the real
//! programs, real Taskwarrior, a folder and a bucket. Whatever happens, nobody loses a task.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use e2e::tasks::to_do;
use e2e::{Account, Bucket, ServerSetup, SyncSettings, TaskHome, TestServer, reference, wait};
use serde_json::Value;

use crate::PROGRAMS;

/// By invite, with old versions pruned by hand, and a backup every hour to a folder of another disk and to a bucket.
fn setup(near: &Path, bucket: &Bucket) -> ServerSetup {
    let mut setup = PROGRAMS.server().option("--registration", "invite").option("--snapshot-versions", "4");
    for (name, value) in bucket.variables() {
        setup = setup.variable(name, value);
    }
    let to = format!("{},s3://{}/year", near.display(), Bucket::NAME);
    setup.variable("TASKFERRY_BACKUP_TO", to).variable("TASKFERRY_BACKUP_EVERY", "1h")
}

/// What the operator looks at from time to time: no check finds a problem.
#[track_caller]
fn all_is_well(server: &TestServer) {
    let address = server.address().to_string();
    let said = server.operate(["doctor", "--thorough", "--listen", &address]).good();
    assert!(said.stdout.contains("no problem was found"), "{said}");
}

#[track_caller]
fn wait_for_a_scheduled_backup(server: &TestServer) {
    server.log().wait_for("a backup", |line| line.contains("made and proved a backup").then_some(()));
}

#[track_caller]
fn days_pass(server: &mut TestServer, days: u32) {
    server.stop();
    server.let_days_pass(days);
    server.start();
}

#[track_caller]
fn hash(server: &TestServer, settings: &SyncSettings) -> String {
    server.hash_of(&Account::known_as(server.address(), settings.client_id))
}

/// The account to which a computer was set up.
#[track_caller]
fn settings_of(home: &TaskHome, server: &TestServer) -> SyncSettings {
    let value = |key: &str| home.task(["_get", &format!("rc.{key}")]).good().stdout.trim().to_owned();
    SyncSettings {
        url: server.url(),
        client_id: value("sync.server.client_id").parse().expect("an ID"),
        secret: value("sync.encryption_secret"),
    }
}

#[track_caller]
fn all_have(computers: &[&TaskHome], tasks: &[&str]) {
    for computer in computers {
        let has: BTreeSet<String> = to_do(&computer.tasks()).into_iter().map(ToOwned::to_owned).collect();
        assert_eq!(has, tasks.iter().map(ToString::to_string).collect());
        assert_eq!(computer.tasks(), computers[0].tasks());
    }
}

/// What docs/OPERATING.md tells a person whose computers are ahead of a restored server, by hand. The computer that synced last
/// comes first. What another way to do the same has to reach is what comes after the call.
#[track_caller]
fn bring_back(server: &TestServer, computers: &[&TaskHome]) -> SyncSettings {
    let created = server.ask_operator(["account", "create"]);
    let client_id = created["client_id"].as_str().expect("an ID").parse().expect("an ID");
    let moved = SyncSettings { client_id, ..settings_of(computers[0], server) };
    for computer in computers {
        computer.task(["export"]).good();
        fs::write(computer.taskrc(), moved.taskrc_lines()).expect("a taskrc");
    }
    computers[0].task(["add", "on the new account"]).good();
    for computer in computers.iter().chain(computers) {
        computer.sync().good();
    }
    moved
}

#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn a_year_passes_and_nobody_loses_a_task() {
    let (bucket, elsewhere) = (Bucket::start(), tempfile::tempdir().expect("another disk"));
    let near = elsewhere.path().join("backups");
    let setup = setup(&near, &bucket);

    // January: the house moves here from the reference server, with everybody who lives in it.
    let theirs = elsewhere.path().join("theirs");
    reference::lay_into(&theirs);
    let from = theirs.to_str().expect("a path");
    let would = setup.operate(["import", "--from", from, "--dry-run"]).good();
    assert!(would.stderr.contains("would take over 13 accounts"), "{would}");
    assert!(!setup.data_dir().exists(), "a look creates nothing");
    setup.operate(["import", "--from", from]).good();
    let mut server = setup.start();
    let ada = reference::laptop(&server.url());
    ada.sync().good();
    let adas = ["made on the reference server", "the last one that was sent", "never sent to the reference server"];
    all_have(&[&ada], &adas);

    // February: Bob is invited, once.
    let invite = server.ask_operator(["invite", "create"]);
    let code = invite["code"].as_str().expect("a code");
    let bob = TaskHome::untouched();
    let set_up =
        |home: &TaskHome| home.wizard(PROGRAMS, ["setup", "--server", &server.url(), "--invite", code, "--yes"], "");
    set_up(&bob).good();
    set_up(&TaskHome::untouched()).exits_with(1);
    let bobs = settings_of(&bob, &server);
    bob.task(["add", "water the plants"]).good();
    bob.sync().good();
    all_is_well(&server);

    // March: something is odd about Bob's account, and then it was nothing.
    let name = hash(&server, &bobs);
    server.operate(["account", "disable", &name, "--reason", "please call me"]).good();
    let account = Account::known_as(server.address(), bobs.client_id);
    wait::until("the server notices", || account.snapshot().status == 403);
    bob.task(["add", "call the operator"]).good();
    bob.sync().fails_with("403");
    server.operate(["account", "enable", &name]).good();
    wait::until("the server notices", || account.snapshot().status != 403);
    bob.sync().good();

    // Spring: Bob syncs a lot. Half a year later, what nobody needs any more goes.
    for n in 0..9 {
        bob.task(["add", &format!("spring {n}")]).good();
        bob.sync().good();
    }
    days_pass(&mut server, 200);
    bob.sync().good();
    let pruned = server.ask_operator(["prune", "--yes"]);
    assert!(pruned["pruned"]["versions"].as_u64() >= Some(3), "{pruned}");
    let phone = TaskHome::with(&SyncSettings { url: server.url(), ..bobs.clone() });
    phone.sync().good();
    assert_eq!((phone.tasks().len(), phone.tasks()), (11, bob.tasks()));

    // The backup that was due meanwhile has been made by itself, in both places, and proved.
    wait_for_a_scheduled_backup(&server);
    all_is_well(&server);
    server.operate(["backup", "verify", "--all"]).good();
    assert_eq!(bucket.keys().len() % 2, 0, "each with its manifest: {:?}", bucket.keys());

    // Autumn: the machine loses its power while people sync. What was acknowledged is there.
    ada.task(["add", "autumn"]).good();
    ada.sync().good();
    server.kill();
    server.start();
    let adas_tablet = TaskHome::with(&reference::settings(&server.url()));
    adas_tablet.sync().good();
    let before = [adas.as_slice(), &["autumn"]].concat();
    all_have(&[&ada, &adas_tablet], &before);

    // A backup of that evening; Ada goes on, Bob sleeps.
    let evening = server.ask_operator(["backup", "create"]);
    ada.task(["add", "after the backup"]).good();
    ada.sync().good();
    adas_tablet.sync().good();
    adas_tablet.task(["add", "on the tablet, not sent yet"]).good();

    // December: the disk dies, and with it the folder. The bucket is all there is.
    server.kill();
    fs::remove_dir_all(server.data_dir()).expect("a lost disk");
    fs::remove_dir_all(&near).expect("a lost disk");
    let year = format!("s3://{}/year", Bucket::NAME);
    let restored = server.ask_operator(["restore", &year, "--yes"]);
    assert!(restored["backup"].as_str() >= evening["name"].as_str(), "{restored}");
    server.start();

    // Bob notices nothing.
    bob.task(["add", "buy a sledge"]).good();
    bob.sync().good();
    phone.sync().good();
    assert_eq!((phone.tasks().len(), phone.tasks()), (12, bob.tasks()));

    // Ada's computers are ahead, and told so; neither has lost anything, and both are brought back.
    ada.sync().fails_with("410 Gone");
    adas_tablet.sync().fails_with("410 Gone");
    let old = hash(&server, &reference::settings(&server.url()));
    let moved = bring_back(&server, &[&ada, &adas_tablet]);
    let everything =
        [before.as_slice(), &["after the backup", "on the tablet, not sent yet", "on the new account"]].concat();
    let new_phone = TaskHome::with(&moved);
    new_phone.sync().good();
    all_have(&[&ada, &adas_tablet, &new_phone], &everything);
    server.operate(["account", "delete", &old, "--yes"]).good();

    // The year's end: one look at everything.
    all_is_well(&server);
    server.operate(["backup", "create"]).good();
    server.operate(["backup", "verify", "--all"]).good();
    let stats: Value = server.ask_operator(["stats"]);
    assert_eq!((&stats["accounts"]["active"], &stats["accounts"]["deleted"]), (&14.into(), &1.into()), "{stats}");
    server.operate(["db", "check"]).good();
}
