//! The protocol without HTTP, over storage in memory.

use std::num::NonZeroU32;

use bytes::Bytes;
use taskferry_protocol::describe;

use super::*;
use crate::admission::newcomers::{Newcomers, Rates};
use crate::admission::registration::Registration;
use crate::storage::memory::MemoryStorage;

fn sync() -> SyncService {
    sync_behind(Gate::wide_open())
}

fn sync_behind(gate: Gate) -> SyncService {
    SyncService::new(Arc::new(MemoryStorage::default()), SnapshotPolicy::default(), gate)
}

/// A version, admitted and added, as the server does.
async fn add(sync: &SyncService, client: ClientId, parent: VersionId, body: &'static str) -> Result<Added, SyncError> {
    let admission = sync.admit_version(client, parent).await?;
    sync.add_version(client, parent, body.into(), admission).await
}

async fn stored(sync: &SyncService, client: ClientId, parent: VersionId, body: &'static str) -> VersionId {
    match add(sync, client, parent, body).await.unwrap() {
        Added::Stored { version, .. } => version,
        Added::Conflict(latest) => panic!("conflict with {latest}"),
    }
}

#[tokio::test]
async fn the_first_version_creates_the_account_and_a_snapshot_is_wanted_at_once() {
    let (sync, me) = (sync(), ClientId::generate());
    assert!(matches!(sync.get_child_version(me, VersionId::NIL).await, Err(SyncError::UnknownAccount)));
    let added = add(&sync, me, VersionId::NIL, "a").await.unwrap();
    assert!(matches!(added, Added::Stored { urgency: Some(SnapshotUrgency::High), .. }));
}

#[tokio::test]
async fn up_to_date_and_gone_are_told_apart() {
    let (sync, me) = (sync(), ClientId::generate());
    let first = stored(&sync, me, VersionId::NIL, "a").await;
    assert!(matches!(sync.get_child_version(me, first).await.unwrap(), Child::UpToDate));
    let stranger = VersionId::from_uuid(uuid::Uuid::from_u128(5));
    assert!(matches!(sync.get_child_version(me, stranger).await.unwrap(), Child::Gone));
    let Child::Found { version, body } = sync.get_child_version(me, VersionId::NIL).await.unwrap() else {
        panic!("not found")
    };
    assert_eq!((version, body.collect().await.unwrap()), (first, "a".into()));
}

#[tokio::test]
async fn a_repeated_version_gets_the_first_answer_and_another_body_a_conflict() {
    let (sync, me) = (sync(), ClientId::generate());
    let first = stored(&sync, me, VersionId::NIL, "a").await;
    let second = stored(&sync, me, first, "b").await;
    assert_eq!(stored(&sync, me, VersionId::NIL, "a").await, first);
    assert_eq!(stored(&sync, me, first, "b").await, second);
    assert_eq!(add(&sync, me, first, "c").await.unwrap(), Added::Conflict(second));
    assert_eq!(sync.account(me).await.unwrap().versions, 2);
}

async fn snapshot(sync: &SyncService, client: ClientId) -> Option<(VersionId, Bytes)> {
    let (version, body) = sync.get_snapshot(client).await.unwrap()?;
    Some((version, body.collect().await.unwrap()))
}

#[tokio::test]
async fn only_a_recent_and_newer_snapshot_is_kept() {
    let (sync, me) = (sync(), ClientId::generate());
    let mut chain = vec![VersionId::NIL];
    for body in ["a", "b", "c", "d", "e", "f", "g"] {
        chain.push(stored(&sync, me, chain[chain.len() - 1], body).await);
    }
    assert!(!sync.add_snapshot(me, chain[1], "too old".into()).await.unwrap());
    assert_eq!(snapshot(&sync, me).await, None);
    assert!(sync.add_snapshot(me, chain[5], "five".into()).await.unwrap());
    assert!(!sync.add_snapshot(me, chain[4], "older than five".into()).await.unwrap());
    assert!(!sync.add_snapshot(me, VersionId::NIL, "nil".into()).await.unwrap());
    assert_eq!(snapshot(&sync, me).await, Some((chain[5], "five".into())));
    sync.add_snapshot(me, chain[7], "seven".into()).await.unwrap();
    assert_eq!(snapshot(&sync, me).await, Some((chain[7], "seven".into())));
}

#[tokio::test]
async fn a_snapshot_of_the_version_before_the_first_one_is_ignored() {
    let (sync, me) = (sync(), ClientId::generate());
    let elsewhere = VersionId::from_uuid(uuid::Uuid::from_u128(9));
    stored(&sync, me, elsewhere, "moved").await;
    assert!(!sync.add_snapshot(me, elsewhere, "of another server's version".into()).await.unwrap());
    assert_eq!(snapshot(&sync, me).await, None);
}

