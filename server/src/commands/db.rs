//! `taskferry-server db …`: the database as a file. All of it works beside a running server.

use std::path::Path;

use rusqlite::Connection;
use serde_json::json;

use super::door::Door;
use super::interrupt::interruptible;
use super::turns::Turns;
use super::{VerbError, words};
use crate::cli::DataArgs;
use crate::cli::operate::DbCommand;
use crate::config::sources::Env;
use crate::progress::Step;
use crate::remedy;
use crate::stop::{Stop, Stopped};
use crate::storage::admin::AdminError;
use crate::storage::sqlite::administrator::{Administrator, AdministratorError, database_in};
use crate::storage::sqlite::directory::{DATABASE_FILE, DataDirectory};
use crate::storage::sqlite::examine::{Examination, examine};
use crate::storage::sqlite::{place, schema};
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
    /// In bodies that nothing links: a running server deletes them, or they are still arriving.
    pub(super) unlinked_bytes: u64,
    unlinked: u64,
    pages: u64,
    page_bytes: u64,
    schema: u32,
}

pub(super) fn figures(db: &Connection, directory: &Path) -> rusqlite::Result<Figures> {
    let length = |name: String| std::fs::metadata(directory.join(name)).map_or(0, |file| file.len());
    let pragma = |sql| db.query_row(sql, [], |row| row.get::<_, u64>(0));
    let page_bytes = pragma("PRAGMA page_size")?;
    let (unlinked, unlinked_bytes) = place::unlinked_in_all(db)?;
    Ok(Figures {
        file_bytes: length(DATABASE_FILE.to_owned()),
        wal_bytes: length(format!("{DATABASE_FILE}-wal")),
        free_bytes: pragma("PRAGMA freelist_count")?.saturating_mul(page_bytes),
        unlinked_bytes,
        unlinked,
        pages: pragma("PRAGMA page_count")?,
        page_bytes,
        schema: u32::try_from(pragma("PRAGMA user_version")?).unwrap_or(u32::MAX),
    })
}

/// A connection that only reads.
pub(super) fn look(directory: &Path) -> Result<Connection, VerbError> {
    schema::open_to_look(&database_in(directory)?).map_err(|error| AdministratorError::from(error).into())
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
            "unlinked_bytes": seen.unlinked_bytes,
            "page_bytes": seen.page_bytes,
        });
        terminal::print(&value.to_string());
        return Ok(());
    }
    terminal::print(&status_text(&path, &seen));
    Ok(())
}

fn status_text(path: &Path, seen: &Figures) -> String {
    let mut lines = vec![
        path.display().to_string(),
        format!("  database         {:>9}", words::size(seen.file_bytes)),
        format!("  free within it   {:>9}", words::size(seen.free_bytes)),
    ];
    if seen.unlinked > 0 {
        let unlinked = words::size(seen.unlinked_bytes);
        lines.push(format!("  unlinked in it   {unlinked:>9}  being deleted by the server, or still arriving"));
    }
    lines.push(format!("  write-ahead log  {:>9}", words::size(seen.wal_bytes)));
    lines.push(format!("  schema {}, SQLite {}", seen.schema, rusqlite::version()));
    lines.join("\n")
}

fn check(args: &DataArgs, env: &Env) -> Result<(), VerbError> {
    let db = look(&Door::directory(args, env)?)?;
    let seen = interruptible(args.json, |stop| examine(&db, stop))?;
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
        if !seen.is_sound() {
            terminal::say(&terminal::hints(remedy::DAMAGED));
        }
    }
    if seen.is_sound() { Ok(()) } else { Err(VerbError::Problems { count: seen.findings.len() }) }
}

fn check_text(seen: &Examination) -> String {
    let findings = &seen.findings;
    let counts = [(seen.accounts, "account"), (seen.versions, "version"), (seen.snapshots, "snapshot")];
    let counts = counts.map(|(number, one)| words::count(number, one)).join(", ");
    let mut lines = vec![if findings.is_empty() {
        format!("the data is good: {counts}")
    } else {
        format!("the data is DAMAGED; what could be counted: {counts}")
    }];
    lines.extend(findings.iter().map(|finding| format!("  {finding}")));
    lines.join("\n")
}

