//! The one suite that every backend passes: [`Storage`]'s invariants, as tests named after what they promise.
//!
//! A backend calls `suite!(|dir| …)` in its own tests, with how to open itself in an empty folder.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use super::body::{CHUNK_BYTES, Incoming};
use super::{Action, Change, CommitError, Committed, Patience, Storage};

const NOW: i64 = 1_800_000_000;

pub(super) fn version(n: u128) -> VersionId {
    VersionId::from_uuid(Uuid::from_u128(n))
}

pub(super) fn client(n: u128) -> ClientId {
    ClientId::from_uuid(Uuid::from_u128(n))
}

fn change(client: ClientId, now: i64, action: Action) -> Change {
    Change { client, admit: true, now, patience: Patience::Wait, action }
}

pub(super) fn add(client: ClientId, parent: VersionId, version: VersionId, body: impl Into<Incoming>) -> Change {
    change(client, NOW, Action::AddVersion { version, parent, body: body.into() })
}

pub(super) fn put_snapshot(client: ClientId, version: VersionId, body: impl Into<Incoming>) -> Change {
    change(client, NOW + 5, Action::PutSnapshot { version, body: body.into() })
}

pub(super) fn register(client: ClientId, admit: bool) -> Change {
    Change { admit, ..change(client, NOW, Action::Register) }
}

/// A body of any size, handed over as the server does: whole if it is small, else piece by piece.
pub(super) async fn staged(storage: &dyn Storage, body: Vec<u8>) -> Incoming {
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
    ($open:expr) => {
        $crate::storage::conformance::suite!(@each $open;
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
            a_snapshot_replaces_the_former_one_and_counts_versions_since,
            a_snapshot_of_an_unknown_version_is_refused,
            bodies_of_every_size_come_back_whole,
            accounts_never_see_each_other,
            a_commit_goes_through_when_nobody_waits_for_it,
            any_history_equals_the_model,
        );
    };
    (@each $open:expr; $($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let storage: std::sync::Arc<dyn $crate::storage::Storage> = std::sync::Arc::new(($open)(dir.path()));
                $crate::storage::conformance::run(|| $crate::storage::conformance::$name(storage, dir.path()));
            }
        )*
    };
}
pub(crate) use suite;

/// Runs one test on a runtime of its own, with real threads for the races.
pub(super) fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test());
}

type Backend = Arc<dyn Storage>;

pub(super) async fn only_what_exists_is_remembered(storage: Backend, _: &Path) {
    // Asked for, and not there: that is nothing to remember.
    assert_eq!(storage.account(client(1)).await.unwrap(), None);
    assert!(!storage.remembers(client(1)));
    storage.commit(add(client(1), VersionId::NIL, version(1), "a")).await.unwrap();
    assert!(storage.remembers(client(1)) && !storage.remembers(client(2)));
}

pub(super) async fn an_unknown_account_has_nothing(storage: Backend, _: &Path) {
    let nobody = client(1);
    assert_eq!(storage.account(nobody).await.unwrap(), None);
    assert_eq!(child(&*storage, nobody, VersionId::NIL).await, None);
    assert_eq!(snapshot(&*storage, nobody, version(1)).await, None);
    storage.check().await.unwrap();
}

pub(super) async fn registering_twice_creates_once(storage: Backend, _: &Path) {
    let me = client(1);
    assert_eq!(storage.commit(register(me, true)).await.unwrap(), Committed { created: true });
    assert_eq!(storage.commit(register(me, true)).await.unwrap(), Committed { created: false });
    assert_eq!(storage.commit(register(me, false)).await.unwrap(), Committed { created: false });
    let account = storage.account(me).await.unwrap().unwrap();
    assert!(account.latest().is_nil() && !account.disabled && account.snapshot.is_none());
    assert_eq!((account.versions, account.created_at, account.last_version_at), (0, NOW, None));
}

