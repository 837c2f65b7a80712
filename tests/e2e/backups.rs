//! What was backed up can be had back, and what that means for people is told.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Account, Bucket, TaskHome, TestServer};
use serde_json::Value;
use taskferry_protocol::VersionId;

use crate::{PROGRAMS, server};

/// Makes one beside the running server.
#[track_caller]
fn back_up(server: &TestServer) -> Value {
    server.ask_operator(["backup", "create"])
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    files
}

fn backups(server: &TestServer) -> Vec<PathBuf> {
    files(&server.data_dir().join("backups"), ".sqlite3")
}

#[test]
fn a_backup_beside_a_running_server_is_listed_proved_and_restored_byte_for_byte() {
    let mut server = server();
    let (small, large) = (server.account(), server.account());
    let [.., latest] = small.grow::<5>();
    small.add_snapshot(latest, "a snapshot").good();
    let whole = vec![b'x'; 3_000_000];
    large.append(VersionId::NIL, whole);
    let before = (small.chain(), small.snapshot().good().body, large.chain());

    let made = back_up(&server);
    assert_eq!((&made["manifest"]["accounts"], &made["manifest"]["versions"]), (&2.into(), &6.into()), "{made}");
    let listed = server.ask_operator(["backup", "list"]);
    assert_eq!(listed[0]["name"], made["name"]);
    let proved = server.operate(["backup", "verify"]).good().stdout;
    assert!(proved.contains("is good: 2 accounts, 6 versions, 1 snapshot"), "{proved}");

    small.append(latest, "after the backup");
    let epoch = server.info().epoch;
    server.stop();
    let told = server.operate(["restore", "latest", "--yes"]).good().stderr;
    assert!(told.contains("1 of 2 accounts would change") && told.contains("goes back by 1 version"), "{told}");
    server.start();
    assert_eq!((small.chain(), small.snapshot().good().body, large.chain()), before);
    assert_ne!(server.info().epoch, epoch, "whoever knew the former epoch can tell");
}

#[test]
fn a_device_that_is_ahead_of_a_restored_server_is_told_so() {
    let mut server = server();
    let account = server.account();
    let [.., latest] = account.grow::<2>();
    back_up(&server);
    let ahead = account.append(latest, "after the backup");
    let epoch = server.info().epoch;
    server.stop();
    server.operate(["restore", "latest", "--yes"]).good();
    server.start();
    let gone = account.child_of(ahead);
    assert_eq!(gone.header("x-taskferry-epoch"), Some(server.info().epoch.as_str()));
    assert_ne!(server.info().epoch, epoch, "whoever knew the former one can tell");
    gone.refused(410, "version_gone");
    assert_eq!(account.add_version(ahead, "more").status, 409);
    assert_eq!(account.chain().len(), 2, "nothing of it was changed");
}

#[test]
fn a_running_server_keeps_its_data_from_being_restored() {
    let server = server();
    let account = server.account();
    let [latest] = account.grow::<1>();
    back_up(&server);
    account.append(latest, "after the backup");
    let refused = server.operate(["restore", "latest", "--yes"]).exits_with(1);
    assert!(
        refused.stderr.contains("another server is using") && refused.stderr.contains("stop the server"),
        "{refused}"
    );
    assert_eq!(account.chain().len(), 2);
    assert!(files(server.data_dir(), ".sqlite3").len() == 1, "nothing was left behind");

    // Looking is allowed.
    let told = server.ask_operator(["restore", "latest", "--dry-run"]);
    assert_eq!((&told["comparison"]["changed"], &told["restored"]), (&1.into(), &false.into()), "{told}");
    assert_eq!(told["comparison"]["accounts"][0]["change"], "back");
}

#[test]
fn nothing_is_restored_without_a_yes() {
    let mut server = server();
    let account = server.account();
    let [latest] = account.grow::<1>();
    back_up(&server);
    account.append(latest, "after the backup");
    server.stop();
    let refused = server.operate(["restore", "latest"]).exits_with(2);
    assert!(refused.stderr.contains("add `--yes`"), "{refused}");
    server.start();
    assert_eq!(account.chain().len(), 2);
}

