//! Fits our storage to the traits of `taskchampion-sync-server-core`, for the length of one request.
//!
//! The core's `Storage` knows reads and writes one by one, and bodies as `Vec`s. Ours takes a whole change at once, and
//! bodies should not be copied. So the seam answers the core's reads, keeps what it wants to write until `commit`, and
//! carries the bodies around the core: the core gets and returns empty ones. (A reference smuggled inside those bytes would
//! save the cell, and could be imitated by a body.)
//!
//! The core reads twice where it wants one consistent view: first the account, then a version. That is sound here, because
//! a version's ID is known outside only after the account row that names it was committed, and the first look comes after
//! the request: a version that the second look misses did not exist at the first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskchampion_sync_server_core as core;
use taskferry_protocol::{ClientId, VersionId};
use uuid::Uuid;

use crate::storage::body::{Incoming, Outgoing};
use crate::storage::tip::Tip;
use crate::storage::{Action, Admit, Change, CommitError, Patience, Storage};

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
    saw_snapshot: bool,
}

/// See the module. Cheap to clone; clones share what they carry.
#[derive(Clone)]
pub(super) struct Seam {
    storage: Arc<dyn Storage>,
    client: ClientId,
    mode: Mode,
    patience: Patience,
    carried: Arc<Mutex<Carried>>,
}

impl Seam {
    /// For a request that only reads.
    pub(super) fn reading(storage: Arc<dyn Storage>, client: ClientId) -> Self {
        Self { storage, client, mode: Mode::Read, patience: Patience::Refuse, carried: Arc::default() }
    }

    /// For a version or a snapshot of an account that exists.
    pub(super) fn writing(storage: Arc<dyn Storage>, client: ClientId, body: Incoming, patience: Patience) -> Self {
        let carried = Carried { incoming: Some(body), ..Carried::default() };
        Self { storage, client, mode: Mode::WriteKnown, patience, carried: Arc::new(Mutex::new(carried)) }
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

    /// Whether the account had a snapshot when the core looked.
    pub(super) fn saw_snapshot(&self) -> bool {
        self.carried().saw_snapshot
    }
}

#[async_trait::async_trait]
impl core::Storage for Seam {
    async fn txn(&self, client_id: Uuid) -> anyhow::Result<Box<dyn core::StorageTxn + '_>> {
        debug_assert_eq!(client_id, self.client.expose());
        Ok(Box::new(Txn { seam: self, tip: Tip::EMPTY, planned: None }))
    }
}

/// One transaction of the core: reads go through, one write is kept for `commit`.
struct Txn<'a> {
    seam: &'a Seam,
    /// Of the account, since `get_client`.
    tip: Tip,
    planned: Option<Action>,
}

#[async_trait::async_trait(?Send)]
impl core::StorageTxn for Txn<'_> {
    async fn get_client(&mut self) -> anyhow::Result<Option<core::Client>> {
        let Some(account) = self.seam.storage.account(self.seam.client).await? else {
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
        self.seam.carried().saw_snapshot = snapshot.is_some();
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
        let found = self.seam.storage.child(self.seam.client, parent).await?;
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
        let change = Change { client, admit, now: super::now(), patience, action };
        self.seam.storage.commit(change).await?;
        Ok(())
    }
}
