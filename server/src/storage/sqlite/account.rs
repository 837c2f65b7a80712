//! An account as its rows say.

use rusqlite::{Connection, OptionalExtension as _};
use taskferry_protocol::{ClientId, VersionId};

use super::{schema, version_id};
use crate::storage::{Account, SnapshotMeta, UnixSeconds};

/// The account and its key in the other tables.
pub(super) fn find(db: &Connection, client: ClientId) -> rusqlite::Result<Option<(i64, Account)>> {
    db.prepare_cached(
        "SELECT a.id, a.state, a.latest, a.versions, a.version_bytes, a.created_at, a.last_version_at, \
         s.version, s.stored_at, s.bytes, a.added - s.added_at \
         FROM account a LEFT JOIN snapshot s ON s.account = a.id WHERE a.client_id = ?1",
    )?
    .query_row([client.as_bytes()], |row| {
        let snapshot = match row.get::<_, Option<[u8; 16]>>(7)? {
            None => None,
            Some(version) => Some(SnapshotMeta {
                version: version_id(version),
                stored_at: row.get(8)?,
                bytes: row.get(9)?,
                versions_since: row.get(10)?,
            }),
        };
        let account = Account {
            disabled: row.get::<_, i64>(1)? != schema::ACTIVE,
            latest: version_id(row.get(2)?),
            versions: row.get(3)?,
            version_bytes: row.get(4)?,
            created_at: row.get(5)?,
            last_version_at: row.get(6)?,
            snapshot,
        };
        Ok((row.get(0)?, account))
    })
    .optional()
}

/// A new, empty account.
pub(super) fn create(db: &Connection, client: ClientId, now: UnixSeconds) -> rusqlite::Result<(i64, Account)> {
    db.prepare_cached("INSERT INTO account (client_id, created_at) VALUES (?1, ?2)")?
        .execute((client.as_bytes(), now))?;
    let account = Account {
        disabled: false,
        latest: VersionId::NIL,
        versions: 0,
        version_bytes: 0,
        created_at: now,
        last_version_at: None,
        snapshot: None,
    };
    Ok((db.last_insert_rowid(), account))
}
