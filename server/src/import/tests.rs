//! Imports from databases as the reference server leaves them: sound ones, strange ones, and twice.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, params};
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use super::source::{Account, Link, Sink, Skip, SnapshotLink, Source, SourceError};
use super::target::Target;
use super::{ImportError, Report, import, open};
use crate::progress::{Hears, Step};
use crate::stop::Stop;
use crate::storage::Storage as _;
use crate::storage::conformance::{self, add};
use crate::storage::sqlite::SqliteStorage;
use crate::storage::sqlite::directory::{DATABASE_FILE, REFERENCE_FILE};
use crate::storage::sqlite::examine::examine;

const NOW: i64 = 1_795_412_521;

/// The tables of `taskchampion-sync-server-storage-sqlite` 0.7.1.
const TABLES: &str = "CREATE TABLE clients (client_id STRING PRIMARY KEY, latest_version_id STRING, \
    snapshot_version_id STRING, versions_since_snapshot INTEGER, snapshot_timestamp INTEGER, snapshot BLOB); \
    CREATE TABLE versions (version_id STRING PRIMARY KEY, client_id STRING, parent_version_id STRING, history_segment BLOB); \
    CREATE INDEX versions_by_parent ON versions (parent_version_id);";

fn id(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

fn client(n: u128) -> ClientId {
    ClientId::from_uuid(Uuid::from_u128(n))
}

fn version(n: u128) -> VersionId {
    VersionId::from_uuid(Uuid::from_u128(n))
}

/// A reference server's data.
struct Theirs {
    dir: tempfile::TempDir,
    db: Connection,
}

impl Theirs {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Connection::open(dir.path().join(REFERENCE_FILE)).unwrap();
        db.execute_batch(TABLES).unwrap();
        Self { dir, db }
    }

    fn client(&self, client: u128, latest: u128) -> &Self {
        self.db
            .execute("INSERT INTO clients (client_id, latest_version_id) VALUES (?1, ?2)", [id(client), id(latest)])
            .unwrap();
        self
    }

    fn version(&self, client: u128, parent: u128, version: u128, body: &[u8]) -> &Self {
        self.db
            .execute("INSERT INTO versions VALUES (?1, ?2, ?3, ?4)", params![id(version), id(client), id(parent), body])
            .unwrap();
        self
    }

    fn snapshot(&self, client: u128, version: u128, body: &[u8]) -> &Self {
        let sql = "UPDATE clients SET snapshot_version_id = ?2, versions_since_snapshot = 1, snapshot_timestamp = 1700000000, \
                   snapshot = ?3 WHERE client_id = ?1";
        self.db.execute(sql, params![id(client), id(version), body]).unwrap();
        self
    }

    fn import_to(&self, ours: &Path, stop: &Stop) -> Result<Report, ImportError> {
        let source = open(self.dir.path())?;
        import(&*source, &mut Target::open(ours)?, false, NOW, stop)
    }

    /// Into an empty directory, which is checked.
    fn import(&self) -> (tempfile::TempDir, Report) {
        let ours = tempfile::tempdir().unwrap();
        let report = self.import_to(ours.path(), &Stop::default()).unwrap();
        let db = Connection::open(ours.path().join(DATABASE_FILE)).unwrap();
        assert_eq!(examine(&db, &Stop::default()).unwrap().findings, []);
        (ours, report)
    }
}

fn skipped(report: &Report) -> Vec<Skip> {
    report.reasons.iter().map(|(_, skip)| skip.clone()).collect()
}

