//! Goes through a whole database and says what is wrong with it: a backup before it is trusted, or the data in use.
//!
//! SQLite's own check sees torn pages and broken indexes. What it can't see is walked here: that every chain leads from its
//! first version to the account's latest one, that every body is whole, that every snapshot is of a version of its account.
//! Of each account, the IDs of a few thousand versions are kept, so memory stays flat for a history of any length. Read inside one
//! transaction: beside a running server, everything is of one moment.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Row};
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use super::{migrations, schema, version_id};
use crate::account_hash::{AccountHash, AccountHasher};
use crate::progress::Step;
use crate::stop::{Stop, Stopped};

/// Findings that are kept; of a database that is broken throughout, the first ones say enough.
const FINDINGS_MAX: usize = 100;
/// How many steps of SQLite's machine there are between two looks at whether to stop: a few milliseconds.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// The longest chain that is walked in memory, in versions: some 2 MB. An account's versions lie all over the file, so to look each
/// of them up once more costs a small machine, which has little of the file in memory, as much as all else here.
const REMEMBERED: usize = 32_768;

/// What an examination saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examination {
    /// The database's schema.
    pub schema: usize,
    /// Its epoch.
    pub epoch: String,
    /// Accounts, deleted ones included: their rows keep their IDs from being used again.
    pub accounts: u64,
    /// Versions in all chains.
    pub versions: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// What is wrong; at most a hundred.
    pub findings: Vec<Finding>,
}

impl Examination {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn found(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// Something that is wrong with a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// It can't be read to its end.
    #[error("it can't be read: {0}")]
    Unreadable(String),
    /// SQLite's own check.
    #[error("SQLite finds: {0}")]
    Integrity(String),
    /// A row refers to one that is not there.
    #[error("a row of `{0}` refers to nothing")]
    Reference(String),
    /// One account's data.
    #[error("account {account}: {flaw}")]
    Account {
        /// Which.
        account: AccountHash,
        /// What.
        flaw: Flaw,
    },
    /// A large body that is in use and would be deleted, or is in nobody's use and would stay.
    #[error("a large body is not in use as its row says")]
    Link,
}

/// What is wrong with one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Its row counts otherwise.
    #[error("its row counts {counted} versions with {counted_bytes} bytes, and there are {found} with {found_bytes}")]
    Miscounted {
        /// Versions by the account's row.
        counted: u64,
        /// Their bytes by the account's row.
        counted_bytes: u64,
        /// Versions there.
        found: u64,
        /// Their bytes.
        found_bytes: u64,
    },
    /// Its versions are no chain that ends at the latest one.
    #[error("its chain is broken after {steps} of {versions} versions")]
    Broken {
        /// Versions that could be walked.
        steps: u64,
        /// Versions there.
        versions: u64,
    },
    /// The snapshot is of a version that is not in the chain.
    #[error("its snapshot is of a version that it does not have")]
    SnapshotOfNothing,
    /// The row tells of a snapshot that is not there, or the other way round.
    #[error("its snapshot is missing, or not told of")]
    SnapshotMissing,
    /// A body is shorter or longer than what was acknowledged.
    #[error("a body is not whole")]
    Body,
}

/// Examines the database behind `db`, until `stop` says otherwise. Nothing is changed.
pub fn examine(db: &Connection, stop: &Stop) -> Result<Examination, Stopped> {
    examine_remembering(REMEMBERED, db, stop)
}

fn examine_remembering(remembered: usize, db: &Connection, stop: &Stop) -> Result<Examination, Stopped> {
    let mut seen = Examination::default();
    let done = interruptible(db, stop)
        .and_then(|()| db.unchecked_transaction())
        .and_then(|txn| walk(remembered, &txn, &mut seen, stop));
    let _ = db.progress_handler(0, None::<fn() -> bool>);
    match done {
        _ if stop.is_set() => Err(Stopped),
        Ok(()) => Ok(seen),
        Err(error) => {
            seen.found(Finding::Unreadable(error.to_string()));
            Ok(seen)
        }
    }
}

