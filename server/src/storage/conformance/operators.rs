//! What an operator's door promises beyond the plain orders: deletion at once and for good, selections, stands, rewinding.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use taskferry_protocol::VersionId;

use super::{
    Backend, NOW, Operator, add, child, client, eventually, is_barred, put_snapshot, snapshot, staged, version,
};
use crate::storage::admin::{AdminError, Administration, Order, Record, Standing};
use crate::storage::memory::MemoryStorage;
use crate::storage::prune::{Cursor, Retention};
use crate::storage::rewind::Rewind;
use crate::storage::select::Order::{Created, Seen, Size, Versions};
use crate::storage::select::{Selection, State};
use crate::storage::stands::{Stand, Week};
use crate::storage::{Action, Admit, Barred, Change, CommitError, Patience, Storage};

const WEEK: i64 = 7 * 24 * 60 * 60;

fn delete(who: u128, erase_at: i64) -> Change {
    let (admit, patience) = (Admit::Yes, Patience::Wait);
    Change { client: client(who), admit, now: NOW, patience, action: Action::Delete { erase_at } }
}

/// Versions 1 to `count`, each a second after the other.
async fn chain(storage: &dyn Storage, who: u128, count: u128) {
    for n in 1..=count {
        let now = NOW + i64::try_from(n).unwrap();
        let change = add(client(who), version(n - 1), version(n), vec![7; 10]);
        storage.commit(Change { now, ..change }).await.unwrap();
    }
}

pub(in crate::storage) async fn an_account_that_its_owner_deletes_is_refused_at_once_and_can_be_brought_back(
    storage: Backend,
    operator: Operator<'_>,
) {
    // Of all times, the one at which data is erased is not told by the caller but by the clock.
    let now = jiff::Timestamp::now().as_second();
    let far = now + 1_000_000;
    let unknown = storage.commit(delete(1, far)).await;
    assert!(matches!(unknown, Err(CommitError::UnknownAccount)), "never creates one: {unknown:?}");
    assert_eq!(storage.account(client(1)).await.unwrap(), None);

    chain(&*storage, 1, 2).await;
    storage.commit(delete(1, far)).await.unwrap();
    // Without a wait: the deletion itself went through the backend.
    assert_eq!(storage.account(client(1)).await.unwrap().unwrap().barred, Some(Barred::Deleted));
    for change in [add(client(1), version(2), version(3), "c"), delete(1, far)] {
        let refused = storage.commit(change).await;
        assert!(matches!(refused, Err(CommitError::Barred(Barred::Deleted))), "{refused:?}");
    }
    assert_eq!(operator.record(client(1)).unwrap().unwrap().erase_at, Some(far));

    operator.order(client(1), &Order::Disable { reason: None }, now).unwrap_err();
    operator.order(client(1), &Order::Enable, now).unwrap();
    is_barred(&storage, client(1), None).await;
    storage.commit(add(client(1), version(2), version(3), "c")).await.unwrap();
    operator.order(client(1), &Order::Disable { reason: None }, NOW).unwrap();
    let refused = storage.commit(delete(1, far)).await;
    assert!(matches!(refused, Err(CommitError::Barred(Barred::Disabled { .. }))), "{refused:?}");
}

pub(in crate::storage) async fn a_deleted_account_can_be_erased_before_its_time_and_no_other(
    storage: Backend,
    operator: Operator<'_>,
) {
    let me = client(1);
    chain(&*storage, 2, 1).await;
    chain(&*storage, 1, 40).await;
    let body = staged(&*storage, vec![2; 600_000]).await;
    storage.commit(put_snapshot(me, version(40), body)).await.unwrap();
    let stand = Stand { client: me, version: version(3), week: Week::of(NOW) };
    storage.note_stands(vec![stand]).await.unwrap();
    assert!(matches!(operator.erase_some(client(9)), Err(AdminError::UnknownAccount)));
    assert!(matches!(operator.erase_some(me), Err(AdminError::InUse)));

    let far = jiff::Timestamp::now().as_second() + 1_000_000;
    operator.order(me, &Order::Delete { erase_at: far }, NOW).unwrap();
    while operator.erase_some(me).unwrap() {
        let half = operator.order(me, &Order::Enable, NOW);
        assert!(half.is_err(), "half an account is none");
    }
    let Record { account, erase_at, last_stand, .. } = operator.record(me).unwrap().unwrap();
    assert_eq!((account.versions, account.bytes(), account.barred), (0, 0, Some(Barred::Deleted)));
    assert_eq!((erase_at, last_stand, account.last_version_at), (None, None, None));
    assert_eq!(operator.stands(me).unwrap(), []);
    assert!(!operator.erase_some(me).unwrap(), "there is no more");
    eventually(|| async { child(&*storage, me, version(39)).await.is_none().then_some(()) }).await;
    assert_eq!(snapshot(&*storage, me, version(40)).await, None);
    is_barred(&storage, me, Some(Barred::Deleted)).await;
    assert_eq!(operator.record(client(2)).unwrap().unwrap().account.versions, 1);
}

