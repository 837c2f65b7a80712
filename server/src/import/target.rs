//! Puts an account into our database, or finds it there.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use super::source::{Account, Sink, Skip, Source};
use crate::account_hash::{AccountHash, AccountHasher};
use crate::storage::body::CHUNK_BYTES;
use crate::storage::sqlite::OpenError;
use crate::storage::sqlite::directory::{DATABASE_FILE, DataDirectory, DirectoryError};
use crate::storage::sqlite::schema;
use crate::storage::tip::Tip;

/// The largest account that comes in while a server runs, in bytes. It comes in one transaction, and the server's writer waits
/// for it at most five seconds.
const BESIDE_BYTES_MAX: u64 = 64 << 20;

/// Where no server runs beside, small accounts share a transaction and its fsync: at most so many, …
const BATCH_ACCOUNTS: u32 = 100;
/// … with so many bytes. A server's writer would have to wait for all of it, and for whoever suspends this program in between.
const BATCH_BYTES: u64 = 1 << 20;

/// Why an account could not be put in, or looked for.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The data can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The account here is not what it was when it was looked for. It was left as it is.
    #[error("the account changed meanwhile, and nothing was taken over")]
    Changed,
    /// SQLite failed. The account at which it did is not there, and perhaps not those that shared its transaction; the ones
    /// before are.
    #[error("could not take over an account")]
    Database(#[from] rusqlite::Error),
}

impl TargetError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open(error) => error.hint(),
            Self::Changed => {
                Some("run the same command again; a disabled account (`account disable`) can't change".into())
            }
            Self::Database(_) => {
                Some("run the same command again when this is mended: it goes on where it stopped".into())
            }
        }
    }
}

/// Our database.
#[derive(Debug)]
pub struct Target {
    /// `None`: there is no database, and this is only a look.
    db: Option<Connection>,
    hasher: AccountHasher,
    beside: bool,
    /// What waits for its commit: accounts, and their bytes.
    waiting: (u32, u64),
    // Last: given back after the database is closed.
    _directory: Option<DataDirectory>,
}

/// Whether an account is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No.
    Nothing,
    /// Yes, and nothing was ever stored in it.
    Empty(There),
    /// Yes, with this history; its devices may have added to it since.
    Same,
    /// Its ID is, with another history.
    Another(There),
    /// It was, and was deleted.
    Deleted(There),
}

/// What is there in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct There {
    /// Its key in the other tables.
    key: i64,
    /// Its latest version; nil if it has none.
    pub latest: VersionId,
    /// Its versions.
    pub versions: u64,
    /// Their bytes.
    pub version_bytes: u64,
    has_snapshot: bool,
    state: i64,
}

impl There {
    /// Whether nothing is stored in it.
    pub const fn is_empty(&self) -> bool {
        self.versions == 0 && !self.has_snapshot
    }

    /// Whether it was deleted.
    pub const fn is_deleted(&self) -> bool {
        self.state == schema::DELETED
    }
}

impl Target {
    /// Opens the database in `directory`; beside its server, if one runs. Created if it is not there.
    pub fn open(directory: &Path) -> Result<Self, TargetError> {
        let file = directory.join(DATABASE_FILE);
        let (held, db) = match DataDirectory::open(directory) {
            Ok(held) => (Some(held), schema::open_for_writing(&file)),
            Err(DirectoryError::Held { .. }) => (None, schema::open_beside(&file)),
            Err(error) => return Err(OpenError::from(error).into()),
        };
        let db = db.map_err(OpenError::from)?;
        Self::over(db, held)
    }

    /// Opens it only to see what would come in. Not created if it is not there.
    pub fn look(directory: &Path) -> Result<Self, TargetError> {
        let file = directory.join(DATABASE_FILE);
        if !file.is_file() {
            return Ok(Self {
                db: None,
                hasher: AccountHasher::new(""),
                beside: false,
                waiting: (0, 0),
                _directory: None,
            });
        }
        let mut target = Self::over(schema::open_to_look(&file).map_err(OpenError::from)?, None)?;
        target.beside = false;
        Ok(target)
    }

    fn over(db: Connection, held: Option<DataDirectory>) -> Result<Self, TargetError> {
        let hasher = AccountHasher::new(&schema::salt(&db).map_err(OpenError::from)?);
        Ok(Self { db: Some(db), hasher, beside: held.is_none(), waiting: (0, 0), _directory: held })
    }

    /// How an account is called here.
    pub fn name(&self, client: ClientId) -> AccountHash {
        self.hasher.of(client)
    }

