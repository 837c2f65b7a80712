//! What a disk can do to the storage: fail at any operation, fill up, lose its power. One history is played on a file system
//! that does so at every single one of its operations in turn; what was acknowledged is then compared with what is there.
//!
//! How many operations the history has differs by a few from run to run: large bodies have random numbers, and this build of
//! SQLite has one page cache for the whole process, so that tests side by side have a say in what is read, and in what is
//! written before a commit. So every test goes on until it meets no operation any more.
//!
//! The file system is `faultfs`, and its head says what it models. A killed process proves nothing here: the system still
//! writes what the process did not sync. That these tests do see a missing fsync is a test of its own, the last one.
//!
//! | file | holds |
//! |---|---|
//! | [`disk`] | storage on that file system |
//! | [`world`] | the history, and what everybody was told |
//! | [`inspect`] | the database as it is, seen without the storage |
//! | `restore` | a restore on it |

mod disk;
mod inspect;
mod restore;
mod world;

use faultfs::{FaultFs, Op, Survival, Which};

use self::disk::{empty, fresh, open};
use self::inspect::lost;
use self::world::{Ledger, World};
use crate::storage::conformance::run;

/// Opens what a loss of power left, compares, and goes on.
async fn survives(image: &FaultFs, ledger: &Ledger, last: u128, context: &str) {
    assert_eq!(lost(image, ledger), 0, "acknowledged and lost: {context}");
    let mut world = World::found_on(image, ledger.clone(), last);
    world.settle().await;
    world.check(context).await;
    world.go_on().await;
    world.check(context).await;
}

#[test]
fn where_nothing_fails_everything_is_stored() {
    run(|| async {
        let fs = fresh().await;
        let mut world = World::on(&fs, None);
        world.history().await;
        let (_, ledger, last) = world.close().await;
        assert!(ledger.values().all(|told| told.doubtful.is_empty() && told.doubtful_snapshots.is_empty()));
        // The log was folded in more often than by the close: else much of what may fail was not there to fail.
        assert!(fs.count(Which::Only(Op::Truncate)) > 2, "{}", fs.count(Which::Only(Op::Truncate)));
        World::found_on(&fs, ledger, last).check("nothing failed").await;
    });
}

/// What was hit when the history was played on a disk that fails, and what is left.
enum Played {
    /// The fault came in the history; the storage is open.
    Open(Box<World>, String),
    /// It came while closing.
    Closed(FaultFs, Ledger, u128, String),
    /// It did not come any more.
    Unharmed,
}

/// Plays the history and closes, on a copy of `base` that was given its `order` to fail.
async fn play(base: &FaultFs, synchronous: Option<&str>, order: impl FnOnce(&FaultFs)) -> Played {
    let fs = base.power_cut(Survival::All);
    let mut world = World::on(&fs, synchronous);
    order(&fs);
    world.history().await;
    if let Some(hit) = fs.hit() {
        return Played::Open(Box::new(world), hit);
    }
    let (fs, ledger, last) = world.close().await;
    match fs.hit() {
        Some(hit) => Played::Closed(fs, ledger, last, hit),
        None => Played::Unharmed,
    }
}

impl Played {
    /// The disk works again. What was told must be there, and everybody must be able to go on, without a restart where the
    /// storage is still open.
    async fn heals(self) -> bool {
        let (mut world, hit) = match self {
            Self::Open(world, hit) => {
                world.fs.heal();
                (*world, hit)
            }
            Self::Closed(fs, ledger, last, hit) => {
                fs.heal();
                (World::found_on(&fs, ledger, last), hit)
            }
            Self::Unharmed => return false,
        };
        world.check(&format!("healed after {hit}")).await;
        world.go_on().await;
        world.check(&format!("gone on after {hit}")).await;
        // What went on is durable too.
        let left = lost(&world.fs.power_cut(Survival::Synced), &world.ledger);
        assert_eq!(left, 0, "lost afterwards, though acknowledged: {hit}");
        true
    }
}

#[test]
fn any_operation_may_fail_once() {
    run(|| async {
        let base = fresh().await;
        let order = |fs: &FaultFs, n| {
            fs.failed_syncs_lose(true);
            fs.fail_nth(Which::Changes, n);
        };
        let mut n = 1;
        while play(&base, None, |fs| order(fs, n)).await.heals().await {
            n += 1;
        }
        assert!(n > 300, "the history has become short: {n}");
    });
}

#[test]
fn an_operation_may_fail_again_when_it_is_tried_again() {
    run(|| async {
        let base = fresh().await;
        let mut n = 1;
        // The writer tries a batch twice.
        while play(&base, None, |fs| fs.fail_times(Which::Changes, n, 2)).await.heals().await {
            n += 3;
        }
        assert!(n > 300, "the history has become short: {n}");
    });
}