fn seen(operator: Operator<'_>, selection: &Selection) -> Vec<u128> {
    let mut seen = Vec::new();
    operator.records(selection, &mut |record| seen.push(record.client.expose().as_u128())).unwrap();
    seen
}

pub(in crate::storage) async fn an_operator_sees_the_accounts_of_a_selection_in_its_order(
    storage: Backend,
    operator: Operator<'_>,
) {
    for (who, versions) in [(3, 2), (1, 5), (2, 5), (4, 1)] {
        chain(&*storage, who, versions).await;
    }
    storage.commit(put_snapshot(client(4), version(1), vec![1; 500])).await.unwrap();
    let stand = |who, version, week: i64| Stand { client: client(who), version, week: Week::of(NOW + week * WEEK) };
    storage.note_stands(vec![stand(3, version(2), 5), stand(2, version(1), 9)]).await.unwrap();
    operator.order(client(1), &Order::Disable { reason: None }, NOW).unwrap();
    let far = jiff::Timestamp::now().as_second() + 1_000_000;
    operator.order(client(4), &Order::Delete { erase_at: far }, NOW).unwrap();

    let by = |order, reversed| seen(operator, &Selection { order, reversed, ..Selection::default() });
    assert_eq!((by(Created, false), by(Created, true)), (vec![3, 1, 2, 4], vec![4, 2, 1, 3]));
    assert_eq!((by(Size, false), by(Size, true)), (vec![4, 1, 2, 3], vec![3, 1, 2, 4]));
    assert_eq!(by(Versions, false), [1, 2, 3, 4]);
    assert_eq!((by(Seen, false), by(Seen, true)), (vec![2, 3, 1, 4], vec![4, 1, 3, 2]));

    let only = |change: fn(&mut Selection)| {
        let mut selection = Selection::default();
        change(&mut selection);
        seen(operator, &selection)
    };
    assert_eq!(only(|selection| selection.state = Some(State::Active)), [3, 2]);
    assert_eq!(only(|selection| selection.state = Some(State::Disabled)), [1]);
    assert_eq!(only(|selection| selection.state = Some(State::Deleted)), [4]);
    assert_eq!(only(|selection| selection.state = Some(State::Erased)), [0; 0]);
    assert_eq!(only(|selection| selection.over_bytes = Some(50)), [4], "more than that, not as much");
    assert_eq!(only(|selection| selection.silent_since = Some(NOW + 5)), [4]);
    assert_eq!(only(|selection| selection.silent_since = Some(NOW + 7 * WEEK)), [3, 1, 4]);
    assert_eq!(only(|selection| (selection.skip, selection.limit) = (1, Some(2))), [1, 2]);
    assert_eq!(only(|selection| (selection.skip, selection.limit) = (u64::MAX, Some(u64::MAX))), [0; 0]);
    let both = Selection { over_bytes: Some(30), state: Some(State::Active), order: Size, ..Selection::default() };
    assert_eq!(seen(operator, &both), [2]);
}