#[test]
fn bodies_of_every_size_arrive_byte_for_byte_and_the_chain_goes_on() {
    let theirs = Theirs::new();
    let (small, large, snapshot) = (vec![1; 10], vec![2; 600_000], vec![3; 262_145]);
    theirs.client(1, 13).version(1, 10, 11, &small).version(1, 11, 12, &large).version(1, 12, 13, &small);
    theirs.snapshot(1, 12, &snapshot);
    theirs.client(2, 0);
    let (ours, report) = theirs.import();
    assert_eq!((report.imported, report.versions, report.skipped, report.notes.len()), (2, 3, 0, 0));
    conformance::run(|| async {
        let storage = SqliteStorage::open(ours.path()).unwrap();
        let mut at = version(10);
        for (n, body) in [(11, &small), (12, &large), (13, &small)] {
            let child = storage.child(client(1), at).await.unwrap().unwrap();
            assert_eq!(child.version, version(n));
            assert!(child.body.collect().await.unwrap() == *body);
            at = child.version;
        }
        let account = storage.account(client(1)).await.unwrap().unwrap();
        let meta = account.snapshot.unwrap();
        assert_eq!((meta.version, meta.versions_since, meta.stored_at), (version(12), 1, 1_700_000_000));
        assert_eq!(account.tip.parent_of(version(11)), Some(version(10)));
        assert!(account.created_at < NOW - 24 * 60 * 60, "not a newcomer");
        let stored = storage.snapshot(client(1), version(12)).await.unwrap().unwrap();
        assert!(stored.collect().await.unwrap() == snapshot);
        storage.commit(add(client(1), version(13), version(14), "goes on")).await.unwrap();
        assert_eq!(storage.account(client(2)).await.unwrap().unwrap().versions, 0);
        storage.close().await.unwrap();
    });
    // And again, although it went on here.
    let again = theirs.import_to(ours.path(), &Stop::default()).unwrap();
    assert_eq!((again.imported, again.present, again.skipped), (0, 2, 0));
}

#[test]
fn an_account_that_does_not_hold_together_is_left_out_and_the_others_arrive() {
    let theirs = Theirs::new();
    theirs.client(1, 11); // its versions are gone
    theirs.client(2, 22).version(2, 22, 21, b"a").version(2, 21, 22, b"a"); // a ring
    theirs.client(3, 31).version(3, 0, 31, b""); // empty
    theirs.client(4, 41).version(4, 0, 41, b"good");
    theirs.db.execute("INSERT INTO clients (client_id) VALUES ('not an id')", []).unwrap();
    let (_ours, report) = theirs.import();
    assert_eq!(report.imported, 1);
    assert_eq!(
        skipped(&report),
        [Skip::Broken("its latest version is missing"), Skip::Broken("it leads back to itself"), Skip::EmptyBody]
    );
}

#[test]
fn what_no_device_could_reach_is_left_out_and_said() {
    let theirs = Theirs::new();
    theirs.client(1, 12).version(1, 0, 11, b"a").version(1, 11, 12, b"b").version(1, 11, 13, b"beside");
    theirs.snapshot(1, 99, b"of nothing");
    let (_ours, report) = theirs.import();
    let notes: Vec<&str> = report.notes.iter().map(|(_, note)| note.as_str()).collect();
    assert_eq!((report.imported, report.versions, notes.len()), (1, 2, 2));
    assert!(notes[0].contains("1 versions") && notes[1].contains("snapshot"), "{notes:?}");
}

/// Interrupts the work while it is at the second account.
#[derive(Debug, Default)]
struct Interrupts(Mutex<Stop>);

impl Hears for Interrupts {
    fn begins(&self, _: Step) {}

    fn reached(&self, done: u64) {
        if done == 1 {
            self.0.lock().unwrap().set();
        }
    }

    fn lives(&self) {}

    fn ends(&self) {}
}

#[test]
fn an_interrupted_import_goes_on_where_it_stopped() {
    let theirs = Theirs::new();
    for n in 1..=3 {
        theirs.client(n, 10 * n).version(n, 0, 10 * n, b"a");
    }
    let ours = tempfile::tempdir().unwrap();
    let interrupts = Arc::new(Interrupts::default());
    let stop = Stop::heard_by(Arc::clone(&interrupts) as _);
    *interrupts.0.lock().unwrap() = stop.clone();
    let source = open(theirs.dir.path()).unwrap();
    let mut target = Target::open(ours.path()).unwrap();
    let first = import(&*source, &mut target, false, NOW, &stop).unwrap();
    assert_eq!((first.imported, first.stopped), (2, true));
    drop(target);
    let second = theirs.import_to(ours.path(), &Stop::default()).unwrap();
    assert_eq!((second.imported, second.present, second.stopped), (1, 2, false));
}

