//! Takes an account back to one of its versions; see [`crate::storage::rewind`].

use std::collections::HashSet;

use rusqlite::{Connection, Transaction};
use taskferry_protocol::{ClientId, VersionId};

use super::administrator::{Administrator, writing};
use super::{account, place, schema, stands, version_id};
use crate::storage::admin::AdminError;
use crate::storage::rewind::{Rewind, UNDER_WAY};
use crate::storage::tip::Tip;
use crate::storage::{Account, Barred, StorageError, UnixSeconds};

const LOOKING: &str = "following an account's versions";

/// Versions that go in one transaction, for which a running server's writer waits: some ten milliseconds. Few in tests, so that
/// they see several.
const VERSIONS: usize = if cfg!(test) { 3 } else { 500 };
/// And their bytes.
const BYTES: u64 = 16 << 20;

/// A version's row, without the body.
struct Row {
    seq: i64,
    parent: VersionId,
    version: VersionId,
    stored_at: UnixSeconds,
    bytes: u64,
    blob: Option<i64>,
}

/// What it comes to, and all that is needed to do it.
pub(super) struct Plan {
    key: i64,
    /// The account as it was when it was looked at.
    seen: Account,
    rows: Vec<Row>,
    /// How many of the rows stay.
    stay: usize,
    pub(super) rewind: Rewind,
}

/// Looks what rewinding comes to.
pub(super) fn plan(db: &Connection, client: ClientId, to: VersionId) -> Result<Plan, AdminError> {
    let reading = |cause| StorageError::new(LOOKING, cause);
    let (key, found) = account::find(db, client).map_err(reading)?.ok_or(AdminError::UnknownAccount)?;
    check_there(db, key).map_err(reading)??;
    let rows = rows(db, key).map_err(reading)?;
    // In this order by `version.seq`; if it is not one chain, nothing can be said of what goes.
    let follows = rows.windows(2).all(|pair| pair[1].parent == pair[0].version);
    if !follows || rows.last().is_some_and(|last| last.version != found.latest()) {
        return Err(StorageError::new(LOOKING, "they do not follow each other").into());
    }
    let stay = if to.is_nil() {
        0
    } else {
        1 + rows.iter().position(|row| row.version == to).ok_or(AdminError::UnknownVersion)?
    };
    let gone = &rows[stay..];
    let gone_versions: HashSet<VersionId> = gone.iter().map(|row| row.version).collect();
    let goes = |version: VersionId| stay == 0 || gone_versions.contains(&version);
    let takes_snapshot = found.snapshot.is_some_and(|snapshot| goes(snapshot.version));
    let stood = stands::of_account(db, key).map_err(reading)?;
    let rewind = Rewind {
        to,
        to_stored_at: stay.checked_sub(1).map(|last| rows[last].stored_at),
        from: found.latest(),
        versions: gone.len() as u64,
        bytes: gone.iter().map(|row| row.bytes).sum(),
        takes_snapshot,
        is_complete: stay == 0
            || rows.first().is_some_and(|first| first.parent.is_nil())
            || (found.snapshot.is_some() && !takes_snapshot),
        last_seen: stood.iter().filter(|(at, _)| gone_versions.contains(*at)).map(|(_, week)| *week).max(),
    };
    Ok(Plan { key, seen: found, rows, stay, rewind })
}