pub(in crate::storage) async fn an_operator_sees_where_devices_stood(storage: Backend, operator: Operator<'_>) {
    assert!(matches!(operator.stands(client(1)), Err(AdminError::UnknownAccount)));
    chain(&*storage, 1, 5).await;
    let stand = |at, week: i64| Stand { client: client(1), version: version(at), week: Week::of(NOW + week * WEEK) };
    storage.note_stands(vec![stand(2, 1), stand(5, 2), stand(4, 2), stand(5, 3)]).await.unwrap();
    let week = |weeks: i64| Week::of(NOW + weeks * WEEK);
    let standing = |weeks, at, behind| Standing { week: week(weeks), version: version(at), behind: Some(behind) };
    assert_eq!(operator.stands(client(1)).unwrap(), [standing(3, 5, 0), standing(2, 4, 1), standing(1, 2, 3)]);
    assert_eq!(operator.record(client(1)).unwrap().unwrap().last_stand, Some(week(3)));

    // What was pruned is no place any more.
    storage.commit(put_snapshot(client(1), version(5), "all of it")).await.unwrap();
    for n in 6..=9 {
        storage.commit(add(client(1), version(n - 1), version(n), "more")).await.unwrap();
    }
    let all = Retention::since(NOW + 100 * WEEK);
    while storage.prune_some(Cursor::default(), all).await.unwrap().versions > 0 {}
    let stands = operator.stands(client(1)).unwrap();
    assert_eq!(stands.iter().map(|standing| standing.behind).collect::<Vec<_>>(), [Some(4), Some(5), None]);
}

/// Waits until the backend knows what its operator did.
async fn is_latest(storage: &Backend, who: u128, latest: u128) {
    eventually(|| async {
        let account = storage.account(client(who)).await.unwrap().unwrap();
        (account.latest() == version(latest)).then_some(())
    })
    .await;
}

pub(in crate::storage) async fn an_account_goes_back_to_one_of_its_versions_and_goes_on_from_there(
    storage: Backend,
    operator: Operator<'_>,
) {
    let me = client(1);
    assert!(matches!(operator.look_back(me, version(1)), Err(AdminError::UnknownAccount)));
    chain(&*storage, 1, 9).await;
    chain(&*storage, 2, 9).await;
    let body = staged(&*storage, vec![5; 600_000]).await;
    storage.commit(add(me, version(9), version(10), body)).await.unwrap();
    storage.commit(put_snapshot(me, version(6), "older")).await.unwrap();
    let stand = |at, weeks: i64| Stand { client: me, version: version(at), week: Week::of(NOW + weeks * WEEK) };
    storage.note_stands(vec![stand(2, 1), stand(8, 2), stand(10, 3)]).await.unwrap();
    assert!(matches!(operator.look_back(me, version(99)), Err(AdminError::UnknownVersion)));

    let rewind = operator.look_back(me, version(7)).unwrap();
    let expected = Rewind {
        to: version(7),
        to_stored_at: Some(NOW + 7),
        from: version(10),
        versions: 3,
        bytes: 600_020,
        takes_snapshot: false,
        is_complete: true,
        last_seen: Some(Week::of(NOW + 3 * WEEK)),
    };
    assert_eq!(rewind, expected);
    assert_eq!(storage.account(me).await.unwrap().unwrap().versions, 10, "a look changes nothing");
    operator.rewind(me, &rewind, &mut |_| ()).unwrap();
    is_latest(&storage, 1, 7).await;

    let account = storage.account(me).await.unwrap().unwrap();
    assert_eq!((account.versions, account.version_bytes, account.last_version_at), (7, 70, Some(NOW + 7)));
    assert_eq!(account.snapshot.map(|snapshot| snapshot.version), Some(version(6)));
    assert_eq!(account.tip.ids(), [7, 6, 5, 4, 3].map(version));
    assert_eq!(child(&*storage, me, version(6)).await.unwrap().0, version(7));
    for gone in [7, 8, 9, 10] {
        assert_eq!(child(&*storage, me, version(gone)).await, None);
    }
    assert_eq!(operator.stands(me).unwrap().len(), 1);

    // Nobody but who stands at its end can add to it, and a snapshot can be made at its newest five.
    for parent in [VersionId::NIL, version(6), version(10)] {
        let refused = storage.commit(add(me, parent, version(11), "beside")).await;
        assert!(matches!(refused, Err(CommitError::Conflict(latest)) if latest == version(7)), "{refused:?}");
    }
    storage.commit(put_snapshot(me, version(3), "one of the newest five")).await.unwrap();
    let refused = storage.commit(put_snapshot(me, version(10), "gone")).await;
    assert!(matches!(refused, Err(CommitError::UnknownVersion)), "{refused:?}");
    storage.commit(add(me, version(7), version(11), "good again")).await.unwrap();
    assert_eq!(child(&*storage, me, version(7)).await.unwrap().1, "good again");
    assert_eq!(storage.account(client(2)).await.unwrap().unwrap().latest(), version(9), "another's is another's");
}

