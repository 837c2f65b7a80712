//! How large the database is, how much room is left, and how many accounts there are.

use std::path::Path;

use rusqlite::Connection;

use super::readers::Readers;
use super::schema;
use crate::storage::{AccountCounts, Figures, StorageError};
use crate::volume::{Volume as _, VolumeOf};

/// Accounts that are counted in one go: a few milliseconds of a reader's time.
const SLICE: u32 = 10_000;

/// The sizes of `database` and of what belongs to it.
pub(super) fn sizes(database: &Path) -> Figures {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let mut wal = database.as_os_str().to_owned();
    wal.push("-wal");
    let volume = VolumeOf(database.to_owned()).measure().ok();
    Figures {
        waiting: 0,
        database_bytes: size(database),
        wal_bytes: size(Path::new(&wal)),
        volume_free_bytes: volume.as_ref().map_or(0, |volume| volume.free),
        volume_bytes: volume.map_or(0, |volume| volume.total),
    }
}

/// Walks all accounts by key. Not one `GROUP BY`: with a million accounts it would hold a reader, and a snapshot of the
/// database which the write-ahead log can't be folded behind, for seconds.
pub(super) async fn count_accounts(readers: &Readers) -> Result<AccountCounts, StorageError> {
    let (mut counts, mut after) = (AccountCounts::default(), i64::MIN);
    loop {
        let slice = readers.ask("counting accounts", move |db| count_slice(db, after)).await?;
        let Some(last) = slice.last else { return Ok(counts) };
        counts.active += slice.active;
        counts.deleted += slice.deleted;
        counts.disabled += slice.all - slice.active - slice.deleted;
        after = last;
    }
}

struct Slice {
    all: u64,
    active: u64,
    deleted: u64,
    last: Option<i64>,
}

fn count_slice(db: &Connection, after: i64) -> rusqlite::Result<Slice> {
    const SQL: &str = "SELECT count(*), count(*) FILTER (WHERE state = ?3), count(*) FILTER (WHERE state = ?4), max(id) \
         FROM (SELECT id, state FROM account WHERE id > ?1 ORDER BY id LIMIT ?2)";
    db.prepare_cached(SQL)?.query_row((after, SLICE, schema::ACTIVE, schema::DELETED), |row| {
        Ok(Slice { all: row.get(0)?, active: row.get(1)?, deleted: row.get(2)?, last: row.get(3)? })
    })
}

#[cfg(test)]
mod tests {
    use super::super::SqliteStorage;
    use super::super::directory::DATABASE_FILE;
    use super::*;
    use crate::storage::Storage as _;
    use crate::storage::conformance;

    #[test]
    fn accounts_are_counted_by_state_across_slices() {
        let dir = tempfile::tempdir().unwrap();
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir.path()).unwrap();
            assert_eq!(storage.count_accounts().await.unwrap(), AccountCounts::default());
            let db = Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
            db.execute_batch(
                "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 25000) \
                 INSERT INTO account (client_id, state, created_at) SELECT randomblob(16), n % 10 = 0, 0 FROM n",
            )
            .unwrap();
            let expected = AccountCounts { active: 22_500, disabled: 2_500, deleted: 0 };
            assert_eq!(storage.count_accounts().await.unwrap(), expected);
        });
    }

    #[test]
    fn sizes_are_those_of_the_files_and_the_volume() {
        let dir = tempfile::tempdir().unwrap();
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir.path()).unwrap();
            let figures = storage.figures().await;
            let size = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().len();
            assert_eq!(figures.database_bytes, size(DATABASE_FILE));
            assert_eq!(figures.wal_bytes, size("taskferry.sqlite3-wal"));
            assert!(figures.volume_free_bytes > 0 && figures.volume_free_bytes < figures.volume_bytes);
            assert_eq!(figures.waiting, 0);
        });
    }
}
