//! The operator's door to a database: a connection of a process of its own, beside the server's or without one.
//!
//! It never creates a database and never changes its schema: that is the server's business, and a mistyped path must not leave
//! an empty database behind. Nor does it take the directory's lock, which is the server's. A running server learns of a change
//! from SQLite's own counter.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Row};
use taskferry_protocol::ClientId;
use uuid::Uuid;

use super::directory::DATABASE_FILE;
use super::{account, place, prune, schema};
use crate::invite::InviteHash;
use crate::storage::admin::{AdminError, Administration, EXPIRED_INVITE_SECONDS, Invite, Order, Record};
use crate::storage::prune::{Cursor, Prunable, Pruned, Retention};
use crate::storage::{Barred, StorageError, UnixSeconds};

/// Why there is no door. Display says what failed, `source` why, [`AdministratorError::hint`] what mends it.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// No database.
    #[error("there is no data of a server in `{}`", .directory.display())]
    NoData {
        /// The directory.
        directory: PathBuf,
    },
    /// This user may not even see whether there is one.
    #[error("could not look into `{}`", .directory.display())]
    Unseen {
        /// The directory.
        directory: PathBuf,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
    /// It can't be opened.
    #[error(transparent)]
    Schema(#[from] schema::SchemaError),
}

impl AdministratorError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoData { .. } => {
                Some("name the server's directory with `--data-dir DIR`; the server shows it when it starts".into())
            }
            Self::Unseen { .. } => Some("run the command as the user of the server, or as root".into()),
            Self::Schema(error) => error.hint(),
        }
    }
}

/// The database in a directory that is a server's already.
pub fn database_in(directory: &Path) -> Result<PathBuf, AdministratorError> {
    let file = directory.join(DATABASE_FILE);
    match std::fs::metadata(&file) {
        Ok(found) if found.is_file() => Ok(file),
        Err(cause) if cause.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(AdministratorError::Unseen { directory: directory.to_owned(), cause })
        }
        _ => Err(AdministratorError::NoData { directory: directory.to_owned() }),
    }
}

/// See the module.
#[derive(Debug)]
pub struct Administrator {
    db: Connection,
    salt: String,
}

impl Administrator {
    /// Opens the database in `directory`.
    pub fn open(directory: &Path) -> Result<Self, AdministratorError> {
        let db = schema::open_beside(&database_in(directory)?)?;
        let salt = schema::salt(&db)?;
        Ok(Self { db, salt })
    }

    /// Whether the update found its row.
    fn update(&self, sql: &str, values: impl rusqlite::Params) -> Result<bool, AdminError> {
        let changed = self.db.execute(sql, values).map_err(writing)?;
        Ok(changed == 1)
    }

    /// Why an update of this account found no row.
    fn why_not(&self, client: ClientId) -> Result<AdminError, AdminError> {
        Ok(match self.record(client)? {
            None => AdminError::UnknownAccount,
            Some(Record { erase_at: Some(_), .. }) => AdminError::Deleted,
            Some(_) => AdminError::Erased,
        })
    }
}

fn reading(cause: rusqlite::Error) -> StorageError {
    StorageError::new("reading accounts", cause)
}

fn writing(cause: rusqlite::Error) -> StorageError {
    StorageError::new("changing an account", cause)
}

/// [`account::read`], and behind its columns the client ID and `erase_at`.
fn read_record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let (_, account) = account::read(row)?;
    let client = ClientId::from_uuid(Uuid::from_bytes(row.get("client_id")?));
    Ok(Record { client, account, erase_at: row.get("erase_at")? })
}

