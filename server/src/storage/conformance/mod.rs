//! The one suite that every backend passes: [`Storage`]'s invariants, as tests named after what they promise.
//!
//! A backend calls `suite!(|dir| …, |storage, dir| …)` in its own tests, with how to open itself in an empty folder, and how an
//! operator does beside it.

mod operators;
mod pruning;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use taskferry_protocol::{ClientId, InviteCode, VersionId};
use uuid::Uuid;

use super::admin::{AdminError, Administration, Order};
use super::body::{CHUNK_BYTES, Incoming};
use super::select::Selection;
use super::{Action, Admit, Barred, Change, CommitError, Committed, OwnQuota, Patience, Storage};
use crate::invite::{InviteFlaw, InviteHash};

pub(super) use self::operators::*;
pub(super) use self::pruning::*;

const NOW: i64 = 1_800_000_000;

pub(crate) fn version(n: u128) -> VersionId {
    VersionId::from_uuid(Uuid::from_u128(n))
}

pub(crate) fn client(n: u128) -> ClientId {
    ClientId::from_uuid(Uuid::from_u128(n))
}

fn change(client: ClientId, now: i64, action: Action) -> Change {
    Change { client, admit: Admit::Yes, now, patience: Patience::Wait, action }
}

pub(crate) fn add(client: ClientId, parent: VersionId, version: VersionId, body: impl Into<Incoming>) -> Change {
    change(client, NOW, Action::AddVersion { version, parent, body: body.into() })
}

pub(crate) fn put_snapshot(client: ClientId, version: VersionId, body: impl Into<Incoming>) -> Change {
    change(client, NOW + 5, Action::PutSnapshot { version, body: body.into() })
}

pub(crate) fn register(client: ClientId, admit: Admit) -> Change {
    Change { admit, ..change(client, NOW, Action::Register) }
}

/// A body of any size, handed over as the server does: whole if it is small, else piece by piece.
pub(crate) async fn staged(storage: &dyn Storage, body: Vec<u8>) -> Incoming {
    if body.len() <= CHUNK_BYTES {
        return body.into();
    }
    let mut staging = storage.stage().await.unwrap();
    for piece in body.chunks(CHUNK_BYTES) {
        staging.push(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    staging.finish()
}

/// What follows a version, with its body.
async fn child(storage: &dyn Storage, client: ClientId, parent: VersionId) -> Option<(VersionId, Bytes)> {
    let child = storage.child(client, parent).await.unwrap()?;
    Some((child.version, child.body.collect().await.unwrap()))
}

async fn snapshot(storage: &dyn Storage, client: ClientId, version: VersionId) -> Option<Bytes> {
    Some(storage.snapshot(client, version).await.unwrap()?.collect().await.unwrap())
}

macro_rules! suite {
    ($open:expr, $operator:expr) => {
        $crate::storage::conformance::suite!(@each $open, $operator;
            an_unknown_account_has_nothing,
            only_what_exists_is_remembered,
            registering_twice_creates_once,
            an_account_that_may_not_be_admitted_stays_unknown,
            the_first_version_creates_its_account_in_the_same_commit,
            versions_form_one_chain_and_come_back_byte_for_byte,
            an_empty_account_accepts_any_parent,
            a_version_beside_the_chain_is_refused_with_the_latest_one_and_changes_nothing,
            racing_first_versions_leave_one_winner,
            racing_writers_leave_one_chain,
            who_follows_a_chain_while_it_grows_misses_nothing,
            a_snapshot_replaces_the_former_one_and_counts_versions_since,
            a_snapshot_of_an_unknown_version_is_refused,
            bodies_of_every_size_come_back_whole,
            accounts_never_see_each_other,
            a_commit_goes_through_when_nobody_waits_for_it,
            any_history_equals_the_model,
            an_invite_creates_as_many_accounts_as_it_has_uses,
            an_invite_that_is_unknown_expired_or_revoked_creates_nothing,
            racing_registrations_take_one_use,
            a_disabled_account_changes_no_more_until_it_is_enabled,
            a_deleted_account_is_refused_and_comes_back_whole_while_there_is_time,
            an_erased_account_leaves_a_tombstone_and_nothing_else,
            an_operator_sees_every_account_and_its_quota,
            an_account_that_its_owner_deletes_is_refused_at_once_and_can_be_brought_back,
            a_deleted_account_can_be_erased_before_its_time_and_no_other,
            an_operator_sees_the_accounts_of_a_selection_in_its_order,
            an_operator_sees_where_devices_stood,
            an_account_goes_back_to_one_of_its_versions_and_goes_on_from_there,
            a_snapshot_of_what_goes_goes_too_and_an_older_one_stays,
            rewound_to_nil_an_account_takes_any_history,
            a_pruned_account_that_loses_its_snapshot_is_called_incomplete,
            what_is_not_as_it_was_seen_is_not_rewound,
            any_rewinding_equals_the_model,
            old_versions_behind_a_snapshot_are_pruned,
            the_newest_five_versions_stay_whatever_their_age,
            nothing_is_pruned_that_no_snapshot_covers,
            a_device_that_came_in_time_finds_all_that_it_misses,
            what_is_no_place_of_the_chain_holds_nothing_back,
            an_operator_learns_whom_pruning_leaves_behind,
            any_pruning_equals_the_model,
        );
    };
    (@each $open:expr, $operator:expr; $($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let storage = std::sync::Arc::new(($open)(dir.path()));
                let operator = ($operator)(&storage, dir.path());
                $crate::storage::conformance::run(|| $crate::storage::conformance::$name(storage, &*operator));
            }
        )*
    };
}
pub(crate) use suite;

/// Runs one test on a runtime of its own, with real threads for the races.
pub(crate) fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test());
}

