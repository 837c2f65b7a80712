//! What a disk can do to the storage: fail at any operation, fill up, lose its power. One history is played on a file system
//! that does so at every single one of its operations in turn; what was acknowledged is then compared with what is there.
//!
//! How many operations the history has differs by a few from run to run: large bodies have random numbers, and this build of
//! SQLite has one page cache for the whole process, so that tests side by side have a say in what is read, and in what is
//! written before a commit. So every test goes on until it meets no operation any more.
//!
//! The file system is `faultfs`, and its head says what it models. A killed process proves nothing here: the system still
//! writes what the process did not sync. That these tests do see a missing fsync is a test of its own, the last one.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use faultfs::{FaultFs, Op, Survival, Which};
use futures_util::FutureExt as _;
use futures_util::future::{MaybeDone, join_all, maybe_done};
use rusqlite::{Connection, OpenFlags};
use taskferry_protocol::{ClientId, VersionId};

use super::file::DatabaseFile;
use super::{OpenError, SqliteStorage, schema};
use crate::storage::body::{Incoming, Outgoing, Staging};
use crate::storage::conformance::{add, client, put_snapshot, register, run, version};
use crate::storage::{Change, CommitError, Storage as _, StorageError};

const FILE: &str = "/taskferry.sqlite3";
/// Pages in the write-ahead log before it is folded into the database; few, so that a short history does it several times.
const CHECKPOINT_PAGES: u32 = 16;
/// Pages that a connection keeps; few, so that it reads and writes in the middle of a transaction as one with large bodies does.
const CACHE_PAGES: u32 = 10;

fn file(fs: &FaultFs) -> DatabaseFile {
    DatabaseFile::on(fs.name(), FILE)
}

/// With the settings that the server uses, but for what is given here.
fn open_with(fs: &FaultFs, synchronous: Option<&str>) -> Result<SqliteStorage, OpenError> {
    let db = schema::open_for_writing(file(fs))?;
    let set = |name, value: &str| db.execute_batch(&format!("PRAGMA {name} = {value}"));
    if let Some(synchronous) = synchronous {
        set("synchronous", synchronous).unwrap();
    }
    set("wal_autocheckpoint", &CHECKPOINT_PAGES.to_string()).unwrap();
    set("cache_size", &CACHE_PAGES.to_string()).unwrap();
    SqliteStorage::start(db, &file(fs), None)
}

fn open(fs: &FaultFs) -> Result<SqliteStorage, OpenError> {
    open_with(fs, None)
}

/// As the data directory leaves it for SQLite.
fn empty() -> FaultFs {
    let fs = FaultFs::new();
    fs.create(FILE);
    fs
}

/// Goes on with a request as far as it comes without waiting. Whether it was answered.
fn poll<F: Future + Unpin>(request: &mut MaybeDone<F>) -> bool {
    request.now_or_never().is_some()
}

/// What one account was told, in order.
#[derive(Debug, Default, Clone)]
struct Told {
    /// It exists.
    exists: bool,
    /// Its chain, from nil on.
    versions: Vec<(VersionId, Bytes)>,
    snapshot: Option<(VersionId, Bytes)>,
    /// Versions whose storing failed, with their parents. After a loss of power they may turn out to be there, and only then.
    doubtful: Vec<(VersionId, VersionId, Bytes)>,
    /// Likewise.
    doubtful_snapshots: Vec<(VersionId, Bytes)>,
}

impl Told {
    fn latest(&self) -> VersionId {
        self.versions.last().map_or(VersionId::NIL, |(version, _)| *version)
    }
}

/// What one request wants.
#[derive(Debug, Clone)]
enum Wish {
    Register,
    Add(VersionId, VersionId, Bytes),
    /// A version that does not follow the latest one.
    Stray,
    Snapshot(VersionId, Bytes),
}

type Ledger = BTreeMap<u128, Told>;

