//! Opens the database file: recognises it, and sets what durability and memory use rest on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::file::DatabaseFile;
use super::migrations;
use crate::remedy;

/// `account.state`: in use. (1 is disabled.)
pub const ACTIVE: i64 = 0;
/// `account.state`: deleted.
pub const DELETED: i64 = 2;

/// Marks the file as ours ("TFry"), in SQLite's header field for that purpose.
const APPLICATION_ID: i32 = 0x5446_7279;

/// Everything below has the WAL-reset bug, which can corrupt a database that several connections use
/// (<https://sqlite.org/wal.html#walresetbug>).
const SQLITE_MIN: i32 = 3_051_003;

/// How long to wait for another process that holds the database, such as an administrator's command. Within this process
/// only one connection writes.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Why the file can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// SQLite refused.
    #[error("could not open the database `{}`", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        #[source]
        cause: rusqlite::Error,
    },
    /// Another program's database.
    #[error("`{}` is a database of another program", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later version of this server.
    #[error("`{}` was written by a newer version (schema {found}; this one knows up to {known})", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's schema.
        found: usize,
        /// The newest schema that this version knows.
        known: usize,
    },
    /// Written by an earlier version of this server, and not by the one beside which this command runs.
    #[error("`{}` was written by an older version (schema {found}; this one works with {known})", .path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// The file's schema.
        found: usize,
        /// The schema that this version works with.
        known: usize,
    },
    /// A migration failed; the file is as it was.
    #[error("could not upgrade the database `{}` to schema {number}", .path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// The migration's number.
        number: usize,
        /// SQLite's reason.
        #[source]
        cause: rusqlite::Error,
    },
    /// The volume has no room for the copy that precedes an upgrade which rewrites data.
    #[error(
        "the upgrade of `{}` needs {} MB of free space and there are {}",
        .path.display(), .needed.div_ceil(1_000_000), .free / 1_000_000
    )]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// That copy could not be made.
    #[error("could not copy the database to `{}` before an upgrade", .path.display())]
    Copy {
        /// The copy.
        path: PathBuf,
        /// The reason.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The volume can't do what a write-ahead log needs.
    #[error("`{}` lies on a volume where SQLite can't keep a write-ahead log", .path.display())]
    NoWal {
        /// The file.
        path: PathBuf,
    },
    /// Linked against an SQLite that may corrupt data.
    #[error("this build uses SQLite {found}, which can corrupt databases; 3.51.3 or later is needed")]
    SqliteTooOld {
        /// The version found.
        found: &'static str,
    },
}

impl SchemaError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Newer { .. } => {
                Some("run the newer version again, or restore a backup made before the upgrade".into())
            }
            Self::Older { .. } => Some("start this version's server once: it upgrades the data".into()),
            Self::Foreign { .. } => Some("it is left as it is; choose another directory with `--data-dir DIR`".into()),
            Self::Migration { .. } => {
                Some("nothing was changed; check the free space and the log, then start again".into())
            }
            Self::NoRoom { .. } => {
                Some("nothing was changed; make room on the volume, or go back to the former version".into())
            }
            Self::Copy { .. } => Some("nothing was changed; check the volume, then start again".into()),
            Self::NoWal { .. } => {
                Some("choose a directory on a local disk with `--data-dir DIR`; network drives won't do".into())
            }
            Self::SqliteTooOld { .. } => Some("build with the bundled SQLite, which is the default".into()),
            Self::Open { cause, .. } => remedy::of(cause),
        }
    }
}

/// Refuses an SQLite that may corrupt data.
pub fn check_sqlite() -> Result<(), SchemaError> {
    if rusqlite::version_number() < SQLITE_MIN {
        return Err(SchemaError::SqliteTooOld { found: rusqlite::version() });
    }
    Ok(())
}

/// Whether the file was written by an earlier version, and is upgraded when the server starts.
pub fn is_older(db: &Connection) -> rusqlite::Result<bool> {
    Ok(migrations::number(db)? < migrations::KNOWN)
}

/// The writer's connection. Migrates.
pub fn open_for_writing(file: impl Into<DatabaseFile>) -> Result<Connection, SchemaError> {
    let source = file.into();
    let file = source.path();
    check_sqlite()?;
    let open = |cause| SchemaError::Open { path: file.to_owned(), cause };
    let mut db = source.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(open)?;
    db.busy_timeout(BUSY_WAIT).map_err(open)?;
    // Before any setting: what is not ours, or not ours to understand, is left as it is to the last byte.
    if recognise(&db, file)? == Found::Empty {
        settings_of_a_new_file(&db).map_err(open)?;
    }
    if !settings_for_writing(&db).map_err(open)? {
        return Err(SchemaError::NoWal { path: file.to_owned() });
    }
    migrations::migrate(&mut db, file)?;
    Ok(db)
}