type Backend = Arc<dyn Storage>;
type Operator<'a> = &'a dyn Administration;

/// Asks until `look` finds something: what an operator did reaches a running server soon, but not at once.
async fn eventually<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    let found = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), found).await.expect("it never came")
}

async fn is_barred(storage: &Backend, client: ClientId, barred: Option<Barred>) {
    eventually(|| async {
        let account = storage.account(client).await.unwrap().unwrap();
        (account.barred == barred).then_some(())
    })
    .await;
}

pub(super) async fn only_what_exists_is_remembered(storage: Backend, _: Operator<'_>) {
    // Asked for, and not there: that is nothing to remember.
    assert_eq!(storage.account(client(1)).await.unwrap(), None);
    assert!(!storage.remembers(client(1)));
    storage.commit(add(client(1), VersionId::NIL, version(1), "a")).await.unwrap();
    assert!(storage.remembers(client(1)) && !storage.remembers(client(2)));
}

pub(super) async fn an_unknown_account_has_nothing(storage: Backend, _: Operator<'_>) {
    let nobody = client(1);
    assert_eq!(storage.account(nobody).await.unwrap(), None);
    assert_eq!(child(&*storage, nobody, VersionId::NIL).await, None);
    assert_eq!(snapshot(&*storage, nobody, version(1)).await, None);
    storage.check().await.unwrap();
}

pub(super) async fn registering_twice_creates_once(storage: Backend, _: Operator<'_>) {
    let me = client(1);
    assert_eq!(storage.commit(register(me, Admit::Yes)).await.unwrap(), Committed { created: true });
    assert_eq!(storage.commit(register(me, Admit::Yes)).await.unwrap(), Committed { created: false });
    assert_eq!(storage.commit(register(me, Admit::No)).await.unwrap(), Committed { created: false });
    let account = storage.account(me).await.unwrap().unwrap();
    assert!(account.latest().is_nil() && account.barred.is_none() && account.snapshot.is_none());
    assert_eq!((account.versions, account.created_at, account.last_version_at), (0, NOW, None));
}

pub(super) async fn an_account_that_may_not_be_admitted_stays_unknown(storage: Backend, _: Operator<'_>) {
    let me = client(1);
    assert!(matches!(storage.commit(register(me, Admit::No)).await, Err(CommitError::UnknownAccount)));
    let change = Change { admit: Admit::No, ..add(me, VersionId::NIL, version(1), "a") };
    assert!(matches!(storage.commit(change).await, Err(CommitError::UnknownAccount)));
    assert_eq!(storage.account(me).await.unwrap(), None);
}