/// Storage on a disk, and what it told everybody.
struct World {
    fs: FaultFs,
    storage: SqliteStorage,
    ledger: Ledger,
    /// For IDs and bodies: each is there once.
    last: u128,
}

impl World {
    fn on(fs: &FaultFs, synchronous: Option<&str>) -> Self {
        let storage = open_with(fs, synchronous).unwrap();
        Self { fs: fs.clone(), storage, ledger: Ledger::new(), last: 0 }
    }

    /// The same accounts, found again on another disk or after a restart.
    fn found_on(fs: &FaultFs, ledger: Ledger, last: u128) -> Self {
        Self { fs: fs.clone(), storage: open(fs).unwrap(), ledger, last }
    }

    fn told(&mut self, who: u128) -> &mut Told {
        self.ledger.entry(who).or_default()
    }

    fn body(&mut self, bytes: usize) -> Bytes {
        self.last += 1;
        // No sixteen bytes of any body are those of another place in it, or of another body.
        let mut body = Vec::with_capacity(bytes + 16);
        for at in 0..bytes.div_ceil(16) {
            body.extend_from_slice(&(self.last << 64 | at as u128).to_le_bytes());
        }
        body.truncate(bytes);
        body.into()
    }

    fn wish_to_add(&mut self, who: u128, bytes: usize) -> Wish {
        let body = self.body(bytes);
        let id = version(self.last);
        Wish::Add(self.told(who).latest(), id, body)
    }

    fn wish_to_snapshot(&mut self, who: u128, bytes: usize) -> Wish {
        let body = self.body(bytes);
        Wish::Snapshot(self.told(who).latest(), body)
    }

    fn change(who: u128, wish: &Wish, body: Option<Incoming>) -> Change {
        let whole = |whole: &Bytes| body.unwrap_or_else(|| Incoming::Whole(whole.clone()));
        match wish {
            Wish::Register => register(client(who), true),
            Wish::Add(parent, id, body) => add(client(who), *parent, *id, whole(body)),
            Wish::Stray => add(client(who), version(u128::MAX), version(u128::MAX - 1), "stray"),
            Wish::Snapshot(at, body) => put_snapshot(client(who), *at, whole(body)),
        }
    }

    /// Writes down what became of a wish; refusals that nothing but a wrong memory explains end the test.
    fn note<T>(&mut self, who: u128, wish: Wish, outcome: Result<T, CommitError>) {
        let hit = self.fs.hit();
        let told = self.told(who);
        match (outcome, wish) {
            (Err(CommitError::Conflict(latest)), Wish::Stray) => {
                assert_eq!(latest, told.latest(), "{who} after {hit:?}");
            }
            (Ok(_), Wish::Stray) => panic!("a stray version was stored, after {hit:?}"),
            (Ok(_), wish) => {
                told.exists = true;
                match wish {
                    Wish::Add(_, id, body) => told.versions.push((id, body)),
                    Wish::Snapshot(at, body) => told.snapshot = Some((at, body)),
                    Wish::Register | Wish::Stray => {}
                }
            }
            (Err(CommitError::Storage(_)), wish) => match wish {
                Wish::Add(parent, id, body) => told.doubtful.push((parent, id, body)),
                Wish::Snapshot(at, body) => told.doubtful_snapshots.push((at, body)),
                Wish::Register | Wish::Stray => {}
            },
            // The history asks for snapshots of versions that it may not have been able to store.
            (Err(CommitError::UnknownVersion), Wish::Snapshot(at, _)) if at.is_nil() => {}
            (Err(refused), _) => panic!("account {who} was refused: {refused}; after {hit:?}"),
        }
    }

    async fn ask(&mut self, who: u128, wish: Wish) {
        let outcome = self.storage.commit(Self::change(who, &wish, None)).await;
        self.note(who, wish, outcome);
    }

    async fn add(&mut self, who: u128, bytes: usize) {
        let wish = self.wish_to_add(who, bytes);
        self.ask(who, wish).await;
    }