#[test]
fn an_account_with_another_history_is_not_touched() {
    let theirs = Theirs::new();
    theirs.client(1, 12).version(1, 0, 11, b"a").version(1, 11, 12, b"b");
    let ours = tempfile::tempdir().unwrap();
    conformance::run(|| async {
        let storage = SqliteStorage::open(ours.path()).unwrap();
        storage.commit(add(client(1), VersionId::NIL, version(77), "ours")).await.unwrap();
        storage.close().await.unwrap();
    });
    let report = theirs.import_to(ours.path(), &Stop::default()).unwrap();
    assert_eq!(skipped(&report), [Skip::Another]);
    conformance::run(|| async {
        let storage = SqliteStorage::open(ours.path()).unwrap();
        assert_eq!(storage.account(client(1)).await.unwrap().unwrap().latest(), version(77));
        storage.close().await.unwrap();
    });
}

#[test]
fn a_look_creates_nothing() {
    let theirs = Theirs::new();
    theirs.client(1, 11).version(1, 0, 11, b"a");
    let ours = tempfile::tempdir().unwrap();
    let source = open(theirs.dir.path()).unwrap();
    let mut target = Target::look(ours.path()).unwrap();
    let report = import(&*source, &mut target, true, NOW, &Stop::default()).unwrap();
    assert_eq!(report.imported, 1);
    assert_eq!(std::fs::read_dir(ours.path()).unwrap().count(), 0);
    assert!(matches!(open(ours.path()), Err(ImportError::NoData { .. })));
}

/// A source that breaks off in the middle of an account.
struct BreaksOff(Box<dyn Source>);

impl Source for BreaksOff {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn clients(&self) -> Result<Vec<ClientId>, SourceError> {
        self.0.clients()
    }

    fn account(&self, client: ClientId, now: i64) -> Result<Result<Account, Skip>, SourceError> {
        self.0.account(client, now)
    }

    fn version_body(&self, link: &Link, into: Sink<'_>) -> rusqlite::Result<()> {
        if link.version == version(32) { Err(rusqlite::Error::InvalidQuery) } else { self.0.version_body(link, into) }
    }

    fn snapshot_body(&self, at: &SnapshotLink, into: Sink<'_>) -> rusqlite::Result<()> {
        self.0.snapshot_body(at, into)
    }
}

#[test]
fn what_came_before_an_error_stays_and_nothing_of_the_account_at_which_it_came() {
    let theirs = Theirs::new();
    for n in 1..=5 {
        theirs.client(n, 10 * n + 2).version(n, 0, 10 * n + 1, b"a").version(
            n,
            10 * n + 1,
            10 * n + 2,
            &vec![7; 300_000],
        );
    }
    let ours = tempfile::tempdir().unwrap();
    let source = BreaksOff(open(theirs.dir.path()).unwrap());
    let mut target = Target::open(ours.path()).unwrap();
    import(&source, &mut target, false, NOW, &Stop::default()).unwrap_err();
    drop(target);
    let db = Connection::open(ours.path().join(DATABASE_FILE)).unwrap();
    let seen = examine(&db, &Stop::default()).unwrap();
    assert_eq!((seen.findings, seen.accounts, seen.versions), (vec![], 2, 4));
    drop(db);
    let again = theirs.import_to(ours.path(), &Stop::default()).unwrap();
    assert_eq!((again.present, again.imported), (2, 3));
}

#[test]
fn many_small_accounts_share_transactions_and_all_of_them_arrive() {
    let theirs = Theirs::new();
    for n in 1..=250 {
        theirs.client(n, 1000 + n).version(n, 0, 1000 + n, b"a");
    }
    let (ours, report) = theirs.import();
    assert_eq!((report.imported, report.versions), (250, 250));
    let db = Connection::open(ours.path().join(DATABASE_FILE)).unwrap();
    let count: u32 = db.query_row("SELECT count(*) FROM account", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 250);
}
