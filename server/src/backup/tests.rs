//! Backups from beginning to end, on a database of a server that is not running.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use taskferry_protocol::VersionId;

use super::create::{CreateError, Created, Plan, create};
use super::restore::{Prepared, RestoreError, Source, prepare};
use super::retention::Retention;
use super::status::Status;
use super::store::destination::{BucketAccess, Destination};
use super::store::{Kept, Shelf};
use super::verify::{Drill, FetchError, Flaw, verify};
use crate::stop::Stop;
use crate::storage::Storage as _;
use crate::storage::conformance::{self, add, client, put_snapshot, staged, version};
use crate::storage::sqlite::SqliteStorage;
use crate::storage::sqlite::directory::DATABASE_FILE;

/// A server's data and a place for its backups.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        conformance::run(|| async {
            let storage = SqliteStorage::open(&world.data()).unwrap();
            storage.commit(add(client(1), VersionId::NIL, version(1), "a")).await.unwrap();
            let body = staged(&storage, vec![3; 600_000]).await;
            storage.commit(put_snapshot(client(1), version(1), body)).await.unwrap();
            storage.close().await.unwrap();
        });
        world
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn place(&self) -> PathBuf {
        self.dir.path().join("place")
    }

    fn plan(&self) -> Plan {
        Plan {
            data_dir: self.data(),
            destinations: vec![Destination::Folder(self.place())],
            access: BucketAccess::default(),
            recipients: Vec::new(),
            retention: Retention { keep: 2, max_bytes: None },
            floor: Some(0),
        }
    }

    /// One more version.
    fn append(&self, n: u128) {
        conformance::run(|| async {
            let storage = SqliteStorage::open(&self.data()).unwrap();
            storage.commit(add(client(1), version(n - 1), version(n), "b")).await.unwrap();
            storage.close().await.unwrap();
        });
    }

    fn latest(&self) -> VersionId {
        let mut latest = VersionId::NIL;
        conformance::run(|| async {
            let storage = SqliteStorage::open(&self.data()).unwrap();
            latest = storage.account(client(1)).await.unwrap().unwrap().latest();
            storage.close().await.unwrap();
        });
        latest
    }

    fn shelf(&self) -> Shelf {
        Destination::Folder(self.place()).shelf(&BucketAccess::default(), Some(0)).unwrap()
    }

    fn kept(&self) -> Vec<Kept> {
        self.shelf().backups().unwrap()
    }

    fn drill(&self, kept: &Kept, identity: Option<&Path>) -> Result<Drill, FetchError> {
        verify(&self.shelf(), kept, identity, self.dir.path(), &Stop::default())
    }

    fn prepare(&self, identity: Option<&Path>) -> Result<Prepared, RestoreError> {
        let source = Source::find("latest", vec![self.shelf()], &BucketAccess::default())?;
        prepare(&source, &self.data(), identity, true, &Stop::default())
    }

    fn files(&self, folder: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(self.dir.path().join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_412_000 + second).unwrap()
}

fn make(plan: &Plan, second: i64) -> Result<Created, CreateError> {
    create(plan, at(second), &Stop::default())
}

#[test]
fn a_backup_is_two_private_files_and_says_what_is_in_it() {
    let world = World::new();
    let made = make(&world.plan(), 0).unwrap();
    assert_eq!((made.manifest.accounts, made.manifest.versions, made.manifest.snapshots), (1, 1, 1));
    assert_eq!(
        world.files("place".as_ref()),
        ["taskferry-20261123T053320.000Z.json", "taskferry-20261123T053320.000Z.sqlite3"]
    );
    #[cfg(unix)]
    for (path, mode) in world
        .files("place".as_ref())
        .iter()
        .map(|name| (world.place().join(name), 0o600))
        .chain([(world.place(), 0o700)])
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
    }
    let drill = world.drill(&world.kept()[0], None).unwrap();
    assert!(drill.flaws.is_empty() && drill.examined.unwrap().accounts == 1);
    assert_eq!(Status::read(&world.data()).last_good, Some(made.name.to_string()));
}

#[test]
fn a_place_that_fails_changes_nothing_about_the_others() {
    let world = World::new();
    let in_the_way = world.dir.path().join("file");
    fs_err::write(&in_the_way, "a file where a folder should be").unwrap();
    let mut plan = world.plan();
    plan.destinations.push(Destination::Folder(in_the_way.join("below")));
    let made = make(&plan, 0).unwrap();
    assert!(made.places[0].kept.is_ok() && made.places[1].kept.is_err());
    assert_eq!(world.kept().len(), 1);
    assert_eq!(Status::read(&world.data()).problems.len(), 1);
}

#[test]
fn damaged_data_makes_no_backup_and_costs_no_older_one() {
    let world = World::new();
    for second in 0..3 {
        make(&world.plan(), second).unwrap();
    }
    let before = world.kept();
    let db = rusqlite::Connection::open(world.data().join(DATABASE_FILE)).unwrap();
    db.execute("UPDATE account SET latest = randomblob(16)", []).unwrap();
    assert!(matches!(make(&world.plan(), 9), Err(CreateError::Unsound { .. })));
    assert_eq!(world.kept(), before);
    assert_eq!(world.files("place".as_ref()).len(), 2 * before.len(), "nothing half-done");
    let status = Status::read(&world.data());
    assert_eq!((status.last_good_at, status.problems.len()), (Some(at(2).as_second()), 1));
}

