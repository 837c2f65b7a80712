//! Takes versions away by the rules of [`crate::storage::prune`], a few at a time.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};
use taskferry_protocol::{ClientId, VersionId};

use super::heads::Head;
use super::{account, stands, version_id};
use crate::storage::prune::{Cursor, Prunable, Pruned, Retention};
use crate::storage::stands::Week;
use crate::storage::tip::Tip;
use crate::storage::{Account, UnixSeconds};

/// Versions in one slice: at most 16 MiB of rows, usually some hundred KiB.
const VERSIONS: usize = 64;
/// Accounts looked at in one slice.
const ACCOUNTS: i64 = 1000;

/// How a body is let go.
type Unlink = fn(&Connection, i64) -> rusqlite::Result<()>;

/// What one slice did.
#[derive(Debug, Default)]
pub(super) struct Slice {
    pub(super) pruned: Pruned,
    /// The account from which versions were taken, as it now is.
    pub(super) account: Option<(ClientId, Head)>,
    /// Blobs that nothing links any more.
    pub(super) unlinked: Vec<i64>,
}

/// Takes a few versions from the first account behind `behind` that can spare some. `unlink` is [`super::place::unlink`] in the
/// server and [`super::place::give_up`] beside it.
pub(super) fn prune_some(
    db: &Connection,
    behind: Cursor,
    retention: Retention,
    unlink: Unlink,
) -> rusqlite::Result<Slice> {
    let Some((ids, to)) = candidates(db, behind, retention)? else { return Ok(Slice::default()) };
    for id in ids {
        let mut slice = take_from(db, id, retention, unlink)?;
        if slice.pruned.versions > 0 {
            // There may be more of this account.
            slice.pruned.next = Some(Cursor(id - 1));
            return Ok(slice);
        }
    }
    Ok(Slice { pruned: Pruned { next: Some(to), ..Pruned::default() }, ..Slice::default() })
}

/// Shows what could be taken away from every account that can spare something.
pub(super) fn prunable(db: &Connection, retention: Retention, see: &mut dyn FnMut(Prunable)) -> rusqlite::Result<()> {
    let mut behind = Cursor::default();
    while let Some((ids, to)) = candidates(db, behind, retention)? {
        for id in ids {
            let Some((client, head)) = account::by_key(db, id)? else { continue };
            let mut found = Prunable { client, versions: 0, bytes: 0, last_seen: None };
            let mut walk = Walk::begin(db, id, &head.account, retention)?;
            while let Some(version) = walk.next(db)? {
                found.versions += 1;
                found.bytes += version.bytes;
                found.last_seen = found.last_seen.max(walk.stood_at(version.parent));
            }
            if found.versions > 0 {
                see(found);
            }
        }
        behind = to;
    }
    Ok(())
}

/// The next accounts that are worth a look, and how far that look reached; `None` after the last one.
fn candidates(db: &Connection, behind: Cursor, retention: Retention) -> rusqlite::Result<Option<(Vec<i64>, Cursor)>> {
    let last: Option<i64> = db.prepare_cached("SELECT max(id) FROM account")?.query_row([], |row| row.get(0))?;
    if last.is_none_or(|last| last <= behind.0) {
        return Ok(None);
    }
    let to = behind.0 + ACCOUNTS;
    let ids = db
        .prepare_cached(
            "SELECT id FROM account WHERE id > ?1 AND id <= ?2 AND snapshot_version IS NOT NULL AND versions > ?3 \
             AND created_at < ?4 AND state < 2 ORDER BY id",
        )?
        .query_map((behind.0, to, Tip::VERSIONS, retention.cutoff()), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some((ids, Cursor(to))))
}

fn take_from(db: &Connection, id: i64, retention: Retention, unlink: Unlink) -> rusqlite::Result<Slice> {
    let mut slice = Slice::default();
    let Some((_, head)) = account::by_key(db, id)? else { return Ok(slice) };
    let mut walk = Walk::begin(db, id, &head.account, retention)?;
    for _ in 0..VERSIONS {
        let Some(version) = walk.next(db)? else { break };
        db.prepare_cached("DELETE FROM version WHERE seq = ?1")?.execute([version.seq])?;
        if let Some(blob) = version.blob {
            unlink(db, blob)?;
            slice.unlinked.push(blob);
        }
        slice.pruned.versions += 1;
        slice.pruned.bytes += version.bytes;
    }
    if slice.pruned.versions > 0 {
        db.prepare_cached(
            "UPDATE account SET versions = versions - ?2, version_bytes = version_bytes - ?3 WHERE id = ?1",
        )?
        .execute((id, slice.pruned.versions, slice.pruned.bytes))?;
        slice.account = account::by_key(db, id)?;
    }
    Ok(slice)
}

/// One version that may go.
struct Version {
    seq: i64,
    parent: VersionId,
    bytes: u64,
    blob: Option<i64>,
}

/// From the chain's beginning as far as versions may go.
struct Walk {
    id: i64,
    /// The parent of the next version; `None` if nothing more may go.
    at: Option<VersionId>,
    snapshot: VersionId,
    newest: Tip,
    stands: HashMap<VersionId, Week>,
    retention: Retention,
}

impl Walk {
    fn begin(db: &Connection, id: i64, account: &Account, retention: Retention) -> rusqlite::Result<Self> {
        let begins: Option<[u8; 16]> = db
            .prepare_cached("SELECT parent FROM version WHERE seq = (SELECT min(seq) FROM version WHERE account = ?1)")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let snapshot = account.snapshot.map_or(VersionId::NIL, |snapshot| snapshot.version);
        // A snapshot outside of the chain, which should not be, covers none of it.
        let is_covered =
            account.snapshot.is_some() && (snapshot == account.latest() || next_version(db, id, snapshot)?.is_some());
        Ok(Self {
            id,
            at: begins.map(version_id).filter(|_| is_covered),
            snapshot,
            newest: account.tip,
            stands: stands::of_account(db, id)?,
            retention,
        })
    }

    /// When somebody last stood at this version.
    fn stood_at(&self, version: VersionId) -> Option<Week> {
        self.stands.get(&version).copied()
    }

    fn next(&mut self, db: &Connection) -> rusqlite::Result<Option<Version>> {
        let Some(parent) = self.at.take() else { return Ok(None) };
        if parent == self.snapshot || self.stood_at(parent).is_some_and(|week| week >= self.retention.week()) {
            return Ok(None);
        }
        let Some((id, stored_at, version)) = next_version(db, self.id, parent)? else { return Ok(None) };
        if stored_at >= self.retention.cutoff() || self.newest.ids().contains(&id) {
            return Ok(None);
        }
        self.at = Some(id);
        Ok(Some(version))
    }
}

/// What follows `parent`: its ID, when it was stored, and the rest.
fn next_version(
    db: &Connection,
    account: i64,
    parent: VersionId,
) -> rusqlite::Result<Option<(VersionId, UnixSeconds, Version)>> {
    db.prepare_cached("SELECT version, stored_at, seq, bytes, blob FROM version WHERE account = ?1 AND parent = ?2")?
        .query_row((account, parent.as_bytes()), |row| {
            let version = Version { seq: row.get(2)?, parent, bytes: row.get(3)?, blob: row.get(4)? };
            Ok((version_id(row.get(0)?), row.get(1)?, version))
        })
        .optional()
}