#[test]
fn a_restore_is_taken_back_by_restoring_what_it_moved_aside() {
    let mut server = server();
    let account = server.account();
    let [latest] = account.grow::<1>();
    back_up(&server);
    account.append(latest, "after the backup");
    // Killed: what it wrote last is in the write-ahead log only.
    server.kill();
    let told = server.ask_operator(["restore", "latest", "--yes"]);
    let former = told["former"].as_str().expect("where the former data lies");
    server.operate(["restore", former, "--yes"]).good();
    server.start();
    assert_eq!(account.chain().len(), 2);
}

#[test]
fn a_backup_cut_short_or_changed_is_found_and_not_restored() {
    let mut server = server();
    let account = server.account();
    account.grow::<3>();
    let body = vec![b'x'; 200_000];
    account.append(account.chain().last().expect("a version").id, body);
    back_up(&server);
    server.stop();
    let file = backups(&server).pop().expect("a backup");
    let whole = fs::read(&file).expect("the backup");
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for (what, damaged) in [("cut short", &whole[..whole.len() - 8192]), ("changed", &changed), ("empty", &[])] {
        fs::write(&file, damaged).expect("a damaged backup");
        let found = server.operate(["backup", "verify"]).exits_with(3);
        assert!(found.stdout.contains("is DAMAGED"), "{what}: {found}");
        let refused = server.operate(["restore", "latest", "--yes"]).exits_with(1);
        assert!(refused.stderr.contains("the backup is damaged, and was not restored"), "{what}: {refused}");
    }
    server.start();
    assert_eq!(account.chain().len(), 4, "the data is as it was");
}

#[test]
fn the_oldest_backups_go_when_there_are_enough() {
    let server = server();
    for _ in 0..4 {
        server.operate(["backup", "create", "--keep", "3"]).good();
    }
    assert_eq!(backups(&server).len(), 3);
    let asked = server.operate(["backup", "prune", "--keep", "1"]).exits_with(2);
    assert!(asked.stderr.contains("needs a yes"), "{asked}");
    let shown = server.operate(["backup", "prune", "--keep", "1", "--dry-run"]).good();
    assert_eq!((shown.stdout.matches("would remove").count(), backups(&server).len()), (2, 3));
    server.operate(["backup", "prune", "--keep", "1", "--yes"]).good();
    assert_eq!(backups(&server).len(), 1);
}

#[test]
fn a_running_server_makes_backups_by_itself() {
    let server = PROGRAMS.server().option("--backup-every", "1h").start();
    server.account();
    server.log().wait_for("a backup", |line| line.contains("made and proved a backup").then_some(()));
    assert_eq!(backups(&server).len(), 1);
    let stats = server.ask_operator(["stats"]);
    assert!(stats["backup"]["last_good"].is_string() && stats["backup"]["problems"] == Value::Array(vec![]), "{stats}");
}

#[test]
fn backups_go_to_a_bucket_too_and_come_back_from_it_alone() {
    let bucket = Bucket::start();
    let to = format!("s3://{}/ours", Bucket::NAME);
    let mut setup = PROGRAMS.server();
    for (name, value) in bucket.variables() {
        setup = setup.variable(name, value);
    }
    let folder = setup.data_dir().join("near");
    let near = folder.to_str().expect("a path").to_owned();
    let mut server = setup.variable("TASKFERRY_BACKUP_TO", format!("{near},{to}")).start();
    let account: Account = server.account();
    account.grow::<3>();

    // It refuses: the near copy is made all the same, and it is told.
    bucket.refuse(true);
    let half = server.operate(["backup", "create"]).exits_with(1);
    assert!(
        half.stdout.contains("NOT kept in s3://bucket/ours") && half.stderr.contains("not every place has it"),
        "{half}"
    );
    assert!(!format!("{}{}", half.stdout, half.stderr).contains("a-secret-that-nobody-prints"));
    assert_eq!((files(&folder, ".sqlite3").len(), bucket.keys().len()), (1, 0));

    bucket.refuse(false);
    server.operate(["backup", "create"]).good();
    server.operate(["backup", "create", "--keep", "1"]).good();
    assert_eq!((files(&folder, ".sqlite3").len(), bucket.keys().len()), (1, 2), "{:?}", bucket.keys());
    assert!(bucket.keys().iter().all(|key| key.starts_with("ours/taskferry-")));
    server.operate(["backup", "verify", "--all"]).good();

    // The machine is lost.
    server.kill();
    fs::remove_dir_all(server.data_dir()).expect("a lost disk");
    server.operate(["restore", &to, "--yes"]).good();
    server.start();
    assert_eq!(account.chain().len(), 3);
}

