//! The protocol, without HTTP: what each of the requests means for an account.
//!
//! Whether a version fits, a version is gone, a snapshot is wanted, is decided by `taskchampion-sync-server-core`, the
//! reference's own logic, and never again here. This module only surrounds it: it lets accounts in, keeps writers of one
//! account apart, answers a repeated request as the first one, and registers. What surrounds the core, and why, stands in
//! docs/PROTOCOL.md.
//!
//! | file | does |
//! |---|---|
//! | [`seam`] | fits our storage to the core's traits, for one request |
//! | [`locks`] | lets one writer at a time into each account |
//! | [`stands`] | knows where devices stand, for pruning |
//! | [`pushes`] | knows who is in the middle of a large push, for a stop |

mod locks;
mod pushes;
mod seam;
mod stands;

use std::sync::Arc;
use std::time::Instant;

use taskchampion_sync_server_core as core;
use taskferry_protocol::describe::Deletion;
use taskferry_protocol::{ClientId, SnapshotUrgency, VersionId};

use self::locks::AccountLocks;
pub use self::pushes::Arriving;
use self::pushes::Pushes;
use self::seam::Seam;
use self::stands::Stands;
use crate::admission::{Admission, Gate, NotAdmitted};
use crate::clock::now;
use crate::storage::body::{Incoming, Outgoing, Staging};
use crate::storage::stands::Week;
use crate::storage::{
    Account, Action, Admit, Barred, Change, CommitError, Patience, Storage, StorageError, UnixSeconds,
};

/// When the server asks for a snapshot; the core does the arithmetic. It asks urgently at one and a half times either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// Days since the last one.
    pub days: u16,
    /// Versions since the last one.
    pub versions: u32,
}

impl Default for SnapshotPolicy {
    /// The reference server's.
    fn default() -> Self {
        Self { days: 14, versions: 100 }
    }
}