/// The connection of an operator's command, to a file that a server has prepared; it may be running. Changes nothing about
/// the file itself.
pub fn open_beside(file: impl Into<DatabaseFile>) -> Result<Connection, SchemaError> {
    let source = file.into();
    let file = source.path();
    let open = |cause| SchemaError::Open { path: file.to_owned(), cause };
    let db = source.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(open)?;
    db.busy_timeout(BUSY_WAIT).map_err(open)?;
    let found = match recognise(&db, file)? {
        Found::Empty => 0,
        Found::Ours => migrations::applied(&db, file)?,
    };
    if found < migrations::KNOWN {
        return Err(SchemaError::Older { path: file.to_owned(), found, known: migrations::KNOWN });
    }
    db.pragma_update(None, "synchronous", "FULL").map_err(open)?;
    common_settings(&db).map_err(open)?;
    Ok(db)
}

/// A reader's connection, to a file that [`open_for_writing`] has prepared.
pub fn open_for_reading(file: impl Into<DatabaseFile>) -> Result<Connection, SchemaError> {
    let source = file.into();
    let open = |cause| SchemaError::Open { path: source.path().to_owned(), cause };
    let db = source.connect(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(open)?;
    db.busy_timeout(BUSY_WAIT).map_err(open)?;
    common_settings(&db).map_err(open)?;
    Ok(db)
}

/// The random text that changes when data is taken back to an older state.
pub fn epoch(db: &Connection) -> Result<String, SchemaError> {
    meta(db, "epoch")
}

/// The random text under which accounts are hashed for logs.
pub fn salt(db: &Connection) -> Result<String, SchemaError> {
    meta(db, "salt")
}

fn meta(db: &Connection, key: &str) -> Result<String, SchemaError> {
    meta_text(db, key)
        .map_err(|cause| SchemaError::Open { path: db.path().map(PathBuf::from).unwrap_or_default(), cause })
}

/// What the database says about itself under `key`.
pub(super) fn meta_text(db: &Connection, key: &str) -> rusqlite::Result<String> {
    db.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
}

/// A reader's connection to a file that may be anything: it is recognised first. Changes nothing, not even about a file that
/// is no database.
pub fn open_to_look(file: impl Into<DatabaseFile>) -> Result<Connection, SchemaError> {
    let source = file.into();
    let open = |cause| SchemaError::Open { path: source.path().to_owned(), cause };
    let db = source.connect(OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(open)?;
    db.busy_timeout(BUSY_WAIT).map_err(open)?;
    if recognise(&db, source.path())? == Found::Empty {
        return Err(SchemaError::Foreign { path: source.path().to_owned() });
    }
    common_settings(&db).map_err(open)?;
    Ok(db)
}

/// What a file turned out to be.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Empty,
    Ours,
}

fn recognise(db: &Connection, file: &Path) -> Result<Found, SchemaError> {
    let read = |sql| db.query_row(sql, [], |row| row.get::<_, i32>(0));
    let seen = read("PRAGMA application_id").and_then(|id| Ok((id, read("SELECT count(*) FROM sqlite_schema")?)));
    match seen {
        // Killed between the first setting and the first migration: ours by its mark, and still without a table.
        Ok((APPLICATION_ID | 0, 0)) => Ok(Found::Empty),
        Ok((APPLICATION_ID, _)) => {
            let (found, known) = (migrations::applied(db, file)?, migrations::KNOWN);
            if found > known {
                return Err(SchemaError::Newer { path: file.to_owned(), found, known });
            }
            Ok(Found::Ours)
        }
        Ok(_) => Err(SchemaError::Foreign { path: file.to_owned() }),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(SchemaError::Foreign { path: file.to_owned() })
        }
        Err(cause) => Err(SchemaError::Open { path: file.to_owned(), cause }),
    }
}

