//! Where a body lies: in its own row while it is small, else as chunks.
//!
//! SQLite copies a bound or fetched value whole, several times over: one value of 100 MB costs 300 MB of memory. Chunks of
//! 256 KiB keep that flat. One row for small bodies, because two more rows per version would double what a sync costs.

use bytes::{Bytes, BytesMut};
use rusqlite::{Connection, Row};

/// The largest chunk, and the largest body that lies in its row, in bytes.
pub(super) const CHUNK_BYTES: usize = 256 * 1024;

/// What a row says about its body: columns `bytes`, `body`, `blob`.
pub(super) struct Place {
    bytes: usize,
    inline: Option<Vec<u8>>,
    blob: Option<i64>,
}

impl Place {
    /// Reads the three columns, from `first` on.
    pub(super) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            bytes: row.get(first)?,
            inline: row.get(first + 1)?,
            blob: row.get(first + 2)?,
        })
    }

    /// The body, from within the transaction that read the row.
    pub(super) fn read(self, db: &Connection) -> rusqlite::Result<Bytes> {
        let Some(blob) = self.blob else {
            return Ok(self.inline.unwrap_or_default().into());
        };
        let mut whole = BytesMut::with_capacity(self.bytes);
        let mut statement = db.prepare_cached("SELECT data FROM chunk WHERE blob = ?1 ORDER BY seq")?;
        let mut rows = statement.query([blob])?;
        while let Some(row) = rows.next()? {
            whole.extend_from_slice(row.get_ref(0)?.as_blob()?);
        }
        if whole.len() == self.bytes {
            return Ok(whole.freeze());
        }
        // Never a body that is shorter than what was acknowledged.
        Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(format!("a body of {} bytes has chunks for {}", self.bytes, whole.len())),
        ))
    }
}

/// Stores `body`: returns the values for the columns `body` and `blob`.
pub(super) fn store<'a>(db: &Connection, body: &'a [u8]) -> rusqlite::Result<(Option<&'a [u8]>, Option<i64>)> {
    if body.len() <= CHUNK_BYTES {
        return Ok((Some(body), None));
    }
    db.prepare_cached("INSERT INTO blob (bytes) VALUES (?1)")?
        .execute([body.len()])?;
    let blob = db.last_insert_rowid();
    let mut statement = db.prepare_cached("INSERT INTO chunk (blob, seq, data) VALUES (?1, ?2, ?3)")?;
    for (seq, chunk) in body.chunks(CHUNK_BYTES).enumerate() {
        statement.execute((blob, seq, chunk))?;
    }
    Ok((None, Some(blob)))
}

/// Removes a body's chunks.
pub(super) fn remove(db: &Connection, blob: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM blob WHERE id = ?1")?
        .execute([blob])
        .map(drop)
}