pub(super) async fn an_account_that_may_not_be_admitted_stays_unknown(storage: Backend, _: &Path) {
    let me = client(1);
    assert!(matches!(storage.commit(register(me, false)).await, Err(CommitError::UnknownAccount)));
    let change = Change { admit: false, ..add(me, VersionId::NIL, version(1), "a") };
    assert!(matches!(storage.commit(change).await, Err(CommitError::UnknownAccount)));
    assert_eq!(storage.account(me).await.unwrap(), None);
}

pub(super) async fn the_first_version_creates_its_account_in_the_same_commit(storage: Backend, _: &Path) {
    let me = client(1);
    let done = storage.commit(add(me, VersionId::NIL, version(1), "a")).await.unwrap();
    assert!(done.created);
    assert_eq!(storage.account(me).await.unwrap().unwrap().latest(), version(1));
}

pub(super) async fn versions_form_one_chain_and_come_back_byte_for_byte(storage: Backend, _: &Path) {
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

pub(super) async fn an_empty_account_accepts_any_parent(storage: Backend, _: &Path) {
    let me = client(1);
    storage.commit(register(me, true)).await.unwrap();
    storage.commit(add(me, version(77), version(78), "moved from elsewhere")).await.unwrap();
    assert_eq!(child(&*storage, me, version(77)).await.unwrap().0, version(78));
    assert_eq!(child(&*storage, me, VersionId::NIL).await, None);
}

pub(super) async fn a_version_beside_the_chain_is_refused_with_the_latest_one_and_changes_nothing(
    storage: Backend,
    _: &Path,
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

pub(super) async fn racing_first_versions_leave_one_winner(storage: Backend, _: &Path) {
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

pub(super) async fn racing_writers_leave_one_chain(storage: Backend, _: &Path) {
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

pub(super) async fn a_snapshot_replaces_the_former_one_and_counts_versions_since(storage: Backend, _: &Path) {
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

pub(super) async fn a_snapshot_of_an_unknown_version_is_refused(storage: Backend, _: &Path) {
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

pub(super) async fn bodies_of_every_size_come_back_whole(storage: Backend, _: &Path) {
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

pub(super) async fn accounts_never_see_each_other(storage: Backend, _: &Path) {
    let (alice, bob) = (client(1), client(2));
    storage.commit(add(alice, VersionId::NIL, version(1), "alice")).await.unwrap();
    storage.commit(put_snapshot(alice, version(1), "hers")).await.unwrap();
    storage.commit(register(bob, true)).await.unwrap();
    assert_eq!(child(&*storage, bob, VersionId::NIL).await, None);
    assert_eq!(snapshot(&*storage, bob, version(1)).await, None);

    // The same parent and even the same version ID are different things in different accounts.
    storage.commit(add(bob, VersionId::NIL, version(1), "bob")).await.unwrap();
    assert_eq!(child(&*storage, bob, VersionId::NIL).await.unwrap().1, "bob");
    assert_eq!(child(&*storage, alice, VersionId::NIL).await.unwrap().1, "alice");
}

pub(super) async fn a_commit_goes_through_when_nobody_waits_for_it(storage: Backend, _: &Path) {
    let me = client(1);
    // Polled once: the change is handed over; then the caller hangs up.
    let _ = storage.commit(add(me, VersionId::NIL, version(1), "a")).now_or_never();
    // A later change of the same account is carried out behind it.
    assert!(matches!(
        storage.commit(add(me, VersionId::NIL, version(2), "b")).await,
        Err(CommitError::Conflict(latest)) if latest == version(1)
    ));
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
pub(super) async fn any_history_equals_the_model(storage: Backend, _: &Path) {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for case in 0..60_u128 {
        let history = steps().new_tree(&mut runner).unwrap().current();
        let model = super::memory::MemoryStorage::default();
        let mut next = [0_u128; 3];
        for (at, step) in history.iter().enumerate() {
            let change = || match *step {
                Step::Register(who) => register(client(case * 10 + who), true),
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