/// What can be chosen only before the first table, and only outside WAL mode.
fn settings_of_a_new_file(db: &Connection) -> rusqlite::Result<()> {
    // 8 KiB pages: faster than 4 for our bodies, and small enough that little is wasted on accounts with one task.
    db.pragma_update(None, "page_size", 8192)?;
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Pages in the WAL after which they are folded into the database: 16 MiB, twice SQLite's own choice. A page that was written several
/// times since is folded once, and snapshots that replace one another use the same pages again and again: 1.12 times as many a
/// second as with 1,000. Still more pages make single appends slower while the WAL of a server just started grows
/// (docs/CAPACITY.md).
const FOLD_AFTER_PAGES: u32 = 2000;

/// Whether the volume can do what they ask for.
fn settings_for_writing(db: &Connection) -> rusqlite::Result<bool> {
    // SQLite answers with the mode that it then has: on a network file system, for one, it stays as it was.
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    // FULL, not NORMAL: in WAL mode NORMAL may roll back commits after a power loss, and a device that was told "stored"
    // would hold a version that the server no longer knows.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "wal_autocheckpoint", FOLD_AFTER_PAGES)?;
    // Without a limit the WAL keeps the size of the largest burst for ever. Room for what comes while a slow download keeps the WAL
    // from beginning anew: a file that is cut and grows again costs more than one that is overwritten.
    db.pragma_update(None, "journal_size_limit", 32 * 1024 * 1024)?;
    common_settings(db)?;
    Ok(mode == "wal")
}

fn common_settings(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "cache_size", -4096)?; // KiB; per connection, and there are few
    db.pragma_update(None, "trusted_schema", false)?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("db");
        std::fs::File::create(&file).unwrap();
        (dir, file)
    }

    #[test]
    fn a_new_file_gets_the_settings_that_durability_rests_on() {
        let (_dir, file) = file();
        let db = open_for_writing(&file).unwrap();
        let pragma = |name: &str| {
            db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, rusqlite::types::Value>(0)).unwrap()
        };
        assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
        assert_eq!(pragma("synchronous"), 2.into(), "2 = FULL");
        assert_eq!(pragma("page_size"), 8192.into());
        assert_eq!(pragma("auto_vacuum"), 2.into(), "2 = incremental");
        assert_eq!(pragma("foreign_keys"), 1.into());
        assert_eq!(pragma("user_version"), i64::try_from(migrations::KNOWN).unwrap().into());
    }

    #[test]
    fn opening_twice_keeps_the_epoch_and_the_salt() {
        let (_dir, file) = file();
        let open = || {
            let db = open_for_writing(&file).unwrap();
            (epoch(&db).unwrap(), salt(&db).unwrap())
        };
        let first = open();
        assert_eq!(open(), first);
        assert_ne!(first.0, first.1);
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_as_it_is() {
        let (_dir, file) = file();
        open_for_writing(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let before = std::fs::read(&file).unwrap();
        assert!(matches!(open_for_writing(&file), Err(SchemaError::Newer { found: 99, .. })));
        assert!(std::fs::read(&file).unwrap() == before, "the file was changed");
    }

    #[test]
    fn a_command_beside_the_server_neither_creates_nor_upgrades_a_database() {
        let (dir, file) = file();
        assert!(matches!(open_beside(&file), Err(SchemaError::Older { found: 0, .. })));
        assert_eq!(std::fs::metadata(&file).unwrap().len(), 0);
        assert!(open_beside(&dir.path().join("nothing")).is_err());
        assert!(!dir.path().join("nothing").exists());
        drop(open_for_writing(&file).unwrap());
        open_beside(&file).unwrap();
    }

    #[test]
    fn a_foreign_database_or_file_is_refused_and_left_as_it_is() {
        let (_dir, file) = file();
        Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        let before = std::fs::read(&file).unwrap();
        assert!(matches!(open_for_writing(&file), Err(SchemaError::Foreign { .. })));
        assert!(std::fs::read(&file).unwrap() == before, "the file was changed");

        std::fs::write(&file, "this is a letter to my grandmother, and no database at all").unwrap();
        assert!(matches!(open_for_writing(&file), Err(SchemaError::Foreign { .. })));
    }

    #[test]
    fn the_schema_itself_refuses_a_forked_chain() {
        let (_dir, file) = file();
        let db = open_for_writing(&file).unwrap();
        db.execute_batch("INSERT INTO account (id, client_id, created_at) VALUES (1, randomblob(16), 0)").unwrap();
        let insert =
            "INSERT INTO version (account, parent, version, stored_at, bytes, body) VALUES (1, ?1, ?2, 0, 1, x'00')";
        db.execute(insert, ([1_u8; 16], [2_u8; 16])).unwrap();
        assert!(db.execute(insert, ([1_u8; 16], [3_u8; 16])).is_err(), "one parent, two children");
        assert!(db.execute(insert, ([5_u8; 16], [5_u8; 16])).is_err(), "its own parent");
        assert!(db.execute(insert, ([5_u8; 16], [0_u8; 16])).is_err(), "nil is no version");
    }
}
