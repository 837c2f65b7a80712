//! What each choice in the database's schema costs an append: indexes, where bodies lie, page size.
//!
//! Not the server but its schema file, its settings and its statements for one append, in batches as its writer makes them,
//! with one thing changed at a time. Measured is the processor time of the statements and the bytes that go through the
//! write-ahead log; both are repeatable where the clock of a shared machine is not. Variants take turns.

use std::path::Path;

use anyhow::{Context as _, Result};
use rusqlite::Connection;
use rustix::time::{ClockId, clock_gettime};

use crate::cli::SchemaArgs;
use crate::random::Random;
use crate::scratch::Scratch;
use crate::terminal;

/// The server's own.
const SCHEMA: &str = include_str!("../../server/migrations/sqlite/0001_init.sql");
/// Changes in one transaction.
const BATCH: u32 = 32;
/// What one `task sync` with a change sends.
const BODY_BYTES: usize = 700;
const ACCOUNTS: usize = 2_000;

struct Variant {
    name: &'static str,
    page_bytes: u32,
    /// Turns the server's schema into this one.
    change: fn(String) -> String,
}

const VARIANTS: [Variant; 6] = [
    Variant { name: "as it is: 8 KiB pages, one index on versions", page_bytes: 8192, change: |schema| schema },
    Variant { name: "4 KiB pages", page_bytes: 4096, change: |schema| schema },
    Variant { name: "16 KiB pages", page_bytes: 16384, change: |schema| schema },
    Variant {
        name: "one more index: UNIQUE (account, version)",
        page_bytes: 8192,
        change: |schema| schema + "CREATE UNIQUE INDEX more ON version (account, version);",
    },
    Variant {
        name: "no partial indexes on blobs",
        page_bytes: 8192,
        change: |schema| schema + "DROP INDEX version_blob; DROP INDEX snapshot_blob; DROP INDEX blob_unlinked;",
    },
    Variant {
        name: "bodies inside a WITHOUT ROWID tree",
        page_bytes: 8192,
        change: |schema| {
            let (before, rest) = schema.split_once("CREATE TABLE version").unwrap_or((&schema, ""));
            let rest = rest.replacen("seq       INTEGER PRIMARY KEY,", "seq       INTEGER,", 1);
            let rest = rest.replacen(
                "UNIQUE (account, parent)\n) STRICT",
                "PRIMARY KEY (account, parent)\n) STRICT, WITHOUT ROWID",
                1,
            );
            format!("{before}CREATE TABLE version{rest}")
        },
    },
];

/// Measures all variants in turns, and prints medians.
pub(crate) fn run(args: &SchemaArgs) -> Result<()> {
    let scratch = Scratch::new(args.dir.as_deref())?;
    let mut seen: Vec<Vec<Cost>> = VARIANTS.iter().map(|_| Vec::new()).collect();
    for round in 1..=args.rounds {
        for (variant, seen) in VARIANTS.iter().zip(&mut seen) {
            let dir = scratch.data_dir()?;
            let cost = measure(&dir.path().join("db"), variant, args.appends)
                .with_context(|| format!("could not measure `{}`", variant.name))?;
            terminal::say(&format!(
                "round {round}: {}: {:.1} µs, {:.0} bytes",
                variant.name, cost.cpu_us, cost.wal_bytes
            ));
            seen.push(cost);
        }
    }
    let mut table =
        vec!["| schema | µs of CPU per append | bytes through the WAL per append |\n|---|---:|---:|".to_owned()];
    for (variant, seen) in VARIANTS.iter().zip(&mut seen) {
        let (cpu, wal) = (median(seen, |cost| cost.cpu_us), median(seen, |cost| cost.wal_bytes));
        table.push(format!("| {} | {cpu:.1} | {wal:.0} |", variant.name));
    }
    terminal::data(&table.join("\n"))
}

struct Cost {
    cpu_us: f64,
    wal_bytes: f64,
}

