//! Takes an account back to one of its versions; see [`crate::storage::rewind`].

use std::collections::HashSet;

use rusqlite::{Connection, Transaction};
use taskferry_protocol::{ClientId, VersionId};

use super::{account, place, schema, stands, version_id};
use crate::storage::admin::AdminError;
use crate::storage::rewind::Rewind;
use crate::storage::tip::Tip;
use crate::storage::{Account, StorageError, UnixSeconds};

const LOOKING: &str = "following an account's versions";

/// A version's row, without the body.
struct Row {
    seq: i64,
    parent: VersionId,
    version: VersionId,
    stored_at: UnixSeconds,
    bytes: u64,
    blob: Option<i64>,
}

/// What it comes to, and all that is needed to do it.
pub(super) struct Plan {
    key: i64,
    /// The account as it was when it was looked at.
    seen: Account,
    rows: Vec<Row>,
    /// How many of the rows stay.
    stay: usize,
    pub(super) rewind: Rewind,
}

/// Looks what rewinding comes to.
pub(super) fn plan(db: &Connection, client: ClientId, to: VersionId) -> Result<Plan, AdminError> {
    let reading = |cause| StorageError::new(LOOKING, cause);
    let (key, found) = account::find(db, client).map_err(reading)?.ok_or(AdminError::UnknownAccount)?;
    check_there(db, key).map_err(reading)??;
    let rows = rows(db, key).map_err(reading)?;
    // In this order by `version.seq`; if it is not one chain, nothing can be said of what goes.
    let follows = rows.windows(2).all(|pair| pair[1].parent == pair[0].version);
    if !follows || rows.last().is_some_and(|last| last.version != found.latest()) {
        return Err(StorageError::new(LOOKING, "they do not follow each other").into());
    }
    let stay = if to.is_nil() {
        0
    } else {
        1 + rows.iter().position(|row| row.version == to).ok_or(AdminError::UnknownVersion)?
    };
    let gone = &rows[stay..];
    let gone_versions: HashSet<VersionId> = gone.iter().map(|row| row.version).collect();
    let goes = |version: VersionId| stay == 0 || gone_versions.contains(&version);
    let takes_snapshot = found.snapshot.is_some_and(|snapshot| goes(snapshot.version));
    let stood = stands::of_account(db, key).map_err(reading)?;
    let rewind = Rewind {
        to,
        to_stored_at: stay.checked_sub(1).map(|last| rows[last].stored_at),
        from: found.latest(),
        versions: gone.len() as u64,
        bytes: gone.iter().map(|row| row.bytes).sum(),
        takes_snapshot,
        is_complete: stay == 0
            || rows.first().is_some_and(|first| first.parent.is_nil())
            || (found.snapshot.is_some() && !takes_snapshot),
        last_seen: stood.iter().filter(|(at, _)| gone_versions.contains(*at)).map(|(_, week)| *week).max(),
    };
    Ok(Plan { key, seen: found, rows, stay, rewind })
}

fn check_there(db: &Connection, key: i64) -> rusqlite::Result<Result<(), AdminError>> {
    let (state, erase_at): (i64, Option<UnixSeconds>) =
        db.query_row("SELECT state, erase_at FROM account WHERE id = ?1", [key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(match erase_at {
        _ if state != schema::DELETED => Ok(()),
        Some(_) => Err(AdminError::Deleted),
        None => Err(AdminError::Erased),
    })
}

fn rows(db: &Connection, key: i64) -> rusqlite::Result<Vec<Row>> {
    db.prepare("SELECT seq, parent, version, stored_at, bytes, blob FROM version WHERE account = ?1 ORDER BY seq")?
        .query_map([key], |row| {
            Ok(Row {
                seq: row.get(0)?,
                parent: version_id(row.get(1)?),
                version: version_id(row.get(2)?),
                stored_at: row.get(3)?,
                bytes: row.get(4)?,
                blob: row.get(5)?,
            })
        })?
        .collect()
}

impl Plan {
    /// Whether the account is still what it was. Its row tells of everything that can happen to its versions.
    pub(super) fn holds(&self, db: &Connection, client: ClientId) -> rusqlite::Result<bool> {
        Ok(account::find(db, client)?.is_some_and(|now| now == (self.key, self.seen.clone())))
    }

    /// Does it.
    pub(super) fn carry_out(&self, txn: &Transaction<'_>) -> rusqlite::Result<()> {
        let (left, gone) = self.rows.split_at(self.stay);
        if let Some(first) = gone.first() {
            // All at once: one by one takes twice as long, and the server's writer waits.
            txn.execute("DELETE FROM version WHERE account = ?1 AND seq >= ?2", (self.key, first.seq))?;
        }
        gone.iter().filter_map(|row| row.blob).try_for_each(|blob| place::give_up(txn, blob))?;
        if self.rewind.takes_snapshot {
            self.take_snapshot(txn)?;
        }
        let first = left.first().map(|row| row.parent);
        let before = left.iter().rev().skip(1).map(|row| row.version).chain(first);
        let earlier: Vec<u8> = before.take(Tip::VERSIONS - 1).flat_map(|id| *id.as_bytes()).collect();
        // What was ever added stays counted; what was added since the snapshot has become less.
        txn.execute(
            "UPDATE account SET latest = ?2, earlier = ?3, versions = versions - ?4, version_bytes = version_bytes - ?5, \
             last_version_at = ?6, snapshot_added = min(snapshot_added + ?4, added) WHERE id = ?1",
            (
                self.key,
                self.rewind.to.as_bytes(),
                earlier,
                self.rewind.versions,
                self.rewind.bytes,
                self.rewind.to_stored_at,
            ),
        )?;
        self.forget_stands(txn, left)
    }

    fn take_snapshot(&self, txn: &Transaction<'_>) -> rusqlite::Result<()> {
        let blobs: Vec<Option<i64>> = txn
            .prepare("DELETE FROM snapshot WHERE account = ?1 RETURNING blob")?
            .query_map([self.key], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        blobs.into_iter().flatten().try_for_each(|blob| place::give_up(txn, blob))?;
        txn.execute(
            "UPDATE account SET snapshot_version = NULL, snapshot_at = NULL, snapshot_bytes = NULL, snapshot_added = NULL \
             WHERE id = ?1",
            [self.key],
        )
        .map(drop)
    }

    /// Of places that are not there any more.
    fn forget_stands(&self, txn: &Transaction<'_>, left: &[Row]) -> rusqlite::Result<()> {
        let places: HashSet<VersionId> = left.iter().flat_map(|row| [row.parent, row.version]).collect();
        for at in stands::of_account(txn, self.key)?.into_keys().filter(|at| !places.contains(at)) {
            txn.prepare_cached("DELETE FROM stand WHERE account = ?1 AND version = ?2")?
                .execute((self.key, at.as_bytes()))?;
        }
        Ok(())
    }
}
