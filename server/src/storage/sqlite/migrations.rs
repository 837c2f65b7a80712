//! Brings a database to this version's schema: numbered steps, embedded, each in a transaction of its own.
//!
//! A step that rewrites data is preceded by a copy of the whole database beside it, made and synced before anything is
//! touched, so that an upgrade that turns out to be a mistake can be taken back. Where the volume has no room for the copy and
//! for the rewriting, the step is refused, and the database is as it was.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use super::schema::SchemaError;
use crate::volume::{Volume as _, VolumeOf};

/// One step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    sql: &'static str,
    /// Whether it touches rows that hold data. A step that only adds tables, indexes or columns does not.
    rewrites: bool,
}

/// Numbered from 1 without gaps; `PRAGMA user_version` says how many were applied. Never edited after a release.
const MIGRATIONS: &[Migration] =
    &[Migration { sql: include_str!("../../../migrations/sqlite/0001_init.sql"), rewrites: false }];

/// The newest schema that this version knows.
pub(super) const KNOWN: usize = MIGRATIONS.len();

/// How many steps were applied.
pub(super) fn applied(db: &Connection, file: &Path) -> Result<usize, SchemaError> {
    number(db).map_err(|cause| SchemaError::Open { path: file.to_owned(), cause })
}

/// The same, whatever file it is.
pub(super) fn number(db: &Connection) -> rusqlite::Result<usize> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Applies what is missing.
pub(super) fn migrate(db: &mut Connection, file: &Path) -> Result<(), SchemaError> {
    run(db, file, MIGRATIONS, |directory| VolumeOf(directory.to_owned()).measure().map(|measured| measured.free))
}

fn run(
    db: &mut Connection,
    file: &Path,
    migrations: &[Migration],
    free_bytes: impl Fn(&Path) -> std::io::Result<u64>,
) -> Result<(), SchemaError> {
    let before = applied(db, file)?;
    let missing = migrations.get(before..).unwrap_or_default();
    if before > 0 && missing.iter().any(|step| step.rewrites) {
        copy(db, file, before, free_bytes)?;
    }
    for (number, step) in (before + 1..).zip(missing) {
        if before > 0 {
            tracing::info!(schema = number, "upgrading the database");
        }
        apply(db, number, step.sql).map_err(|cause| SchemaError::Migration { path: file.to_owned(), number, cause })?;
    }
    Ok(())
}

fn apply(db: &mut Connection, number: usize, sql: &str) -> rusqlite::Result<()> {
    let txn = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    txn.execute_batch(sql)?;
    if number == 1 {
        let random = || Uuid::new_v4().to_string();
        txn.execute("INSERT INTO meta (key, value) VALUES ('epoch', ?1), ('salt', ?2)", [random(), random()])?;
    }
    txn.pragma_update(None, "user_version", number)?;
    txn.commit()
}

/// Where the copy that was made before leaving `schema` lies.
fn copy_path(file: &Path, schema: usize) -> PathBuf {
    file.with_extension(format!("schema-{schema}.sqlite3"))
}