fn vacuum(args: &DataArgs, env: &Env) -> Result<(), VerbError> {
    let directory = Door::directory(args, env)?;
    drop(look(&directory)?);
    let failed = |cause| VerbError::Database { doing: "shrink", cause };
    // If no server runs, nobody else deletes what nothing links.
    let held = DataDirectory::open(&directory).ok();
    let data = Administrator::open(&directory)?;
    let db = schema::open_beside(&directory.join(DATABASE_FILE)).map_err(AdministratorError::from)?;
    let before = figures(&db, &directory).map_err(failed)?;
    let stopped = interruptible(args.json, |stop| -> Result<bool, VerbError> {
        if let Some(held) = held {
            sweep(&data, &held, stop)?;
        }
        shrink(&db, &directory, stop).map_err(failed)?;
        Ok(stop.is_set())
    })?;
    let after = figures(&db, &directory).map_err(failed)?;
    if args.json {
        let value = json!({
            "given_back_bytes": given_back(&before, &after),
            "file_bytes": after.file_bytes,
            "unlinked_bytes": after.unlinked_bytes,
            "complete": !stopped,
        });
        terminal::print(&value.to_string());
    } else {
        terminal::print(&vacuum_text(&before, &after));
        if let Some(hint) = what_is_left(&after).filter(|_| !stopped) {
            terminal::say(&terminal::hints(&hint));
        }
    }
    if stopped { Err(Stopped.into()) } else { Ok(()) }
}

const fn given_back(before: &Figures, after: &Figures) -> u64 {
    // A server beside may have stored more than was given back.
    before.pages.saturating_sub(after.pages).saturating_mul(after.page_bytes)
}

fn vacuum_text(before: &Figures, after: &Figures) -> String {
    let (back, has) = (given_back(before, after), after.pages.saturating_mul(after.page_bytes));
    format!("gave back {}; the database has {}", words::size(back), words::size(has))
}

/// What only the running server can delete, who knows who is still reading it.
fn what_is_left(after: &Figures) -> Option<String> {
    let bodies = match after.unlinked {
        0 => return None,
        1 => "1 body".to_owned(),
        several => format!("{several} bodies"),
    };
    Some(format!(
        "the server is about to delete {bodies} that nothing needs any more ({}), a little at a time: \
         run this again when `taskferry-server db status` shows nothing unlinked",
        words::size(after.unlinked_bytes)
    ))
}

/// Deletes what nothing links, a little at a time, while no server does.
pub(super) fn sweep(data: &Administrator, held: &DataDirectory, stop: &Stop) -> Result<(), AdminError> {
    stop.begins(Step::of_unknown_length("deleting what nothing needs any more"));
    while !stop.is_set() && data.sweep_some(held)? {
        stop.lives();
    }
    Ok(())
}

/// Gives free pages back, a little at a time.
pub(super) fn shrink(db: &Connection, directory: &Path, stop: &Stop) -> rusqlite::Result<()> {
    let free = || db.query_row("PRAGMA freelist_count", [], |row| row.get::<_, u64>(0));
    let all = free()?;
    let mut left = all;
    stop.begins(Step::of_things("giving back", all, "pages"));
    let mut turns = Turns::with_server_of(directory);
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
        stop.reached(all - left);
        turns.next();
    }
    // The file itself gets shorter when the log is folded into it; a reader may be in the way, and then the server does it.
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(pages: u64, unlinked: u64) -> Figures {
        Figures {
            file_bytes: 8192 * pages,
            wal_bytes: 0,
            free_bytes: 8192,
            unlinked_bytes: unlinked * 1_000_000,
            unlinked,
            pages,
            page_bytes: 8192,
            schema: 1,
        }
    }

    #[test]
    fn what_the_server_is_about_to_delete_is_said_with_when_to_come_again() {
        assert_eq!(what_is_left(&figures(1, 0)), None);
        let left = what_is_left(&figures(1, 1)).unwrap();
        assert!(left.contains("delete 1 body that nothing needs any more (1.0 MB)"), "{left}");
        assert!(what_is_left(&figures(1, 12)).unwrap().contains("delete 12 bodies"));
        let status = status_text(Path::new("d"), &figures(3, 12));
        assert!(status.contains("\n  unlinked in it     12.0 MB  being deleted"), "{status}");
        assert!(status.lines().all(|line| line.len() <= 80));
        assert!(!status_text(Path::new("d"), &figures(3, 0)).contains("unlinked"));
    }

    #[test]
    fn what_a_server_beside_stores_meanwhile_is_not_counted_as_given_back() {
        assert_eq!(vacuum_text(&figures(10, 0), &figures(4, 0)), "gave back 49.2 kB; the database has 32.8 kB");
        assert_eq!(vacuum_text(&figures(4, 0), &figures(10, 0)), "gave back 0 B; the database has 81.9 kB");
    }
}
