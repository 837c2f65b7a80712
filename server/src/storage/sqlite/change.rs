//! Carries out one change inside the writer's transaction.
//!
//! A refusal is found before anything is written for its change; what is written is mirrored in the [`Account`] that is
//! handed back, for the heads.

use rusqlite::Connection;
use taskferry_protocol::VersionId;

use super::{account, place};
use crate::storage::body::Incoming;
use crate::storage::{Account, Action, Change, CommitError, SnapshotMeta, UnixSeconds};

/// What a change left behind.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) created: bool,
    /// The account as it now is.
    pub(super) account: Account,
    /// A blob that nothing links any more.
    pub(super) unlinked: Option<i64>,
}

/// The outer error is SQLite's: the transaction can't go on.
pub(super) fn apply(db: &Connection, change: &Change) -> rusqlite::Result<Result<Applied, CommitError>> {
    let known = account::find(db, change.client)?;
    if let Some(refused) = refuse(db, change, known.as_ref())? {
        return Ok(Err(refused));
    }
    let created = known.is_none();
    let (id, mut account) = known.map_or_else(|| account::create(db, change.client, change.now), Ok)?;
    let unlinked = match &change.action {
        Action::Register => None,
        Action::AddVersion { version, parent, body } => {
            add_version(db, id, *version, *parent, body, change.now)?;
            account.latest = *version;
            account.versions += 1;
            account.version_bytes += body.bytes();
            account.last_version_at = Some(change.now);
            if let Some(snapshot) = &mut account.snapshot {
                snapshot.versions_since += 1;
            }
            None
        }
        Action::PutSnapshot { version, body } => {
            let unlinked = put_snapshot(db, id, *version, body, change.now)?;
            account.snapshot =
                Some(SnapshotMeta { version: *version, stored_at: change.now, bytes: body.bytes(), versions_since: 0 });
            unlinked
        }
    };
    Ok(Ok(Applied { created, account, unlinked }))
}

fn refuse(db: &Connection, change: &Change, known: Option<&(i64, Account)>) -> rusqlite::Result<Option<CommitError>> {
    Ok(match (known, &change.action) {
        (None, _) if !change.admit => Some(CommitError::UnknownAccount),
        (None, Action::PutSnapshot { .. }) => Some(CommitError::UnknownVersion),
        (Some((_, account)), _) if account.disabled => Some(CommitError::Disabled),
        (Some((_, account)), Action::AddVersion { parent, .. })
            if !account.latest.is_nil() && account.latest != *parent =>
        {
            Some(CommitError::Conflict(account.latest))
        }
        (Some((id, _)), Action::PutSnapshot { version, .. }) if !has_version(db, *id, *version)? => {
            Some(CommitError::UnknownVersion)
        }
        _ => None,
    })
}

fn has_version(db: &Connection, account: i64, version: VersionId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM version WHERE account = ?1 AND version = ?2")?
        .exists((account, version.as_bytes()))
}

/// The values for the columns `body` and `blob`; links a staged body.
fn columns<'a>(db: &Connection, body: &'a Incoming) -> rusqlite::Result<(Option<&'a [u8]>, Option<i64>)> {
    match body {
        Incoming::Whole(body) => Ok((Some(body), None)),
        Incoming::Staged(staged) => {
            place::set_linked(db, staged.id, true)?;
            Ok((None, Some(staged.id)))
        }
    }
}

fn add_version(
    db: &Connection,
    account: i64,
    version: VersionId,
    parent: VersionId,
    body: &Incoming,
    now: UnixSeconds,
) -> rusqlite::Result<()> {
    let (inline, blob) = columns(db, body)?;
    db.prepare_cached(
        "INSERT INTO version (account, parent, version, stored_at, bytes, body, blob) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((account, parent.as_bytes(), version.as_bytes(), now, body.bytes(), inline, blob))?;
    db.prepare_cached(
        "UPDATE account SET latest = ?2, versions = versions + 1, version_bytes = version_bytes + ?3, \
         added = added + 1, last_version_at = ?4 WHERE id = ?1",
    )?
    .execute((account, version.as_bytes(), body.bytes(), now))?;
    Ok(())
}

/// Returns the former snapshot's blob, now unlinked.
fn put_snapshot(
    db: &Connection,
    account: i64,
    version: VersionId,
    body: &Incoming,
    now: UnixSeconds,
) -> rusqlite::Result<Option<i64>> {
    let former: Option<i64> = {
        let mut statement = db.prepare_cached("SELECT blob FROM snapshot WHERE account = ?1")?;
        let mut rows = statement.query([account])?;
        match rows.next()? {
            Some(row) => row.get(0)?,
            None => None,
        }
    };
    let (inline, blob) = columns(db, body)?;
    db.prepare_cached(
        "INSERT INTO snapshot (account, version, stored_at, bytes, added_at, body, blob) \
         VALUES (?1, ?2, ?3, ?4, (SELECT added FROM account WHERE id = ?1), ?5, ?6) \
         ON CONFLICT (account) DO UPDATE SET version = excluded.version, stored_at = excluded.stored_at, \
         bytes = excluded.bytes, added_at = excluded.added_at, body = excluded.body, blob = excluded.blob",
    )?
    .execute((account, version.as_bytes(), now, body.bytes(), inline, blob))?;
    if let Some(former) = former {
        place::set_linked(db, former, false)?;
    }
    Ok(former)
}