fn median(costs: &mut [Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    costs.sort_by(|a, b| of(a).total_cmp(&of(b)));
    costs.get(costs.len() / 2).map_or(f64::NAN, of)
}

fn measure(file: &Path, variant: &Variant, appends: u32) -> Result<Cost> {
    let mut db = Connection::open(file)?;
    db.pragma_update(None, "page_size", variant.page_bytes)?;
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "cache_size", -4096)?;
    // The log is measured by its size, so it is folded in only between batches.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.execute_batch(&(variant.change)(SCHEMA.to_owned()))?;

    let mut random = Random::new(1);
    let mut accounts: Vec<([u8; 16], [u8; 16])> = (0..ACCOUNTS).map(|_| (id(&mut random), [0; 16])).collect();
    {
        let txn = db.transaction()?;
        for (client, _) in &accounts {
            txn.execute("INSERT INTO account (client_id, created_at) VALUES (?1, 0)", [client])?;
        }
        txn.commit()?;
    }
    let wal = file.with_extension("").with_file_name("db-wal");
    let log_bytes = || fs_err::metadata(&wal).map_or(0, |wal| wal.len());
    let (mut cpu_us, mut wal_bytes) = (0.0, 0);
    let body = [7; BODY_BYTES];
    for _ in 0..appends / BATCH {
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        let before = cpu_seconds();
        let txn = db.transaction()?;
        for _ in 0..BATCH {
            let at = random.below(ACCOUNTS as u64);
            let (client, latest) = &mut accounts[usize::try_from(at)?];
            let next = id(&mut random);
            append(&txn, client, latest, &next, &body)?;
            *latest = next;
        }
        txn.commit()?;
        cpu_us += (cpu_seconds() - before) * 1e6;
        wal_bytes += log_bytes();
    }
    let count = f64::from(appends / BATCH * BATCH);
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no exact bytes")]
    let wal_bytes = wal_bytes as f64 / count;
    Ok(Cost { cpu_us: cpu_us / count, wal_bytes })
}

fn id(random: &mut Random) -> [u8; 16] {
    let mut id = [0; 16];
    random.fill(&mut id);
    id
}

/// The server's statements for one append to an account that it knows.
fn append(db: &Connection, client: &[u8; 16], parent: &[u8; 16], version: &[u8; 16], body: &[u8]) -> Result<()> {
    let account: i64 = db
        .prepare_cached(
            "UPDATE account SET latest = ?3, versions = versions + 1, version_bytes = version_bytes + ?4, \
             added = added + 1, last_version_at = ?5, \
             earlier = CASE latest WHEN zeroblob(16) THEN ?2 ELSE substr(CAST(latest || earlier AS BLOB), 1, 64) END \
             WHERE client_id = ?1 AND state = 0 AND latest IN (?2, zeroblob(16)) RETURNING id",
        )?
        .query_row((client, parent, version, body.len(), 0), |row| row.get(0))?;
    db.prepare_cached(
        "INSERT INTO version (account, parent, version, stored_at, bytes, body, blob) VALUES (?1, ?2, ?3, 0, ?4, ?5, NULL)",
    )?
    .execute((account, parent, version, body.len(), body))?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a run takes seconds")]
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_is_a_schema_that_takes_appends() {
        let dir = tempfile::tempdir().unwrap();
        for (n, variant) in VARIANTS.iter().enumerate() {
            let folder = dir.path().join(n.to_string());
            std::fs::create_dir(&folder).unwrap();
            let cost = measure(&folder.join("db"), variant, BATCH).unwrap();
            assert!(cost.wal_bytes > 0.0, "{}", variant.name);
        }
        let as_it_is = (VARIANTS[0].change)(SCHEMA.to_owned());
        assert!(VARIANTS.iter().skip(3).all(|variant| (variant.change)(SCHEMA.to_owned()) != as_it_is));
    }
}
