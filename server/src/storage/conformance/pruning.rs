//! What pruning promises: see [`crate::storage::prune`].

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::{Backend, NOW, Operator, add, child, client, eventually, put_snapshot, snapshot, version};
use crate::storage::memory::MemoryStorage;
use crate::storage::prune::{Cursor, Prunable, Pruned, Retention};
use crate::storage::stands::{Stand, Week};
use crate::storage::{Change, Storage};

const DAY: i64 = 24 * 60 * 60;
const WEEK: i64 = 7 * DAY;

/// An account whose versions 1 to `count` were added one a week, from `NOW` on.
async fn weekly(storage: &dyn Storage, who: u128, count: u128) {
    for n in 1..=count {
        storage.commit(add_at(who, n, NOW + week(n) * WEEK)).await.unwrap();
    }
}

fn week(n: u128) -> i64 {
    i64::try_from(n).unwrap()
}

fn add_at(who: u128, n: u128, now: i64) -> Change {
    Change { now, ..add(client(who), version(n - 1), version(n), vec![7; 10]) }
}

/// Everything that is older than this week.
fn before_week(n: u128) -> Retention {
    Retention::since(NOW + week(n) * WEEK)
}

/// In week `n`, somebody asked what follows version `at`.
async fn stands(storage: &dyn Storage, who: u128, at: u128, n: u128) {
    let week = Week::of(NOW + week(n) * WEEK);
    storage.note_stands(vec![Stand { client: client(who), version: version(at), week }]).await.unwrap();
}

/// Prunes to the end.
async fn prune(storage: &dyn Storage, retention: Retention) -> (u64, u64) {
    let (mut versions, mut bytes, mut behind) = (0, 0, Some(Cursor::default()));
    while let Some(from) = behind {
        let Pruned { versions: some, bytes: of_them, next } = storage.prune_some(from, retention).await.unwrap();
        versions += some;
        bytes += of_them;
        behind = next;
    }
    (versions, bytes)
}

/// The first version that is there; `None` if all of them are.
async fn begins(storage: &dyn Storage, who: u128, count: u128) -> u128 {
    for n in 0..count {
        if child(storage, client(who), version(n)).await.is_some() {
            return n + 1;
        }
    }
    count + 1
}

pub(in crate::storage) async fn old_versions_behind_a_snapshot_are_pruned(storage: Backend, operator: Operator<'_>) {
    weekly(&*storage, 1, 20).await;
    storage.commit(put_snapshot(client(1), version(18), "all of it")).await.unwrap();
    let mut seen = Vec::new();
    operator.prunable(before_week(10), &mut |prunable| seen.push(prunable)).unwrap();
    assert_eq!(seen, [Prunable { client: client(1), versions: 9, bytes: 90, last_seen: None }]);

    assert_eq!(prune(&*storage, before_week(10)).await, (9, 90));
    assert_eq!(begins(&*storage, 1, 20).await, 10);
    let account = storage.account(client(1)).await.unwrap().unwrap();
    assert_eq!((account.versions, account.version_bytes, account.latest()), (11, 110, version(20)));
    assert_eq!(snapshot(&*storage, client(1), version(18)).await.unwrap(), "all of it");

    // The account goes on as before.
    storage.commit(add_at(1, 21, NOW)).await.unwrap();
    storage.commit(put_snapshot(client(1), version(21), "newer")).await.unwrap();
    assert_eq!(prune(&*storage, before_week(10)).await, (0, 0));
}

pub(in crate::storage) async fn the_newest_five_versions_stay_whatever_their_age(storage: Backend, _: Operator<'_>) {
    weekly(&*storage, 1, 20).await;
    storage.commit(put_snapshot(client(1), version(20), "all of it")).await.unwrap();
    assert_eq!(prune(&*storage, before_week(1000)).await, (15, 150));
    assert_eq!(begins(&*storage, 1, 20).await, 16);
    storage.commit(put_snapshot(client(1), version(17), "again")).await.unwrap();
}

pub(in crate::storage) async fn nothing_is_pruned_that_no_snapshot_covers(storage: Backend, _: Operator<'_>) {
    weekly(&*storage, 1, 10).await;
    storage.commit(put_snapshot(client(1), version(8), "up to here")).await.unwrap();
    for n in 11..=30 {
        storage.commit(add_at(1, n, NOW + week(n) * WEEK)).await.unwrap();
    }
    weekly(&*storage, 2, 20).await;
    assert_eq!(prune(&*storage, before_week(1000)).await, (8, 80));
    assert_eq!((begins(&*storage, 1, 30).await, begins(&*storage, 2, 20).await), (9, 1));
}

