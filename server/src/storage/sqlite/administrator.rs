//! The operator's door to a database: a connection of a process of its own, beside the server's or without one.
//!
//! It never creates a database and never changes its schema: that is the server's business, and a mistyped path must not leave
//! an empty database behind. Nor does it take the directory's lock, which is the server's. A running server learns of a change
//! from SQLite's own counter.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior};
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use super::directory::{DATABASE_FILE, DataDirectory};
use super::{account, erase, place, prune, rewind, schema, stands};
use crate::invite::InviteHash;
use crate::storage::admin::{AdminError, Administration, EXPIRED_INVITE_SECONDS, Invite, Order, Record, Standing};
use crate::storage::prune::{Cursor, Prunable, Pruned, Retention};
use crate::storage::rewind::Rewind;
use crate::storage::select::{self, Selection, State};
use crate::storage::stands::Week;
use crate::storage::{Barred, StorageError, UnixSeconds};

/// Pieces of a body that are deleted in one transaction: some 4 MiB.
const SWEEP_CHUNKS: u32 = 16;

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

    /// Deletes a little of the large bodies that nothing links any more, while no server runs, which `_alone` shows: it would do it
    /// itself, and knows who is still reading. Returns whether there may be more.
    pub fn sweep_some(&self, _alone: &DataDirectory) -> Result<bool, AdminError> {
        let txn = self.begin()?;
        let unlinked = place::unlinked(&txn, SWEEP_CHUNKS).map_err(reading)?;
        if unlinked.is_empty() {
            return Ok(false);
        }
        place::sweep_some(&txn, &unlinked, SWEEP_CHUNKS).map_err(writing)?;
        txn.commit().map_err(writing)?;
        Ok(true)
    }

    fn plan_rewind(&self, client: ClientId, to: VersionId) -> Result<rewind::Plan, AdminError> {
        // One moment for all of it.
        let txn = self.db.unchecked_transaction().map_err(reading)?;
        rewind::plan(&txn, client, to)
    }

    /// A transaction that is the only one to write from its beginning on: what it reads first is true until its end.
    pub(super) fn begin(&self) -> Result<Transaction<'_>, AdminError> {
        Ok(Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate).map_err(writing)?)
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

pub(super) fn writing(cause: rusqlite::Error) -> StorageError {
    StorageError::new("changing an account", cause)
}

/// What [`read_record`] expects: [`account::read`], and what only an operator gets to see.
macro_rules! record_columns {
    () => {
        concat!(
            account::columns!(),
            ", client_id, erase_at, (SELECT max(week) FROM stand WHERE stand.account = account.id) AS last_week"
        )
    };
}

fn read_record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let (_, account) = account::read(row)?;
    let client = ClientId::from_uuid(Uuid::from_bytes(row.get("client_id")?));
    let last_stand = row.get::<_, Option<i64>>("last_week")?.map(Week::new);
    Ok(Record { client, account, erase_at: row.get("erase_at")?, last_stand })
}

/// [`Record::seen_at`] in SQL.
const SEEN_AT: &str = "max(created_at, coalesce(last_version_at, created_at), \
    coalesce((SELECT (max(week) + 1) * 604800 - 1 FROM stand WHERE stand.account = account.id), created_at))";
const BYTES: &str = "(version_bytes + coalesce(snapshot_bytes, 0))";

/// A selection in SQL. SQLite sorts in temporary files what is too large for its memory, so a million accounts take no more of it
/// than ten.
fn select(selection: &Selection) -> String {
    let mut conditions = vec!["TRUE".to_owned()];
    conditions.extend(selection.state.map(|state| {
        // What a later version may have invented is shown as disabled; see `account::read`.
        let condition = match state {
            State::Active => "state = 0",
            State::Disabled => "state NOT IN (0, 2)",
            State::Deleted => "state = 2 AND erase_at IS NOT NULL",
            State::Erased => "state = 2 AND erase_at IS NULL",
        };
        condition.to_owned()
    }));
    conditions.extend(selection.silent_since.map(|since| format!("{SEEN_AT} < {since}")));
    conditions.extend(selection.over_bytes.map(|bytes| format!("{BYTES} > {}", bounded(bytes))));
    let (key, greatest_first) = match selection.order {
        select::Order::Created => ("id", false),
        select::Order::Seen => (SEEN_AT, true),
        select::Order::Size => (BYTES, true),
        select::Order::Versions => ("versions", true),
    };
    let direction = if greatest_first == selection.reversed { "ASC" } else { "DESC" };
    let limit = selection.limit.map_or(-1, bounded);
    format!(
        "SELECT {} FROM account WHERE {} ORDER BY {key} {direction}, id LIMIT {limit} OFFSET {}",
        record_columns!(),
        conditions.join(" AND "),
        bounded(selection.skip),
    )
}

/// As SQLite can hold it.
fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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

    fn records(&self, selection: &Selection, see: &mut dyn FnMut(Record)) -> Result<(), AdminError> {
        let mut statement = self.db.prepare(&select(selection)).map_err(reading)?;
        for found in statement.query_map([], read_record).map_err(reading)? {
            see(found.map_err(reading)?);
        }
        Ok(())
    }

    fn record(&self, client: ClientId) -> Result<Option<Record>, AdminError> {
        const SQL: &str = concat!("SELECT ", record_columns!(), " FROM account WHERE client_id = ?1");
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

    fn stands(&self, client: ClientId) -> Result<Vec<Standing>, AdminError> {
        let (key, account) = account::find(&self.db, client).map_err(reading)?.ok_or(AdminError::UnknownAccount)?;
        Ok(stands::standings(&self.db, key, account.latest()).map_err(reading)?)
    }

    fn erase_some(&self, client: ClientId) -> Result<bool, AdminError> {
        let txn = self.begin()?;
        let (key, account) = account::find(&txn, client).map_err(reading)?.ok_or(AdminError::UnknownAccount)?;
        if account.barred != Some(Barred::Deleted) {
            return Err(AdminError::InUse);
        }
        let slice = erase::erase_some_of(&txn, key, place::give_up).map_err(writing)?;
        txn.commit().map_err(writing)?;
        Ok(!slice.is_last)
    }

    fn look_back(&self, client: ClientId, to: VersionId) -> Result<Rewind, AdminError> {
        Ok(self.plan_rewind(client, to)?.rewind)
    }

    fn rewind(&self, client: ClientId, rewind: &Rewind, between: &mut dyn FnMut(u64)) -> Result<(), AdminError> {
        // The long look keeps nobody waiting; then short ones show that it still holds.
        let plan = self.plan_rewind(client, rewind.to)?;
        if plan.rewind != *rewind {
            return Err(AdminError::Changed);
        }
        plan.carry_out(self, client, between)
    }

    fn prunable(&self, retention: Retention, see: &mut dyn FnMut(Prunable)) -> Result<(), AdminError> {
        Ok(prune::prunable(&self.db, retention, see).map_err(reading)?)
    }

    fn prune_some(&self, behind: Cursor, retention: Retention) -> Result<Pruned, AdminError> {
        let txn = self.begin()?;
        let slice = prune::prune_some(&txn, behind, retention, place::give_up).map_err(writing)?;
        txn.commit().map_err(writing)?;
        Ok(slice.pruned)
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