    /// Looks for it.
    pub fn find(&self, account: &Account) -> rusqlite::Result<Found> {
        let Some(db) = &self.db else { return Ok(Found::Nothing) };
        let Some(there) = there(db, account.client)? else { return Ok(Found::Nothing) };
        if there.is_deleted() {
            return Ok(Found::Deleted(there));
        }
        let is_nothing = account.links.is_empty() && account.snapshot.is_none();
        // Whatever is here goes on from nothing.
        if is_nothing {
            return Ok(Found::Same);
        }
        if there.is_empty() {
            return Ok(Found::Empty(there));
        }
        let mut ours = db.prepare_cached("SELECT version, bytes FROM version WHERE account = ?1 AND parent = ?2")?;
        let mut child = |parent: VersionId| -> rusqlite::Result<Option<([u8; 16], u64)>> {
            ours.query_row((there.key, parent.as_bytes()), |row| Ok((row.get(0)?, row.get(1)?))).optional()
        };
        let is_its_latest = there.latest == account.latest();
        if account.links.is_empty() {
            let same = is_its_latest || child(account.latest())?.is_some();
            return Ok(if same { Found::Same } else { Found::Another(there) });
        }
        // Version IDs are random: who has the latest one here has the chain, and every link is held against ours all the same.
        let mut same = true;
        for link in &account.links {
            same &= match child(link.parent)? {
                Some(found) => found == (*link.version.as_bytes(), link.bytes),
                // Pruned here since, perhaps; then the latest must be the same.
                None => is_its_latest,
            };
        }
        Ok(if same { Found::Same } else { Found::Another(there) })
    }

    /// Whether it can come in now.
    pub fn room_for(&self, account: &Account) -> Result<(), Skip> {
        let bytes = account.version_bytes() + account.snapshot.map_or(0, |snapshot| snapshot.bytes);
        if self.beside && bytes > BESIDE_BYTES_MAX { Err(Skip::TooLargeBeside) } else { Ok(()) }
    }

    /// Puts it in, all of it or nothing: as a new account, or in the place of what was `found`, which keeps nothing but its row:
    /// state, quota and age. One that was deleted is in use again. Durable after [`Self::commit`] at the latest.
    pub fn put(&mut self, source: &dyn Source, account: &Account, found: Found) -> Result<(), TargetError> {
        let Some(db) = &self.db else { return Err(rusqlite::Error::InvalidQuery.into()) };
        if db.is_autocommit() {
            db.execute_batch("BEGIN IMMEDIATE")?;
            self.waiting = (0, 0);
        }
        db.execute_batch("SAVEPOINT account")?;
        if let Err(error) = put(db, source, account, found) {
            // After some errors SQLite has rolled back everything by itself.
            if !db.is_autocommit() {
                db.execute_batch("ROLLBACK TO account; RELEASE account")?;
            }
            return Err(error);
        }
        db.execute_batch("RELEASE account")?;
        let bytes = account.version_bytes() + account.snapshot.map_or(0, |snapshot| snapshot.bytes);
        self.waiting = (self.waiting.0 + 1, self.waiting.1.saturating_add(bytes));
        let is_enough = self.beside || self.waiting.0 >= BATCH_ACCOUNTS || self.waiting.1 >= BATCH_BYTES;
        if is_enough {
            self.commit()?;
        }
        Ok(())
    }

    /// Makes durable what was put in.
    pub fn commit(&mut self) -> rusqlite::Result<()> {
        match &self.db {
            Some(db) if !db.is_autocommit() => db.execute_batch("COMMIT"),
            _ => Ok(()),
        }
    }
}

impl Drop for Target {
    /// What came before an error stays.
    fn drop(&mut self) {
        let _ = self.commit();
    }
}

fn put(db: &Connection, source: &dyn Source, account: &Account, found: Found) -> Result<(), TargetError> {
    let before = match found {
        Found::Nothing => None,
        Found::Empty(there) | Found::Another(there) | Found::Deleted(there) => Some(there),
        Found::Same => return Ok(()),
    };
    if there(db, account.client)? != before {
        return Err(TargetError::Changed);
    }
    let key = match before {
        None => add_row(db, account)?,
        Some(there) => clear(db, there.key)?,
    };
    for link in &account.links {
        let place = Place::store(db, link.bytes, &mut |into| source.version_body(link, into))?;
        db.prepare_cached(
            "INSERT INTO version (account, parent, version, stored_at, bytes, body, blob) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            key,
            link.parent.as_bytes(),
            link.version.as_bytes(),
            link.stored_at,
            link.bytes,
            place.body,
            place.blob,
        ))?;
    }
    if let Some(snapshot) = &account.snapshot {
        let place = Place::store(db, snapshot.bytes, &mut |into| source.snapshot_body(snapshot, into))?;
        db.prepare_cached("INSERT INTO snapshot (account, body, blob) VALUES (?1, ?2, ?3)")?
            .execute((key, place.body, place.blob))?;
    }
    Ok(fill_row(db, key, account)?)
}

