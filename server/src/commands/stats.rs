//! `taskferry-server stats`: what there is and what came lately, in a few numbers.

use rusqlite::Connection;
use serde::Serialize;
use serde_json::json;

use super::db::{figures, look};
use super::door::Door;
use super::{VerbError, words};
use crate::backup::status::Status;
use crate::cli::DataArgs;
use crate::clock::now;
use crate::config::sources::Env;
use crate::storage::UnixSeconds;
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

/// What came within the last days.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Growth {
    days: u32,
    accounts: u64,
    versions: u64,
    version_bytes: u64,
}

/// The periods that are told of.
const PERIODS: [u32; 2] = [7, 30];
/// So many versions in a row that are older end the search for younger ones.
const OLDER_MAX: u32 = 100_000;

/// From the newest version back, and not through all of them: they are stored in the order in which they came, but for those of
/// accounts that moved here, which keep their times.
fn growth(db: &Connection, now: UnixSeconds) -> rusqlite::Result<[Growth; 2]> {
    let mut growth = PERIODS.map(|days| Growth { days, ..Growth::default() });
    let since = |days: u32| now - i64::from(days) * 86_400;
    for period in &mut growth {
        period.accounts =
            db.query_row("SELECT count(*) FROM account WHERE created_at > ?1", [since(period.days)], |row| row.get(0))?;
    }
    let mut versions = db.prepare("SELECT stored_at, bytes FROM version ORDER BY seq DESC")?;
    let mut rows = versions.query([])?;
    let mut older = 0;
    while older < OLDER_MAX
        && let Some(row) = rows.next()?
    {
        let (stored_at, bytes): (UnixSeconds, u64) = (row.get(0)?, row.get(1)?);
        older += 1;
        for period in growth.iter_mut().filter(|period| stored_at > since(period.days)) {
            period.versions += 1;
            period.version_bytes += bytes;
            older = 0;
        }
    }
    Ok(growth)
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
    let growth = growth(&db, now()).map_err(failed)?;
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
            "growth": growth,
            "file_bytes": file.file_bytes,
            "free_bytes": file.free_bytes,
            "wal_bytes": file.wal_bytes,
            "backup": backup,
        });
        terminal::print(&value.to_string());
        return Ok(());
    }
    let of = |name: &Option<String>, at: Option<UnixSeconds>| match (name, at) {
        (Some(name), Some(at)) => format!("{name}, {}", words::moment(at)),
        _ => "none".to_owned(),
    };
    let last = of(&backup.last_good, backup.last_good_at);
    let proved = of(&backup.last_proved, backup.last_proved_at);
    terminal::print(&format!(
        "accounts     {} active, {} disabled, {} deleted; {} sent something in 30 days\n\
         versions     {} with {}\n\
         snapshots    {} with {}\n\
         {}\n\
         database     {}, of which {} are free; write-ahead log {}\n\
         last backup  {last}\n\
         last proved  {proved}",
        totals.active,
        totals.disabled,
        totals.deleted,
        totals.synced_in_30_days,
        totals.versions,
        words::size(totals.version_bytes),
        totals.snapshots,
        words::size(totals.snapshot_bytes),
        growth.iter().map(line).collect::<Vec<_>>().join("\n"),
        words::size(file.file_bytes),
        words::size(file.free_bytes),
        words::size(file.wal_bytes),
    ));
    for problem in &backup.problems {
        terminal::print(&format!("             problem: {problem}"));
    }
    Ok(())
}

/// `in 7 days    3 accounts and 120 versions more, with 1.2 MB`
fn line(Growth { days, accounts, versions, version_bytes }: &Growth) -> String {
    let period = format!("in {days} days");
    let (accounts, versions) = (words::count(*accounts, "account"), words::count(*versions, "version"));
    format!("{period:<11}  {accounts} and {versions} more, with {}", words::size(*version_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::schema::open_for_writing;

    #[test]
    fn what_came_lately_is_told_from_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("db");
        std::fs::File::create(&file).unwrap();
        let db = open_for_writing(&file).unwrap();
        let now = 1_795_412_521;
        db.execute_batch("INSERT INTO account (id, client_id, created_at) VALUES (1, randomblob(16), 0)").unwrap();
        db.execute("INSERT INTO account (client_id, created_at) VALUES (randomblob(16), ?1)", [now - 86_400]).unwrap();
        // As an import leaves them: an old one is the newest row.
        for days in [100, 20, 6, 5, 90] {
            let sql = "INSERT INTO version (account, parent, version, stored_at, bytes, body) \
                       VALUES (1, randomblob(16), randomblob(16), ?1, 10, zeroblob(10))";
            db.execute(sql, [now - days * 86_400]).unwrap();
        }
        let [week, month] = growth(&db, now).unwrap();
        assert_eq!(week, Growth { days: 7, accounts: 1, versions: 2, version_bytes: 20 });
        assert_eq!(month, Growth { days: 30, accounts: 1, versions: 3, version_bytes: 30 });
        assert_eq!(line(&week), "in 7 days    1 account and 2 versions more, with 20 B");
    }
}
