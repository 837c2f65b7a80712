//! Taskwarrior's database, which is only read here ([`crate::rescue`] changes it): at which version of its account this computer
//! is, what it has not sent yet, and the tasks themselves, as they are stored.
//!
//! Taskwarrior tells none of this: `task sync` reports success after it lost changes, too. The tables are those of the
//! `taskchampion` crate, as of every Taskwarrior that can sync. Opened read-only and left after one short
//! transaction, so that no `task` ever waits for us; in the write-ahead mode that the database is in, readers lock nobody
//! out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};
use taskferry_protocol::VersionId;
use uuid::Uuid;

use crate::error::Explain;

const FILE: &str = "taskchampion.sqlite3";
/// A `task` that is just about to finish is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// JSON text of the changes from which on Taskwarrior sends more than one version, in bytes. The stored form is a little longer
/// than what is sent, so this finds rather too many than too few.
pub const ONE_VERSION_BYTES: u64 = 1_000_000;

/// Every attribute of a task, as it is stored.
pub type Attributes = BTreeMap<String, String>;

/// All tasks.
pub type Tasks = BTreeMap<Uuid, Attributes>;

/// Taskwarrior's database.
#[derive(Debug, Clone)]
pub struct Database {
    path: PathBuf,
}

/// How far this computer is, as far as it knows by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// The version that its tasks were last brought to; nil = it never synced.
    pub base: VersionId,
    /// Changes that were not sent yet.
    pub unsent: Unsent,
    /// When the newest change was made that counts as sent, or came from elsewhere: seconds since 1970-01-01 UTC.
    pub newest_shared: Option<i64>,
    /// Whether there are tasks that recur.
    pub has_recurring: bool,
    /// Whether there is not a single task or change: then Taskwarrior starts from a snapshot, else from the first version.
    pub is_empty: bool,
}

/// Changes that were not sent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unsent {
    /// How many; adding a task with three attributes is four of them.
    pub changes: u64,
    /// Of how many tasks, which is what people count.
    pub tasks: u64,
    /// Bytes of their stored form.
    pub bytes: u64,
}

impl Unsent {
    /// Whether they go up as several versions. If such a push is interrupted, the next one drops what was left, and
    /// reports success.
    pub const fn is_several_versions(self) -> bool {
        self.bytes > ONE_VERSION_BYTES
    }
}

/// The tasks at one moment.
pub struct Content {
    /// The version that they were last brought to.
    pub base: VersionId,
    /// All of them.
    pub tasks: Tasks,
    /// Those with changes that were not sent yet.
    pub unsent: BTreeSet<Uuid>,
}

impl Content {
    /// Whether there are no tasks, and never were any in a sync.
    pub fn is_blank(&self) -> bool {
        self.tasks.is_empty() && self.base.is_nil()
    }
}

/// Why it could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read Taskwarrior's database `{}`", path.display())]
pub struct DatabaseError {
    path: PathBuf,
    #[source]
    why: Why,
}

/// The reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Why {
    /// SQLite's.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// Not JSON, or not that of a task or a change.
    #[error("a task in it is not stored as Taskwarrior stores it")]
    Task(#[from] serde_json::Error),
    /// Of a task or a version.
    #[error("an ID in it is not a UUID")]
    Id,
}

impl DatabaseError {
    pub(crate) fn new(database: &Database, why: Why) -> Self {
        Self { path: database.path.clone(), why }
    }
}

impl Explain for DatabaseError {
    fn hint(&self) -> Option<String> {
        let is_locked = matches!(&self.why, Why::Sqlite(why)
            if why.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy));
        Some(if is_locked {
            "another `task` is running: wait for it, then run the same command again".into()
        } else {
            "run `task diagnostics`: it checks the database, too".into()
        })
    }
}

impl Database {
    /// The database in Taskwarrior's data folder, which may not be there.
    pub fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join(FILE) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is there. Taskwarrior makes it with its first command.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// How far this computer is.
    pub fn stand(&self) -> Result<Stand, DatabaseError> {
        self.read(|at| {
            let waiting = format!(r#"{} AND data <> '"UndoPoint"'"#, not_sent(at)?);
            let unsent = at.query_row(
                &format!(
                    "SELECT count(*), count(DISTINCT coalesce(json_extract(data, '$.Update.uuid'),
                         json_extract(data, '$.Create.uuid'), json_extract(data, '$.Delete.uuid'))),
                         coalesce(sum(length(data)), 0) FROM operations WHERE {waiting}"
                ),
                [],
                |row| Ok(Unsent { changes: row.get(0)?, tasks: row.get(1)?, bytes: row.get(2)? }),
            )?;
            let newest_shared = at
                .query_row(
                    &format!(
                        "SELECT CAST(strftime('%s', json_extract(data, '$.Update.timestamp')) AS INTEGER) FROM operations
                         WHERE NOT ({}) AND data LIKE '{{\"Update\"%' ORDER BY id DESC LIMIT 1",
                        not_sent(at)?
                    ),
                    [],
                    |row| row.get::<_, Option<i64>>(0),
                )
                .optional()?;
            let has_recurring = at.query_row(
                "SELECT EXISTS (SELECT 1 FROM tasks WHERE json_extract(data, '$.status') = 'recurring')",
                [],
                |row| row.get(0),
            )?;
            let is_empty = at.query_row(
                "SELECT NOT EXISTS (SELECT 1 FROM tasks) AND NOT EXISTS (SELECT 1 FROM operations)",
                [],
                |row| row.get(0),
            )?;
            Ok(Stand {
                is_empty,
                base: base(at)?,
                unsent,
                newest_shared: newest_shared.flatten(),
                has_recurring,
            })
        })
    }

    /// When the oldest change was made that was not sent yet: seconds since 1970-01-01 UTC; `None` = there is none.
    pub fn oldest_unsent(&self) -> Result<Option<i64>, DatabaseError> {
        self.read(|at| {
            let query = format!(
                "SELECT min(CAST(strftime('%s', json_extract(data, '$.Update.timestamp')) AS INTEGER)) FROM operations
                 WHERE ({}) AND data LIKE '{{\"Update\"%'",
                not_sent(at)?
            );
            Ok(at.query_row(&query, [], |row| row.get(0))?)
        })
    }

    /// All tasks.
    pub fn content(&self) -> Result<Content, DatabaseError> {
        self.read(content)
    }

    /// One transaction: all that it reads is of one moment.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Transaction<'_>) -> Result<T, Why>) -> Result<T, DatabaseError> {
        let read = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(PATIENCE)?;
            read(&connection.transaction()?)
        };
        read().map_err(|why| DatabaseError { path: self.path.clone(), why })
    }
}