    /// The same with a body in pieces: the first in a transaction of its own, the others and the change in a second one.
    async fn ask_staged(&mut self, who: u128, wish: Wish) {
        let (Wish::Add(_, _, body) | Wish::Snapshot(_, body)) = &wish else { panic!("no body") };
        let mut staging = self.storage.stage().await.unwrap();
        let hold = self.fs.hold();
        let mut pushed = Ok(());
        for (n, piece) in body.chunks(10_000).enumerate() {
            if pushed.is_ok() {
                pushed = staging.push(Bytes::copy_from_slice(piece)).await;
            }
            // It may fail before it is written; nobody is told.
            let _ = n == 0 && hold.reached(Duration::from_millis(50));
        }
        let outcome = match pushed {
            Ok(()) => {
                let mut commit = maybe_done(self.storage.commit(Self::change(who, &wish, Some(staging.finish()))));
                poll(&mut commit);
                drop(hold);
                (&mut commit).await;
                Pin::new(&mut commit).take_output().unwrap()
            }
            Err(error) => Err(error),
        };
        self.note(who, wish, outcome);
    }

    /// The first wish in a transaction of its own; while it is being written, the others and a piece of a large body come
    /// together in a second one. Returns the large body.
    async fn ask_together(&mut self, wishes: Vec<(u128, Wish)>) -> Box<dyn Staging> {
        let mut staging = self.storage.stage().await.unwrap();
        let hold = self.fs.hold();
        let mut asked = Vec::new();
        for (n, (who, wish)) in wishes.iter().enumerate() {
            let mut commit = maybe_done(self.storage.commit(Self::change(*who, wish, None)));
            // Asked once, it is in the queue.
            let mut answered = poll(&mut commit);
            // The first one may fail before it writes anything.
            while n == 0 && !answered && !hold.reached(Duration::from_millis(5)) {
                answered = poll(&mut commit);
            }
            asked.push(commit);
        }
        let _ = staging.push(Bytes::from(vec![7; 18_000])).await;
        drop(hold);
        let mut outcomes = Vec::new();
        for mut commit in asked {
            (&mut commit).await;
            outcomes.push(Pin::new(&mut commit).take_output().unwrap());
        }
        for ((who, wish), outcome) in wishes.into_iter().zip(outcomes) {
            self.note(who, wish, outcome);
        }
        staging
    }

    /// What is played on every disk. Accounts come into being, alone and in batches; bodies of all kinds come, are replaced and
    /// given up; the log is folded into the database several times on the way. Every step comes, whatever became of the
    /// others.
    async fn history(&mut self) {
        self.add(1, 40).await;
        self.add(1, 700).await;
        let wishes = vec![
            (1, self.wish_to_add(1, 900)),
            (2, self.wish_to_add(2, 300)),
            (3, self.wish_to_add(3, 5_000)),
            (4, Wish::Register),
            (5, self.wish_to_add(5, 60)),
        ];
        let given_up = self.ask_together(wishes).await;
        let wish = self.wish_to_add(2, 25_000);
        self.ask_staged(2, wish).await;
        let wish = self.wish_to_snapshot(1, 24_000);
        self.ask_staged(1, wish).await;
        // As a download does: what it reads is not swept before it ends, here at the end of the history.
        let at = self.told(1).snapshot.as_ref().map_or(VersionId::NIL, |(at, _)| *at);
        let download = self.storage.snapshot(client(1), at).await;
        let mut wishes = vec![(3, self.wish_to_add(3, 100)), (2, self.wish_to_add(2, 12_000))];
        // Accounts that could not be created have nothing to stray from.
        if !self.told(1).versions.is_empty() {
            wishes.push((1, Wish::Stray));
        }
        wishes.extend([(4, self.wish_to_add(4, 100)), (5, self.wish_to_add(5, 9_000))]);
        let given_up = (given_up, self.ask_together(wishes).await);
        self.add(1, 8_000).await;
        self.add(3, 18_000).await;
        let wish = self.wish_to_snapshot(1, 500);
        self.ask(1, wish).await;
        drop((download, given_up));
        // One body is swept behind each.
        for _ in 0..4 {
            self.add(4, 500).await;
        }
    }