/// Copies the database beside itself: complete, compact, private, durable.
fn copy(
    db: &Connection,
    file: &Path,
    schema: usize,
    free_bytes: impl Fn(&Path) -> std::io::Result<u64>,
) -> Result<(), SchemaError> {
    let copy = copy_path(file, schema);
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| SchemaError::Copy { path: copy.clone(), cause };
    let directory = file.parent().unwrap_or_else(|| Path::new("."));

    // Once for the copy, and once for the rewritten rows, which go through the write-ahead log.
    let pages: u64 = db
        .query_row("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()", [], |row| row.get(0))
        .map_err(|cause| failed(cause.into()))?;
    let (needed, free) = (pages.saturating_mul(2), free_bytes(directory).map_err(|cause| failed(cause.into()))?);
    if free < needed {
        return Err(SchemaError::NoRoom { path: file.to_owned(), needed, free });
    }
    tracing::info!(copy = %copy.display(), "copying the database before an upgrade that rewrites data");
    // Under a temporary name until it is whole; one that an earlier attempt left is of no use.
    let unfinished = copy.with_extension("unfinished");
    let made = || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match fs_err::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        // `VACUUM INTO` accepts an empty file, which can be made private first.
        super::directory::private_file(&unfinished)?;
        let name = unfinished.to_str().ok_or("the path is not Unicode")?;
        db.execute("VACUUM INTO ?1", [name])?;
        fs_err::File::open(&unfinished)?.sync_all()?;
        fs_err::rename(&unfinished, &copy)?;
        super::directory::sync_directory(directory)?;
        Ok(())
    };
    made().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::super::schema::open_for_writing;
    use super::*;

    const ADDS: Migration = Migration { sql: "CREATE TABLE added (x)", rewrites: false };
    const REWRITES: Migration = Migration { sql: "UPDATE account SET created_at = created_at + 1", rewrites: true };

    fn database() -> (tempfile::TempDir, PathBuf, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("taskferry.sqlite3");
        std::fs::File::create(&file).unwrap();
        let db = open_for_writing(&file).unwrap();
        db.execute_batch("INSERT INTO account (client_id, created_at) VALUES (randomblob(16), 41)").unwrap();
        (dir, file, db)
    }

    fn created_at(db: &Connection) -> i64 {
        db.query_row("SELECT created_at FROM account", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn missing_steps_are_applied_once_and_in_order() {
        let (_dir, file, mut db) = database();
        let steps = [MIGRATIONS[0], ADDS, REWRITES];
        run(&mut db, &file, &steps, |_| Ok(u64::MAX)).unwrap();
        run(&mut db, &file, &steps, |_| Ok(u64::MAX)).unwrap();
        assert_eq!((applied(&db, &file).unwrap(), created_at(&db)), (3, 42));
    }

    #[test]
    fn a_step_that_rewrites_data_is_preceded_by_a_whole_and_private_copy() {
        let (_dir, file, mut db) = database();
        // What an attempt that was killed left behind.
        std::fs::write(copy_path(&file, 1).with_extension("unfinished"), "half").unwrap();
        run(&mut db, &file, &[MIGRATIONS[0], REWRITES], |_| Ok(u64::MAX)).unwrap();
        let copy = copy_path(&file, 1);
        assert_eq!(copy.file_name().unwrap(), "taskferry.schema-1.sqlite3");
        let former = open_for_writing(&copy).unwrap();
        assert_eq!((created_at(&former), created_at(&db)), (41, 42));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_step_that_only_adds_makes_no_copy() {
        let (_dir, file, mut db) = database();
        run(&mut db, &file, &[MIGRATIONS[0], ADDS], |_| Ok(0)).unwrap();
        assert!(!copy_path(&file, 1).exists());
    }

    #[test]
    fn without_room_for_the_copy_the_step_is_refused_and_nothing_changed() {
        let (_dir, file, mut db) = database();
        let refused = run(&mut db, &file, &[MIGRATIONS[0], REWRITES], |_| Ok(4096));
        assert!(matches!(refused, Err(SchemaError::NoRoom { free: 4096, .. })));
        assert_eq!((applied(&db, &file).unwrap(), created_at(&db)), (1, 41));
        assert!(!copy_path(&file, 1).exists());
    }

    #[test]
    fn a_failing_step_changes_nothing() {
        let (_dir, file, mut db) = database();
        let broken = Migration { sql: "CREATE TABLE half (x); CREATE TABLE half (x);", rewrites: false };
        let failed = run(&mut db, &file, &[MIGRATIONS[0], broken], |_| Ok(u64::MAX));
        assert!(matches!(failed, Err(SchemaError::Migration { number: 2, .. })));
        let half: u32 =
            db.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'half'", [], |row| row.get(0)).unwrap();
        assert_eq!((half, applied(&db, &file).unwrap()), (0, 1));
    }
}