fn check_there(db: &Connection, key: i64) -> rusqlite::Result<Result<(), AdminError>> {
    let (state, erase_at): (i64, Option<UnixSeconds>) =
        db.query_row("SELECT state, erase_at FROM account WHERE id = ?1", [key], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(match erase_at {
        _ if state != schema::DELETED => Ok(()),
        Some(_) => Err(AdminError::Deleted),
        None => Err(AdminError::Erased),
    })
}

fn rows(db: &Connection, key: i64) -> rusqlite::Result<Vec<Row>> {
    db.prepare("SELECT seq, parent, version, stored_at, bytes, blob FROM version WHERE account = ?1 ORDER BY seq")?
        .query_map([key], |row| {
            Ok(Row {
                seq: row.get(0)?,
                parent: version_id(row.get(1)?),
                version: version_id(row.get(2)?),
                stored_at: row.get(3)?,
                bytes: row.get(4)?,
                blob: row.get(5)?,
            })
        })?
        .collect()
}

impl Plan {
    /// Does it, in as many transactions as it takes.
    pub(super) fn carry_out(
        &self,
        door: &Administrator,
        client: ClientId,
        between: &mut dyn FnMut(u64),
    ) -> Result<(), AdminError> {
        let mut end = self.rows.len();
        let mut stay = self.slice_before(end);
        if stay > self.stay {
            let txn = door.begin()?;
            self.check_holds(&txn, client)?;
            self.bar(&txn).map_err(writing)?;
            txn.commit().map_err(writing)?;
        }
        loop {
            let is_last = stay == self.stay;
            let txn = door.begin()?;
            // The first one looks at everything, the others at what only a device could have changed: it was enabled again.
            let holds = if end == self.rows.len() && is_last {
                self.check_holds(&txn, client)
            } else {
                self.check_stands_at(&txn, client, end)
            };
            if let Err(changed) = holds {
                self.let_in(&txn).map_err(writing)?;
                txn.commit().map_err(writing)?;
                return Err(changed);
            }
            self.cut(&txn, stay, end).map_err(writing)?;
            if is_last {
                self.forget_stands(&txn).map_err(writing)?;
                self.let_in(&txn).map_err(writing)?;
            }
            txn.commit().map_err(writing)?;
            if is_last {
                return Ok(());
            }
            between((self.rows.len() - stay) as u64);
            (stay, end) = (self.slice_before(stay), stay);
        }
    }

    /// Where the slice begins that ends before row `end`.
    fn slice_before(&self, end: usize) -> usize {
        let mut bytes = 0;
        let fits = |row: &&Row| {
            bytes += row.bytes;
            bytes <= BYTES
        };
        let rows = self.rows[self.stay..end].iter().rev().take(VERSIONS).take_while(fits).count();
        // One that is larger goes alone.
        end - rows.max(1).min(end - self.stay)
    }

    fn check_holds(&self, db: &Connection, client: ClientId) -> Result<(), AdminError> {
        let holds = account::find(db, client).map_err(|cause| StorageError::new(LOOKING, cause))?;
        // Its row tells of everything that can happen to its versions.
        if holds == Some((self.key, self.seen.clone())) { Ok(()) } else { Err(AdminError::Changed) }
    }

    /// Whether the account ends with the row before `end`, and has none that was not seen.
    fn check_stands_at(&self, db: &Connection, client: ClientId, end: usize) -> Result<(), AdminError> {
        let found = account::find(db, client).map_err(|cause| StorageError::new(LOOKING, cause))?;
        let latest = end.checked_sub(1).map(|last| self.rows[last].version);
        let stands = found.is_some_and(|(key, now)| {
            key == self.key
                && Some(now.latest()) == latest
                && now.versions == end as u64
                && now.barred != Some(Barred::Deleted)
        });
        if stands { Ok(()) } else { Err(AdminError::Changed) }
    }

    /// Keeps devices away until it is done; not if they are kept away already.
    fn bar(&self, txn: &Transaction<'_>) -> rusqlite::Result<()> {
        let sql = "UPDATE account SET state = 1, reason = ?2 WHERE id = ?1 AND state = ?3";
        txn.execute(sql, (self.key, UNDER_WAY, schema::ACTIVE)).map(drop)
    }

    /// Lets them in again, if it was this that kept them away: now, or when it was cut off before.
    fn let_in(&self, txn: &Transaction<'_>) -> rusqlite::Result<()> {
        let sql = "UPDATE account SET state = ?3, reason = NULL WHERE id = ?1 AND state = 1 AND reason = ?2";
        txn.execute(sql, (self.key, UNDER_WAY, schema::ACTIVE)).map(drop)
    }

    /// Takes the rows from `stay` to `end` away, which are the last ones; the snapshot goes with the first of them.
    fn cut(&self, txn: &Transaction<'_>, stay: usize, end: usize) -> rusqlite::Result<()> {
        let (left, gone) = (&self.rows[..stay], &self.rows[stay..end]);
        if let Some(first) = gone.first() {
            // All at once: one by one takes twice as long, and the server's writer waits.
            txn.execute("DELETE FROM version WHERE account = ?1 AND seq >= ?2", (self.key, first.seq))?;
        }
        gone.iter().filter_map(|row| row.blob).try_for_each(|blob| place::give_up(txn, blob))?;
        if self.rewind.takes_snapshot && end == self.rows.len() {
            self.take_snapshot(txn)?;
        }
        let latest = left.last().map_or(VersionId::NIL, |row| row.version);
        let first = left.first().map(|row| row.parent);
        let before = left.iter().rev().skip(1).map(|row| row.version).chain(first);
        let earlier: Vec<u8> = before.take(Tip::VERSIONS - 1).flat_map(|id| *id.as_bytes()).collect();
        // What was ever added stays counted; what was added since the snapshot has become less.
        txn.execute(
            "UPDATE account SET latest = ?2, earlier = ?3, versions = versions - ?4, version_bytes = version_bytes - ?5, \
             last_version_at = ?6, snapshot_added = min(snapshot_added + ?4, added) WHERE id = ?1",
            (
                self.key,
                latest.as_bytes(),
                earlier,
                gone.len() as u64,
                gone.iter().map(|row| row.bytes).sum::<u64>(),
                left.last().map(|row| row.stored_at),
            ),
        )
        .map(drop)
    }

    fn take_snapshot(&self, txn: &Transaction<'_>) -> rusqlite::Result<()> {
        let blobs: Vec<Option<i64>> = txn
            .prepare("DELETE FROM snapshot WHERE account = ?1 RETURNING blob")?
            .query_map([self.key], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        blobs.into_iter().flatten().try_for_each(|blob| place::give_up(txn, blob))?;
        txn.execute(
            "UPDATE account SET snapshot_version = NULL, snapshot_at = NULL, snapshot_bytes = NULL, snapshot_added = NULL \
             WHERE id = ?1",
            [self.key],
        )
        .map(drop)
    }

    /// Of places that are not there any more.
    fn forget_stands(&self, txn: &Transaction<'_>) -> rusqlite::Result<()> {
        let left = &self.rows[..self.stay];
        let places: HashSet<VersionId> = left.iter().flat_map(|row| [row.parent, row.version]).collect();
        for at in stands::of_account(txn, self.key)?.into_keys().filter(|at| !places.contains(at)) {
            txn.prepare_cached("DELETE FROM stand WHERE account = ?1 AND version = ?2")?
                .execute((self.key, at.as_bytes()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;

    use super::super::directory::DATABASE_FILE;
    use super::super::examine::examine;
    use super::super::{SqliteStorage, Storage as _};
    use super::*;
    use crate::stop::Stop;
    use crate::storage::admin::{Administration as _, Order};
    use crate::storage::conformance::{self, add, client, put_snapshot, staged, version};

    /// An account of ten versions, of which every third is large, with a snapshot at the last one.
    fn account(dir: &Path) -> Administrator {
        conformance::run(|| async {
            let storage = SqliteStorage::open(dir).unwrap();
            for n in 1..=10 {
                let parent = if n == 1 { VersionId::NIL } else { version(n - 1) };
                let change = if n % 3 == 0 {
                    add(client(1), parent, version(n), staged(&storage, vec![7; 300_000]).await)
                } else {
                    add(client(1), parent, version(n), "small")
                };
                storage.commit(change).await.unwrap();
            }
            storage.commit(put_snapshot(client(1), version(10), "s")).await.unwrap();
            storage.close().await.unwrap();
        });
        Administrator::open(dir).unwrap()
    }

    /// The account as it now is; all of its versions are there, and no others.
    fn whole(door: &Administrator, dir: &Path) -> Account {
        let db = schema::open_to_look(&dir.join(DATABASE_FILE)).unwrap();
        let seen = examine(&db, &Stop::default()).unwrap();
        assert!(seen.is_sound(), "{:?}", seen.findings);
        door.record(client(1)).unwrap().unwrap().account
    }

    fn meanwhile() -> Barred {
        Barred::Disabled { reason: Some(UNDER_WAY.to_owned()) }
    }

    #[test]
    fn what_goes_a_little_at_a_time_is_a_whole_account_at_each_moment_and_no_device_sees_it() {
        let dir = tempfile::tempdir().unwrap();
        let door = account(dir.path());
        let rewind = door.look_back(client(1), version(2)).unwrap();
        let mut moments = Vec::new();
        door.rewind(client(1), &rewind, &mut |gone| {
            let now = whole(&door, dir.path());
            assert_eq!((now.barred, now.snapshot), (Some(meanwhile()), None));
            moments.push((gone, now.versions, now.tip.latest()));
        })
        .unwrap();
        assert_eq!(moments, [(3, 7, version(7)), (6, 4, version(4))]);
        let now = whole(&door, dir.path());
        assert_eq!((now.versions, now.latest(), now.barred), (2, version(2), None));
    }

    #[test]
    fn a_few_versions_go_at_once_and_nobody_is_kept_away() {
        let dir = tempfile::tempdir().unwrap();
        let door = account(dir.path());
        let rewind = door.look_back(client(1), version(7)).unwrap();
        door.rewind(client(1), &rewind, &mut |_| panic!("in between")).unwrap();
        assert_eq!(whole(&door, dir.path()).barred, None);
    }

    #[test]
    fn one_that_was_cut_off_is_finished_by_the_next_and_lets_devices_in_again() {
        let dir = tempfile::tempdir().unwrap();
        let door = account(dir.path());
        let rewind = door.look_back(client(1), version(1)).unwrap();
        let killed = catch_unwind(AssertUnwindSafe(|| {
            let _ = door.rewind(client(1), &rewind, &mut |gone| assert!(gone < 6, "killed"));
        }));
        assert!(killed.is_err());
        let left = whole(&door, dir.path());
        assert_eq!((left.versions, left.barred), (4, Some(meanwhile())));
        let rest = door.look_back(client(1), version(1)).unwrap();
        assert_eq!((rest.versions, rest.from), (3, version(4)));
        door.rewind(client(1), &rest, &mut |_| ()).unwrap();
        let now = whole(&door, dir.path());
        assert_eq!((now.versions, now.barred), (1, None));
    }

    #[test]
    fn what_the_operator_switched_off_stays_off() {
        let dir = tempfile::tempdir().unwrap();
        let door = account(dir.path());
        let reason = Some("spam".to_owned());
        door.order(client(1), &Order::Disable { reason: reason.clone() }, 0).unwrap();
        let rewind = door.look_back(client(1), VersionId::NIL).unwrap();
        door.rewind(client(1), &rewind, &mut |_| ()).unwrap();
        let now = whole(&door, dir.path());
        assert_eq!((now.versions, now.barred), (0, Some(Barred::Disabled { reason })));
    }

    #[test]
    fn a_device_that_was_let_in_meanwhile_ends_it_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let door = account(dir.path());
        let rewind = door.look_back(client(1), version(1)).unwrap();
        let done = door.rewind(client(1), &rewind, &mut |gone| {
            if gone == 3 {
                door.order(client(1), &Order::Enable, 0).unwrap();
                conformance::run(|| async {
                    let storage = SqliteStorage::open(dir.path()).unwrap();
                    storage.commit(add(client(1), version(7), version(77), "news")).await.unwrap();
                    storage.close().await.unwrap();
                });
            }
        });
        assert!(matches!(done, Err(AdminError::Changed)), "{done:?}");
        let now = whole(&door, dir.path());
        assert_eq!((now.versions, now.latest(), now.barred), (8, version(77), None));
    }
}