    /// Closes, as a stop does. The threads must still be there to do it.
    async fn close(self) -> (FaultFs, Ledger, u128) {
        self.storage.close().await.unwrap();
        (self.fs, self.ledger, self.last)
    }

    /// Everybody goes on, and now nothing may fail.
    async fn go_on(&mut self) {
        let wishes: Vec<_> = (1..=6).map(|who| (who, self.wish_to_add(who, 1_000))).collect();
        let commits = wishes.iter().map(|(who, wish)| self.storage.commit(Self::change(*who, wish, None)));
        for ((who, wish), outcome) in wishes.iter().zip(join_all(commits).await) {
            assert!(outcome.is_ok(), "account {who} can't go on: {outcome:?}");
            self.note(*who, wish.clone(), outcome);
        }
        let wish = self.wish_to_snapshot(2, 12_000);
        let Wish::Snapshot(at, _) = wish else { unreachable!() };
        self.ask_staged(2, wish).await;
        assert_eq!(self.told(2).snapshot.as_ref().map(|(at, _)| *at), Some(at), "no snapshot");
    }

    /// Compares what everybody was told with what the storage says.
    async fn check(&self, context: &str) {
        for (who, told) in &self.ledger {
            let context = format!("account {who}, {context}");
            let account = self.storage.account(client(*who)).await.unwrap();
            assert_eq!(account.is_some(), told.exists, "{context}");
            assert!(self.chain(*who).await.unwrap() == told.versions, "the chain is another one: {context}");
            let Some(account) = account else { continue };
            assert_eq!(account.latest(), told.latest(), "{context}");
            assert_eq!(account.versions, told.versions.len() as u64, "{context}");
            let bytes: usize = told.versions.iter().map(|(_, body)| body.len()).sum();
            assert_eq!(account.version_bytes, bytes as u64, "{context}");
            let snapshot = self.snapshot(*who).await.unwrap();
            assert!(snapshot == told.snapshot, "the snapshot is another one: {context}");
        }
        assert_eq!(unsound(&self.fs), Vec::<String>::new(), "{context}");
    }

    async fn chain(&self, who: u128) -> Result<Vec<(VersionId, Bytes)>, StorageError> {
        let mut chain = Vec::new();
        let mut parent = VersionId::NIL;
        while let Some(child) = self.storage.child(client(who), parent).await? {
            parent = child.version;
            chain.push((child.version, child.body.collect().await?));
            assert!(chain.len() < 1000, "a circle");
        }
        Ok(chain)
    }

    async fn snapshot(&self, who: u128) -> Result<Option<(VersionId, Bytes)>, StorageError> {
        let Some(meta) = self.storage.account(client(who)).await?.and_then(|account| account.snapshot) else {
            return Ok(None);
        };
        let body = self.storage.snapshot(client(who), meta.version).await?.map(Outgoing::collect);
        Ok(Some((meta.version, body.expect("a snapshot without a body").await?)))
    }

    /// After a loss of power: takes as told what was in doubt and turns out to be there.
    async fn settle(&mut self) {
        for who in self.ledger.keys().copied().collect::<Vec<_>>() {
            let (account, chain) = (self.storage.account(client(who)).await.unwrap(), self.chain(who).await.unwrap());
            let snapshot = self.snapshot(who).await.unwrap();
            let told = self.told(who);
            told.exists |= account.is_some();
            for (id, body) in chain.into_iter().skip(told.versions.len()) {
                if told.doubtful.contains(&(told.latest(), id, body.clone())) {
                    told.versions.push((id, body));
                }
            }
            if let Some(snapshot) = snapshot
                && told.doubtful_snapshots.contains(&snapshot)
            {
                told.snapshot = Some(snapshot);
            }
            told.doubtful.clear();
            told.doubtful_snapshots.clear();
        }
    }
}

