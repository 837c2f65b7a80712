//! Carries out one change inside the writer's transaction.
//!
//! A refusal is found before anything is written for its change. The account that is handed back is what its row now says,
//! for the heads.

use rusqlite::Connection;
use taskferry_protocol::VersionId;

use super::heads::Head;
use super::{account, invite, place, schema};
use crate::storage::body::Incoming;
use crate::storage::{Account, Action, Admit, Barred, Change, CommitError, SnapshotMeta, UnixSeconds};

/// What a change left behind.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) created: bool,
    /// The account as it now is.
    pub(super) head: Head,
    /// A blob that nothing links any more.
    pub(super) unlinked: Option<i64>,
}

/// The outer error is SQLite's: the transaction can't go on.
pub(super) fn apply(db: &Connection, change: &Change) -> rusqlite::Result<Result<Applied, CommitError>> {
    match &change.action {
        Action::Register => register(db, change),
        Action::AddVersion { version, parent, body } => add_version(db, change, *version, *parent, body),
        Action::PutSnapshot { version, body } => put_snapshot(db, change, *version, body),
        Action::Delete { erase_at } => delete(db, change, *erase_at),
    }
}

fn register(db: &Connection, change: &Change) -> rusqlite::Result<Result<Applied, CommitError>> {
    let done = |created, key, account| Applied { created, head: Head { key, account }, unlinked: None };
    Ok(match account::find(db, change.client)? {
        Some((key, account)) => account.check_usable().map(|()| done(false, key, account)).map_err(Into::into),
        None => create(db, change)?.map(|key| done(true, key, Account::new(change.now))),
    })
}

/// A new account, if one may be created. Returns its key.
fn create(db: &Connection, change: &Change) -> rusqlite::Result<Result<i64, CommitError>> {
    match change.admit {
        Admit::No => return Ok(Err(CommitError::UnknownAccount)),
        Admit::Yes => {}
        Admit::ByInvite(hash) => {
            if let Err(flaw) = invite::redeem(db, hash, change.now)? {
                return Ok(Err(flaw.into()));
            }
        }
    }
    account::create(db, change.client, change.now).map(Ok)
}

fn add_version(
    db: &Connection,
    change: &Change,
    version: VersionId,
    parent: VersionId,
    body: &Incoming,
) -> rusqlite::Result<Result<Applied, CommitError>> {
    let Change { client, now, .. } = *change;
    let advance = || account::advance(db, client, parent, version, body.bytes(), now);
    let (created, advanced) = match advance()? {
        Some(advanced) => (false, Some(advanced)),
        None => match account::find(db, client)? {
            Some((_, account)) => {
                let refused =
                    account.check_usable().map_or_else(Into::into, |()| CommitError::Conflict(account.latest()));
                return Ok(Err(refused));
            }
            None => match create(db, change)? {
                Ok(_) => (true, advance()?),
                Err(refused) => return Ok(Err(refused)),
            },
        },
    };
    let (key, account) = advanced.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let (inline, blob) = columns(db, body)?;
    db.prepare_cached(
        "INSERT INTO version (account, parent, version, stored_at, bytes, body, blob) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((key, parent.as_bytes(), version.as_bytes(), now, body.bytes(), inline, blob))?;
    Ok(Ok(Applied { created, head: Head { key, account }, unlinked: None }))
}

fn put_snapshot(
    db: &Connection,
    change: &Change,
    version: VersionId,
    body: &Incoming,
) -> rusqlite::Result<Result<Applied, CommitError>> {
    let Some((key, mut account)) = account::find(db, change.client)? else {
        let admitted = change.admit != Admit::No;
        return Ok(Err(if admitted { CommitError::UnknownVersion } else { CommitError::UnknownAccount }));
    };
    if let Err(barred) = account.check_usable() {
        return Ok(Err(barred.into()));
    }
    if !account.tip.contains(version, account.versions) {
        return Ok(Err(CommitError::UnknownVersion));
    }
    let unlinked = replace_snapshot(db, key, version, body, change.now)?;
    account.snapshot = Some(SnapshotMeta { version, stored_at: change.now, bytes: body.bytes(), versions_since: 0 });
    Ok(Ok(Applied { created: false, head: Head { key, account }, unlinked }))
}

fn delete(db: &Connection, change: &Change, erase_at: UnixSeconds) -> rusqlite::Result<Result<Applied, CommitError>> {
    let Some((key, mut account)) = account::find(db, change.client)? else {
        return Ok(Err(CommitError::UnknownAccount));
    };
    if let Err(barred) = account.check_usable() {
        return Ok(Err(barred.into()));
    }
    db.prepare_cached("UPDATE account SET state = ?2, erase_at = ?3 WHERE id = ?1")?.execute((
        key,
        schema::DELETED,
        erase_at,
    ))?;
    account.barred = Some(Barred::Deleted);
    Ok(Ok(Applied { created: false, head: Head { key, account }, unlinked: None }))
}

/// Returns the former snapshot's blob, now unlinked.
fn replace_snapshot(
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
        "INSERT INTO snapshot (account, body, blob) VALUES (?1, ?2, ?3) \
         ON CONFLICT (account) DO UPDATE SET body = excluded.body, blob = excluded.blob",
    )?
    .execute((account, inline, blob))?;
    db.prepare_cached(
        "UPDATE account SET snapshot_version = ?2, snapshot_at = ?3, snapshot_bytes = ?4, snapshot_added = added \
         WHERE id = ?1",
    )?
    .execute((account, version.as_bytes(), now, body.bytes()))?;
    if let Some(former) = former {
        place::unlink(db, former)?;
    }
    Ok(former)
}

/// The values for the columns `body` and `blob`; links a staged body.
fn columns<'a>(db: &Connection, body: &'a Incoming) -> rusqlite::Result<(Option<&'a [u8]>, Option<i64>)> {
    match body {
        Incoming::Whole(body) => Ok((Some(body), None)),
        Incoming::Staged(staged) => {
            place::link(db, staged.id, staged.pieces)?;
            Ok((None, Some(staged.id)))
        }
    }
}