/// SQLite's own check of every page, without a look at what they say. Quick only beside [`examine`]: it reads the whole file.
pub fn skim(db: &Connection, stop: &Stop) -> Result<Vec<Finding>, Stopped> {
    stop.begins(Step::of_unknown_length("checking the database's pages"));
    let checked = interruptible(db, stop).and_then(|()| {
        let mut check = db.prepare("PRAGMA quick_check(10)")?;
        let problems = check.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(problems.into_iter().filter(|problem| problem != "ok").map(Finding::Integrity).collect())
    });
    let _ = db.progress_handler(0, None::<fn() -> bool>);
    stop.check()?;
    Ok(checked.unwrap_or_else(|error| vec![Finding::Unreadable(error.to_string())]))
}

/// From now on, whatever SQLite does on this connection ends when it is to stop.
fn interruptible(db: &Connection, stop: &Stop) -> rusqlite::Result<()> {
    let stop = stop.clone();
    db.progress_handler(
        STEPS_BETWEEN_LOOKS,
        Some(move || {
            stop.lives();
            stop.is_set()
        }),
    )
}

fn walk(remembered: usize, db: &Connection, seen: &mut Examination, stop: &Stop) -> rusqlite::Result<()> {
    seen.schema = migrations::number(db)?;
    seen.epoch = schema::meta_text(db, "epoch")?;
    let hasher = AccountHasher::new(&schema::meta_text(db, "salt")?);
    stop.begins(Step::of_unknown_length("checking the database's pages"));
    for problem in db.prepare("PRAGMA integrity_check(100)")?.query_map([], |row| row.get::<_, String>(0))? {
        let problem = problem?;
        if problem != "ok" {
            seen.found(Finding::Integrity(problem));
        }
    }
    for table in db.prepare("PRAGMA foreign_key_check")?.query_map([], |row| row.get(0))? {
        seen.found(Finding::Reference(table?));
    }
    let versions = db.query_row("SELECT coalesce(sum(versions), 0) FROM account", [], |row| row.get(0))?;
    stop.begins(Step::of_things("walking the chains", versions, "versions"));
    let mut accounts = db.prepare(
        "SELECT id, client_id, latest, versions, version_bytes, snapshot_version, snapshot_bytes, \
           state = 2 AND erase_at <= unixepoch() FROM account ORDER BY id",
    )?;
    let mut rows = accounts.query([])?;
    while let Some(row) = rows.next()? {
        let account = Account::read(row)?;
        seen.accounts += 1;
        // Its rows go before it says so.
        if row.get::<_, Option<bool>>(7)? == Some(true) {
            continue;
        }
        let name = hasher.of(account.client);
        for flaw in account.flaws(remembered, db, seen)? {
            seen.found(Finding::Account { account: name, flaw });
        }
        stop.reached(seen.versions);
    }
    // Both directions at once; unlinked blobs are leftovers that the server sweeps.
    let mislinked: u64 = db.query_row(
        "SELECT count(*) FROM (SELECT id FROM blob WHERE linked = 1 EXCEPT \
           SELECT blob FROM (SELECT blob FROM version WHERE blob IS NOT NULL UNION ALL SELECT blob FROM snapshot)) \
         UNION ALL SELECT count(*) FROM blob WHERE linked = 0 AND \
           (id IN (SELECT blob FROM version WHERE blob IS NOT NULL) OR id IN (SELECT blob FROM snapshot)) \
         ORDER BY 1 DESC LIMIT 1",
        [],
        |row| row.get(0),
    )?;
    if mislinked > 0 {
        seen.found(Finding::Link);
    }
    Ok(())
}

/// An account's row, as far as it can be held against the other tables.
struct Account {
    key: i64,
    client: ClientId,
    latest: VersionId,
    versions: u64,
    version_bytes: u64,
    snapshot: Option<(VersionId, u64)>,
}

/// What one pass over an account's versions tells.
#[derive(Default)]
struct Sum {
    versions: u64,
    bytes: u64,
    /// All parents and all versions, each as a number, by exclusive or. In a chain every version but the latest is some
    /// version's parent, and so takes itself out: what is left is the first one's parent and the latest.
    ends: u128,
    unlike: u64,
    /// What follows what, of a chain that is short enough.
    children: HashMap<VersionId, VersionId>,
}

