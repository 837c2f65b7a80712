//! What putting a backup back means for each account: which of them move back, and by how much.

use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use taskferry_protocol::ClientId;
use uuid::Uuid;

use crate::account_hash::{AccountHash, AccountHasher};

/// Accounts that are listed one by one; the others are counted.
const LISTED_MAX: usize = 1000;

/// What happens to one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Its newest versions are not in the backup.
    Back {
        /// How many.
        versions: u64,
    },
    /// The backup has newer versions.
    Forward {
        /// How many.
        versions: u64,
    },
    /// The two histories have parted.
    Parted,
    /// The backup does not know it.
    Gone,
    /// Only the backup knows it.
    Added,
    /// The same history; but it was disabled or deleted since, and will be in use again.
    Revived,
}

/// The differences between the present data and a backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What changes for whom, the first thousand.
    pub changes: Vec<(AccountHash, Change)>,
    /// How many accounts change.
    pub changed: u64,
    /// How many are the same.
    pub unchanged: u64,
}

impl Comparison {
    fn add(&mut self, account: AccountHash, change: Option<Change>) {
        let Some(change) = change else {
            self.unchanged += 1;
            return;
        };
        self.changed += 1;
        if self.changes.len() < LISTED_MAX {
            self.changes.push((account, change));
        }
    }
}

/// What is compared of an account.
struct Side {
    key: i64,
    latest: [u8; 16],
    added: u64,
    state: i64,
}

fn side(db: &Connection, client: [u8; 16]) -> rusqlite::Result<Option<Side>> {
    db.prepare_cached("SELECT id, latest, added, state FROM account WHERE client_id = ?1")?
        .query_row([client], |row| {
            Ok(Side { key: row.get(0)?, latest: row.get(1)?, added: row.get(2)?, state: row.get(3)? })
        })
        .optional()
}

/// Whether `version` has a child in the account: it is an earlier one of the same chain.
fn has_child(db: &Connection, account: &Side, version: [u8; 16]) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM version WHERE account = ?1 AND parent = ?2")?.exists((account.key, version))
}

/// Compares. Nothing is changed, and nothing kept but the result.
pub fn compare(present: &Connection, backup: &Connection, hasher: &AccountHasher) -> rusqlite::Result<Comparison> {
    let mut comparison = Comparison::default();
    for (from, to, here) in [(present, backup, true), (backup, present, false)] {
        let mut clients = from.prepare("SELECT client_id FROM account ORDER BY id")?;
        for client in clients.query_map([], |row| row.get::<_, [u8; 16]>(0))? {
            let client = client?;
            let name = hasher.of(ClientId::from_uuid(Uuid::from_bytes(client)));
            match (here, side(from, client)?, side(to, client)?) {
                (true, Some(_), None) => comparison.add(name, Some(Change::Gone)),
                (true, Some(now), Some(then)) => comparison.add(name, change((present, &now), (backup, &then))?),
                (false, Some(_), None) => comparison.add(name, Some(Change::Added)),
                _ => {}
            }
        }
    }
    Ok(comparison)
}

fn change(
    (present, now): (&Connection, &Side),
    (backup, then): (&Connection, &Side),
) -> rusqlite::Result<Option<Change>> {
    const EMPTY: [u8; 16] = [0; 16];
    Ok(if now.latest == then.latest {
        (then.state == 0 && now.state != 0).then_some(Change::Revived)
    } else if now.added > then.added && (then.latest == EMPTY || has_child(present, now, then.latest)?) {
        Some(Change::Back { versions: now.added - then.added })
    } else if now.added < then.added && (now.latest == EMPTY || has_child(backup, then, now.latest)?) {
        Some(Change::Forward { versions: then.added - now.added })
    } else {
        Some(Change::Parted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::schema::open_for_writing;

    fn database(dir: &std::path::Path, name: &str) -> Connection {
        let file = dir.join(name);
        fs_err::File::create(&file).unwrap();
        open_for_writing(&file).unwrap()
    }

    /// An account whose chain is `first`, `first + 1`, … `last`.
    fn account(db: &Connection, client: u128, versions: std::ops::RangeInclusive<u128>, state: u32) {
        let id = |n: u128| *Uuid::from_u128(n).as_bytes();
        let (latest, count) = (*versions.end(), u32::try_from(versions.clone().count()).unwrap());
        let earlier = if latest == 0 { vec![] } else { id(latest - 1).to_vec() };
        db.execute(
            "INSERT INTO account (client_id, state, latest, earlier, versions, added, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5, 0)",
            (id(client), state, id(latest), earlier, count),
        )
        .unwrap();
        let key = db.last_insert_rowid();
        for version in versions.filter(|version| *version > 0) {
            db.execute(
                "INSERT INTO version (account, parent, version, stored_at, bytes, body) VALUES (?1, ?2, ?3, 0, 1, x'00')",
                (key, id(version - 1), id(version)),
            )
            .unwrap();
        }
    }

    #[test]
    fn each_account_is_told_what_happens_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let (present, backup) = (database(dir.path(), "present"), database(dir.path(), "backup"));
        for (db, client, versions, state) in [
            (&present, 1, 1..=5, 0),
            (&backup, 1, 1..=5, 0),
            (&present, 2, 11..=15, 0),
            (&backup, 2, 11..=12, 0),
            (&present, 3, 21..=22, 0),
            (&backup, 3, 21..=25, 0),
            (&present, 4, 31..=33, 0),
            (&backup, 4, 41..=42, 0),
            (&present, 5, 51..=51, 0),
            (&backup, 6, 61..=61, 0),
            (&present, 7, 71..=71, 1),
            (&backup, 7, 71..=71, 0),
        ] {
            account(db, client, versions, state);
        }
        let hasher = AccountHasher::new("salt");
        let comparison = compare(&present, &backup, &hasher).unwrap();
        let name = |n| hasher.of(ClientId::from_uuid(Uuid::from_u128(n)));
        let expected = [
            (name(2), Change::Back { versions: 3 }),
            (name(3), Change::Forward { versions: 3 }),
            (name(4), Change::Parted),
            (name(5), Change::Gone),
            (name(7), Change::Revived),
            (name(6), Change::Added),
        ];
        assert_eq!(comparison, Comparison { changes: expected.to_vec(), changed: 6, unchanged: 1 });
    }
}
