//! The reference server's database, as `taskchampion-sync-server-storage-sqlite` 0.5 to 0.7 keeps it: a table of clients, which
//! holds the snapshots, and one of versions. IDs are texts. When versions were stored is not known there.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, MAIN_DB, OpenFlags, OptionalExtension as _};
use taskferry_protocol::{ClientId, VersionId};

use super::source::{Account, Link, SURELY_OLDER, Sink, Skip, SnapshotLink, Source, SourceError};
use crate::storage::UnixSeconds;
use crate::storage::body::CHUNK_BYTES;

/// See the module.
#[derive(Debug)]
pub struct Reference {
    db: Connection,
    path: PathBuf,
    /// How many versions each client has. Counted once for all: there is no index to count one's by.
    stored: HashMap<String, u64>,
}

impl Reference {
    /// Opens it for reading; its server may run.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let open = || -> rusqlite::Result<Connection> {
            let db =
                Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            db.busy_timeout(std::time::Duration::from_secs(5))?;
            // One moment for all of it, although its server may be writing.
            db.execute_batch("BEGIN; SELECT count(*) FROM clients; SELECT count(*) FROM versions")?;
            Ok(db)
        };
        let read = |cause| SourceError::Read { path: path.to_owned(), cause };
        let db = open().map_err(read)?;
        let stored = count(&db).map_err(read)?;
        Ok(Self { db, path: path.to_owned(), stored })
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, SourceError> {
        read(&self.db).map_err(|cause| SourceError::Read { path: self.path.clone(), cause })
    }

    fn pieces(&self, table: &str, column: &str, row: i64, into: Sink<'_>) -> rusqlite::Result<()> {
        // Not as one value: SQLite would hold it in memory, several times over.
        let mut blob = self.db.blob_open(MAIN_DB, table, column, row, true)?;
        let mut piece = vec![0; CHUNK_BYTES];
        let mut left = blob.len();
        while left > 0 {
            let next = &mut piece[..left.min(CHUNK_BYTES)];
            blob.read_exact(next).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            into(next)?;
            left -= next.len();
        }
        Ok(())
    }
}