impl Account {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let snapshot = match row.get::<_, Option<[u8; 16]>>(5)? {
            None => None,
            Some(version) => Some((version_id(version), row.get(6)?)),
        };
        Ok(Self {
            key: row.get(0)?,
            client: ClientId::from_uuid(Uuid::from_bytes(row.get(1)?)),
            latest: version_id(row.get(2)?),
            versions: row.get(3)?,
            version_bytes: row.get(4)?,
            snapshot,
        })
    }

    fn flaws(&self, remembered: usize, db: &Connection, seen: &mut Examination) -> rusqlite::Result<Vec<Flaw>> {
        let mut flaws = Vec::new();
        let sum = self.sum(remembered, db)?;
        seen.versions += sum.versions;
        if (sum.versions, sum.bytes) != (self.versions, self.version_bytes) {
            flaws.push(Flaw::Miscounted {
                counted: self.versions,
                counted_bytes: self.version_bytes,
                found: sum.versions,
                found_bytes: sum.bytes,
            });
        }
        if sum.unlike > 0 {
            flaws.push(Flaw::Body);
        }
        let first =
            VersionId::from_uuid(Uuid::from_u128(sum.ends ^ Uuid::from_bytes(*self.latest.as_bytes()).as_u128()));
        let snapshot = self.snapshot.map(|(version, _)| version);
        let walked = if sum.versions > remembered as u64 {
            let mut child = db.prepare_cached("SELECT version FROM version WHERE account = ?1 AND parent = ?2")?;
            let mut child = |parent: VersionId| {
                child.query_row((self.key, parent.as_bytes()), |row| Ok(version_id(row.get(0)?))).optional()
            };
            go_along(first, sum.versions, snapshot, &mut child)?
        } else {
            go_along(first, sum.versions, snapshot, |parent| Ok(sum.children.get(&parent).copied()))?
        };
        let (steps, end, snapshot_met) = walked;
        if steps != sum.versions || end != self.latest {
            flaws.push(Flaw::Broken { steps, versions: sum.versions });
        } else if snapshot.is_some() && !snapshot_met {
            flaws.push(Flaw::SnapshotOfNothing);
        }
        flaws.extend(self.snapshot_flaw(db, seen)?);
        Ok(flaws)
    }

    fn sum(&self, remembered: usize, db: &Connection) -> rusqlite::Result<Sum> {
        let mut statement = db.prepare_cached(
            "SELECT parent, version, bytes, \
               blob IS NOT NULL AND bytes IS NOT (SELECT sum(length(data)) FROM chunk c WHERE c.blob = v.blob \
                 HAVING count(*) = max(seq) + 1) \
             FROM version v WHERE account = ?1",
        )?;
        let mut rows = statement.query([self.key])?;
        let mut sum = Sum::default();
        while let Some(row) = rows.next()? {
            sum.versions += 1;
            sum.bytes = sum.bytes.saturating_add(row.get(2)?);
            let (parent, version): ([u8; 16], [u8; 16]) = (row.get(0)?, row.get(1)?);
            sum.ends ^= u128::from_be_bytes(parent) ^ u128::from_be_bytes(version);
            if sum.children.len() < remembered {
                sum.children.insert(version_id(parent), version_id(version));
            }
            sum.unlike += row.get::<_, u64>(3)?;
        }
        Ok(sum)
    }

    fn snapshot_flaw(&self, db: &Connection, seen: &mut Examination) -> rusqlite::Result<Option<Flaw>> {
        let bytes: Option<Option<u64>> = db
            .prepare_cached(
                "SELECT CASE WHEN blob IS NULL THEN length(body) ELSE (SELECT sum(length(data)) FROM chunk c \
                 WHERE c.blob = s.blob HAVING count(*) = max(seq) + 1) END FROM snapshot s WHERE account = ?1",
            )?
            .query_row([self.key], |row| row.get(0))
            .optional()?;
        Ok(match (self.snapshot, bytes) {
            (None, None) => None,
            (Some((_, told)), Some(found)) => {
                seen.snapshots += 1;
                (found != Some(told)).then_some(Flaw::Body)
            }
            _ => Some(Flaw::SnapshotMissing),
        })
    }
}