fn read_invite(row: &Row<'_>) -> rusqlite::Result<Invite> {
    Ok(Invite {
        id: row.get("id")?,
        uses: row.get("uses")?,
        used: row.get("used")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}

impl Administration for Administrator {
    fn salt(&self) -> &str {
        &self.salt
    }

    fn records(&self, see: &mut dyn FnMut(Record)) -> Result<(), AdminError> {
        const SQL: &str = concat!("SELECT ", account::columns!(), ", client_id, erase_at FROM account ORDER BY id");
        let mut statement = self.db.prepare(SQL).map_err(reading)?;
        for found in statement.query_map([], read_record).map_err(reading)? {
            see(found.map_err(reading)?);
        }
        Ok(())
    }

    fn record(&self, client: ClientId) -> Result<Option<Record>, AdminError> {
        const SQL: &str =
            concat!("SELECT ", account::columns!(), ", client_id, erase_at FROM account WHERE client_id = ?1");
        Ok(self.db.query_row(SQL, [client.as_bytes()], read_record).optional().map_err(reading)?)
    }

    fn order(&self, client: ClientId, order: &Order, now: UnixSeconds) -> Result<(), AdminError> {
        let id = client.as_bytes();
        let done = match order {
            Order::Create => {
                let sql =
                    "INSERT INTO account (client_id, created_at) VALUES (?1, ?2) ON CONFLICT (client_id) DO NOTHING";
                if !self.update(sql, (id, now))? {
                    let known = self.record(client)?;
                    let deleted = known.is_some_and(|known| known.account.barred == Some(Barred::Deleted));
                    return Err(if deleted { AdminError::Deleted } else { AdminError::Exists });
                }
                true
            }
            Order::Disable { reason } => self
                .update("UPDATE account SET state = 1, reason = ?2 WHERE client_id = ?1 AND state < 2", (id, reason))?,
            Order::Enable => self.update(
                "UPDATE account SET state = 0, reason = NULL, erase_at = NULL \
                 WHERE client_id = ?1 AND (state < 2 OR erase_at > ?2)",
                (id, now),
            )?,
            // Not once its data is being erased.
            Order::Delete { erase_at } => self.update(
                "UPDATE account SET state = 2, reason = NULL, erase_at = ?2 \
                 WHERE client_id = ?1 AND (state < 2 OR erase_at > ?3)",
                (id, erase_at, now),
            )?,
            Order::SetQuota(quota) => self.update(
                "UPDATE account SET quota_bytes = ?2, quota_versions = ?3 WHERE client_id = ?1 AND state < 2",
                (id, quota.bytes, quota.versions),
            )?,
        };
        if done { Ok(()) } else { Err(self.why_not(client)?) }
    }

    fn prunable(&self, retention: Retention, see: &mut dyn FnMut(Prunable)) -> Result<(), AdminError> {
        Ok(prune::prunable(&self.db, retention, see).map_err(reading)?)
    }

    fn prune_some(&self, behind: Cursor, retention: Retention) -> Result<Pruned, AdminError> {
        let slice = self.db.unchecked_transaction().and_then(|txn| {
            let slice = prune::prune_some(&txn, behind, retention, place::give_up)?;
            txn.commit()?;
            Ok(slice)
        });
        Ok(slice.map_err(writing)?.pruned)
    }

    fn create_invite(
        &self,
        hash: InviteHash,
        uses: u32,
        expires_at: UnixSeconds,
        now: UnixSeconds,
    ) -> Result<Invite, AdminError> {
        self.db.execute("DELETE FROM invite WHERE expires_at < ?1", [now - EXPIRED_INVITE_SECONDS]).map_err(writing)?;
        let sql = "INSERT INTO invite (hash, uses, created_at, expires_at) VALUES (?1, ?2, ?3, ?4) RETURNING *";
        Ok(self.db.query_row(sql, (hash.as_bytes(), uses, now, expires_at), read_invite).map_err(writing)?)
    }

    fn invites(&self) -> Result<Vec<Invite>, AdminError> {
        let mut statement = self.db.prepare("SELECT * FROM invite ORDER BY id").map_err(reading)?;
        let found = statement.query_map([], read_invite).and_then(Iterator::collect);
        Ok(found.map_err(reading)?)
    }

    fn revoke_invite(&self, id: i64) -> Result<bool, AdminError> {
        self.update("DELETE FROM invite WHERE id = ?1", [id])
    }
}
