//! Fits our storage to the traits of `taskchampion-sync-server-core`, for the length of one request.
//!
//! The core's `Storage` knows reads and writes one by one, and bodies as `Vec`s. Ours takes a whole change at once, and
//! bodies should not be copied. So the seam answers the core's reads, keeps what it wants to write until `commit`, and
//! carries the bodies around the core: the core gets and returns empty ones. (A reference smuggled inside those bytes would
//! save the cell, and could be imitated by a body.)
//!
//! The core reads twice where it wants one consistent view: first the account, then a version. That is sound here, because
//! a version's ID is known outside only after the account row that names it was committed, and the first look comes after
//! the request: a version that the second look misses did not exist at the first. Where the request names the version, both
//! looks are one question of storage, which keeps that order ([`Seam::following`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskchampion_sync_server_core as core;
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use crate::clock::now;
use crate::storage::body::{Incoming, Outgoing};
use crate::storage::tip::Tip;
use crate::storage::{Account, Action, Admit, Change, CommitError, Patience, Storage, StorageError, StoredVersion};

/// What the request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Read,
    /// Write to an account that exists.
    WriteKnown,
    /// Write, and create the account with it if there is none.
    Write,
}

/// What travels around the core.
#[derive(Debug, Default)]
struct Carried {
    incoming: Option<Incoming>,
    outgoing: Option<Outgoing>,
    saw_account: bool,
    saw_snapshot: bool,
}

/// See the module. Cheap to clone; clones share what they carry.
#[derive(Clone)]
pub(super) struct Seam {
    storage: Arc<dyn Storage>,
    client: ClientId,
    mode: Mode,
    patience: Patience,
    /// The version whose child the core is going to ask for.
    followed: Option<VersionId>,
    carried: Arc<Mutex<Carried>>,
}

impl Seam {
    /// For a request that only reads.
    pub(super) fn reading(storage: Arc<dyn Storage>, client: ClientId) -> Self {
        let (mode, patience) = (Mode::Read, Patience::Refuse);
        Self { storage, client, mode, patience, followed: None, carried: Arc::default() }
    }

    /// For a request that reads what follows `parent`.
    pub(super) fn following(storage: Arc<dyn Storage>, client: ClientId, parent: VersionId) -> Self {
        Self { followed: Some(parent), ..Self::reading(storage, client) }
    }

    /// For a version or a snapshot of an account that exists.
    pub(super) fn writing(storage: Arc<dyn Storage>, client: ClientId, body: Incoming, patience: Patience) -> Self {
        let carried = Carried { incoming: Some(body), ..Carried::default() };
        let carried = Arc::new(Mutex::new(carried));
        Self { storage, client, mode: Mode::WriteKnown, patience, followed: None, carried }
    }

    /// For a version with which an unknown account is created.
    pub(super) fn creating(storage: Arc<dyn Storage>, client: ClientId, body: Incoming, patience: Patience) -> Self {
        Self { mode: Mode::Write, ..Self::writing(storage, client, body, patience) }
    }

    fn carried(&self) -> MutexGuard<'_, Carried> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body that the core found.
    pub(super) fn take_outgoing(&self) -> Option<Outgoing> {
        self.carried().outgoing.take()
    }

    /// The body that the core is to write.
    fn take_incoming(&self) -> anyhow::Result<Incoming> {
        self.carried().incoming.take().ok_or_else(|| anyhow::anyhow!("the body was written already"))
    }

    /// Whether there was an account when the core looked.
    pub(super) fn saw_account(&self) -> bool {
        self.carried().saw_account
    }

    /// Whether the core took the body to write it.
    pub(super) fn wrote(&self) -> bool {
        self.carried().incoming.is_none()
    }

    /// Whether the account had a snapshot when the core looked.
    pub(super) fn saw_snapshot(&self) -> bool {
        self.carried().saw_snapshot
    }
}

#[async_trait::async_trait]
impl core::Storage for Seam {
    async fn txn(&self, client_id: Uuid) -> anyhow::Result<Box<dyn core::StorageTxn + '_>> {
        debug_assert_eq!(client_id, self.client.expose());
        Ok(Box::new(Txn { seam: self, tip: Tip::EMPTY, child: None, planned: None }))
    }
}

/// One transaction of the core: reads go through, one write is kept for `commit`.
struct Txn<'a> {
    seam: &'a Seam,
    /// Of the account, since `get_client`.
    tip: Tip,
    /// What follows this version, if it was looked up with the account.
    child: Option<(VersionId, Option<StoredVersion>)>,
    planned: Option<Action>,
}

