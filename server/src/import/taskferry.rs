//! Another Taskferry's database.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _};
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use super::source::{Account, Link, Sink, Skip, SnapshotLink, Source, SourceError};
use crate::storage::UnixSeconds;
use crate::storage::sqlite::schema;

/// See the module.
#[derive(Debug)]
pub struct Taskferry {
    db: Connection,
    path: PathBuf,
}

impl Taskferry {
    /// Opens it for reading; its server may run.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let db = schema::open_to_look(path)?;
        // One moment for all of it.
        db.execute_batch("BEGIN; SELECT count(*) FROM meta")
            .map_err(|cause| SourceError::Read { path: path.to_owned(), cause })?;
        Ok(Self { db, path: path.to_owned() })
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, SourceError> {
        read(&self.db).map_err(|cause| SourceError::Read { path: self.path.clone(), cause })
    }

    /// The epoch of its server's data.
    pub fn epoch(&self) -> Result<String, SourceError> {
        Ok(schema::epoch(&self.db)?)
    }

    /// A body by its row in `table`.
    fn pieces(&self, table: &str, row: i64, into: Sink<'_>) -> rusqlite::Result<()> {
        let (body, blob): (Option<Vec<u8>>, Option<i64>) = self
            .db
            .prepare_cached(&format!("SELECT body, blob FROM {table} WHERE rowid = ?1"))?
            .query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let Some(body) = body {
            return into(&body);
        }
        let mut pieces = self.db.prepare_cached("SELECT data FROM chunk WHERE blob = ?1 ORDER BY seq")?;
        let mut rows = pieces.query([blob])?;
        while let Some(row) = rows.next()? {
            into(row.get_ref(0)?.as_blob()?)?;
        }
        Ok(())
    }

    /// The chain that ends at `latest`. `nothing_but`: where it ends if there are no versions, but a snapshot.
    fn links(
        db: &Connection,
        key: i64,
        latest: VersionId,
        nothing_but: Option<VersionId>,
    ) -> rusqlite::Result<Result<Vec<Link>, Skip>> {
        let mut links = db
            .prepare_cached("SELECT parent, version, stored_at, bytes, rowid FROM version WHERE account = ?1")?
            .query_map([key], |row| {
                Ok(Link {
                    parent: id(row.get(0)?),
                    version: id(row.get(1)?),
                    stored_at: row.get(2)?,
                    bytes: row.get(3)?,
                    row: row.get(4)?,
                })
            })?
            .map(|link| link.map(|link| (link.version.as_uuid(), link)))
            .collect::<rusqlite::Result<std::collections::HashMap<_, _>>>()?;
        let (mut chain, mut at) = (Vec::new(), latest);
        while let Some(link) = links.remove(&at.as_uuid()) {
            at = link.parent;
            chain.push(link);
        }
        chain.reverse();
        let ends = chain.last().map(|last| last.version).or(nothing_but).unwrap_or(VersionId::NIL);
        let whole = links.is_empty() && ends == latest;
        Ok(if whole { Ok(chain) } else { Err(Skip::Broken("its versions do not follow each other")) })
    }
}

fn id(bytes: [u8; 16]) -> VersionId {
    VersionId::from_uuid(Uuid::from_bytes(bytes))
}

impl Source for Taskferry {
    fn kind(&self) -> &'static str {
        "another Taskferry"
    }

    fn clients(&self) -> Result<Vec<ClientId>, SourceError> {
        self.read(|db| {
            let client = |row: &rusqlite::Row<'_>| Ok(ClientId::from_uuid(Uuid::from_bytes(row.get(0)?)));
            db.prepare("SELECT client_id FROM account ORDER BY id")?.query_map([], client)?.collect()
        })
    }

    fn account(&self, client: ClientId, _: UnixSeconds) -> Result<Result<Account, Skip>, SourceError> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT * FROM account WHERE client_id = ?1")?;
            let mut rows = statement.query([client.as_bytes()])?;
            let Some(row) = rows.next()? else { return Ok(Err(Skip::Broken("it is gone"))) };
            // Its row here would be a tombstone for an account that was never here.
            if row.get::<_, i64>("state")? == schema::DELETED {
                return Ok(Err(Skip::Deleted));
            }
            let (key, latest) = (row.get("id")?, id(row.get("latest")?));
            let snapshot_version = row.get::<_, Option<[u8; 16]>>("snapshot_version")?.map(id);
            let links = match Self::links(db, key, latest, snapshot_version)? {
                Ok(links) => links,
                Err(skip) => return Ok(Err(skip)),
            };
            let snapshot = match snapshot_version {
                None => None,
                Some(version) => Some(SnapshotLink {
                    version,
                    stored_at: row.get("snapshot_at")?,
                    versions_since: row.get::<_, u64>("added")?.saturating_sub(row.get("snapshot_added")?),
                    bytes: row.get("snapshot_bytes")?,
                    row: db
                        .query_row("SELECT rowid FROM snapshot WHERE account = ?1", [key], |row| row.get(0))
                        .optional()?
                        .ok_or(rusqlite::Error::QueryReturnedNoRows)?,
                }),
            };
            Ok(Ok(Account {
                client,
                state: row.get("state")?,
                reason: row.get("reason")?,
                created_at: row.get("created_at")?,
                last_version_at: row.get("last_version_at")?,
                quota: (row.get("quota_bytes")?, row.get("quota_versions")?),
                links,
                snapshot,
                notes: Vec::new(),
            }))
        })
    }

    fn version_body(&self, link: &Link, into: Sink<'_>) -> rusqlite::Result<()> {
        self.pieces("version", link.row, into)
    }

    fn snapshot_body(&self, snapshot: &SnapshotLink, into: Sink<'_>) -> rusqlite::Result<()> {
        self.pieces("snapshot", snapshot.row, into)
    }
}