/// A server that backs up to a folder and to a bucket, in parts of 64 KiB, and gives up early; and an account with a large
/// version.
#[track_caller]
fn with_a_bucket(bucket: &Bucket) -> (TestServer, PathBuf, Account) {
    let mut setup = PROGRAMS.server();
    for (name, value) in bucket.variables() {
        setup = setup.variable(name, value);
    }
    let near = setup.data_dir().join("near");
    let to = format!("{},s3://{}/ours", near.display(), Bucket::NAME);
    let setup = setup.variable("TASKFERRY_BACKUP_TO", to).variable("TASKFERRY_BACKUP_PART_BYTES", "64KiB");
    let server = setup.variable("AWS_MAX_ATTEMPTS", "2").start();
    let account = server.account();
    account.append(VersionId::NIL, vec![b'x'; 900_000]);
    (server, near, account)
}

#[test]
fn a_large_backup_goes_up_in_parts_and_comes_back_whole() {
    let bucket = Bucket::start();
    let (mut server, near, account) = with_a_bucket(&bucket);
    server.operate(["backup", "create"]).good();
    assert!(bucket.parts() > 10 && bucket.unfinished() == 0, "{bucket:?}");
    server.operate(["backup", "verify"]).good();
    server.stop();
    fs::remove_dir_all(near).expect("a lost folder");
    server.operate(["restore", "latest", "--yes"]).good();
    server.start();
    assert_eq!(account.chain().len(), 1);
}

#[test]
fn an_upload_that_is_refused_at_any_of_its_parts_leaves_nothing_behind_and_costs_no_near_copy() {
    let bucket = Bucket::start();
    let (server, near, _) = with_a_bucket(&bucket);
    server.operate(["backup", "create"]).good();
    let (parts, kept) = (bucket.parts(), bucket.keys());
    for refused in [1, 3, parts] {
        bucket.refuse_parts_from(refused);
        let half = server.operate(["backup", "create"]).exits_with(1);
        assert!(half.stdout.contains("NOT kept in s3://bucket/ours"), "{half}");
        assert_eq!((bucket.unfinished(), bucket.keys()), (0, kept.clone()), "refused from part {refused} on");
    }
    assert_eq!(files(&near, ".sqlite3").len(), 4);
    let stats = server.ask_operator(["stats"]);
    assert_eq!(stats["backup"]["failures"], 3, "{stats}");
    server.operate(["backup", "verify", "--all"]).good();
}

#[test]
fn a_connection_that_breaks_in_the_middle_is_made_good_and_one_that_always_does_blocks_nobody() {
    let bucket = Bucket::start();
    let (server, near, account) = with_a_bucket(&bucket);
    bucket.cut_connections(1);
    server.operate(["backup", "create"]).good();
    assert_eq!((bucket.keys().len(), bucket.unfinished()), (2, 0));

    bucket.cut_connections(u32::MAX);
    let half = server.operate(["backup", "create"]).exits_with(1);
    assert!(half.stdout.contains("NOT kept in s3://bucket/ours"), "{half}");
    assert_eq!((files(&near, ".sqlite3").len(), bucket.keys().len(), bucket.unfinished()), (2, 2, 0));
    account.append(account.chain().last().expect("a version").id, "goes on");

    bucket.cut_connections(0);
    server.operate(["backup", "create"]).good();
    assert_eq!((files(&near, ".sqlite3").len(), bucket.keys().len()), (3, 4));
}