impl Txn<'_> {
    /// The account, and with it what the request is going to ask for next.
    async fn account(&mut self) -> Result<Option<Account>, StorageError> {
        let Seam { storage, client, followed, .. } = self.seam;
        let Some(parent) = *followed else { return storage.account(*client).await };
        let Some(found) = storage.follow(*client, parent).await? else { return Ok(None) };
        self.child = Some((parent, found.child));
        Ok(Some(found.account))
    }

    /// The version that follows `parent`.
    async fn child(&mut self, parent: VersionId) -> Result<Option<StoredVersion>, StorageError> {
        match self.child.take() {
            Some((followed, child)) if followed == parent => Ok(child),
            _ => self.seam.storage.child(self.seam.client, parent).await,
        }
    }
}

#[async_trait::async_trait(?Send)]
impl core::StorageTxn for Txn<'_> {
    async fn get_client(&mut self) -> anyhow::Result<Option<core::Client>> {
        let Some(account) = self.account().await? else {
            // An account that may be admitted looks like an empty one: it and its first version then share one commit.
            let empty = core::Client { latest_version_id: core::NIL_VERSION_ID, snapshot: None };
            return Ok((self.seam.mode == Mode::Write).then_some(empty));
        };
        account.check_usable().map_err(CommitError::from)?;
        self.tip = account.tip;
        let snapshot = account.snapshot.map(|meta| core::Snapshot {
            version_id: meta.version.as_uuid(),
            timestamp: std::time::UNIX_EPOCH
                .checked_add(std::time::Duration::from_secs(u64::try_from(meta.stored_at).unwrap_or(0)))
                .unwrap_or(std::time::UNIX_EPOCH)
                .into(),
            versions_since: meta.versions_since,
        });
        let mut carried = self.seam.carried();
        carried.saw_account = true;
        carried.saw_snapshot = snapshot.is_some();
        drop(carried);
        Ok(Some(core::Client { latest_version_id: account.latest().as_uuid(), snapshot }))
    }

    async fn new_client(&mut self, _latest_version_id: Uuid) -> anyhow::Result<()> {
        anyhow::bail!("accounts are created by their first change")
    }

    async fn set_snapshot(&mut self, snapshot: core::Snapshot, _data: Vec<u8>) -> anyhow::Result<()> {
        let body = self.seam.take_incoming()?;
        self.planned = Some(Action::PutSnapshot { version: VersionId::from_uuid(snapshot.version_id), body });
        Ok(())
    }

    async fn get_snapshot_data(&mut self, version_id: Uuid) -> anyhow::Result<Option<Vec<u8>>> {
        let version = VersionId::from_uuid(version_id);
        let found = self.seam.storage.snapshot(self.seam.client, version).await?;
        Ok(found.map(|body| {
            self.seam.carried().outgoing = Some(body);
            Vec::new()
        }))
    }

    async fn get_version_by_parent(&mut self, parent_version_id: Uuid) -> anyhow::Result<Option<core::Version>> {
        let parent = VersionId::from_uuid(parent_version_id);
        let found = self.child(parent).await?;
        Ok(found.map(|child| {
            self.seam.carried().outgoing = Some(child.body);
            core::Version { version_id: child.version.as_uuid(), parent_version_id, history_segment: Vec::new() }
        }))
    }

    async fn get_version(&mut self, version_id: Uuid) -> anyhow::Result<Option<core::Version>> {
        // The core walks a few versions back here and looks only at their parents, which the account knows.
        let parent = self.tip.parent_of(VersionId::from_uuid(version_id));
        Ok(parent.map(|parent| core::Version {
            version_id,
            parent_version_id: parent.as_uuid(),
            history_segment: Vec::new(),
        }))
    }

    async fn add_version(
        &mut self,
        version_id: Uuid,
        parent_version_id: Uuid,
        _history_segment: Vec<u8>,
    ) -> anyhow::Result<()> {
        self.planned = Some(Action::AddVersion {
            version: VersionId::from_uuid(version_id),
            parent: VersionId::from_uuid(parent_version_id),
            body: self.seam.take_incoming()?,
        });
        Ok(())
    }

    async fn commit(&mut self) -> anyhow::Result<()> {
        let Some(action) = self.planned.take() else {
            return Ok(());
        };
        let admit = if self.seam.mode == Mode::Write { Admit::Yes } else { Admit::No };
        let Seam { client, patience, .. } = *self.seam;
        let change = Change { client, admit, now: now(), patience, action };
        self.seam.storage.commit(change).await?;
        Ok(())
    }
}
