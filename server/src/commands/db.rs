//! `taskferry-server db …`: the database as a file. All of it works beside a running server.

use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use super::door::Door;
use super::interrupt::interruptible;
use super::{VerbError, words};
use crate::cli::DataArgs;
use crate::cli::operate::DbCommand;
use crate::config::sources::Env;
use crate::stop::Stop;
use crate::storage::sqlite::administrator::AdministratorError;
use crate::storage::sqlite::directory::DATABASE_FILE;
use crate::storage::sqlite::examine::{Examination, examine};
use crate::storage::sqlite::schema;
use crate::terminal;

/// Free pages that are given back in one transaction: some 8 MB, so that the server's writer never waits for long.
const PAGES_AT_ONCE: u32 = 1000;

/// Carries out the verb.
pub fn run(command: &DbCommand, env: &Env) -> Result<(), VerbError> {
    match command {
        DbCommand::Status(args) => status(args, env),
        DbCommand::Check(args) => check(args, env),
        DbCommand::Vacuum(args) => vacuum(args, env),
    }
}

/// The database's size, as the file system and SQLite see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) file_bytes: u64,
    pub(super) wal_bytes: u64,
    pub(super) free_bytes: u64,
    page_bytes: u64,
    schema: u32,
}

pub(super) fn figures(db: &Connection, directory: &Path) -> rusqlite::Result<Figures> {
    let length = |name: String| std::fs::metadata(directory.join(name)).map_or(0, |file| file.len());
    let pragma = |sql| db.query_row(sql, [], |row| row.get::<_, u64>(0));
    let page_bytes = pragma("PRAGMA page_size")?;
    Ok(Figures {
        file_bytes: length(DATABASE_FILE.to_owned()),
        wal_bytes: length(format!("{DATABASE_FILE}-wal")),
        free_bytes: pragma("PRAGMA freelist_count")?.saturating_mul(page_bytes),
        page_bytes,
        schema: u32::try_from(pragma("PRAGMA user_version")?).unwrap_or(u32::MAX),
    })
}

/// A connection that only reads.
pub(super) fn look(directory: &Path) -> Result<Connection, VerbError> {
    let file = directory.join(DATABASE_FILE);
    if !file.is_file() {
        return Err(AdministratorError::NoData { directory: directory.to_owned() }.into());
    }
    schema::open_to_look(&file).map_err(|error| AdministratorError::from(error).into())
}

fn status(args: &DataArgs, env: &Env) -> Result<(), VerbError> {
    let directory = Door::directory(args, env)?;
    let db = look(&directory)?;
    let seen = figures(&db, &directory).map_err(|cause| VerbError::Database { doing: "look at", cause })?;
    let path = directory.join(DATABASE_FILE);
    if args.json {
        let value = json!({
            "path": path,
            "sqlite": rusqlite::version(),
            "schema": seen.schema,
            "file_bytes": seen.file_bytes,
            "wal_bytes": seen.wal_bytes,
            "free_bytes": seen.free_bytes,
            "page_bytes": seen.page_bytes,
        });
        terminal::print(&value.to_string());
        return Ok(());
    }
    terminal::print(&format!(
        "{}\n  database         {:>9}\n  free within it   {:>9}\n  write-ahead log  {:>9}\n  schema {}, SQLite {}",
        path.display(),
        words::size(seen.file_bytes),
        words::size(seen.free_bytes),
        words::size(seen.wal_bytes),
        seen.schema,
        rusqlite::version(),
    ));
    Ok(())
}

fn check(args: &DataArgs, env: &Env) -> Result<(), VerbError> {
    let db = look(&Door::directory(args, env)?)?;
    let seen = interruptible(|stop| examine(&db, stop))?;
    if args.json {
        let findings: Vec<String> = seen.findings.iter().map(ToString::to_string).collect();
        let value = json!({
            "good": seen.is_sound(),
            "accounts": seen.accounts,
            "versions": seen.versions,
            "snapshots": seen.snapshots,
            "problems": findings,
        });
        terminal::print(&value.to_string());
    } else {
        terminal::print(&check_text(&seen));
    }
    if seen.is_sound() { Ok(()) } else { Err(VerbError::Problems { count: seen.findings.len() }) }
}

fn check_text(seen: &Examination) -> String {
    let findings = &seen.findings;
    let counts = [(seen.accounts, "account"), (seen.versions, "version"), (seen.snapshots, "snapshot")];
    let counts = counts.map(|(number, one)| words::count(number, one)).join(", ");
    let what = if findings.is_empty() { "is good" } else { "is DAMAGED" };
    let mut lines = vec![format!("the data {what}: {counts}")];
    lines.extend(findings.iter().map(|finding| format!("  {finding}")));
    lines.join("\n")
}

fn vacuum(args: &DataArgs, env: &Env) -> Result<(), VerbError> {
    let directory = Door::directory(args, env)?;
    drop(look(&directory)?);
    let failed = |cause| VerbError::Database { doing: "shrink", cause };
    let db = schema::open_beside(&directory.join(DATABASE_FILE)).map_err(AdministratorError::from)?;
    let before = figures(&db, &directory).map_err(failed)?;
    interruptible(|stop| shrink(&db, stop)).map_err(failed)?;
    let after = figures(&db, &directory).map_err(failed)?;
    let given_back = before.free_bytes.saturating_sub(after.free_bytes);
    if args.json {
        terminal::print(&json!({ "given_back_bytes": given_back, "file_bytes": after.file_bytes }).to_string());
    } else {
        terminal::print(&format!(
            "gave back {}; the database has {}",
            words::size(given_back),
            words::size(after.file_bytes)
        ));
    }
    Ok(())
}

/// Gives free pages back, a little at a time.
pub(super) fn shrink(db: &Connection, stop: &Stop) -> rusqlite::Result<()> {
    let free = || db.query_row("PRAGMA freelist_count", [], |row| row.get::<_, u64>(0));
    let mut left = free()?;
    while left > 0 && !stop.is_set() {
        // One row for each page that moves.
        let mut slice = db.prepare(&format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})"))?;
        let mut rows = slice.query([])?;
        while rows.next()?.is_some() {}
        let now = free()?;
        // The server uses free pages too.
        if now >= left {
            break;
        }
        left = now;
    }
    // The file itself gets shorter when the log is folded into it; a reader may be in the way, and then the server does it.
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
