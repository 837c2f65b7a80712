//! Where a body lies: in its own row while it is small, else as chunks.
//!
//! SQLite copies a bound or fetched value whole, several times over: one value of 100 MB costs 300 MB of memory. Chunks keep
//! that flat. One row for small bodies, because two more rows per version would double what a sync costs.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row};

/// What a row says about its body.
#[derive(Debug)]
pub(super) enum Place {
    /// It is this.
    Inline(Vec<u8>),
    /// Pieces of this blob.
    Chunks {
        /// Number of the blob.
        blob: i64,
        /// Bytes in all.
        bytes: u64,
    },
}

impl Place {
    /// Reads the columns `bytes`, `body` and `blob`, from `first` on.
    pub(super) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        match row.get(first + 2)? {
            Some(blob) => Ok(Self::Chunks { blob, bytes: row.get(first)? }),
            None => Ok(Self::Inline(row.get(first + 1)?)),
        }
    }
}

/// Whether the blob is (still) there.
pub(super) fn exists(db: &Connection, blob: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM blob WHERE id = ?1")?.exists([blob])
}

/// One piece of a blob.
pub(super) fn read_chunk(db: &Connection, blob: i64, seq: u32) -> rusqlite::Result<Bytes> {
    let found: Option<Vec<u8>> = db
        .prepare_cached("SELECT data FROM chunk WHERE blob = ?1 AND seq = ?2")?
        .query_row((blob, seq), |row| row.get(0))
        .optional()?;
    // Never a body that is shorter than what was acknowledged.
    found.map(Bytes::from).ok_or_else(|| {
        rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(format!("piece {seq} of a body is missing")),
        )
    })
}

/// Stores one piece of a body that is still arriving; the first one creates the blob.
pub(super) fn store_chunk(db: &Connection, blob: i64, seq: u32, data: &[u8]) -> rusqlite::Result<()> {
    if seq == 0 {
        db.prepare_cached("INSERT INTO blob (id) VALUES (?1)")?.execute([blob])?;
    }
    db.prepare_cached("INSERT INTO chunk (blob, seq, data) VALUES (?1, ?2, ?3)")?.execute((blob, seq, data))?;
    Ok(())
}

/// A version or snapshot of this transaction owns the blob from now on, which must have all of its pieces.
pub(super) fn link(db: &Connection, blob: i64, pieces: u32) -> rusqlite::Result<()> {
    let linked = db
        .prepare_cached(
            "UPDATE blob SET linked = 1 \
             WHERE id = ?1 AND linked = 0 AND ?2 = (SELECT count(*) FROM chunk WHERE blob = ?1)",
        )?
        .execute((blob, pieces))?;
    if linked == 1 { Ok(()) } else { Err(rusqlite::Error::StatementChangedRows(linked)) }
}

/// Nothing owns the blob any more.
pub(super) fn unlink(db: &Connection, blob: i64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE blob SET linked = 0 WHERE id = ?1")?.execute([blob]).map(drop)
}

/// The same by a process beside the server, which leaves the rest to it: only the server knows who is still reading, and which
/// blobs are not linked because they are still arriving.
pub(super) fn give_up(db: &Connection, blob: i64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE blob SET linked = 2 WHERE id = ?1")?.execute([blob]).map(drop)
}

/// Takes over the blobs that other processes gave up.
pub(super) fn adopt(db: &Connection) -> rusqlite::Result<Vec<i64>> {
    if !db.prepare_cached("SELECT 1 FROM blob WHERE linked = 2")?.exists([])? {
        return Ok(Vec::new());
    }
    db.prepare_cached("UPDATE blob SET linked = 0 WHERE linked = 2 RETURNING id")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Blobs that nothing links: left over from bodies that never arrived whole, and from a stop before they were swept.
/// The first `most` of them.
pub(super) fn unlinked(db: &Connection, most: u32) -> rusqlite::Result<Vec<i64>> {
    const SQL: &str = "SELECT id FROM blob WHERE linked <> 1 ORDER BY id LIMIT ?1";
    db.prepare_cached(SQL)?.query_map([most], |row| row.get(0))?.collect()
}

/// How many bodies nothing links, and their bytes: being deleted, or still arriving.
pub(crate) fn unlinked_in_all(db: &Connection) -> rusqlite::Result<(u64, u64)> {
    // A value's length stands before it, so no body is read for it.
    const SQL: &str = "SELECT count(DISTINCT blob), coalesce(sum(length(data)), 0) FROM chunk \
         WHERE blob IN (SELECT id FROM blob WHERE linked <> 1)";
    db.query_row(SQL, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Deletes up to `chunks` pieces of these unlinked blobs, one blob after the other. Returns those that are gone with their last one.
pub(super) fn sweep_some(db: &Connection, blobs: &[i64], chunks: u32) -> rusqlite::Result<Vec<i64>> {
    let (mut gone, mut left) = (Vec::new(), chunks);
    for blob in blobs {
        let deleted = db
            .prepare_cached(
                "DELETE FROM chunk WHERE rowid IN (SELECT rowid FROM chunk WHERE blob = ?1 ORDER BY seq DESC LIMIT ?2)",
            )?
            .execute((blob, left))?;
        left -= u32::try_from(deleted).unwrap_or(left);
        // Perhaps there are more of its pieces.
        if left == 0 {
            break;
        }
        db.prepare_cached("DELETE FROM blob WHERE id = ?1 AND linked <> 1")?.execute([blob])?;
        gone.push(*blob);
    }
    Ok(gone)
}