/// All tasks, and which of them wait to be sent.
pub(crate) fn content(at: &Transaction<'_>) -> Result<Content, Why> {
    let mut tasks = Tasks::new();
    let mut rows = at.prepare("SELECT uuid, data FROM tasks")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        tasks.insert(id(row.get_ref(0)?.as_str())?, serde_json::from_str(row.get_ref(1)?.as_str().map_err(broken)?)?);
    }
    let mut unsent = BTreeSet::new();
    let mut rows = at.prepare(&format!(
        "SELECT DISTINCT coalesce(json_extract(data, '$.Update.uuid'), json_extract(data, '$.Create.uuid'),
             json_extract(data, '$.Delete.uuid')) AS task
         FROM operations WHERE {} AND task IS NOT NULL",
        not_sent(at)?
    ))?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        unsent.insert(id(row.get_ref(0)?.as_str())?);
    }
    Ok(Content { base: base(at)?, tasks, unsent })
}

/// Which operations were not sent yet. Before Taskwarrior 3.3, those that were sent are not kept.
pub(crate) fn not_sent(at: &Transaction<'_>) -> Result<&'static str, Why> {
    let keeps_sent = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('operations') WHERE name = 'synced')";
    Ok(if at.query_row(keeps_sent, [], |row| row.get(0))? { "NOT synced" } else { "1" })
}

pub(crate) fn base(at: &Transaction<'_>) -> Result<VersionId, Why> {
    let base =
        at.query_row("SELECT value FROM sync_meta WHERE key = 'base_version'", [], |row| row.get::<_, String>(0));
    base.optional()?.map_or(Ok(VersionId::NIL), |base| base.parse().map_err(|_| Why::Id))
}

pub(crate) fn id(text: Result<&str, rusqlite::types::FromSqlError>) -> Result<Uuid, Why> {
    Uuid::try_parse(text.map_err(broken)?).map_err(|_| Why::Id)
}

pub(crate) fn broken(why: rusqlite::types::FromSqlError) -> Why {
    Why::Sqlite(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database as Taskwarrior 3.0 has it (without `synced`), or as it is since 3.3.
    fn database(script: &str) -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join(FILE)).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 CREATE TABLE operations (id INTEGER PRIMARY KEY AUTOINCREMENT, data STRING);
                 CREATE TABLE sync_meta (key STRING PRIMARY KEY, value STRING);
                 CREATE TABLE tasks (uuid STRING PRIMARY KEY, data STRING);",
            )
            .unwrap();
        connection.execute_batch(script).unwrap();
        let database = Database::in_folder(folder.path());
        (folder, database)
    }

    const TASK: Uuid = Uuid::from_u128(1);

    fn update() -> String {
        format!(
            r#"{{"Update":{{"uuid":"{TASK}","property":"description","old_value":null,"value":"milk","timestamp":"1970-01-01T00:01:40.5Z"}}}}"#
        )
    }

    #[test]
    fn undo_points_are_no_changes_and_what_was_sent_does_not_wait() {
        let update = update();
        let (_folder, database) = database(&format!(
            r#"ALTER TABLE operations ADD COLUMN synced bool DEFAULT false;
               INSERT INTO operations (data, synced) VALUES ('{update}', true), ('"UndoPoint"', false), ('{update}', false);
               INSERT INTO tasks VALUES ('{TASK}', '{{"description":"milk","status":"recurring"}}');"#
        ));
        let stand = database.stand().unwrap();
        assert_eq!(stand.unsent, Unsent { changes: 1, tasks: 1, bytes: update.len() as u64 });
        assert_eq!((stand.base, stand.newest_shared, stand.has_recurring), (VersionId::NIL, Some(100), true));
        assert_eq!(database.oldest_unsent().unwrap(), Some(100));
        let content = database.content().unwrap();
        assert_eq!(content.unsent, BTreeSet::from([TASK]));
        assert_eq!(content.tasks[&TASK]["description"], "milk");
    }

    #[test]
    fn before_taskwarrior_3_3_all_operations_wait() {
        let (_folder, database) =
            database(&format!(r#"INSERT INTO operations (data) VALUES ('{}'), ('"UndoPoint"');"#, update()));
        let stand = database.stand().unwrap();
        assert_eq!((stand.unsent.changes, stand.newest_shared, stand.is_empty), (1, None, false));
        assert_eq!(database.content().unwrap().unsent, BTreeSet::from([TASK]));
    }

    #[test]
    fn what_is_no_such_database_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "not a database, but long enough to be looked at").unwrap();
        let error = Database::in_folder(folder.path()).stand().unwrap_err();
        assert!(error.to_string().contains(FILE), "{error}");
        assert!(!Database::in_folder(&folder.path().join("gone")).exists());
    }
}