pub(in crate::storage) async fn a_snapshot_of_what_goes_goes_too_and_an_older_one_stays(
    storage: Backend,
    operator: Operator<'_>,
) {
    let me = client(1);
    chain(&*storage, 1, 8).await;
    let body = staged(&*storage, vec![5; 600_000]).await;
    storage.commit(put_snapshot(me, version(5), body)).await.unwrap();
    chain_on(&*storage, 8, 9).await;
    let since = |storage: Backend| async move {
        storage.account(me).await.unwrap().unwrap().snapshot.map(|snapshot| snapshot.versions_since)
    };
    assert_eq!(since(Backend::clone(&storage)).await, Some(1));
    let rewind = operator.look_back(me, version(5)).unwrap();
    assert!(!rewind.takes_snapshot && rewind.is_complete);
    operator.rewind(me, &rewind, &mut |_| ()).unwrap();
    is_latest(&storage, 1, 5).await;
    assert_eq!(since(Backend::clone(&storage)).await, Some(0));
    assert!(snapshot(&*storage, me, version(5)).await.unwrap() == vec![5; 600_000]);

    let rewind = operator.look_back(me, version(4)).unwrap();
    assert!(rewind.takes_snapshot && rewind.is_complete, "the chain begins at nil");
    operator.rewind(me, &rewind, &mut |_| ()).unwrap();
    is_latest(&storage, 1, 4).await;
    assert_eq!(storage.account(me).await.unwrap().unwrap().snapshot, None);
    assert_eq!(snapshot(&*storage, me, version(5)).await, None);
}

async fn chain_on(storage: &dyn Storage, from: u128, to: u128) {
    for n in from + 1..=to {
        storage.commit(add(client(1), version(n - 1), version(n), vec![7; 10])).await.unwrap();
    }
}

pub(in crate::storage) async fn rewound_to_nil_an_account_takes_any_history(storage: Backend, operator: Operator<'_>) {
    let me = client(1);
    chain(&*storage, 1, 3).await;
    storage.commit(put_snapshot(me, version(3), "all of it")).await.unwrap();
    let rewind = operator.look_back(me, VersionId::NIL).unwrap();
    assert_eq!((rewind.versions, rewind.takes_snapshot, rewind.to_stored_at), (3, true, None));
    operator.rewind(me, &rewind, &mut |_| ()).unwrap();
    is_latest(&storage, 1, 0).await;
    let account = storage.account(me).await.unwrap().unwrap();
    assert_eq!((account.versions, account.bytes(), account.last_version_at), (0, 0, None));
    assert_eq!(child(&*storage, me, VersionId::NIL).await, None);
    storage.commit(add(me, version(77), version(78), "from elsewhere")).await.unwrap();
    assert!(matches!(operator.look_back(me, version(77)), Err(AdminError::UnknownVersion)), "never a version here");
}

pub(in crate::storage) async fn a_pruned_account_that_loses_its_snapshot_is_called_incomplete(
    storage: Backend,
    operator: Operator<'_>,
) {
    let me = client(1);
    chain(&*storage, 1, 20).await;
    storage.commit(put_snapshot(me, version(18), "all of it")).await.unwrap();
    let all = Retention::since(NOW + 100 * WEEK);
    while storage.prune_some(Cursor::default(), all).await.unwrap().versions > 0 {}
    assert!(operator.look_back(me, version(19)).unwrap().is_complete);
    let rewind = operator.look_back(me, version(17)).unwrap();
    assert!(rewind.takes_snapshot && !rewind.is_complete);
    assert!(matches!(operator.look_back(me, version(14)), Err(AdminError::UnknownVersion)), "pruned");
    operator.rewind(me, &rewind, &mut |_| ()).unwrap();
    is_latest(&storage, 1, 17).await;
    let account = storage.account(me).await.unwrap().unwrap();
    assert_eq!((account.versions, account.latest(), account.snapshot), (2, version(17), None));
}