#[tokio::test]
async fn a_snapshot_for_an_unknown_account_is_refused() {
    let (sync, me) = (sync(), ClientId::generate());
    let refused = sync.add_snapshot(me, VersionId::NIL, "s".into()).await;
    assert!(matches!(refused, Err(SyncError::UnknownAccount)));
}

#[tokio::test]
async fn registering_is_idempotent_and_the_account_then_accepts_any_parent() {
    let (sync, me) = (sync(), ClientId::generate());
    assert!(sync.register(me, None).await.unwrap());
    assert!(!sync.register(me, None).await.unwrap());
    assert!(matches!(sync.get_child_version(me, VersionId::NIL).await.unwrap(), Child::UpToDate));
    let elsewhere = VersionId::from_uuid(uuid::Uuid::from_u128(9));
    assert!(matches!(sync.get_child_version(me, elsewhere).await.unwrap(), Child::UpToDate));
    stored(&sync, me, elsewhere, "moved").await;
    assert!(matches!(sync.get_child_version(me, VersionId::NIL).await.unwrap(), Child::Gone));
}

#[tokio::test]
async fn two_requests_of_one_account_at_once_leave_one_winner() {
    let (sync, me) = (sync(), ClientId::generate());
    for _ in 0..50 {
        let latest = sync.account(me).await.map_or(VersionId::NIL, |account| account.latest());
        let (one, two) = tokio::join!(add(&sync, me, latest, "one"), add(&sync, me, latest, "two"));
        let winner = sync.account(me).await.unwrap().latest();
        let outcomes = [one.unwrap(), two.unwrap()];
        assert!(outcomes.contains(&Added::Conflict(winner)), "{outcomes:?}");
    }
}

#[tokio::test]
async fn of_racing_first_versions_only_the_one_that_creates_the_account_takes_a_place() {
    let one = NonZeroU32::MIN;
    let newcomers = Some(Newcomers::new(Rates { per_hour: one, per_day: one }));
    let (sync, me) = (sync_behind(Gate { newcomers, ..Gate::wide_open() }), ClientId::generate());
    let (first, second) = tokio::join!(add(&sync, me, VersionId::NIL, "a"), add(&sync, me, VersionId::NIL, "b"));
    let winner = sync.account(me).await.unwrap().latest();
    assert!([first.unwrap(), second.unwrap()].contains(&Added::Conflict(winner)));
    let refused = add(&sync, ClientId::generate(), VersionId::NIL, "c").await;
    assert!(matches!(refused, Err(SyncError::NotAdmitted(NotAdmitted::TooManyAccounts { .. }))), "{refused:?}");
}

#[tokio::test]
async fn an_account_is_not_deleted_in_the_middle_of_a_large_push() {
    let (sync, me) = (sync(), ClientId::generate());
    assert!(matches!(sync.delete(me).await, Err(SyncError::UnknownAccount)));
    let mut large = sync.stage().await.unwrap();
    large.push(Bytes::from_static(b"more follows")).await.unwrap();
    let admission = sync.admit_version(me, VersionId::NIL).await.unwrap();
    let Added::Stored { version, .. } = sync.add_version(me, VersionId::NIL, large.finish(), admission).await.unwrap()
    else {
        panic!("a conflict")
    };
    assert!(matches!(sync.delete(me).await, Err(SyncError::PushUnderWay)));
    let last = stored(&sync, me, version, "the last one").await;
    assert!(matches!(sync.get_child_version(me, last).await.unwrap(), Child::UpToDate));
    let Deletion { erase_at } = sync.delete(me).await.unwrap();
    assert!((0..=5).contains(&(now() + GRACE_SECONDS - erase_at)));
    assert!(matches!(sync.delete(me).await, Err(SyncError::Barred(Barred::Deleted))));
    let refused = add(&sync, me, last, "starting anew").await;
    assert!(matches!(refused, Err(SyncError::Barred(Barred::Deleted))), "{refused:?}");
}

#[tokio::test]
async fn what_an_unknown_account_is_told_depends_on_whether_it_could_be_created() {
    let listed = ClientId::generate();
    let registration = Registration { policy: describe::Registration::Closed, listed: [listed].into() };
    let sync = sync_behind(Gate { registration, ..Gate::wide_open() });
    let told = sync.get_child_version(ClientId::generate(), VersionId::NIL).await;
    assert!(matches!(told, Err(SyncError::NotAdmitted(NotAdmitted::Closed))), "{told:?}");
    let told = sync.get_child_version(listed, VersionId::NIL).await;
    assert!(matches!(told, Err(SyncError::UnknownAccount)), "{told:?}");
    stored(&sync, listed, VersionId::NIL, "first").await;
    let refused = sync.register(ClientId::generate(), Some("whatever")).await;
    assert!(matches!(refused, Err(SyncError::NotAdmitted(NotAdmitted::Closed))), "{refused:?}");
}
