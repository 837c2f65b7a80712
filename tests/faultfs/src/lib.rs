//! A file system for SQLite that fails, fills up and loses its power when a test tells it to. For tests only.
//!
//! A process that is killed leaves everything behind that it wrote, synced or not; a test that kills processes therefore
//! can't see a missing fsync. This one can: it lies in memory, knows of every file what would be on the disk if the power
//! went now, and hands that out as a new file system.
//!
//! | module | holds |
//! |---|---|
//! | `disk` | files, what of them is durable, faults, counts: the model below |
//! | `locks` | SQLite's file locks, and the shared memory of its write-ahead log |
//! | `vfs` | the C function pointers; the only place with `unsafe` |
//!
//! # What it models, and what not
//!
//! - **Data.** Each file has what was written, and what is durable. A sync makes durable what was written to *that* file
//!   before it. Nothing else does: neither time, nor closing, nor the sync of another file.
//! - **Names.** Creating, deleting and renaming survive each as a whole or not at all, whatever came before or after.
//!   Like SQLite's own on Unix, the first sync of a write-ahead log or journal that was created also syncs the directory,
//!   and a deletion does where SQLite asks for it. There is one directory; a sync of it makes all its names durable. A
//!   database that is itself created by SQLite is not named durably by its own sync; see [`FaultFs::create`].
//! - **Loss of power.** [`FaultFs::power_cut`] keeps what is durable, and as much of the rest as its [`Survival`] says, in
//!   sectors of 512 bytes. A sector is written whole or not at all, and bytes beside those written are never harmed: the
//!   assumption that SQLite makes by default too (its `POWERSAFE_OVERWRITE`).
//! - **Failing operations.** The first write that fails has written its first half, further ones nothing. A sync that fails leaves its data as undecided as
//!   it was, or, with [`FaultFs::failed_syncs_lose`], loses it: Linux forgets that pages were dirty after an fsync failed, so
//!   that the next one succeeds without having written them.
//! - **Not modelled**: a disk that says "synced" and lies; bits that flip; memory-mapped files, which SQLite is told that we
//!   don't have; several processes.
//!
//! The same calls give the same counts and the same losses. SQLite's calls differ a little from run to run: the salts in a
//! write-ahead log are random, and the bundled build has one page cache for the whole process (`ENABLE_MEMORY_MANAGEMENT`), so
//! that tests side by side have a say in each other's reads, and in what is written before a commit.

mod disk;
mod locks;
mod vfs;

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use self::disk::{Code, Shared};

fn failed(code: Code) -> io::Error {
    io::Error::other(format!("the disk failed ({code})"))
}

/// An operation of SQLite on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Opening a file that was not there.
    Create,
    /// Writing.
    Write,
    /// Cutting a file to a length.
    Truncate,
    /// Making what was written durable.
    Sync,
    /// Deleting a file.
    Delete,
    /// Giving a file another name.
    Rename,
    /// Opening a file that is there.
    Open,
    /// Reading.
    Read,
    /// Asking for a file's size.
    Size,
    /// Asking whether a file is there.
    Access,
    /// Mapping a piece of shared memory.
    Map,
}

impl Op {
    const ALL: [Self; 11] = [
        Self::Create,
        Self::Write,
        Self::Truncate,
        Self::Sync,
        Self::Delete,
        Self::Rename,
        Self::Open,
        Self::Read,
        Self::Size,
        Self::Access,
        Self::Map,
    ];

    const fn changes(self) -> bool {
        matches!(self, Self::Create | Self::Write | Self::Truncate | Self::Sync | Self::Delete | Self::Rename)
    }
}

/// Which operations are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// [`Op::Create`], [`Op::Write`], [`Op::Truncate`], [`Op::Sync`], [`Op::Delete`] and [`Op::Rename`]. Connections that
    /// only read do none, so that these can be counted whatever the others do.
    Changes,
    /// All others.
    Looks,
    /// One kind.
    Only(Op),
}

impl Which {
    fn includes(self, op: Op) -> bool {
        match self {
            Self::Changes => op.changes(),
            Self::Looks => !op.changes(),
            Self::Only(only) => only == op,
        }
    }
}

/// What a loss of power leaves of what was written and not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    Synced,
    /// Of every write each sector, and every truncation, creation and deletion, by the toss of a coin.
    Some {
        /// The same seed tosses the same way.
        seed: u64,
    },
    /// All of it: the process was killed, and the machine runs on. Also a way to copy a file system.
    All,
}