pub(in crate::storage) async fn a_device_that_came_in_time_finds_all_that_it_misses(storage: Backend, _: Operator<'_>) {
    weekly(&*storage, 1, 30).await;
    storage.commit(put_snapshot(client(1), version(30), "all of it")).await.unwrap();
    // One device was last here in week 6, another in week 12; and a third, that knows more, came later.
    for (at, n) in [(6, 6), (12, 12), (29, 29), (14, 12), (12, 13)] {
        stands(&*storage, 1, at, n).await;
    }
    assert_eq!(prune(&*storage, before_week(13)).await, (12, 120), "as far as version 12");
    assert_eq!(begins(&*storage, 1, 30).await, 13);
    assert_eq!(prune(&*storage, before_week(14)).await, (1, 10), "nobody is waited for any more");
}

pub(in crate::storage) async fn what_is_no_place_of_the_chain_holds_nothing_back(storage: Backend, _: Operator<'_>) {
    weekly(&*storage, 1, 20).await;
    storage.commit(put_snapshot(client(1), version(20), "all of it")).await.unwrap();
    // A new device that has nothing yet, a device of another history, and an account that nobody knows.
    stands(&*storage, 1, 0, 20).await;
    stands(&*storage, 1, 777, 20).await;
    stands(&*storage, 2, 3, 20).await;
    assert_eq!(prune(&*storage, before_week(11)).await, (10, 100));
}

pub(in crate::storage) async fn an_operator_learns_whom_pruning_leaves_behind(
    storage: Backend,
    operator: Operator<'_>,
) {
    weekly(&*storage, 1, 20).await;
    storage.commit(put_snapshot(client(1), version(20), "all of it")).await.unwrap();
    stands(&*storage, 1, 3, 3).await;
    stands(&*storage, 1, 5, 5).await;
    let last_seen = || async {
        let mut seen = Vec::new();
        operator.prunable(before_week(11), &mut |prunable| seen.push(prunable)).unwrap();
        seen.first().and_then(|prunable| prunable.last_seen)
    };
    assert_eq!(last_seen().await, Some(Week::of(NOW + 5 * WEEK)));
    let pruned = operator.prune_some(Cursor::default(), before_week(11)).unwrap();
    assert_eq!(pruned.versions, 10);
    eventually(|| async { (storage.account(client(1)).await.unwrap().unwrap().versions == 10).then_some(()) }).await;
}

#[derive(Debug, Clone)]
enum Step {
    Add { who: u128, weeks: i64 },
    Snapshot { who: u128, back: u128 },
    Stand { who: u128, at: u128 },
    Prune { weeks: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 1..=2_u128;
    let step = prop_oneof![
        6 => (who(), 0..3_i64).prop_map(|(who, weeks)| Step::Add { who, weeks }),
        1 => (who(), 0..7_u128).prop_map(|(who, back)| Step::Snapshot { who, back }),
        3 => (who(), 0..30_u128).prop_map(|(who, at)| Step::Stand { who, at }),
        1 => (0..20_i64).prop_map(|weeks| Step::Prune { weeks }),
    ];
    proptest::collection::vec(step, 30..120)
}

pub(in crate::storage) async fn any_pruning_equals_the_model(storage: Backend, _: Operator<'_>) {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for case in 1..=40_u128 {
        let history = steps().new_tree(&mut runner).unwrap().current();
        let model: Backend = Arc::new(MemoryStorage::default());
        let mut now = NOW;
        let mut counts = [0_u128; 3];
        for step in &history {
            for backend in [&storage, &model] {
                match *step {
                    Step::Add { who, .. } => {
                        let n = counts[usize::try_from(who).unwrap()] + 1;
                        backend.commit(add_at(case * 10 + who, n, now)).await.unwrap();
                    }
                    Step::Snapshot { who, back } => {
                        let n = counts[usize::try_from(who).unwrap()].saturating_sub(back);
                        let _ = backend.commit(put_snapshot(client(case * 10 + who), version(n), "s")).await;
                    }
                    Step::Stand { who, at } => {
                        let week = Week::of(now);
                        let stand = Stand { client: client(case * 10 + who), version: version(at), week };
                        backend.note_stands(vec![stand]).await.unwrap();
                    }
                    Step::Prune { .. } => {}
                }
            }
            match *step {
                Step::Add { who, weeks } => {
                    counts[usize::try_from(who).unwrap()] += 1;
                    now += weeks * WEEK + DAY;
                }
                Step::Prune { weeks } => {
                    // Accounts of other cases have nothing left by now that this could take.
                    let retention = Retention::since(now - weeks * WEEK);
                    prune(&*storage, retention).await;
                    prune(&*model, retention).await;
                }
                Step::Snapshot { .. } | Step::Stand { .. } => {}
            }
        }
        for who in 1..=2_u128 {
            let id = client(case * 10 + who);
            assert_eq!(storage.account(id).await.unwrap(), model.account(id).await.unwrap(), "{history:#?}");
            for v in 0..counts[usize::try_from(who).unwrap()] {
                let (real, expected) = (child(&*storage, id, version(v)).await, child(&*model, id, version(v)).await);
                assert_eq!(real, expected, "after {v}, in {history:#?}");
            }
        }
    }
}
