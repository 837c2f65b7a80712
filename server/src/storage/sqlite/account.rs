//! An account's row.

use rusqlite::{Connection, OptionalExtension as _, Row};
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use super::heads::Head;
use super::{schema, version_id};
use crate::storage::tip::Tip;
use crate::storage::{Account, Barred, OwnQuota, SnapshotMeta, UnixSeconds};

/// What [`read`] expects, in this order.
macro_rules! columns {
    () => {
        "id, state, latest, earlier, versions, version_bytes, created_at, last_version_at, \
         snapshot_version, snapshot_at, snapshot_bytes, added - snapshot_added, reason, quota_bytes, quota_versions"
    };
}
pub(super) use columns;

/// The account's key in the other tables, and the account.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Account)> {
    let snapshot = match row.get::<_, Option<[u8; 16]>>(8)? {
        None => None,
        Some(version) => Some(SnapshotMeta {
            version: version_id(version),
            stored_at: row.get(9)?,
            bytes: row.get(10)?,
            versions_since: row.get(11)?,
        }),
    };
    let earlier = row.get_ref(3)?.as_blob()?.as_chunks::<16>().0.iter().map(|id| version_id(*id));
    let barred = match row.get::<_, i64>(1)? {
        schema::ACTIVE => None,
        schema::DELETED => Some(Barred::Deleted),
        // What a later version may have invented is no reason to let anybody in.
        _ => Some(Barred::Disabled { reason: row.get(12)? }),
    };
    let account = Account {
        barred,
        tip: Tip::new(version_id(row.get(2)?), earlier),
        versions: row.get(4)?,
        version_bytes: row.get(5)?,
        created_at: row.get(6)?,
        last_version_at: row.get(7)?,
        snapshot,
        quota: OwnQuota { bytes: row.get(13)?, versions: row.get(14)? },
    };
    Ok((row.get(0)?, account))
}

/// The account, if there is one.
pub(super) fn find(db: &Connection, client: ClientId) -> rusqlite::Result<Option<(i64, Account)>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM account WHERE client_id = ?1");
    db.prepare_cached(SQL)?.query_row([client.as_bytes()], read).optional()
}

/// What is remembered of the account with this key, and its client ID.
pub(super) fn by_key(db: &Connection, key: i64) -> rusqlite::Result<Option<(ClientId, Head)>> {
    const SQL: &str = concat!("SELECT ", columns!(), ", client_id FROM account WHERE id = ?1");
    db.prepare_cached(SQL)?
        .query_row([key], |row| {
            let client = ClientId::from_uuid(Uuid::from_bytes(row.get("client_id")?));
            let (key, account) = read(row)?;
            Ok((client, Head { key, account }))
        })
        .optional()
}

/// A new, empty account.
pub(super) fn create(db: &Connection, client: ClientId, now: UnixSeconds) -> rusqlite::Result<i64> {
    db.prepare_cached("INSERT INTO account (client_id, created_at) VALUES (?1, ?2)")?
        .execute((client.as_bytes(), now))?;
    Ok(db.last_insert_rowid())
}

/// Appends to the chain, if the account is there, in use, and either empty or at `parent`: then the account as it now is. One
/// statement, because this is what nearly every write does.
pub(super) fn advance(
    db: &Connection,
    client: ClientId,
    parent: VersionId,
    version: VersionId,
    bytes: u64,
    now: UnixSeconds,
) -> rusqlite::Result<Option<(i64, Account)>> {
    // Texts and not blobs are what `||` makes of blobs, hence the cast.
    const SQL: &str = concat!(
        "UPDATE account SET latest = ?3, versions = versions + 1, version_bytes = version_bytes + ?4, \
         added = added + 1, last_version_at = ?5, \
         earlier = CASE latest WHEN zeroblob(16) THEN ?2 ELSE substr(CAST(latest || earlier AS BLOB), 1, 64) END \
         WHERE client_id = ?1 AND state = 0 AND latest IN (?2, zeroblob(16)) RETURNING ",
        columns!()
    );
    db.prepare_cached(SQL)?
        .query_row((client.as_bytes(), parent.as_bytes(), version.as_bytes(), bytes, now), read)
        .optional()
}