/// A file system under a name of its own, by which SQLite finds it. Cheap to clone; clones are the same file system. It is
/// there until the last clone and the last open file are gone.
#[derive(Clone)]
pub struct FaultFs(Arc<Shared>);

impl FaultFs {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "it registers a name with SQLite: more than a default value does")]
    pub fn new() -> Self {
        Self(Shared::with(disk::Disk::default()))
    }

    /// The name to give to SQLite as that of the VFS.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Creates an empty file, durably: what a program does that creates its database before SQLite opens it.
    pub fn create(&self, path: &str) {
        self.0.lock().create_durably(path);
    }

    /// Writes a file as a program does beside SQLite: created if it is not there, in pieces, and not synced.
    pub fn write(&self, path: &str, content: &[u8]) -> io::Result<()> {
        self.0.write_file(path, content).map_err(failed)
    }

    /// What a file has now, synced or not; nothing if it is not there. Counts as no operation.
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.0.lock().content(path)
    }

    /// Makes what was written to a file durable, and not its name.
    pub fn sync(&self, path: &str) -> io::Result<()> {
        self.0.sync_file(path).map_err(failed)
    }

    /// The names of all files. Counts as no operation.
    pub fn names(&self) -> Vec<String> {
        self.0.lock().all_names()
    }

    /// Gives a file another name, in place of whatever had it: at one stroke, and durable when the directory is synced.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        if self.0.rename(from, to).map_err(failed)? { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Deletes a file; durable when the directory is synced.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        let path = CString::new(path)?;
        self.0.delete(&path, false).map_err(failed)
    }

    /// Makes all names durable.
    pub fn sync_directory(&self) -> io::Result<()> {
        self.0.sync_names().map_err(failed)
    }

    /// The `n`th of these operations from now on fails. Counted from 1. Replaces the former order to fail.
    pub fn fail_nth(&self, which: Which, n: u64) {
        self.fail_times(which, n, 1);
    }

    /// The `n`th of these operations from now on fails, and so do those that follow it, until `times` of them have.
    pub fn fail_times(&self, which: Which, n: u64, times: u64) {
        self.0.lock().fail(which, n, times);
    }

    /// The `n`th of these operations from now on and all that follow it fail.
    pub fn fail_from(&self, which: Which, n: u64) {
        self.fail_times(which, n, u64::MAX);
    }

    /// Whether a sync that fails loses what it should have made durable; see the crate's head.
    pub fn failed_syncs_lose(&self, lose: bool) {
        self.0.lock().failed_syncs_lose = lose;
    }

    /// From now on the disk is full when all files together have this many bytes. A write that does not fit is done as far as
    /// it fits, and fails.
    pub fn limit_bytes(&self, limit: u64) {
        self.0.lock().limit(limit);
    }

    /// Nothing fails any more, and there is room.
    pub fn heal(&self) {
        self.0.lock().heal();
    }

    /// What the first operation was that failed since it was last said what should.
    pub fn hit(&self) -> Option<String> {
        self.0.lock().hit.clone()
    }

    /// How many of these operations there were so far.
    pub fn count(&self, which: Which) -> u64 {
        self.0.lock().count(which)
    }

    /// What all files together have now, in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.lock().bytes()
    }

    /// The next operation that changes something waits until the [`Hold`] is dropped. A test can so have a batch come
    /// together behind it.
    pub fn hold(&self) -> Hold {
        self.0.hold();
        Hold(Arc::clone(&self.0))
    }

    /// What would be there after a loss of power now, as a file system of its own, healed. This one goes on.
    #[must_use]
    pub fn power_cut(&self, survival: Survival) -> Self {
        let left = self.0.lock().after_power_cut(survival);
        Self(Shared::with(left))
    }
}

impl fmt::Debug for FaultFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FaultFs").field(&self.name()).finish()
    }
}

/// Stops the next change; see [`FaultFs::hold`].
#[derive(Debug)]
pub struct Hold(Arc<Shared>);

impl Hold {
    /// Returns when an operation waits; false if none came in this time.
    #[must_use]
    pub fn reached(&self, within: Duration) -> bool {
        self.0.reached(within)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, ErrorCode, OpenFlags};

    use super::*;

    fn connect(fs: &FaultFs) -> rusqlite::Result<Connection> {
        let db = Connection::open_with_flags_and_vfs("/db", OpenFlags::default(), fs.name())?;
        db.busy_timeout(Duration::from_secs(5))?;
        Ok(db)
    }

    fn count(fs: &FaultFs) -> rusqlite::Result<i64> {
        connect(fs)?.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
    }