/// Goes along the chain from `first`'s child on, at most `versions` steps. Returns how many, where it ended, and whether it met
/// `snapshot`, which after pruning may also be the parent of the first version.
fn go_along(
    first: VersionId,
    versions: u64,
    snapshot: Option<VersionId>,
    mut child: impl FnMut(VersionId) -> rusqlite::Result<Option<VersionId>>,
) -> rusqlite::Result<(u64, VersionId, bool)> {
    let (mut steps, mut at) = (0, first);
    let mut met = snapshot == Some(at);
    while steps < versions {
        let Some(version) = child(at)? else { break };
        at = version;
        steps += 1;
        met |= snapshot == Some(at);
    }
    // An account without versions has no first one: it is empty, or nothing but the snapshot at its latest is left of it.
    Ok((steps, if versions == 0 && !met { VersionId::NIL } else { at }, met))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::directory::DATABASE_FILE;
    use super::super::{SqliteStorage, Storage as _};
    use super::*;
    use crate::storage::Admit;
    use crate::storage::conformance::{self, add, client, put_snapshot, register, staged, version};

    /// Three accounts: an empty one, one with small bodies, and one that moved here and has large ones.
    fn world(dir: &Path) -> Connection {
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir).unwrap();
            storage.commit(register(client(1), Admit::Yes)).await.unwrap();
            storage.commit(add(client(2), VersionId::NIL, version(1), "a")).await.unwrap();
            for n in 2..=7 {
                storage.commit(add(client(2), version(n - 1), version(n), "b")).await.unwrap();
            }
            storage.commit(put_snapshot(client(2), version(6), "s")).await.unwrap();
            let body = staged(&storage, vec![7; 600_000]).await;
            storage.commit(add(client(3), version(20), version(21), body)).await.unwrap();
            let body = staged(&storage, vec![8; 600_000]).await;
            storage.commit(put_snapshot(client(3), version(21), body)).await.unwrap();
            storage.close().await.unwrap();
        });
        let db = Connection::open(dir.join(DATABASE_FILE)).unwrap();
        db.pragma_update(None, "foreign_keys", false).unwrap();
        db.pragma_update(None, "ignore_check_constraints", true).unwrap();
        db
    }

    #[test]
    fn a_sound_database_is_counted_and_nothing_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let db = world(dir.path());
        for remembered in [0, REMEMBERED] {
            let seen = examine_remembering(remembered, &db, &Stop::default()).unwrap();
            assert_eq!((seen.findings.as_slice(), seen.accounts), ([].as_slice(), 3));
            assert_eq!((seen.versions, seen.snapshots), (8, 2));
            assert_eq!((seen.schema, seen.epoch.len()), (migrations::KNOWN, 36));
        }
    }

    #[test]
    fn whatever_is_taken_from_a_database_is_missed() {
        for damage in [
            "DELETE FROM version WHERE account = 2 AND version = (SELECT version FROM version WHERE account = 2 LIMIT 1 OFFSET 3)",
            "DELETE FROM version WHERE account = 2 AND parent = zeroblob(16)",
            "DELETE FROM version WHERE account = 3",
            "UPDATE version SET body = x'', bytes = 0 WHERE account = 2 AND parent = zeroblob(16)",
            "UPDATE account SET latest = randomblob(16) WHERE id = 2",
            "UPDATE account SET snapshot_version = randomblob(16) WHERE id = 2",
            "UPDATE version SET parent = randomblob(16) WHERE account = 2 AND parent = zeroblob(16); \
             UPDATE version SET parent = zeroblob(16) WHERE version = (SELECT latest FROM account WHERE id = 2)",
            "DELETE FROM snapshot WHERE account = 2",
            "UPDATE snapshot SET body = x'00000000' WHERE account = 2",
            "DELETE FROM chunk WHERE rowid = (SELECT min(rowid) FROM chunk)",
            "DELETE FROM chunk WHERE rowid = (SELECT max(rowid) FROM chunk)",
            "UPDATE chunk SET seq = seq + 1 WHERE rowid IN (SELECT rowid FROM chunk ORDER BY rowid DESC LIMIT 1)",
            "UPDATE blob SET linked = 0",
            "INSERT INTO blob (id, linked) VALUES (5, 1)",
            "DELETE FROM account WHERE id = 2",
            "DELETE FROM meta",
        ] {
            let dir = tempfile::tempdir().unwrap();
            let db = world(dir.path());
            db.execute_batch(damage).unwrap();
            for remembered in [0, REMEMBERED] {
                let seen = examine_remembering(remembered, &db, &Stop::default()).unwrap();
                assert!(!seen.is_sound(), "not noticed: {damage}");
            }
        }
    }

    #[test]
    fn an_examination_ends_when_it_is_told_to() {
        let dir = tempfile::tempdir().unwrap();
        let stop = Stop::default();
        stop.set();
        assert!(examine(&world(dir.path()), &stop).is_err());
    }
}