#[test]
fn a_backup_that_is_interrupted_while_it_goes_up_leaves_nothing_half_done() {
    let bucket = Bucket::start();
    let (server, near, _) = with_a_bucket(&bucket);
    bucket.stall(true);
    let (code, said) = server.operate_and_interrupt(["backup", "create"], || bucket.is_stalled());
    bucket.stall(false);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("stopping …") && said.contains("stopped before it was done"), "{said}");
    assert_eq!((bucket.keys().len(), bucket.unfinished()), (0, 0));
    assert_eq!(files(&near, ".unfinished").len(), 0);
    server.operate(["backup", "create"]).good();
    assert_eq!(bucket.keys().len(), 2);
}

#[test]
fn a_full_volume_costs_no_old_backup_and_nobodys_sync() {
    let server = server();
    back_up(&server);
    let account = server.account();
    let [latest] = account.grow::<1>();
    // What is to stay free is more than there is.
    fs::write(server.data_dir().join("server.toml"), "min_free = '1000000GB'").expect("a file");
    let config = server.data_dir().join("server.toml");
    let refused = server.operate(["backup", "create", "--config", config.to_str().expect("a path")]).exits_with(1);
    assert!(refused.stderr.contains("may be filled there"), "{refused}");
    assert_eq!(
        files(&server.data_dir().join("backups"), "").len(),
        2,
        "one backup and its manifest, and nothing half-done"
    );
    account.append(latest, "goes on");
}

/// What docs/OPERATING.md tells a person whose computers are ahead of a restored server.
#[test]
#[cfg_attr(not(taskwarrior), ignore = "needs Taskwarrior: run tests/setup.sh")]
fn no_task_is_lost_when_the_server_goes_back_to_an_older_backup() {
    let mut server = server();
    let settings = server.new_account();
    let (laptop, phone) = (TaskHome::with(&settings), TaskHome::with(&settings));
    laptop.task(["add", "before the backup"]).good();
    laptop.sync().good();
    phone.sync().good();
    back_up(&server);
    laptop.task(["add", "after the backup"]).good();
    laptop.sync().good();
    phone.sync().good();
    phone.task(["add", "never sent"]).good();

    server.stop();
    server.operate(["restore", "latest", "--yes"]).good();
    server.start();
    laptop.sync().fails_with("410 Gone");
    phone.sync().fails_with("410 Gone");

    // A new account for all of the person's computers; the one that is furthest goes first, with something to send.
    let new = server.new_account();
    for home in [&laptop, &phone] {
        fs::write(home.taskrc(), new.taskrc_lines()).expect("a taskrc");
    }
    laptop.task(["add", "on the new account"]).good();
    laptop.sync().good();
    phone.sync().good();
    laptop.sync().good();
    let tablet = TaskHome::with(&new);
    tablet.sync().good();
    assert_eq!(laptop.tasks().len(), 4);
    assert_eq!((phone.tasks(), tablet.tasks()), (laptop.tasks(), laptop.tasks()));
}

#[test]
fn a_drill_goes_through_the_other_places_where_one_is_away() {
    let bucket = Bucket::start();
    let (server, near, _) = with_a_bucket(&bucket);
    server.operate(["backup", "create"]).good();
    bucket.refuse(true);
    let drilled = server.operate(["backup", "verify"]).exits_with(3);
    assert!(drilled.stdout.contains(&format!("in {}\n  is good", near.display())), "{drilled}");
    assert!(drilled.stderr.contains("AccessDenied") && drilled.stderr.contains("problems were found: 1"), "{drilled}");
    let told = server.operate(["backup", "verify", "--json"]).exits_with(3);
    let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON, whole");
    assert_eq!((&told[0]["good"], &told[1]["good"]), (&true.into(), &false.into()), "{told}");
}