    fn with_table(mode: &str) -> (FaultFs, Connection) {
        let fs = FaultFs::new();
        fs.create("/db");
        let db = connect(&fs).unwrap();
        db.execute_batch(&format!("PRAGMA journal_mode = {mode}; PRAGMA synchronous = FULL; CREATE TABLE t (x)"))
            .unwrap();
        (fs, db)
    }

    #[test]
    fn a_loss_of_power_takes_what_was_not_synced_and_a_kill_does_not() {
        let (fs, db) = with_table("WAL");
        db.execute_batch("INSERT INTO t VALUES (1); PRAGMA synchronous = NORMAL; INSERT INTO t VALUES (2)").unwrap();
        assert_eq!(count(&fs.power_cut(Survival::Synced)), Ok(1));
        assert_eq!(count(&fs.power_cut(Survival::All)), Ok(2));
        assert_eq!(count(&fs), Ok(2), "it goes on itself");
    }

    #[test]
    fn a_rollback_journal_works_on_it_too() {
        let (fs, db) = with_table("DELETE");
        db.execute_batch("BEGIN; INSERT INTO t VALUES (1); COMMIT").unwrap();
        fs.fail_from(Which::Only(Op::Delete), 1);
        // The commit is the deletion of the journal.
        assert!(db.execute_batch("INSERT INTO t VALUES (2)").is_err());
        assert_eq!(count(&fs.power_cut(Survival::Synced)), Ok(1));
    }

    #[test]
    fn a_rename_is_done_or_not_done_and_durable_with_its_directory() {
        let fs = FaultFs::new();
        fs.write("/new", b"new").unwrap();
        fs.sync("/new").unwrap();
        fs.write("/old", b"old").unwrap();
        fs.sync("/old").unwrap();
        fs.sync_directory().unwrap();
        fs.rename("/new", "/old").unwrap();
        assert_eq!((fs.names(), fs.content("/old")), (vec!["/old".to_owned()], Some(b"new".to_vec())));
        let left = fs.power_cut(Survival::Synced);
        assert_eq!((left.names().len(), left.content("/old")), (2, Some(b"old".to_vec())));
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let left = fs.power_cut(Survival::Some { seed });
            seen.insert((left.names().len(), left.content("/old").unwrap()));
        }
        assert_eq!(seen, [(1, b"new".to_vec()), (2, b"old".to_vec())].into(), "never neither, and never half");
        fs.sync_directory().unwrap();
        assert_eq!(fs.power_cut(Survival::Synced).content("/old"), Some(b"new".to_vec()));

        fs.fail_nth(Which::Only(Op::Rename), 1);
        fs.rename("/old", "/elsewhere").unwrap_err();
        assert_eq!(fs.names(), ["/old"]);
        fs.remove("/old").unwrap();
        fs.remove("/old").unwrap_err();
    }

    #[test]
    fn the_same_seed_leaves_the_same() {
        let (fs, db) = with_table("WAL");
        db.execute_batch("PRAGMA synchronous = OFF; INSERT INTO t VALUES (randomblob(100000))").unwrap();
        let left = |seed| fs.power_cut(Survival::Some { seed }).0.lock().contents();
        assert!(left(1) == left(1) && left(1) != left(2));
    }

    #[test]
    fn a_full_disk_is_told_as_such_and_works_again_when_cleared() {
        let (fs, db) = with_table("WAL");
        fs.limit_bytes(fs.bytes() + 10_000);
        let error = db.execute_batch("INSERT INTO t VALUES (randomblob(100000))").unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
        assert!(fs.hit().is_some());
        fs.heal();
        db.execute_batch("INSERT INTO t VALUES (randomblob(100000))").unwrap();
        assert_eq!(count(&fs), Ok(1));
    }

    #[test]
    fn several_threads_read_while_one_writes() {
        let (fs, db) = with_table("WAL");
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let db = connect(&fs).unwrap();
                    let mut seen = 0;
                    while seen < 300 {
                        let now = db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
                        assert!(now >= seen, "{now} after {seen}");
                        seen = now;
                    }
                });
            }
            db.execute_batch("PRAGMA wal_autocheckpoint = 5").unwrap();
            for _ in 0..300 {
                db.execute_batch("INSERT INTO t VALUES (randomblob(500))").unwrap();
            }
        });
        let fine: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(fine, "ok");
    }

    #[test]
    fn what_nobody_holds_any_more_is_gone() {
        let (fs, db) = with_table("WAL");
        let name = fs.name().to_owned();
        drop(fs);
        db.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        drop(db);
        assert!(Connection::open_with_flags_and_vfs("/db", OpenFlags::default(), name.as_str()).is_err());
    }
}