/// What is there under this ID.
fn there(db: &Connection, client: ClientId) -> rusqlite::Result<Option<There>> {
    db.prepare_cached(
        "SELECT id, latest, versions, version_bytes, snapshot_version IS NOT NULL, state FROM account WHERE client_id = ?1",
    )?
    .query_row([client.as_bytes()], |row| {
        Ok(There {
            key: row.get(0)?,
            latest: VersionId::from_uuid(Uuid::from_bytes(row.get(1)?)),
            versions: row.get(2)?,
            version_bytes: row.get(3)?,
            has_snapshot: row.get(4)?,
            state: row.get(5)?,
        })
    })
    .optional()
}

/// A row for an account that is not there yet.
fn add_row(db: &Connection, account: &Account) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "INSERT INTO account (client_id, state, reason, created_at, quota_bytes, quota_versions) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        account.client.as_bytes(),
        account.state,
        &account.reason,
        account.created_at,
        account.quota.0,
        account.quota.1,
    ))?;
    Ok(db.last_insert_rowid())
}

/// Takes everything away that an account has stored. A server that runs beside knows who is still reading a large body, and
/// deletes it.
fn clear(db: &Connection, key: i64) -> rusqlite::Result<i64> {
    for table in ["version", "snapshot"] {
        let sql = format!(
            "UPDATE blob SET linked = 2 WHERE id IN (SELECT blob FROM {table} WHERE account = ?1 AND blob IS NOT NULL)"
        );
        db.execute(&sql, [key])?;
    }
    for table in ["version", "snapshot", "stand"] {
        db.execute(&format!("DELETE FROM {table} WHERE account = ?1"), [key])?;
    }
    db.execute("UPDATE account SET state = 0, erase_at = NULL WHERE id = ?1 AND state = ?2", (key, schema::DELETED))?;
    Ok(key)
}

/// What an account's row says of its versions and its snapshot.
fn fill_row(db: &Connection, key: i64, account: &Account) -> rusqlite::Result<()> {
    let links = &account.links;
    let first = links.first().map(|link| link.parent);
    let before = links.iter().rev().skip(1).map(|link| link.version).chain(first);
    let mut earlier: Vec<u8> = before.take(Tip::VERSIONS - 1).flat_map(|id: VersionId| *id.as_bytes()).collect();
    if links.is_empty() && !account.latest().is_nil() {
        // Nothing is known of what was before the snapshot.
        earlier.extend(VersionId::NIL.as_bytes());
    }
    // Versions may have been pruned there, and are not counted here; what was added since the snapshot is.
    let since = account.snapshot.map_or(0, |snapshot| snapshot.versions_since);
    db.execute(
        "UPDATE account SET latest = ?2, earlier = ?3, versions = ?4, version_bytes = ?5, added = max(added, ?6), \
           last_version_at = ?7, snapshot_version = ?8, snapshot_at = ?9, snapshot_bytes = ?10, \
           snapshot_added = CASE WHEN ?8 IS NULL THEN NULL ELSE max(added, ?6) - ?11 END WHERE id = ?1",
        rusqlite::params![
            key,
            account.latest().as_bytes(),
            earlier,
            links.len() as u64,
            account.version_bytes(),
            since.max(links.len() as u64),
            account.last_version_at,
            account.snapshot.map(|snapshot| *snapshot.version.as_bytes()),
            account.snapshot.map(|snapshot| snapshot.stored_at),
            account.snapshot.map(|snapshot| snapshot.bytes),
            since,
        ],
    )
    .map(drop)
}

/// Where a body went: into its row if it is small, else into pieces.
struct Place {
    body: Option<Vec<u8>>,
    blob: Option<i64>,
}

impl Place {
    fn store(
        db: &Connection,
        bytes: u64,
        read: &mut dyn FnMut(Sink<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<Self> {
        let mut read_bytes = 0_u64;
        let place = if bytes <= CHUNK_BYTES as u64 {
            let mut body = Vec::new();
            read(&mut |piece| {
                body.extend_from_slice(piece);
                Ok(())
            })?;
            read_bytes += body.len() as u64;
            Self { body: Some(body), blob: None }
        } else {
            // Random, as the server's own are; positive.
            let (random, _) = Uuid::new_v4().as_u64_pair();
            let blob = i64::from_ne_bytes((random >> 2 | 1).to_ne_bytes());
            db.prepare_cached("INSERT INTO blob (id, linked) VALUES (?1, 1)")?.execute([blob])?;
            let (mut seq, mut insert) =
                (0_u32, db.prepare_cached("INSERT INTO chunk (blob, seq, data) VALUES (?1, ?2, ?3)")?);
            read(&mut |piece| {
                insert.execute((blob, seq, piece))?;
                seq += 1;
                read_bytes += piece.len() as u64;
                Ok(())
            })?;
            Self { body: None, blob: Some(blob) }
        };
        // Never a body that is not the one whose size was told.
        if read_bytes == bytes { Ok(place) } else { Err(rusqlite::Error::BlobSizeError) }
    }
}