fn read_only(fs: &FaultFs) -> rusqlite::Result<Connection> {
    file(fs).connect(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// What SQLite's own checks and the schema's promises find wrong.
fn unsound(fs: &FaultFs) -> Vec<String> {
    const QUESTIONS: &[&str] = &[
        "SELECT 'journal mode ' || journal_mode FROM pragma_journal_mode WHERE journal_mode <> 'wal'",
        "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
        "SELECT 'a reference to nothing in ' || \"table\" FROM pragma_foreign_key_check",
        "SELECT 'account ' || id || ' miscounts' FROM account a WHERE versions <> \
             (SELECT count(*) FROM version WHERE account = a.id) OR version_bytes <> \
             (SELECT coalesce(sum(bytes), 0) FROM version WHERE account = a.id)",
        "SELECT 'a version with two parents' FROM version GROUP BY account, version HAVING count(*) > 1",
        "SELECT 'a body in use would be swept' FROM blob WHERE linked = 0 AND id IN \
             (SELECT blob FROM version UNION SELECT blob FROM snapshot)",
        "SELECT 'a body that nobody uses would never be swept' FROM blob WHERE linked = 1 AND id NOT IN \
             (SELECT blob FROM version WHERE blob IS NOT NULL UNION SELECT blob FROM snapshot WHERE blob IS NOT NULL)",
        "SELECT 'body ' || v.blob || ' has ' || sum(length(c.data)) || ' bytes' FROM \
             (SELECT blob, bytes FROM version UNION \
             SELECT s.blob, a.snapshot_bytes FROM snapshot s JOIN account a ON a.id = s.account) v JOIN chunk c ON c.blob = v.blob \
             GROUP BY v.blob, v.bytes HAVING sum(length(c.data)) <> v.bytes",
    ];
    let ask = || -> rusqlite::Result<Vec<String>> {
        let db = read_only(fs)?;
        let mut found = Vec::new();
        for sql in QUESTIONS {
            for problem in db.prepare(sql)?.query_map([], |row| row.get(0))? {
                found.push(problem?);
            }
        }
        Ok(found)
    };
    ask().unwrap_or_else(|error| vec![error.to_string()])
}

/// How many acknowledged versions a disk does not have, byte for byte.
fn lost(fs: &FaultFs, ledger: &Ledger) -> usize {
    const BODY: &str =
        "SELECT body, blob FROM version WHERE version = ?2 AND account = (SELECT id FROM account WHERE client_id = ?1)";
    const PIECES: &str = "SELECT data FROM chunk WHERE blob = ?1 ORDER BY seq";
    let db = read_only(fs);
    let body = |who: ClientId, id: VersionId| -> rusqlite::Result<Vec<u8>> {
        let db = db.as_ref().map_err(|_| rusqlite::Error::InvalidQuery)?;
        let (body, blob): (Option<Vec<u8>>, Option<i64>) = db
            .prepare_cached(BODY)?
            .query_row((who.as_bytes(), id.as_bytes()), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut body = body.unwrap_or_default();
        for piece in db.prepare_cached(PIECES)?.query_map([blob], |row| row.get::<_, Vec<u8>>(0))? {
            body.extend(piece?);
        }
        Ok(body)
    };
    let versions = ledger.iter().flat_map(|(who, told)| told.versions.iter().map(|told| (client(*who), told)));
    versions.filter(|(who, (id, expected))| !body(*who, *id).is_ok_and(|body| body == *expected)).count()
}

/// A database as the first start leaves it.
async fn fresh() -> FaultFs {
    let fs = empty();
    let storage = open(&fs).unwrap();
    storage.close().await.unwrap();
    drop(storage);
    fs.power_cut(Survival::All)
}

/// Opens what a loss of power left, compares, and goes on.
async fn survives(image: &FaultFs, ledger: &Ledger, last: u128, context: &str) {
    assert_eq!(lost(image, ledger), 0, "acknowledged and lost: {context}");
    let mut world = World::found_on(image, ledger.clone(), last);
    world.settle().await;
    world.check(context).await;
    world.go_on().await;
    world.check(context).await;
}

#[test]
fn where_nothing_fails_everything_is_stored() {
    run(|| async {
        let fs = fresh().await;
        let mut world = World::on(&fs, None);
        world.history().await;
        let (_, ledger, last) = world.close().await;
        assert!(ledger.values().all(|told| told.doubtful.is_empty() && told.doubtful_snapshots.is_empty()));
        // The log was folded in more often than by the close: else much of what may fail was not there to fail.
        assert!(fs.count(Which::Only(Op::Truncate)) > 2, "{}", fs.count(Which::Only(Op::Truncate)));
        World::found_on(&fs, ledger, last).check("nothing failed").await;
    });
}

/// What was hit when the history was played on a disk that fails, and what is left.
enum Played {
    /// The fault came in the history; the storage is open.
    Open(Box<World>, String),
    /// It came while closing.
    Closed(FaultFs, Ledger, u128, String),
    /// It did not come any more.
    Unharmed,
}

/// Plays the history and closes, on a copy of `base` that was given its `order` to fail.
async fn play(base: &FaultFs, synchronous: Option<&str>, order: impl FnOnce(&FaultFs)) -> Played {
    let fs = base.power_cut(Survival::All);
    let mut world = World::on(&fs, synchronous);
    order(&fs);
    world.history().await;
    if let Some(hit) = fs.hit() {
        return Played::Open(Box::new(world), hit);
    }
    let (fs, ledger, last) = world.close().await;
    match fs.hit() {
        Some(hit) => Played::Closed(fs, ledger, last, hit),
        None => Played::Unharmed,
    }
}

impl Played {
    /// The disk works again. What was told must be there, and everybody must be able to go on, without a restart where the
    /// storage is still open.
    async fn heals(self) -> bool {
        let (mut world, hit) = match self {
            Self::Open(world, hit) => {
                world.fs.heal();
                (*world, hit)
            }
            Self::Closed(fs, ledger, last, hit) => {
                fs.heal();
                (World::found_on(&fs, ledger, last), hit)
            }
            Self::Unharmed => return false,
        };
        world.check(&format!("healed after {hit}")).await;
        world.go_on().await;
        world.check(&format!("gone on after {hit}")).await;
        // What went on is durable too.
        let left = lost(&world.fs.power_cut(Survival::Synced), &world.ledger);
        assert_eq!(left, 0, "lost afterwards, though acknowledged: {hit}");
        true
    }
}

#[test]
fn any_operation_may_fail_once() {
    run(|| async {
        let base = fresh().await;
        let order = |fs: &FaultFs, n| {
            fs.failed_syncs_lose(true);
            fs.fail_nth(Which::Changes, n);
        };
        let mut n = 1;
        while play(&base, None, |fs| order(fs, n)).await.heals().await {
            n += 1;
        }
        assert!(n > 300, "the history has become short: {n}");
    });
}

#[test]
fn an_operation_may_fail_again_when_it_is_tried_again() {
    run(|| async {
        let base = fresh().await;
        let mut n = 1;
        // The writer tries a batch twice.
        while play(&base, None, |fs| fs.fail_times(Which::Changes, n, 2)).await.heals().await {
            n += 3;
        }
        assert!(n > 300, "the history has become short: {n}");
    });
}

#[test]
fn any_sync_may_fail_once_and_its_data_be_written_all_the_same() {
    run(|| async {
        let base = fresh().await;
        let mut n = 1;
        while play(&base, None, |fs| fs.fail_nth(Which::Only(Op::Sync), n)).await.heals().await {
            n += 1;
        }
        assert!(n > 30, "the history has become short: {n}");
    });
}

#[test]
fn any_look_may_fail_once_or_twice() {
    run(|| async {
        let base = fresh().await;
        let mut n = 1;
        while play(&base, None, |fs| fs.fail_times(Which::Looks, n, 1 + n % 2)).await.heals().await {
            n += 1;
        }
        assert!(n > 50, "the history has become short: {n}"); // fewer beside other tests, whose cached pages it shares
    });
}

#[test]
fn the_disk_may_break_at_any_operation_and_be_mended() {
    run(|| async {
        let base = fresh().await;
        let mut n = 1;
        loop {
            let played = play(&base, None, |fs| fs.fail_from(Which::Changes, n)).await;
            if let Played::Open(world, hit) = &played {
                world.check(&format!("still broken after {hit}")).await;
            }
            if !played.heals().await {
                break;
            }
            n += 3;
        }
        assert!(n > 300, "the history has become short: {n}");
    });
}

#[test]
fn the_power_may_go_at_any_operation() {
    run(|| async {
        let base = fresh().await;
        let mut n = 0;
        loop {
            n += 1;
            let (fs, ledger, last, hit) = match play(&base, None, |fs| fs.fail_from(Which::Changes, n)).await {
                Played::Open(world, hit) => (world.fs, world.ledger, world.last, hit),
                Played::Closed(fs, ledger, last, hit) => (fs, ledger, last, hit),
                Played::Unharmed => break,
            };
            let torn = (n % 2 == 0).then_some(Survival::Some { seed: n });
            for survival in [Some(Survival::Synced), torn].into_iter().flatten() {
                survives(&fs.power_cut(survival), &ledger, last, &format!("{survival:?} at {hit}")).await;
            }
        }
        assert!(n > 300, "the history has become short: {n}");
    });
}

#[test]
fn a_missing_sync_would_be_seen() {
    run(|| async {
        let base = fresh().await;
        // What SQLite's weaker settings lose, these tests find: without that they would prove nothing.
        for synchronous in ["OFF", "NORMAL"] {
            let mut losses = 0;
            for n in (1..).step_by(5) {
                match play(&base, Some(synchronous), |fs| fs.fail_from(Which::Changes, n)).await {
                    Played::Open(world, _) => {
                        losses += usize::from(lost(&world.fs.power_cut(Survival::Synced), &world.ledger) > 0);
                    }
                    Played::Closed(fs, ledger, ..) => {
                        losses += usize::from(lost(&fs.power_cut(Survival::Synced), &ledger) > 0);
                    }
                    Played::Unharmed => break,
                }
            }
            assert!(losses > 0, "no acknowledged version was lost with synchronous={synchronous}");
        }
    });
}

#[test]
fn the_disk_may_be_full_at_any_size_and_be_cleared() {
    run(|| async {
        let base = fresh().await;
        let most = {
            let fs = base.power_cut(Survival::All);
            let mut world = World::on(&fs, None);
            world.history().await;
            fs.bytes()
        };
        let step = (most - base.bytes()) / 100;
        let mut hits = 0;
        for limit in (base.bytes()..most).step_by(usize::try_from(step).unwrap()) {
            hits += usize::from(play(&base, None, |fs| fs.limit_bytes(limit)).await.heals().await);
        }
        assert!(hits > 90, "{hits}");
    });
}

#[test]
fn a_database_may_fail_to_be_created_at_any_operation() {
    run(|| async {
        let mut n = 0;
        loop {
            n += 1;
            let fs = empty();
            fs.fail_from(Which::Changes, n);
            let opened = open(&fs);
            let Some(hit) = fs.hit() else { break };
            let nobody = Ledger::new();
            for survival in [Survival::Synced, Survival::Some { seed: n }, Survival::Some { seed: !n }] {
                survives(&fs.power_cut(survival), &nobody, 0, &format!("{survival:?} at {hit}")).await;
            }
            drop(opened);
            fs.heal();
            survives(&fs, &nobody, 0, &format!("opened again after {hit}")).await;
        }
        assert!(n > 20, "opening has become short: {n}");
    });
}