pub(in crate::storage) async fn what_is_not_as_it_was_seen_is_not_rewound(storage: Backend, operator: Operator<'_>) {
    let me = client(1);
    chain(&*storage, 1, 3).await;
    let rewind = operator.look_back(me, version(2)).unwrap();
    chain_on(&*storage, 3, 4).await;
    assert!(matches!(operator.rewind(me, &rewind, &mut |_| ()), Err(AdminError::Changed)));
    assert_eq!(storage.account(me).await.unwrap().unwrap().latest(), version(4));
    let far = jiff::Timestamp::now().as_second() + 1_000_000;
    operator.order(me, &Order::Delete { erase_at: far }, NOW).unwrap();
    assert!(matches!(operator.look_back(me, version(2)), Err(AdminError::Deleted)));
    assert!(matches!(operator.rewind(me, &rewind, &mut |_| ()), Err(AdminError::Deleted)));
    while operator.erase_some(me).unwrap() {}
    assert!(matches!(operator.look_back(me, version(2)), Err(AdminError::Erased)));
}

/// A step of a random history of one account.
#[derive(Debug, Clone)]
enum Step {
    Add(usize),
    Snapshot { back: u128 },
    Stand { at: u128, week: i64 },
    Prune,
    Rewind { back: u128 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (1..40_usize).prop_map(Step::Add),
        2 => (0..6_u128).prop_map(|back| Step::Snapshot { back }),
        2 => (0..20_u128, 0..4_i64).prop_map(|(at, week)| Step::Stand { at, week }),
        1 => Just(Step::Prune),
        3 => (0..8_u128).prop_map(|back| Step::Rewind { back }),
    ];
    proptest::collection::vec(step, 1..40)
}

/// The memory backend is the model.
pub(in crate::storage) async fn any_rewinding_equals_the_model(storage: Backend, operator: Operator<'_>) {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for case in 1..=40_u128 {
        let history = steps().new_tree(&mut runner).unwrap().current();
        let (model, me) = (MemoryStorage::default(), client(case));
        // Versions of this account have numbers that no other has, and none is given out twice.
        let (mut next, base) = (1, case * 1000);
        let mut latest = VersionId::NIL;
        for (at, step) in history.iter().enumerate() {
            match *step {
                Step::Add(bytes) => {
                    let change = || add(me, latest, version(base + next), vec![1; bytes]);
                    storage.commit(change()).await.unwrap();
                    model.commit(change()).await.unwrap();
                    latest = version(base + next);
                    next += 1;
                }
                Step::Snapshot { back } => {
                    let change = || put_snapshot(me, version(base + next.saturating_sub(back)), "s");
                    let (real, expected) = (storage.commit(change()).await, model.commit(change()).await);
                    assert_eq!(format!("{real:?}"), format!("{expected:?}"), "step {at} of {history:#?}");
                }
                Step::Stand { at, week } => {
                    let week = Week::of(NOW + week * WEEK);
                    let stand = Stand { client: me, version: version(base + at), week };
                    storage.note_stands(vec![stand]).await.unwrap();
                    model.note_stands(vec![stand]).await.unwrap();
                }
                Step::Prune => {
                    // To the end: how much goes at once is each backend's own business.
                    let old = Retention::since(NOW + 2 * WEEK);
                    let mut behind = Some(Cursor::default());
                    while let Some(from) = behind {
                        behind = storage.prune_some(from, old).await.unwrap().next;
                    }
                    Storage::prune_some(&model, Cursor::default(), old).await.unwrap();
                }
                Step::Rewind { back } => {
                    let to = if back == 7 { VersionId::NIL } else { version(base + next.saturating_sub(back)) };
                    let real = operator.look_back(me, to);
                    let expected = model.look_back(me, to);
                    assert_eq!(format!("{real:?}"), format!("{expected:?}"), "step {at} of {history:#?}");
                    let (Ok(real), Ok(expected)) = (real, expected) else { continue };
                    operator.rewind(me, &real, &mut |_| ()).unwrap();
                    Administration::rewind(&model, me, &expected, &mut |_| ()).unwrap();
                    latest = to;
                    let expected = model.account(me).await.unwrap();
                    eventually(|| async { (storage.account(me).await.unwrap() == expected).then_some(()) }).await;
                }
            }
            assert_eq!(operator.record(me).unwrap(), model.record(me).unwrap(), "step {at} of {history:#?}");
            assert_eq!(format!("{:?}", operator.stands(me)), format!("{:?}", model.stands(me)));
        }
        for v in 0..45 {
            let at = version(base + v);
            assert_eq!(child(&*storage, me, at).await, child(&model, me, at).await, "{history:#?}");
        }
    }
}
