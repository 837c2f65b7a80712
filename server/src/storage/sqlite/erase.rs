//! Erases what deleted accounts have stored, a little at a time, once they can't be brought back any more. The row stays: it is
//! the tombstone.

use rusqlite::{Connection, OptionalExtension as _};

use super::place;
use crate::storage::UnixSeconds;

/// Versions in one slice: at most 4 MiB, if all of them are as large as a row may be.
const VERSIONS: usize = 16;

/// How a body is let go.
type Unlink = fn(&Connection, i64) -> rusqlite::Result<()>;

/// Erases a slice of an account whose time has come. Returns the blobs that nothing links any more; `None` if there is no such
/// account.
pub(super) fn erase_some(db: &Connection, now: UnixSeconds) -> rusqlite::Result<Option<Vec<i64>>> {
    let due: Option<i64> = db
        .prepare_cached("SELECT id FROM account WHERE erase_at <= ?1 ORDER BY erase_at LIMIT 1")?
        .query_row([now], |row| row.get(0))
        .optional()?;
    due.map(|account| Ok(erase_some_of(db, account, place::unlink)?.unlinked)).transpose()
}

/// What one slice did.
#[derive(Debug)]
pub(super) struct Slice {
    /// Blobs that nothing links any more.
    unlinked: Vec<i64>,
    /// Nothing of the account is left but its tombstone.
    pub(super) is_last: bool,
}

/// Erases a slice of this account, which is deleted. `unlink` is [`place::unlink`] in the server and [`place::give_up`] beside it.
pub(super) fn erase_some_of(db: &Connection, account: i64, unlink: Unlink) -> rusqlite::Result<Slice> {
    // From its first slice on it can't be brought back, even if the clock is put back: half an account is none.
    db.prepare_cached("UPDATE account SET erase_at = 0 WHERE id = ?1 AND erase_at <> 0")?.execute([account])?;
    let mut blobs = delete(
        db,
        "DELETE FROM version WHERE rowid IN (SELECT rowid FROM version WHERE account = ?1 LIMIT ?2) RETURNING blob",
        (account, VERSIONS),
    )?;
    let is_last = blobs.len() < VERSIONS;
    if is_last {
        blobs.extend(delete(db, "DELETE FROM snapshot WHERE account = ?1 RETURNING blob", [account])?);
        db.prepare_cached("DELETE FROM stand WHERE account = ?1")?.execute([account])?;
        db.prepare_cached(
            "UPDATE account SET erase_at = NULL, latest = zeroblob(16), earlier = x'', versions = 0, version_bytes = 0, \
             snapshot_version = NULL, snapshot_at = NULL, snapshot_bytes = NULL, snapshot_added = NULL, \
             last_version_at = NULL WHERE id = ?1",
        )?
        .execute([account])?;
    }
    let unlinked: Vec<i64> = blobs.into_iter().flatten().collect();
    for blob in &unlinked {
        unlink(db, *blob)?;
    }
    Ok(Slice { unlinked, is_last })
}

/// Deletes rows, and returns what blob each of them had.
fn delete(db: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<Vec<Option<i64>>> {
    db.prepare_cached(sql)?.query_map(values, |row| row.get(0))?.collect()
}
