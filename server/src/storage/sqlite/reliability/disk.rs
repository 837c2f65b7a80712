//! Storage on a file system that fails: how it is opened there.

use faultfs::{FaultFs, Survival};

use super::super::file::DatabaseFile;
use super::super::{OpenError, SqliteStorage, schema};
use crate::metrics::storage::StorageMetrics;
use crate::storage::Storage as _;

pub(super) const FILE: &str = "/taskferry.sqlite3";
/// Pages in the write-ahead log before it is folded into the database; few, so that a short history does it several times.
const CHECKPOINT_PAGES: u32 = 16;
/// Pages that a connection keeps; few, so that it reads and writes in the middle of a transaction as one with large bodies does.
const CACHE_PAGES: u32 = 10;

pub(super) fn file(fs: &FaultFs) -> DatabaseFile {
    DatabaseFile::on(fs.name(), FILE)
}

/// With the settings that the server uses, but for what is given here.
pub(super) fn open_with(fs: &FaultFs, synchronous: Option<&str>) -> Result<SqliteStorage, OpenError> {
    let db = schema::open_for_writing(file(fs))?;
    let set = |name, value: &str| db.execute_batch(&format!("PRAGMA {name} = {value}"));
    if let Some(synchronous) = synchronous {
        set("synchronous", synchronous).unwrap();
    }
    set("wal_autocheckpoint", &CHECKPOINT_PAGES.to_string()).unwrap();
    set("cache_size", &CACHE_PAGES.to_string()).unwrap();
    SqliteStorage::start(db, &file(fs), None, StorageMetrics::default())
}

pub(super) fn open(fs: &FaultFs) -> Result<SqliteStorage, OpenError> {
    open_with(fs, None)
}

/// As the data directory leaves it for SQLite.
pub(super) fn empty() -> FaultFs {
    let fs = FaultFs::new();
    fs.create(FILE);
    fs
}

/// A database as the first start leaves it.
pub(super) async fn fresh() -> FaultFs {
    let fs = empty();
    let storage = open(&fs).unwrap();
    storage.close().await.unwrap();
    drop(storage);
    fs.power_cut(Survival::All)
}