#[test]
fn any_sync_may_fail_once_and_its_data_be_written_all_the_same() {
    run(|| async {
        let base = fresh().await;
        let mut n = 1;
        while play(&base, None, |fs| fs.fail_nth(Which::Only(Op::Sync), n)).await.heals().await {
            n += 1;
        }
        assert!(n > 30, "the history has become short: {n}");
    });
}

#[test]
fn any_look_may_fail_once_or_twice() {
    run(|| async {
        let base = fresh().await;
        let mut n = 1;
        while play(&base, None, |fs| fs.fail_times(Which::Looks, n, 1 + n % 2)).await.heals().await {
            n += 1;
        }
        assert!(n > 50, "the history has become short: {n}"); // fewer beside other tests, whose cached pages it shares
    });
}

#[test]
fn the_disk_may_break_at_any_operation_and_be_mended() {
    run(|| async {
        let base = fresh().await;
        let mut n = 1;
        loop {
            let played = play(&base, None, |fs| fs.fail_from(Which::Changes, n)).await;
            if let Played::Open(world, hit) = &played {
                world.check(&format!("still broken after {hit}")).await;
            }
            if !played.heals().await {
                break;
            }
            n += 3;
        }
        assert!(n > 300, "the history has become short: {n}");
    });
}

#[test]
fn the_power_may_go_at_any_operation() {
    run(|| async {
        let base = fresh().await;
        let mut n = 0;
        loop {
            n += 1;
            let (fs, ledger, last, hit) = match play(&base, None, |fs| fs.fail_from(Which::Changes, n)).await {
                Played::Open(world, hit) => (world.fs, world.ledger, world.last, hit),
                Played::Closed(fs, ledger, last, hit) => (fs, ledger, last, hit),
                Played::Unharmed => break,
            };
            let torn = (n % 2 == 0).then_some(Survival::Some { seed: n });
            for survival in [Some(Survival::Synced), torn].into_iter().flatten() {
                survives(&fs.power_cut(survival), &ledger, last, &format!("{survival:?} at {hit}")).await;
            }
        }
        assert!(n > 300, "the history has become short: {n}");
    });
}

#[test]
fn a_missing_sync_would_be_seen() {
    run(|| async {
        let base = fresh().await;
        // What SQLite's weaker settings lose, these tests find: without that they would prove nothing.
        for synchronous in ["OFF", "NORMAL"] {
            let mut losses = 0;
            for n in (1..).step_by(5) {
                match play(&base, Some(synchronous), |fs| fs.fail_from(Which::Changes, n)).await {
                    Played::Open(world, _) => {
                        losses += usize::from(lost(&world.fs.power_cut(Survival::Synced), &world.ledger) > 0);
                    }
                    Played::Closed(fs, ledger, ..) => {
                        losses += usize::from(lost(&fs.power_cut(Survival::Synced), &ledger) > 0);
                    }
                    Played::Unharmed => break,
                }
            }
            assert!(losses > 0, "no acknowledged version was lost with synchronous={synchronous}");
        }
    });
}

#[test]
fn the_disk_may_be_full_at_any_size_and_be_cleared() {
    run(|| async {
        let base = fresh().await;
        let most = {
            let fs = base.power_cut(Survival::All);
            let mut world = World::on(&fs, None);
            world.history().await;
            fs.bytes()
        };
        let step = (most - base.bytes()) / 100;
        let mut hits = 0;
        for limit in (base.bytes()..most).step_by(usize::try_from(step).unwrap()) {
            hits += usize::from(play(&base, None, |fs| fs.limit_bytes(limit)).await.heals().await);
        }
        assert!(hits > 90, "{hits}");
    });
}

#[test]
fn a_database_may_fail_to_be_created_at_any_operation() {
    run(|| async {
        let mut n = 0;
        loop {
            n += 1;
            let fs = empty();
            fs.fail_from(Which::Changes, n);
            let opened = open(&fs);
            let Some(hit) = fs.hit() else { break };
            let nobody = Ledger::new();
            for survival in [Survival::Synced, Survival::Some { seed: n }, Survival::Some { seed: !n }] {
                survives(&fs.power_cut(survival), &nobody, 0, &format!("{survival:?} at {hit}")).await;
            }
            drop(opened);
            fs.heal();
            survives(&fs, &nobody, 0, &format!("opened again after {hit}")).await;
        }
        assert!(n > 20, "opening has become short: {n}");
    });
}