pub(super) async fn the_first_version_creates_its_account_in_the_same_commit(storage: Backend, _: Operator<'_>) {
    let me = client(1);
    let done = storage.commit(add(me, VersionId::NIL, version(1), "a")).await.unwrap();
    assert!(done.created);
    assert_eq!(storage.account(me).await.unwrap().unwrap().latest(), version(1));
}

pub(super) async fn versions_form_one_chain_and_come_back_byte_for_byte(storage: Backend, _: Operator<'_>) {
    let me = client(1);
    for n in 0..20_u8 {
        let change = add(me, version(u128::from(n)), version(u128::from(n) + 1), vec![n, 0, 255, b'\n']);
        assert_eq!(storage.commit(change).await.unwrap().created, n == 0);
    }
    let account = storage.account(me).await.unwrap().unwrap();
    assert_eq!((account.latest(), account.versions, account.version_bytes), (version(20), 20, 80));
    assert_eq!(account.last_version_at, Some(NOW));
    for n in 0..20_u8 {
        let (next, body) = child(&*storage, me, version(u128::from(n))).await.unwrap();
        assert_eq!((next, &body[..]), (version(u128::from(n) + 1), &[n, 0, 255, b'\n'][..]));
    }
    assert_eq!(child(&*storage, me, version(20)).await, None);
}

pub(super) async fn an_empty_account_accepts_any_parent(storage: Backend, _: Operator<'_>) {
    let me = client(1);
    storage.commit(register(me, Admit::Yes)).await.unwrap();
    storage.commit(add(me, version(77), version(78), "moved from elsewhere")).await.unwrap();
    assert_eq!(child(&*storage, me, version(77)).await.unwrap().0, version(78));
    assert_eq!(child(&*storage, me, VersionId::NIL).await, None);
}

pub(super) async fn a_version_beside_the_chain_is_refused_with_the_latest_one_and_changes_nothing(
    storage: Backend,
    _: Operator<'_>,
) {
    let me = client(1);
    storage.commit(add(me, VersionId::NIL, version(1), "a")).await.unwrap();
    storage.commit(add(me, version(1), version(2), "b")).await.unwrap();
    let before = storage.account(me).await.unwrap();
    for parent in [VersionId::NIL, version(1), version(99)] {
        let refused = storage.commit(add(me, parent, version(3), "c")).await;
        assert!(matches!(refused, Err(CommitError::Conflict(latest)) if latest == version(2)));
    }
    assert_eq!(storage.account(me).await.unwrap(), before);
    assert_eq!(child(&*storage, me, version(99)).await, None);
}

