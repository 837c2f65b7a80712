//! A restore on a disk that loses its power at every single operation: afterwards there is the old data or the new, whole, and
//! never neither.

use std::io;

use faultfs::{FaultFs, Survival, Which};

use super::super::replace::{Names, decide, finish_in, make_ready};
use super::super::schema;
use super::disk::{FILE, file, fresh};
use super::inspect::lost;
use super::world::{Ledger, World};
use super::{Op, survives};
use crate::storage::conformance::run;
use crate::storage::sqlite::file::DatabaseFile;

const STAGED: &str = "taskferry.restoring.sqlite3";
const FORMER: &str = "/taskferry.before-7.sqlite3";
const EPOCH: &str = "the new epoch";

/// The directory of such a disk. With `syncs` off, one that forgets to sync names.
struct OnFaulty<'a> {
    fs: &'a FaultFs,
    syncs: bool,
}

impl Names for OnFaulty<'_> {
    fn all(&self) -> io::Result<Vec<String>> {
        Ok(self.fs.names().into_iter().map(|name| name.trim_start_matches('/').to_owned()).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.fs.rename(&format!("/{from}"), &format!("/{to}"))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.fs.remove(&format!("/{name}"))
    }

    fn sync(&self) -> io::Result<()> {
        if self.syncs { self.fs.sync_directory() } else { Ok(()) }
    }
}

/// What is restored, what is there before, and what both hold.
struct Two {
    /// A killed server's: its last changes are in the log only.
    before: FaultFs,
    old: (Ledger, u128),
    backup: Vec<u8>,
    new: (Ledger, u128),
}

async fn two() -> Two {
    let fs = fresh().await;
    let mut world = World::on(&fs, None);
    world.history().await;
    let (closed, new, last) = world.close().await;
    let backup = closed.content(FILE).unwrap();
    let mut world = World::found_on(&closed, new.clone(), last);
    world.go_on().await;
    let old = (world.ledger.clone(), world.last);
    let before = world.fs.power_cut(Survival::All);
    assert!(before.content(&format!("{FILE}-wal")).is_some_and(|log| !log.is_empty()), "nothing is in the log only");
    world.close().await;
    Two { before, old, backup, new: (new, last) }
}

/// As `restore` does it: the backup is laid beside the data, made ready, synced, and put in place.
fn restore(fs: &FaultFs, backup: &[u8], syncs: bool) -> Result<(), Box<dyn std::error::Error>> {
    let staged = format!("/{STAGED}");
    fs.write(&staged, backup)?;
    make_ready(DatabaseFile::on(fs.name(), &staged), EPOCH)?;
    if syncs {
        fs.sync(&staged)?;
    }
    let names = OnFaulty { fs, syncs };
    decide(&names, STAGED, "7")?;
    finish_in(&names)?;
    Ok(())
}

/// The next start. Whether it found the restored data.
fn begin(fs: &FaultFs) -> Result<bool, Box<dyn std::error::Error>> {
    finish_in(&OnFaulty { fs, syncs: true })?;
    let db = schema::open_for_writing(file(fs))?;
    Ok(schema::epoch(&db)? == EPOCH)
}

/// What is there now is all of the one or all of the other, and goes on.
async fn is_whole(fs: &FaultFs, two: &Two, context: &str) -> bool {
    let is_new = begin(fs).unwrap_or_else(|error| panic!("the data is gone, {context}: {error}"));
    let (ledger, last) = if is_new { &two.new } else { &two.old };
    survives(fs, ledger, *last, context).await;
    is_new
}

#[test]
fn the_power_may_go_at_any_operation_of_a_restore() {
    run(|| async {
        let two = two().await;
        let (mut n, mut outcomes) = (0, [0, 0]);
        loop {
            n += 1;
            let fs = two.before.power_cut(Survival::All);
            fs.fail_from(Which::Changes, n);
            let done = restore(&fs, &two.backup, true);
            let Some(hit) = fs.hit() else {
                done.unwrap();
                fs.heal();
                assert!(is_whole(&fs, &two, "nothing failed").await);
                // And taken back, as `restore` with the former data would.
                assert_eq!(lost(&rename_back(&fs), &two.old.0), 0, "the former data is not whole");
                break;
            };
            for survival in [Survival::Synced, Survival::Some { seed: n }, Survival::Some { seed: !n }, Survival::All] {
                let context = format!("{survival:?} at {hit}");
                outcomes[usize::from(is_whole(&fs.power_cut(survival), &two, &context).await)] += 1;
            }
        }
        assert!(n > 30 && outcomes[0] > 30 && outcomes[1] > 5, "{n}: {outcomes:?}");
    });
}

/// The former data under the usual name, on a copy.
fn rename_back(fs: &FaultFs) -> FaultFs {
    let copy = fs.power_cut(Survival::All);
    for part in ["", "-wal", "-shm"] {
        let _ = copy.remove(&format!("{FILE}{part}"));
        let _ = copy.rename(&format!("{FORMER}{part}"), &format!("{FILE}{part}"));
    }
    copy
}

#[test]
fn any_operation_of_a_restore_may_fail_and_what_is_left_is_finished_later() {
    run(|| async {
        let two = two().await;
        let mut n = 0;
        loop {
            n += 1;
            let fs = two.before.power_cut(Survival::All);
            fs.fail_nth(Which::Changes, n);
            let done = restore(&fs, &two.backup, true);
            let Some(hit) = fs.hit() else { break };
            fs.heal();
            let is_new = is_whole(&fs, &two, &format!("healed after {hit}")).await;
            assert!(is_new || done.is_err(), "said to be done, and is not: {hit}");
            // A second try succeeds, whatever the first one left.
            if !is_new {
                restore(&fs, &two.backup, true).unwrap();
                assert!(begin(&fs).unwrap(), "{hit}");
            }
        }
        assert!(n > 30, "{n}");
    });
}

#[test]
fn a_missing_sync_in_a_restore_would_be_seen() {
    run(|| async {
        let two = two().await;
        let mut harm = 0;
        for n in 1_u64.. {
            let fs = two.before.power_cut(Survival::All);
            fs.fail_from(Which::Only(Op::Rename), n);
            let _ = restore(&fs, &two.backup, false);
            let is_over = fs.hit().is_none();
            for seed in 0..40 {
                let left = fs.power_cut(Survival::Some { seed });
                let whole =
                    begin(&left).is_ok_and(|is_new| lost(&left, if is_new { &two.new.0 } else { &two.old.0 }) == 0);
                harm += usize::from(!whole);
            }
            if is_over {
                break;
            }
        }
        assert!(harm > 0, "names need not be synced, it seems");
    });
}