fn count(db: &Connection) -> rusqlite::Result<HashMap<String, u64>> {
    let mut counted =
        db.prepare("SELECT client_id, count(*) FROM versions WHERE client_id IS NOT NULL GROUP BY client_id")?;
    counted.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// What a client's row says.
struct ClientRow {
    row: i64,
    latest: Option<String>,
    snapshot_version: Option<String>,
    versions_since: Option<u64>,
    snapshot_at: Option<UnixSeconds>,
    snapshot_bytes: Option<u64>,
}

fn client_row(db: &Connection, client: ClientId) -> rusqlite::Result<ClientRow> {
    db.prepare_cached(
        "SELECT rowid, latest_version_id, snapshot_version_id, versions_since_snapshot, snapshot_timestamp, length(snapshot) \
         FROM clients WHERE client_id = ?1",
    )?
    .query_row([client.expose().to_string()], |row| {
        Ok(ClientRow {
            row: row.get(0)?,
            latest: row.get(1)?,
            snapshot_version: row.get(2)?,
            versions_since: row.get(3)?,
            snapshot_at: row.get(4)?,
            snapshot_bytes: row.get(5)?,
        })
    })
}

/// The version `id` of a client: where it lies, its parent, its size.
fn version(db: &Connection, client: &str, id: VersionId) -> rusqlite::Result<Option<(i64, String, u64)>> {
    db.prepare_cached(
        "SELECT rowid, parent_version_id, coalesce(length(history_segment), 0) FROM versions \
         WHERE version_id = ?1 AND client_id = ?2",
    )?
    .query_row((id.as_uuid().to_string(), client), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    .optional()
}

/// The chain that ends at `latest`, oldest first; `stored` versions are there.
fn chain(
    db: &Connection,
    client: ClientId,
    latest: VersionId,
    stored: u64,
    now: UnixSeconds,
) -> rusqlite::Result<Result<Vec<Link>, Skip>> {
    let client = client.expose().to_string();
    let (mut links, mut at) = (Vec::new(), latest);
    while !at.is_nil() {
        let Some((row, parent, bytes)) = version(db, &client, at)? else { break };
        let Ok(parent) = parent.parse::<VersionId>() else { return Ok(Err(Skip::Broken("a parent's ID is no UUID"))) };
        if bytes == 0 {
            return Ok(Err(Skip::EmptyBody));
        }
        if links.len() as u64 == stored || parent == at {
            return Ok(Err(Skip::Broken("it leads back to itself")));
        }
        links.push(Link { parent, version: at, stored_at: now, bytes, row });
        at = parent;
    }
    if links.is_empty() && !latest.is_nil() {
        return Ok(Err(Skip::Broken("its latest version is missing")));
    }
    links.reverse();
    Ok(Ok(links))
}

impl Source for Reference {
    fn kind(&self) -> &'static str {
        "the reference server"
    }

    fn clients(&self) -> Result<Vec<ClientId>, SourceError> {
        self.read(|db| {
            let mut clients = Vec::new();
            let mut statement = db.prepare("SELECT client_id FROM clients ORDER BY rowid")?;
            for id in statement.query_map([], |row| row.get::<_, String>(0))? {
                // Its server never wrote such a one, and couldn't find it either.
                if let Ok(client) = id?.parse() {
                    clients.push(client);
                }
            }
            Ok(clients)
        })
    }

    fn account(&self, client: ClientId, now: UnixSeconds) -> Result<Result<Account, Skip>, SourceError> {
        self.read(|db| {
            let row = client_row(db, client)?;
            let stored = self.stored.get(&client.expose().to_string()).copied().unwrap_or(0);
            let latest = match row.latest.as_deref().map(str::parse::<VersionId>) {
                None => VersionId::NIL,
                Some(Ok(latest)) => latest,
                Some(Err(_)) => return Ok(Err(Skip::Broken("the latest version's ID is no UUID"))),
            };
            let links = match chain(db, client, latest, stored, now)? {
                Ok(links) => links,
                Err(skip) => return Ok(Err(skip)),
            };
            let mut notes = Vec::new();
            let beside = stored - links.len() as u64;
            if beside > 0 {
                notes.push(format!("{beside} versions that are not in its chain were left out"));
            }
            let snapshot = snapshot(&row, &links, &mut notes, now);
            let created_at = snapshot.map_or(now, |snapshot| snapshot.stored_at).min(now - SURELY_OLDER);
            Ok(Ok(Account {
                client,
                state: 0,
                reason: None,
                created_at,
                last_version_at: None,
                quota: (None, None),
                links,
                snapshot,
                notes,
            }))
        })
    }

    fn version_body(&self, link: &Link, into: Sink<'_>) -> rusqlite::Result<()> {
        self.pieces("versions", "history_segment", link.row, into)
    }

    fn snapshot_body(&self, snapshot: &SnapshotLink, into: Sink<'_>) -> rusqlite::Result<()> {
        self.pieces("clients", "snapshot", snapshot.row, into)
    }
}

fn snapshot(row: &ClientRow, links: &[Link], notes: &mut Vec<String>, now: UnixSeconds) -> Option<SnapshotLink> {
    let bytes = row.snapshot_bytes.filter(|bytes| *bytes > 0)?;
    let version = row.snapshot_version.as_deref()?.parse::<VersionId>().ok();
    let in_chain = |version: &VersionId| links.iter().any(|link| link.version == *version || link.parent == *version);
    let Some(version) = version.filter(|version| !version.is_nil() && in_chain(version)) else {
        notes.push("its snapshot is of a version that it does not have, and was left out".to_owned());
        return None;
    };
    let versions_since = row.versions_since.unwrap_or(0).min(links.len() as u64);
    Some(SnapshotLink { version, stored_at: row.snapshot_at.unwrap_or(now), versions_since, bytes, row: row.row })
}