#[test]
fn what_a_killed_backup_left_is_gone_after_the_next_one() {
    let world = World::new();
    fs_err::create_dir(world.place()).unwrap();
    for name in [
        "taskferry-20261123T053000.000Z.sqlite3.unfinished",
        "taskferry-20261123T053000.000Z.sqlite3.unfinished-journal",
    ] {
        fs_err::write(world.place().join(name), "half").unwrap();
    }
    fs_err::write(world.place().join("mine.unfinished"), "not ours").unwrap();
    make(&world.plan(), 0).unwrap();
    assert_eq!(world.files("place".as_ref()).len(), 3);
    assert!(world.place().join("mine.unfinished").exists());
}

#[test]
fn one_backup_is_made_at_a_time() {
    let world = World::new();
    let lock = fs_err::File::create(world.data().join("taskferry.backup.lock")).unwrap();
    lock.file().try_lock().unwrap();
    assert!(matches!(make(&world.plan(), 0), Err(CreateError::Busy)));
}

#[test]
fn a_directory_without_data_is_told_and_stays_empty() {
    let dir = tempfile::tempdir().unwrap();
    let plan = Plan { data_dir: dir.path().to_owned(), ..World::new().plan() };
    assert!(matches!(make(&plan, 0), Err(CreateError::NoData { .. })));
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_backup_whose_manifest_tells_of_other_data_is_found() {
    let world = World::new();
    make(&world.plan(), 0).unwrap();
    let kept = world.kept().remove(0);
    let path = world.place().join(kept.name.manifest_file());
    let told = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, told.replace("\"versions\": 1", "\"versions\": 2")).unwrap();
    assert!(matches!(world.drill(&kept, None).unwrap().flaws[..], [Flaw::Other]));
}

#[test]
fn a_restore_brings_the_data_back_under_a_new_epoch_and_keeps_the_former() {
    let world = World::new();
    let made = make(&world.plan(), 0).unwrap();
    world.append(2);
    let restored = world.prepare(None).unwrap().carry_out("1").unwrap();
    assert_eq!(world.latest(), version(1));
    assert_ne!(restored.epoch, made.manifest.epoch);
    let former = Source::Database(restored.former.unwrap());
    prepare(&former, &world.data(), None, true, &Stop::default()).unwrap().carry_out("2").unwrap();
    assert_eq!(world.latest(), version(2));
}

#[test]
fn a_restore_that_is_given_up_leaves_everything_as_it_was() {
    let world = World::new();
    make(&world.plan(), 0).unwrap();
    world.append(2);
    // But for the index of an empty log, which SQLite leaves where somebody only read.
    let files = || -> Vec<String> {
        let index = |name: &String| name.ends_with("-wal") || name.ends_with("-shm");
        world.files("data".as_ref()).into_iter().filter(|name| !index(name)).collect()
    };
    let before = files();
    drop(world.prepare(None).unwrap());
    assert_eq!((files(), world.latest()), (before, version(2)));
}

#[test]
fn data_that_can_not_be_read_any_more_is_replaced_and_kept() {
    let world = World::new();
    make(&world.plan(), 0).unwrap();
    fs_err::write(world.data().join(DATABASE_FILE), "what a broken disk left").unwrap();
    let prepared = world.prepare(None).unwrap();
    assert_eq!(prepared.comparison, None);
    let former = prepared.carry_out("1").unwrap().former.unwrap();
    assert_eq!(fs_err::read_to_string(former).unwrap(), "what a broken disk left");
    assert_eq!(world.latest(), version(1));
}

#[test]
fn a_new_machine_begins_with_a_backup() {
    let world = World::new();
    make(&world.plan(), 0).unwrap();
    fs_err::remove_dir_all(world.data()).unwrap();
    let restored = world.prepare(None).unwrap().carry_out("1").unwrap();
    assert_eq!((restored.former, world.latest()), (None, version(1)));
}

#[cfg(feature = "age")]
#[test]
fn an_encrypted_backup_is_opened_by_its_key_alone() {
    use age::secrecy::ExposeSecret as _;
    let world = World::new();
    let key = age::x25519::Identity::generate();
    let file = world.dir.path().join("key");
    fs_err::write(&file, key.to_string().expose_secret()).unwrap();
    let plan = Plan { recipients: vec![key.to_public().to_string().parse().unwrap()], ..world.plan() };
    make(&plan, 0).unwrap();
    assert!(world.files("place".as_ref()).iter().any(|name| name.ends_with(".sqlite3.age")));

    let kept = world.kept().remove(0);
    let sealed = fs_err::read(world.place().join(kept.name.database_file(kept.encryption))).unwrap();
    assert!(!sealed.windows(15).any(|window| window == b"SQLite format 3"));
    assert!(world.drill(&kept, Some(&file)).unwrap().flaws.is_empty());
    assert!(matches!(world.drill(&kept, None), Err(FetchError::Unseal(_))));
    world.append(2);
    world.prepare(Some(&file)).unwrap().carry_out("1").unwrap();
    assert_eq!(world.latest(), version(1));
    assert!(
        !world.files("".as_ref()).iter().any(|name| name.starts_with("taskferry.restoring")),
        "nothing decrypted is left"
    );
}

#[test]
fn a_small_volume_keeps_the_newest_by_bytes() {
    let world = World::new();
    let size = make(&world.plan(), 0).unwrap().manifest.bytes;
    let plan = Plan { retention: Retention { keep: 9, max_bytes: Some(2 * size + 1) }, ..world.plan() };
    for second in 1..5 {
        make(&plan, second).unwrap();
    }
    assert_eq!(world.kept().len(), 2);
}
