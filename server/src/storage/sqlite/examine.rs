//! Goes through a whole database and says what is wrong with it: a backup before it is trusted, or the data in use.
//!
//! SQLite's own check sees torn pages and broken indexes. What it can't see is walked here: that every chain leads from its
//! first version to the account's latest one, that every body is whole, that every snapshot is of a version of its account.
//! Versions are read in the order in which they lie in the file, which is also that of every chain. (Account by account, every
//! version would be a look at another place of the disk: a small machine, which has little of the file in memory, then reads it
//! several times over.) What is known of a few ten thousand accounts at a time is kept meanwhile, and nothing per version, so memory
//! stays flat. All inside one transaction: beside a running server, everything is of one moment.

use std::collections::BTreeMap;

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

/// Accounts whose chains are followed at once; all versions are read once for each so many. Some 8 MB.
const AT_ONCE: usize = 50_000;

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
    examine_so_many(AT_ONCE, db, stop)
}

fn examine_so_many(at_once: usize, db: &Connection, stop: &Stop) -> Result<Examination, Stopped> {
    let mut seen = Examination::default();
    let done = interruptible(db, stop)
        .and_then(|()| db.unchecked_transaction())
        .and_then(|txn| walk(at_once, &txn, &mut seen, stop));
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

fn walk(at_once: usize, db: &Connection, seen: &mut Examination, stop: &Stop) -> rusqlite::Result<()> {
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
    let mut behind = 0;
    loop {
        let mut accounts = some_accounts(db, behind, at_once, seen)?;
        let Some(last) = accounts.last_key_value().map(|(key, _)| *key) else { break };
        follow(db, (behind, last), &mut accounts, seen, stop)?;
        for account in accounts.values().flatten() {
            for flaw in account.flaws(db, seen)? {
                seen.found(Finding::Account { account: hasher.of(account.client), flaw });
            }
        }
        behind = last;
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

/// The next accounts behind a key; those that are being erased without what there is to know, since their rows go before they say so.
fn some_accounts(
    db: &Connection,
    behind: i64,
    at_once: usize,
    seen: &mut Examination,
) -> rusqlite::Result<BTreeMap<i64, Option<Account>>> {
    let mut select = db.prepare_cached(
        "SELECT id, client_id, latest, versions, version_bytes, snapshot_version, snapshot_bytes, \
           coalesce(state = 2 AND erase_at <= unixepoch(), 0) FROM account WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = select.query((behind, at_once))?;
    let mut accounts = BTreeMap::new();
    while let Some(row) = rows.next()? {
        seen.accounts += 1;
        let is_going: bool = row.get(7)?;
        accounts.insert(row.get(0)?, if is_going { None } else { Some(Account::read(row)?) });
    }
    Ok(accounts)
}

/// Reads all versions of the accounts with these keys.
fn follow(
    db: &Connection,
    (behind, last): (i64, i64),
    accounts: &mut BTreeMap<i64, Option<Account>>,
    seen: &mut Examination,
    stop: &Stop,
) -> rusqlite::Result<()> {
    let mut select = db.prepare_cached(
        "SELECT account, parent, version, bytes, \
           blob IS NOT NULL AND bytes IS NOT (SELECT sum(length(data)) FROM chunk c WHERE c.blob = v.blob \
             HAVING count(*) = max(seq) + 1) \
         FROM version v NOT INDEXED WHERE account > ?1 AND account <= ?2 ORDER BY seq",
    )?;
    let mut rows = select.query((behind, last))?;
    while let Some(row) = rows.next()? {
        // One of an account that is not there was found as a reference to nothing.
        let Some(Some(account)) = accounts.get_mut(&row.get(0)?) else { continue };
        account.chain.add(
            version_id(row.get(1)?),
            version_id(row.get(2)?),
            account.snapshot.map(|(version, _)| version),
        );
        account.chain.bytes = account.chain.bytes.saturating_add(row.get(3)?);
        account.chain.holds_unlike |= row.get::<_, bool>(4)?;
        seen.versions += 1;
        stop.reached(seen.versions);
    }
    Ok(())
}

/// An account's row, as far as it can be held against the other tables, and what they hold.
struct Account {
    key: i64,
    client: ClientId,
    latest: VersionId,
    versions: u64,
    version_bytes: u64,
    snapshot: Option<(VersionId, u64)>,
    chain: Chain,
}

/// An account's versions, as far as they were read.
#[derive(Default)]
struct Chain {
    versions: u64,
    bytes: u64,
    /// The version at which the chain stands.
    at: Option<VersionId>,
    /// Versions of which each followed the one before it.
    steps: u64,
    /// Whether the account's snapshot was made at one of them; after pruning also at the parent of the first one.
    met_snapshot: bool,
    /// Whether one of the bodies is shorter or longer than its row says.
    holds_unlike: bool,
}

impl Chain {
    fn add(&mut self, parent: VersionId, version: VersionId, snapshot: Option<VersionId>) {
        let follows = self.at.is_none_or(|at| at == parent);
        // Nothing follows a gap.
        if follows && self.steps == self.versions {
            self.steps += 1;
        }
        self.met_snapshot |= snapshot.is_some_and(|at| at == version || (self.versions == 0 && at == parent));
        self.versions += 1;
        self.at = Some(version);
    }
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
            chain: Chain::default(),
        })
    }

    fn flaws(&self, db: &Connection, seen: &mut Examination) -> rusqlite::Result<Vec<Flaw>> {
        let mut flaws = Vec::new();
        let chain = &self.chain;
        if (chain.versions, chain.bytes) != (self.versions, self.version_bytes) {
            flaws.push(Flaw::Miscounted {
                counted: self.versions,
                counted_bytes: self.version_bytes,
                found: chain.versions,
                found_bytes: chain.bytes,
            });
        }
        if chain.holds_unlike {
            flaws.push(Flaw::Body);
        }
        let snapshot = self.snapshot.map(|(version, _)| version);
        // An account without versions is empty, or nothing but the snapshot at its latest is left of it.
        let end = chain.at.or(snapshot).unwrap_or(VersionId::NIL);
        if chain.steps != chain.versions || end != self.latest {
            flaws.push(Flaw::Broken { steps: chain.steps, versions: chain.versions });
        } else if snapshot.is_some() && chain.versions > 0 && !chain.met_snapshot {
            flaws.push(Flaw::SnapshotOfNothing);
        }
        flaws.extend(self.snapshot_flaw(db, seen)?);
        Ok(flaws)
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
        for at_once in [1, 2, AT_ONCE] {
            let seen = examine_so_many(at_once, &db, &Stop::default()).unwrap();
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
            for at_once in [1, 2, AT_ONCE] {
                let seen = examine_so_many(at_once, &db, &Stop::default()).unwrap();
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