/// Why a request was not carried out, beyond the outcomes that the protocol itself defines. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// No account has this client ID.
    #[error("no such account")]
    UnknownAccount,
    /// The account may not be used.
    #[error(transparent)]
    Barred(#[from] Barred),
    /// The account may not be created, or not store what it wants to.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// Too much is waiting to be written.
    #[error("the server is busy")]
    Busy,
    /// It would cut the account off in the middle of a large push.
    #[error("the account is in the middle of a push")]
    PushUnderWay,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The core failed in a way that it does not name.
    #[error("the sync protocol's core failed")]
    Core(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What became of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// Stored, durably.
    Stored {
        /// The ID that the server gave it.
        version: VersionId,
        /// Whether the server would like a snapshot now.
        urgency: Option<SnapshotUrgency>,
    },
    /// It does not follow the latest version, which is given.
    Conflict(VersionId),
}

/// What follows a version.
#[derive(Debug)]
pub enum Child {
    /// This version.
    Found {
        /// Its ID.
        version: VersionId,
        /// Exactly the bytes that were sent.
        body: Outgoing,
    },
    /// Nothing yet: the device is up to date, or the account is empty.
    UpToDate,
    /// The version asked about is not in the chain: pruned, or of another history.
    Gone,
}

/// For how long an operator can bring an account back that its owner deleted.
const GRACE_SECONDS: UnixSeconds = 30 * 24 * 60 * 60;
/// Stands in one hand-over, which shares a transaction with people's versions.
const STANDS: usize = 64;

/// All requests of the protocol, over a storage backend.
pub struct SyncService {
    storage: Arc<dyn Storage>,
    snapshots: SnapshotPolicy,
    gate: Gate,
    locks: AccountLocks,
    pushes: Pushes,
    stands: Stands,
}

impl SyncService {
    /// Over `storage`, asking for snapshots by `snapshots`, for those whom `gate` lets in.
    pub fn new(storage: Arc<dyn Storage>, snapshots: SnapshotPolicy, gate: Gate) -> Self {
        Self {
            storage,
            snapshots,
            gate,
            locks: AccountLocks::default(),
            pushes: Pushes::default(),
            stands: Stands::default(),
        }
    }

    /// The storage, for readiness and for closing.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Who may come in, and how much they may keep.
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Whether the account exists, as far as is known without asking the database.
    pub fn remembers(&self, client: ClientId) -> bool {
        self.storage.remembers(client)
    }

    /// What is to be known before a version's body is read.
    pub async fn admit_version(&self, client: ClientId, parent: VersionId) -> Result<Admission, SyncError> {
        let Some(account) = self.storage.account(client).await? else {
            return Ok(self.gate.first_version(client)?);
        };
        account.check_usable()?;
        // A conflict is certain by now. Only a small body is still looked at, since it may be a repeated request.
        let conflicts = !account.latest().is_nil() && account.latest() != parent;
        Ok(Admission { keep_large: !conflicts, ..self.gate.version(&account, now()) })
    }

    /// What is to be known before a snapshot's body is read.
    pub async fn admit_snapshot(&self, client: ClientId, version: VersionId) -> Result<Admission, SyncError> {
        let account = self.storage.account(client).await?.ok_or_else(|| self.unknown(client))?;
        account.check_usable()?;
        let keep_large = account.tip.contains(version, account.versions);
        Ok(Admission { keep_large, ..self.gate.snapshot(&account, now()) })
    }

    /// Whether the account is in the middle of a push.
    pub async fn is_pushing(&self, client: ClientId) -> Result<bool, SyncError> {
        let account = self.storage.account(client).await?;
        Ok(account.is_some_and(|account| self.gate.version(&account, now()).patience == Patience::Wait))
    }

    /// A large body begins to arrive: a stop waits for it.
    pub fn arriving(&self) -> Arriving {
        self.pushes.arriving()
    }

    /// Returns when no account is in the middle of a large push: what a stop waits for.
    pub async fn pushes_complete(&self) {
        self.pushes.all_complete().await;
    }

    /// Begins to take over a large body.
    pub async fn stage(&self) -> Result<Box<dyn Staging>, SyncError> {
        Ok(self.storage.stage().await?)
    }

    /// AddVersion: appends `body`, admitted by [`SyncService::admit_version`], behind `parent`. An account that may be created is
    /// created by its first version.
    pub async fn add_version(
        &self,
        client: ClientId,
        parent: VersionId,
        body: Incoming,
        admission: Admission,
    ) -> Result<Added, SyncError> {
        // Only a small body is compared with a stored one to recognise a repeated request: devices seal anew each time, so
        // an identical body is a proxy's doing, and proxies repeat small requests.
        let small = match &body {
            Incoming::Whole(body) => Some(body.clone()),
            Incoming::Staged(_) => None,
        };
        let _alone = self.locks.lock(client).await;
        let storage = Arc::clone(&self.storage);
        let seam = if admission.creates {
            // Not if another request of its account was faster: that one has taken the place, and this one is a conflict.
            if self.storage.account(client).await?.is_none() {
                self.gate.take_place(client)?;
            }
            Seam::creating(storage, client, body, admission.patience)
        } else {
            Seam::writing(storage, client, body, admission.patience)
        };
        let outcome = self.core(&seam).add_version(client.expose(), parent.as_uuid(), Vec::new()).await;
        let conflict = match outcome {
            Ok((core::AddVersionResult::Ok(version), urgency)) => {
                match &small {
                    Some(body) => {
                        self.gate.space.spend(body.len() as u64);
                        self.pushes.stored_small(client, Instant::now());
                    }
                    // Its pieces were counted when they came.
                    None => self.pushes.stored_large(client, Instant::now()),
                }
                let (version, urgency) = (VersionId::from_uuid(version), self.urgency(client, urgency).await?);
                self.stands.added(client, parent, version);
                return Ok(Added::Stored { version, urgency });
            }
            Ok((core::AddVersionResult::ExpectedParentVersion(latest), _)) => VersionId::from_uuid(latest),
            // Another process got in between the core's look and the commit, which looks again.
            Err(error) => match refusal(error) {
                Refusal::Conflict(latest) => latest,
                refusal => return Err(refusal.into()),
            },
        };
        match small {
            Some(body) => Ok(self.repeated(client, parent, &body).await?.unwrap_or(Added::Conflict(conflict))),
            None => Ok(Added::Conflict(conflict)),
        }
    }

    /// How much a snapshot is wanted: as the core says, or more, where the account's quota is nearly used up.
    async fn urgency(
        &self,
        client: ClientId,
        by_core: core::SnapshotUrgency,
    ) -> Result<Option<SnapshotUrgency>, SyncError> {
        let nearly_used_up = match &self.gate.quotas {
            // From memory: the writer has just published it.
            Some(quotas) => {
                (self.storage.account(client).await?).is_some_and(|account| quotas.is_nearly_used_up(&account, now()))
            }
            None => false,
        };
        Ok(if nearly_used_up { Some(SnapshotUrgency::High) } else { urgency_of(by_core) })
    }

    /// A conflict with an identical version is the same request arriving twice, and gets the same answer.
    async fn repeated(&self, client: ClientId, parent: VersionId, body: &[u8]) -> Result<Option<Added>, SyncError> {
        let Some(stored) = self.storage.child(client, parent).await? else { return Ok(None) };
        if !matches!(&stored.body, Outgoing::Whole(stored) if stored == body) {
            return Ok(None);
        }
        let without_snapshot = self.storage.account(client).await?.is_some_and(|account| account.snapshot.is_none());
        let urgency = without_snapshot.then_some(SnapshotUrgency::High);
        Ok(Some(Added::Stored { version: stored.version, urgency }))
    }

    /// GetChildVersion: what follows `parent`.
    pub async fn get_child_version(&self, client: ClientId, parent: VersionId) -> Result<Child, SyncError> {
        let seam = Seam::following(Arc::clone(&self.storage), client, parent);
        match self
            .core(&seam)
            .get_child_version(client.expose(), parent.as_uuid())
            .await
            .map_err(|error| self.of_reading(client, error))?
        {
            core::GetVersionResult::Success { version_id, .. } => {
                let body = seam.take_outgoing().ok_or_else(|| SyncError::Core("a version without a body".into()))?;
                let version = VersionId::from_uuid(version_id);
                self.stands.asked(client, parent, version, Week::of(now()));
                Ok(Child::Found { version, body })
            }
            core::GetVersionResult::NotFound => {
                if seam.saw_account() {
                    self.stands.asked(client, parent, parent, Week::of(now()));
                    self.pushes.nothing_new(client, Instant::now());
                }
                Ok(Child::UpToDate)
            }
            core::GetVersionResult::Gone => Ok(Child::Gone),
        }
    }

    /// AddSnapshot: keeps `body` if the core's rules say so (a recent version, newer than the stored snapshot), and says
    /// no if not, which the device is not told: it would take a refusal for a failed sync, after its version was accepted.
    pub async fn add_snapshot(&self, client: ClientId, version: VersionId, body: Incoming) -> Result<bool, SyncError> {
        if let Incoming::Whole(body) = &body {
            self.gate.space.spend(body.len() as u64);
        }
        let _alone = self.locks.lock(client).await;
        let seam = Seam::writing(Arc::clone(&self.storage), client, body, Patience::Wait);
        match self.core(&seam).add_snapshot(client.expose(), version.as_uuid(), Vec::new()).await.map_err(refusal) {
            Ok(()) => {
                self.pushes.stored_snapshot(client, Instant::now());
                Ok(seam.wrote())
            }
            // The core takes the parent of a chain's first version for one of its versions; storage does not.
            Err(Refusal::Ignored) => {
                self.pushes.stored_snapshot(client, Instant::now());
                Ok(false)
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// GetSnapshot: the version at which the stored snapshot was made, and its body.
    pub async fn get_snapshot(&self, client: ClientId) -> Result<Option<(VersionId, Outgoing)>, SyncError> {
        // A snapshot may be replaced between the core's two looks; the second look then finds the newer one.
        for _ in 0..3 {
            let seam = Seam::reading(Arc::clone(&self.storage), client);
            match self
                .core(&seam)
                .get_snapshot(client.expose())
                .await
                .map_err(|error| self.of_reading(client, error))?
            {
                Some((version, _)) => {
                    let body =
                        seam.take_outgoing().ok_or_else(|| SyncError::Core("a snapshot without a body".into()))?;
                    return Ok(Some((VersionId::from_uuid(version), body)));
                }
                None if seam.saw_snapshot() => {}
                None => return Ok(None),
            }
        }
        Err(SyncError::Busy)
    }

    /// Creates the account, so that a second device finds it before there is a task. Returns whether it is new. The invite's code
    /// is looked at where one is needed.
    pub async fn register(&self, client: ClientId, invite: Option<&str>) -> Result<bool, SyncError> {
        if let Some(account) = self.storage.account(client).await? {
            account.check_usable()?;
            return Ok(false);
        }
        let admit = self.gate.register(client, invite)?;
        let change = Change { client, admit, now: now(), patience: Patience::Refuse, action: Action::Register };
        Ok(self.storage.commit(change).await?.created)
    }

    /// The account.
    pub async fn account(&self, client: ClientId) -> Result<Account, SyncError> {
        self.storage.account(client).await?.ok_or(SyncError::UnknownAccount)
    }

    /// Deletes the account, as its owner wants: refused from now on, erased when the time of grace is over. Not in the middle of a
    /// large push: its device would take what it has sent of it for all.
    pub async fn delete(&self, client: ClientId) -> Result<Deletion, SyncError> {
        // A version that is being stored is stored before or refused, never cut off.
        let _alone = self.locks.lock(client).await;
        self.account(client).await?.check_usable()?;
        if self.pushes.is_under_way(client, Instant::now()) {
            return Err(SyncError::PushUnderWay);
        }
        let now = now();
        let erase_at = now + GRACE_SECONDS;
        let (admit, action) = (Admit::No, Action::Delete { erase_at });
        self.storage.commit(Change { client, admit, now, patience: Patience::Refuse, action }).await?;
        Ok(Deletion { erase_at })
    }

    /// What to say of an account that is not there.
    fn unknown(&self, client: ClientId) -> SyncError {
        self.gate.check_creatable(client).map_or_else(SyncError::NotAdmitted, |()| SyncError::UnknownAccount)
    }

    fn of_reading(&self, client: ClientId, error: core::ServerError) -> SyncError {
        match refusal(error).into() {
            SyncError::UnknownAccount => self.unknown(client),
            error => error,
        }
    }

    /// Hands what is new about where devices stand over to storage. To be called about once a minute, and before the end.
    pub async fn hand_over_stands(&self) -> Result<(), StorageError> {
        for some in self.stands.take().chunks(STANDS) {
            if let Err(error) = self.storage.note_stands(some.to_vec()).await {
                self.stands.forget();
                return Err(error);
            }
        }
        Ok(())
    }

    /// A core for one request. It owns nothing but two small boxes; sharing one between requests is impossible, because
    /// its traits have no room for what a request may do.
    fn core(&self, seam: &Seam) -> core::Server {
        let config = core::ServerConfig {
            snapshot_days: i64::from(self.snapshots.days),
            snapshot_versions: self.snapshots.versions,
        };
        core::Server::new(config, seam.clone())
    }
}

impl std::fmt::Debug for SyncService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncService").field("snapshots", &self.snapshots).finish_non_exhaustive()
    }
}

fn urgency_of(urgency: core::SnapshotUrgency) -> Option<SnapshotUrgency> {
    match urgency {
        core::SnapshotUrgency::None => None,
        core::SnapshotUrgency::Low => Some(SnapshotUrgency::Low),
        core::SnapshotUrgency::High => Some(SnapshotUrgency::High),
    }
}

/// A [`CommitError`], perhaps one that travelled through the core, sorted.
enum Refusal {
    Conflict(VersionId),
    /// A snapshot that is not to be kept.
    Ignored,
    Other(SyncError),
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(latest) => Self::Conflict(latest),
            CommitError::UnknownVersion => Self::Ignored,
            CommitError::UnknownAccount => Self::Other(SyncError::UnknownAccount),
            CommitError::Barred(barred) => Self::Other(SyncError::Barred(barred)),
            CommitError::Invite(flaw) => Self::Other(SyncError::NotAdmitted(flaw.into())),
            CommitError::Busy => Self::Other(SyncError::Busy),
            CommitError::Storage(error) => Self::Other(SyncError::Storage(error)),
        }
    }
}

/// Where neither a conflict nor a snapshot can be the matter.
impl From<Refusal> for SyncError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Other(error) => error,
            Refusal::Conflict(_) | Refusal::Ignored => Self::Core("a refusal of something else".into()),
        }
    }
}

impl From<CommitError> for SyncError {
    fn from(error: CommitError) -> Self {
        Refusal::from(error).into()
    }
}

/// The seam sends our own errors through the core's `anyhow`; here they get their types back.
fn refusal(error: core::ServerError) -> Refusal {
    match error {
        core::ServerError::NoSuchClient => Refusal::Other(SyncError::UnknownAccount),
        core::ServerError::Other(error) => match error.downcast::<CommitError>() {
            Ok(error) => error.into(),
            Err(error) => match error.downcast::<StorageError>() {
                Ok(error) => Refusal::Other(SyncError::Storage(error)),
                Err(error) => Refusal::Other(SyncError::Core(error.into())),
            },
        },
    }
}

#[cfg(test)]
mod tests;