pub(super) async fn racing_first_versions_leave_one_winner(storage: Backend, _: Operator<'_>) {
    for round in 0..30_u128 {
        let me = client(round);
        let rivals: Vec<_> = (1..=4_u128)
            .map(|n| {
                let storage = Arc::clone(&storage);
                tokio::spawn(async move { storage.commit(add(me, VersionId::NIL, version(n), "first")).await })
            })
            .collect();
        let (mut won, mut lost) = (Vec::new(), Vec::new());
        for rival in rivals {
            match rival.await.unwrap() {
                Ok(done) => won.push(done.created),
                Err(CommitError::Conflict(latest)) => lost.push(latest),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won, [true]);
        let winner = storage.account(me).await.unwrap().unwrap().latest();
        assert_eq!(lost, [winner; 3]);
    }
}

pub(super) async fn racing_writers_leave_one_chain(storage: Backend, _: Operator<'_>) {
    let me = client(1);
    let writers: Vec<_> = (0..6_u128)
        .map(|writer| {
            let storage = Arc::clone(&storage);
            tokio::spawn(async move {
                let mut parent = VersionId::NIL;
                let mut accepted = 0_u32;
                for n in 1..=30_u128 {
                    let mine = version(writer * 1000 + n);
                    match storage.commit(add(me, parent, mine, "x")).await {
                        Ok(_) => {
                            parent = mine;
                            accepted += 1;
                        }
                        Err(CommitError::Conflict(latest)) => parent = latest,
                        Err(other) => panic!("{other}"),
                    }
                }
                accepted
            })
        })
        .collect();
    let mut accepted = 0;
    for writer in writers {
        accepted += writer.await.unwrap();
    }
    let mut at = VersionId::NIL;
    let mut walked = 0;
    while let Some((next, _)) = child(&*storage, me, at).await {
        at = next;
        walked += 1;
    }
    let account = storage.account(me).await.unwrap().unwrap();
    assert_eq!((walked, at), (accepted, account.latest()));
    assert_eq!(account.versions, u64::from(accepted));
}

pub(super) async fn who_follows_a_chain_while_it_grows_misses_nothing(storage: Backend, _: Operator<'_>) {
    const VERSIONS: u128 = 100;
    let me = client(1);
    assert!(storage.follow(me, VersionId::NIL).await.unwrap().is_none(), "no account yet");
    storage.commit(register(me, Admit::Yes)).await.unwrap();
    let writer = tokio::spawn({
        let storage = Arc::clone(&storage);
        async move {
            for n in 0..VERSIONS {
                storage.commit(add(me, version(n), version(n + 1), "a")).await.unwrap();
            }
        }
    });
    let mut at = VersionId::NIL;
    while at != version(VERSIONS) {
        let followed = storage.follow(me, at).await.unwrap().unwrap();
        match followed.child {
            Some(child) => at = child.version,
            None => assert_eq!(followed.account.latest(), at, "a device that is told this would give up"),
        }
    }
    writer.await.unwrap();
}

pub(super) async fn a_snapshot_replaces_the_former_one_and_counts_versions_since(storage: Backend, _: Operator<'_>) {
    let me = client(1);
    storage.commit(add(me, VersionId::NIL, version(1), "a")).await.unwrap();
    storage.commit(put_snapshot(me, version(1), "snapshot one")).await.unwrap();
    storage.commit(add(me, version(1), version(2), "b")).await.unwrap();
    storage.commit(add(me, version(2), version(3), "c")).await.unwrap();
    let meta = storage.account(me).await.unwrap().unwrap().snapshot.unwrap();
    assert_eq!((meta.version, meta.versions_since, meta.bytes, meta.stored_at), (version(1), 2, 12, NOW + 5));
    assert_eq!(snapshot(&*storage, me, version(1)).await.unwrap(), "snapshot one");

    let body = staged(&*storage, vec![7; 700_000]).await;
    storage.commit(put_snapshot(me, version(3), body)).await.unwrap();
    let meta = storage.account(me).await.unwrap().unwrap().snapshot.unwrap();
    assert_eq!((meta.version, meta.versions_since, meta.bytes), (version(3), 0, 700_000));
    assert_eq!(snapshot(&*storage, me, version(1)).await, None);
    assert!(snapshot(&*storage, me, version(3)).await.unwrap() == vec![7; 700_000]);
}

pub(super) async fn a_snapshot_of_an_unknown_version_is_refused(storage: Backend, _: Operator<'_>) {
    let (me, other) = (client(1), client(2));
    storage.commit(add(me, VersionId::NIL, version(1), "a")).await.unwrap();
    storage.commit(add(other, VersionId::NIL, version(2), "b")).await.unwrap();
    for (whose, which) in [(me, version(2)), (me, version(9)), (other, version(1)), (client(3), version(1))] {
        let refused = storage.commit(put_snapshot(whose, which, "s")).await;
        assert!(matches!(refused, Err(CommitError::UnknownVersion)), "{refused:?}");
    }
    assert_eq!(storage.account(me).await.unwrap().unwrap().snapshot, None);
    assert_eq!(storage.account(client(3)).await.unwrap(), None);
}

pub(super) async fn bodies_of_every_size_come_back_whole(storage: Backend, _: Operator<'_>) {
    let me = client(1);
    let chunk = CHUNK_BYTES;
    let mut parent = VersionId::NIL;
    for (n, size) in (1_u128..).zip([1, 2, 700, 8191, 8192, chunk - 1, chunk, chunk + 1, 2 * chunk, 1_048_577]) {
        let body: Vec<u8> = (0..size).map(|i| u8::try_from(i * 31 % 251).unwrap()).collect();
        let incoming = staged(&*storage, body.clone()).await;
        storage.commit(add(me, parent, version(n), incoming)).await.unwrap();
        let incoming = staged(&*storage, body.clone()).await;
        storage.commit(put_snapshot(me, version(n), incoming)).await.unwrap();
        assert!(child(&*storage, me, parent).await.unwrap().1 == body, "version of {size} bytes");
        assert!(snapshot(&*storage, me, version(n)).await.unwrap() == body, "snapshot of {size} bytes");
        parent = version(n);
    }
}

pub(super) async fn accounts_never_see_each_other(storage: Backend, _: Operator<'_>) {
    let (alice, bob) = (client(1), client(2));
    storage.commit(add(alice, VersionId::NIL, version(1), "alice")).await.unwrap();
    storage.commit(put_snapshot(alice, version(1), "hers")).await.unwrap();
    storage.commit(register(bob, Admit::Yes)).await.unwrap();
    assert_eq!(child(&*storage, bob, VersionId::NIL).await, None);
    assert_eq!(snapshot(&*storage, bob, version(1)).await, None);

    // The same parent and even the same version ID are different things in different accounts.
    storage.commit(add(bob, VersionId::NIL, version(1), "bob")).await.unwrap();
    assert_eq!(child(&*storage, bob, VersionId::NIL).await.unwrap().1, "bob");
    assert_eq!(child(&*storage, alice, VersionId::NIL).await.unwrap().1, "alice");
}

pub(super) async fn a_commit_goes_through_when_nobody_waits_for_it(storage: Backend, _: Operator<'_>) {
    let me = client(1);
    // Polled once: the change is handed over; then the caller hangs up.
    let _ = storage.commit(add(me, VersionId::NIL, version(1), "a")).now_or_never();
    // A later change of the same account is carried out behind it.
    assert!(matches!(
        storage.commit(add(me, VersionId::NIL, version(2), "b")).await,
        Err(CommitError::Conflict(latest)) if latest == version(1)
    ));
}

fn invite(n: u8) -> InviteHash {
    InviteHash::of(&InviteCode::from_random([n; 16]))
}

pub(super) async fn an_invite_creates_as_many_accounts_as_it_has_uses(storage: Backend, operator: Operator<'_>) {
    let made = operator.create_invite(invite(1), 2, NOW + 10, NOW).unwrap();
    assert_eq!((made.uses, made.used, made.expires_at), (2, 0, NOW + 10));
    let by_invite = |n| register(client(n), Admit::ByInvite(invite(1)));
    for who in [1, 1, 2, 1] {
        storage.commit(by_invite(who)).await.unwrap();
    }
    assert_eq!(operator.invites().unwrap()[0].used, 2, "an account that is there takes no use");
    let refused = storage.commit(by_invite(3)).await;
    assert!(matches!(refused, Err(CommitError::Invite(InviteFlaw::Used))), "{refused:?}");
    assert_eq!(storage.account(client(3)).await.unwrap(), None);
}

pub(super) async fn an_invite_that_is_unknown_expired_or_revoked_creates_nothing(
    storage: Backend,
    operator: Operator<'_>,
) {
    operator.create_invite(invite(1), 1, NOW, NOW - 5).unwrap();
    let revoked = operator.create_invite(invite(2), 1, NOW + 10, NOW).unwrap();
    assert!(operator.revoke_invite(revoked.id).unwrap());
    assert!(!operator.revoke_invite(revoked.id).unwrap());
    for (which, flaw) in [(1, InviteFlaw::Expired), (2, InviteFlaw::Unknown), (3, InviteFlaw::Unknown)] {
        let refused = storage.commit(register(client(1), Admit::ByInvite(invite(which)))).await;
        assert!(matches!(refused, Err(CommitError::Invite(found)) if found == flaw), "{refused:?}");
    }
    assert_eq!(storage.account(client(1)).await.unwrap(), None);
    assert_eq!(operator.invites().unwrap().iter().map(|invite| invite.used).sum::<u32>(), 0);

    let long_after = NOW + 200 * 24 * 60 * 60;
    operator.create_invite(invite(4), 1, long_after + 1, long_after).unwrap();
    assert_eq!(operator.invites().unwrap().len(), 1, "what expired long ago is forgotten");
}

pub(super) async fn racing_registrations_take_one_use(storage: Backend, operator: Operator<'_>) {
    operator.create_invite(invite(1), 3, NOW + 10, NOW).unwrap();
    let rivals: Vec<_> = (0..8)
        .map(|_| {
            let storage = Arc::clone(&storage);
            tokio::spawn(async move { storage.commit(register(client(1), Admit::ByInvite(invite(1)))).await })
        })
        .collect();
    let mut created = 0;
    for rival in rivals {
        created += u32::from(rival.await.unwrap().unwrap().created);
    }
    assert_eq!((created, operator.invites().unwrap()[0].used), (1, 1));
}

pub(super) async fn a_disabled_account_changes_no_more_until_it_is_enabled(storage: Backend, operator: Operator<'_>) {
    let me = client(1);
    let disable = Order::Disable { reason: Some("moved away".into()) };
    assert!(matches!(operator.order(me, &disable, NOW), Err(AdminError::UnknownAccount)));
    storage.commit(add(me, VersionId::NIL, version(1), "a")).await.unwrap();
    operator.order(me, &disable, NOW).unwrap();

    let barred = Barred::Disabled { reason: Some("moved away".into()) };
    for change in [
        register(me, Admit::Yes),
        add(me, version(1), version(2), "b"),
        add(me, VersionId::NIL, version(2), "a conflict, if it were not disabled"),
        put_snapshot(me, version(1), "s"),
    ] {
        let refused = storage.commit(change).await;
        assert!(matches!(&refused, Err(CommitError::Barred(why)) if *why == barred), "{refused:?}");
    }
    is_barred(&storage, me, Some(barred)).await;
    assert_eq!(storage.account(me).await.unwrap().unwrap().versions, 1);

    operator.order(me, &Order::Enable, NOW).unwrap();
    is_barred(&storage, me, None).await;
    storage.commit(add(me, version(1), version(2), "b")).await.unwrap();
}

pub(super) async fn a_deleted_account_is_refused_and_comes_back_whole_while_there_is_time(
    storage: Backend,
    operator: Operator<'_>,
) {
    let me = client(1);
    // Of all times, the one at which data is erased is not told by the caller but by the clock.
    let now = jiff::Timestamp::now().as_second();
    let far = now + 1_000_000;
    storage.commit(add(me, VersionId::NIL, version(1), "a")).await.unwrap();
    operator.order(me, &Order::Delete { erase_at: far }, now).unwrap();
    for change in [register(me, Admit::Yes), add(me, version(1), version(2), "b")] {
        let refused = storage.commit(change).await;
        assert!(matches!(refused, Err(CommitError::Barred(Barred::Deleted))), "{refused:?}");
    }
    let disable = operator.order(me, &Order::Disable { reason: None }, now);
    assert!(matches!(disable, Err(AdminError::Deleted)), "{disable:?}");
    assert!(matches!(operator.order(me, &Order::Create, now), Err(AdminError::Deleted)));
    assert_eq!(operator.record(me).unwrap().unwrap().erase_at, Some(far));
    is_barred(&storage, me, Some(Barred::Deleted)).await;

    operator.order(me, &Order::Enable, now).unwrap();
    is_barred(&storage, me, None).await;
    assert_eq!(child(&*storage, me, VersionId::NIL).await.unwrap().1, "a");
    storage.commit(add(me, version(1), version(2), "b")).await.unwrap();
}

pub(super) async fn an_erased_account_leaves_a_tombstone_and_nothing_else(storage: Backend, operator: Operator<'_>) {
    let (me, other) = (client(1), client(2));
    storage.commit(add(other, VersionId::NIL, version(1), "stays")).await.unwrap();
    for n in 0..40 {
        let body = staged(&*storage, vec![1; if n % 20 == 0 { 600_000 } else { 10 }]).await;
        storage.commit(add(me, version(n), version(n + 1), body)).await.unwrap();
    }
    let body = staged(&*storage, vec![2; 600_000]).await;
    storage.commit(put_snapshot(me, version(40), body)).await.unwrap();
    operator.order(me, &Order::Delete { erase_at: NOW - 1_000_000_000 }, NOW - 1_000_000_001).unwrap();

    let erased = eventually(|| async { operator.record(me).unwrap().filter(|record| record.erase_at.is_none()) }).await;
    assert_eq!(erased.account.barred, Some(Barred::Deleted));
    assert_eq!((erased.account.versions, erased.account.bytes()), (0, 0));
    assert_eq!(child(&*storage, me, version(39)).await, None);
    assert_eq!(snapshot(&*storage, me, version(40)).await, None);
    assert!(matches!(operator.order(me, &Order::Enable, NOW), Err(AdminError::Erased)));
    let refused = storage.commit(add(me, VersionId::NIL, version(1), "starting anew")).await;
    assert!(matches!(refused, Err(CommitError::Barred(Barred::Deleted))), "{refused:?}");
    assert_eq!(child(&*storage, other, VersionId::NIL).await.unwrap().1, "stays");
}

pub(super) async fn an_operator_sees_every_account_and_its_quota(storage: Backend, operator: Operator<'_>) {
    assert_eq!(Administration::salt(operator), storage.salt());
    storage.commit(register(client(9), Admit::Yes)).await.unwrap();
    operator.order(client(2), &Order::Create, NOW + 1).unwrap();
    assert!(matches!(operator.order(client(2), &Order::Create, NOW), Err(AdminError::Exists)));
    let quota = OwnQuota { bytes: Some(7), versions: None };
    operator.order(client(2), &Order::SetQuota(quota), NOW).unwrap();

    let mut seen = Vec::new();
    operator
        .records(&Selection::default(), &mut |record| seen.push((record.client, record.account.created_at)))
        .unwrap();
    assert_eq!(seen, [(client(9), NOW), (client(2), NOW + 1)]);
    assert_eq!(operator.record(client(2)).unwrap().unwrap().account.quota, quota);
    assert_eq!(operator.record(client(3)).unwrap(), None);
    assert_eq!(storage.account(client(2)).await.unwrap().unwrap().quota, quota);
}

/// A step of a random history over two accounts and few IDs, so that collisions are common.
#[derive(Debug, Clone)]
enum Step {
    Register(u128),
    Add { client: u128, parent: u128, bytes: usize },
    Snapshot { client: u128, version: u128, bytes: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 1..=2_u128;
    let step = prop_oneof![
        1 => who.clone().prop_map(Step::Register),
        6 => (who.clone(), 0..8_u128, 1..40_usize).prop_map(|(client, parent, bytes)| Step::Add { client, parent, bytes }),
        2 => (who, 0..8_u128, 1..40_usize).prop_map(|(client, version, bytes)| Step::Snapshot { client, version, bytes }),
    ];
    proptest::collection::vec(step, 1..40)
}

/// The memory backend is the model; its own run checks that the suite itself is deterministic.
pub(super) async fn any_history_equals_the_model(storage: Backend, _: Operator<'_>) {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for case in 0..60_u128 {
        let history = steps().new_tree(&mut runner).unwrap().current();
        let model = super::memory::MemoryStorage::default();
        let mut next = [0_u128; 3];
        for (at, step) in history.iter().enumerate() {
            let change = || match *step {
                Step::Register(who) => register(client(case * 10 + who), Admit::Yes),
                Step::Add { client: who, parent, bytes } => {
                    let id = client(case * 10 + who);
                    let count = next[usize::try_from(who).unwrap()];
                    // A parent that is not one of this account's versions must never become one later.
                    let parent = if parent > count { parent + 1000 } else { parent };
                    add(id, version(parent), version(count + 1), vec![u8::try_from(at).unwrap(); bytes])
                }
                Step::Snapshot { client: who, version: at_version, bytes } => {
                    put_snapshot(client(case * 10 + who), version(at_version), vec![1; bytes])
                }
            };
            let (real, expected) = (storage.commit(change()).await, model.commit(change()).await);
            assert_eq!(format!("{real:?}"), format!("{expected:?}"), "step {at} of {history:#?}");
            if let (&Step::Add { client: who, .. }, Ok(_)) = (step, real) {
                next[usize::try_from(who).unwrap()] += 1;
            }
        }
        for who in 1..=2_u128 {
            let id = client(case * 10 + who);
            assert_eq!(storage.account(id).await.unwrap(), model.account(id).await.unwrap(), "{history:#?}");
            for v in 0..50 {
                assert_eq!(child(&*storage, id, version(v)).await, child(&model, id, version(v)).await);
                assert_eq!(snapshot(&*storage, id, version(v)).await, snapshot(&model, id, version(v)).await);
            }
        }
    }
}
