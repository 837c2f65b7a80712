//! `taskferry-server stats`: what there is, in a few numbers.

use rusqlite::Connection;
use serde_json::json;

use super::db::{figures, look};
use super::door::Door;
use super::{VerbError, words};
use crate::backup::status::Status;
use crate::cli::DataArgs;
use crate::config::sources::Env;
use crate::terminal;

/// Sums over all accounts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    active: u64,
    disabled: u64,
    deleted: u64,
    synced_in_30_days: u64,
    versions: u64,
    version_bytes: u64,
    snapshots: u64,
    snapshot_bytes: u64,
}

fn totals(db: &Connection) -> rusqlite::Result<Totals> {
    db.query_row(
        "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 2), \
           count(*) FILTER (WHERE last_version_at > unixepoch() - 30 * 86400), \
           coalesce(sum(versions), 0), coalesce(sum(version_bytes), 0), \
           count(snapshot_version), coalesce(sum(snapshot_bytes), 0) FROM account",
        [],
        |row| {
            Ok(Totals {
                active: row.get(0)?,
                disabled: row.get(1)?,
                deleted: row.get(2)?,
                synced_in_30_days: row.get(3)?,
                versions: row.get(4)?,
                version_bytes: row.get(5)?,
                snapshots: row.get(6)?,
                snapshot_bytes: row.get(7)?,
            })
        },
    )
}

/// Carries out the verb.
pub fn run(args: &DataArgs, env: &Env) -> Result<(), VerbError> {
    let directory = Door::directory(args, env)?;
    let db = look(&directory)?;
    let failed = |cause| VerbError::Database { doing: "look at", cause };
    let (totals, file) = (totals(&db).map_err(failed)?, figures(&db, &directory).map_err(failed)?);
    let backup = Status::read(&directory);
    if args.json {
        let value = json!({
            "accounts": { "active": totals.active, "disabled": totals.disabled, "deleted": totals.deleted },
            "sent_in_30_days": totals.synced_in_30_days,
            "versions": totals.versions,
            "version_bytes": totals.version_bytes,
            "snapshots": totals.snapshots,
            "snapshot_bytes": totals.snapshot_bytes,
            "file_bytes": file.file_bytes,
            "free_bytes": file.free_bytes,
            "wal_bytes": file.wal_bytes,
            "backup": backup,
        });
        terminal::print(&value.to_string());
        return Ok(());
    }
    let last = match (&backup.last_good, backup.last_good_at) {
        (Some(name), Some(at)) => format!("{name} of {}", words::moment(at)),
        _ => "none".to_owned(),
    };
    terminal::print(&format!(
        "accounts     {} active, {} disabled, {} deleted; {} sent something in 30 days\n\
         versions     {} with {}\n\
         snapshots    {} with {}\n\
         database     {}, of which {} are free; write-ahead log {}\n\
         last backup  {last}",
        totals.active,
        totals.disabled,
        totals.deleted,
        totals.synced_in_30_days,
        totals.versions,
        words::size(totals.version_bytes),
        totals.snapshots,
        words::size(totals.snapshot_bytes),
        words::size(file.file_bytes),
        words::size(file.free_bytes),
        words::size(file.wal_bytes),
    ));
    for problem in &backup.problems {
        terminal::print(&format!("             problem: {problem}"));
    }
    Ok(())
}
