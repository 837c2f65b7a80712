//! Where devices stand, as rows: of each account and week, the place nearest the chain's beginning.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};
use taskferry_protocol::VersionId;

use super::{account, version_id};
use crate::storage::admin::Standing;
use crate::storage::stands::{Stand, Week};

/// For so many weeks a stand is kept, and so the longest that a version can be kept from being pruned.
const WEEKS_KEPT: i64 = 106;

/// Notes one. A place that the chain does not know, because it was pruned or belongs to another history, is no stand: nothing
/// that could be kept would help whoever asked from there. Nor is nil, where a device stands that has nothing of the account.
pub(super) fn note(db: &Connection, stand: &Stand) -> rusqlite::Result<()> {
    let Some((id, account)) = account::find(db, stand.client)? else { return Ok(()) };
    let next = place(db, id, stand.version)?;
    if stand.version.is_nil() || (next.is_none() && stand.version != account.latest()) {
        return Ok(());
    }
    let noted: Option<[u8; 16]> = db
        .prepare_cached("SELECT version FROM stand WHERE account = ?1 AND week = ?2")?
        .query_row((id, stand.week.number()), |row| row.get(0))
        .optional()?;
    if let Some(noted) = noted {
        let noted = place(db, id, version_id(noted))?;
        // What nothing follows is the chain's end.
        if noted.unwrap_or(i64::MAX) <= next.unwrap_or(i64::MAX) {
            return Ok(());
        }
    } else {
        let oldest = stand.week.minus(WEEKS_KEPT).number();
        db.prepare_cached("DELETE FROM stand WHERE account = ?1 AND week < ?2")?.execute((id, oldest))?;
    }
    db.prepare_cached(
        "INSERT INTO stand (account, week, version) VALUES (?1, ?2, ?3) \
         ON CONFLICT (account, week) DO UPDATE SET version = excluded.version",
    )?
    .execute((id, stand.week.number(), stand.version.as_bytes()))?;
    Ok(())
}

/// All stands of an account: the latest week of each place.
pub(super) fn of_account(db: &Connection, account: i64) -> rusqlite::Result<HashMap<VersionId, Week>> {
    db.prepare_cached("SELECT version, max(week) FROM stand WHERE account = ?1 GROUP BY version")?
        .query_map([account], |row| Ok((version_id(row.get(0)?), Week::new(row.get(1)?))))?
        .collect()
}

/// The same for an operator, the latest week first.
pub(super) fn standings(db: &Connection, account: i64, latest: VersionId) -> rusqlite::Result<Vec<Standing>> {
    let stands: Vec<(Week, VersionId)> = db
        .prepare_cached("SELECT week, version FROM stand WHERE account = ?1 ORDER BY week DESC")?
        .query_map([account], |row| Ok((Week::new(row.get(0)?), version_id(row.get(1)?))))?
        .collect::<rusqlite::Result<_>>()?;
    let mut following = db.prepare_cached("SELECT count(*) FROM version WHERE account = ?1 AND seq >= ?2")?;
    let mut behind = |version: VersionId| match place(db, account, version)? {
        Some(next) => following.query_row((account, next), |row| row.get(0)).map(Some),
        None => Ok((version == latest).then_some(0)),
    };
    stands.into_iter().map(|(week, version)| Ok(Standing { week, version, behind: behind(version)? })).collect()
}

/// The place of what follows a version: greater is later. `None` if nothing does.
fn place(db: &Connection, account: i64, version: VersionId) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT seq FROM version WHERE account = ?1 AND parent = ?2")?
        .query_row((account, version.as_bytes()), |row| row.get(0))
        .optional()
}
