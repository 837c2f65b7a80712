//! Fills a database with accounts faster than the protocol could, for the reference by far.
//!
//! The server itself creates the database and one account with one version; then it is stopped, and those rows are copied
//! with other IDs. So nothing here needs to know a table's other columns, and what is measured is what the server wrote.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use taskferry_protocol::ClientId;
use uuid::Uuid;

use super::party::{Party, Programs};
use crate::client::Device;
use crate::load::runtime;
use crate::random::{Random, client_id};

/// The seed of the accounts' IDs.
const SEED: u64 = 0x7461_736b;
/// So many accounts share a transaction.
const BATCH: u64 = 20_000;

/// The ID of one of the accounts that [`fill`] makes, numbered from 0.
pub(crate) fn account(number: u64) -> ClientId {
    client_id(SEED, number)
}

/// What stands in a column, if it differs between accounts.
#[derive(Debug, Clone, Copy)]
enum Id {
    /// A short number.
    Number,
    Client,
    Version,
}

/// The columns that differ, by table.
struct Layout {
    file: &'static str,
    tables: &'static [(&'static str, &'static [(&'static str, Id)])],
    /// Whether UUIDs are text; else they are 16 bytes.
    text: bool,
}

const REFERENCE: Layout = Layout {
    file: "taskchampion-sync-server.sqlite3",
    tables: &[
        ("clients", &[("client_id", Id::Client), ("latest_version_id", Id::Version)]),
        ("versions", &[("client_id", Id::Client), ("version_id", Id::Version)]),
    ],
    text: true,
};

const OURS: Layout = Layout {
    file: "taskferry.sqlite3",
    tables: &[
        ("account", &[("id", Id::Number), ("client_id", Id::Client), ("latest", Id::Version)]),
        ("version", &[("seq", Id::Number), ("account", Id::Number), ("version", Id::Version)]),
    ],
    text: false,
};

/// Makes `count` accounts, each with one version of 700 bytes.
pub(crate) fn fill(programs: &Programs, party: Party, data_dir: &Path, count: u64) -> Result<()> {
    let layout = match party {
        Party::Reference => REFERENCE,
        Party::Ours => OURS,
        Party::Ceiling => return Ok(()),
    };
    let server = programs.start(party, data_dir, 0)?;
    runtime()?.block_on(async {
        let mut device = Device::connect(server.address(), ClientId::generate()).await?;
        let mut body = [0; 700];
        Random::new(SEED).fill(&mut body);
        device.append(&body).await
    })?;
    server.stop()?;
    copy(&layout, data_dir, count).with_context(|| format!("could not fill the database of the {}", party.name()))
}

fn copy(layout: &Layout, data_dir: &Path, count: u64) -> Result<()> {
    let mut db = Connection::open(data_dir.join(layout.file))?;
    db.pragma_update(None, "cache_size", -262_144)?;
    db.pragma_update(None, "synchronous", "OFF")?;
    let mut tables =
        layout.tables.iter().map(|(table, columns)| Template::read(&db, table, columns)).collect::<Result<Vec<_>>>()?;
    for begin in (0..count).step_by(usize::try_from(BATCH)?) {
        let txn = db.transaction()?;
        for number in begin..(begin + BATCH).min(count) {
            for table in &mut tables {
                table.write(&txn, number, layout.text)?;
            }
        }
        txn.commit()?;
    }
    // From here on as if the server had written it: on the disk, and none of it left in the log.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    db.close().map_err(|(_, error)| error.into())
}

/// The one row of a table, which becomes many.
struct Template {
    insert: String,
    row: Vec<Value>,
    /// In which column, of which kind, and what a number begins at.
    ids: Vec<(usize, Id, i64)>,
}

impl Template {
    fn read(db: &Connection, table: &str, columns: &[(&str, Id)]) -> Result<Self> {
        let mut statement = db.prepare(&format!("SELECT * FROM {table}"))?;
        let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let rows = statement
            .query_map([], |row| (0..names.len()).map(|column| row.get(column)).collect())?
            .collect::<rusqlite::Result<Vec<Vec<Value>>>>()?;
        ensure!(rows.len() == 1, "`{table}` has {} rows instead of one", rows.len());
        let row = rows.into_iter().next().unwrap_or_default();
        let mut ids = Vec::new();
        for (column, id) in columns {
            let Some(place) = names.iter().position(|name| name == column) else {
                bail!("`{table}` has no column `{column}`");
            };
            let first = if let Value::Integer(first) = &row[place] { *first } else { 0 };
            ids.push((place, *id, first));
        }
        Ok(Self { insert: format!("INSERT INTO {table} VALUES ({})", vec!["?"; names.len()].join(", ")), row, ids })
    }

    fn write(&mut self, db: &Connection, number: u64, text: bool) -> Result<()> {
        let client = account(number).expose();
        let version = client_id(!SEED, number).expose();
        let value = |id: Uuid| {
            if text { Value::Text(id.to_string()) } else { Value::Blob(id.as_bytes().to_vec()) }
        };
        for (place, id, first) in &self.ids {
            self.row[*place] = match id {
                Id::Number => Value::Integer(first + 1 + i64::try_from(number)?),
                Id::Client => value(client),
                Id::Version => value(version),
            };
        }
        db.prepare_cached(&self.insert)?.execute(params_from_iter(&self.row))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_becomes_many_with_their_own_ids() {
        let dir = tempfile::tempdir().unwrap();
        let db = Connection::open(dir.path().join(OURS.file)).unwrap();
        db.execute_batch(
            "CREATE TABLE account (id INTEGER PRIMARY KEY, client_id BLOB UNIQUE, latest BLOB, extra TEXT);
             CREATE TABLE version (seq INTEGER PRIMARY KEY, body BLOB, account INTEGER, version BLOB, UNIQUE (account, version));
             INSERT INTO account VALUES (7, x'01', x'02', 'kept');
             INSERT INTO version VALUES (3, x'03', 7, x'02');",
        )
        .unwrap();
        copy(&OURS, dir.path(), 10).unwrap();
        let linked: u32 = db
            .query_row(
                "SELECT count(*) FROM account JOIN version ON account = id AND latest = version
                 WHERE extra = 'kept' AND body = x'03'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(linked, 11);
        let found: u32 = db
            .query_row("SELECT count(*) FROM account WHERE client_id = ?1", [account(9).as_bytes()], |row| row.get(0))
            .unwrap();
        assert_eq!(found, 1);
    }
}
