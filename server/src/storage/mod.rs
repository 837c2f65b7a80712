//! Where accounts, versions and snapshots live: the contract that every backend keeps.
//!
//! The trait is shaped by how writes become durable, not by how the protocol asks: reads are single questions, and
//! everything a request wants to change is one [`Change`], handed over whole. A backend can therefore put the changes of
//! many requests into one transaction and one fsync, and still refuse each by itself. Protocol decisions are not made
//! here; see [`crate::sync`].

pub mod admin;
pub mod body;
pub mod prune;
pub mod rewind;
pub mod select;
pub mod sqlite;
pub mod stands;
pub mod tip;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
pub(crate) mod memory;

use taskferry_protocol::{ClientId, VersionId};

use self::body::{Incoming, Outgoing, Staging};
use self::prune::{Pruned, Retention};
use self::stands::Stand;
use self::tip::Tip;
use crate::invite::{InviteFlaw, InviteHash};

pub use crate::clock::UnixSeconds;

/// One account, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Why it may not be used, if it may not.
    pub barred: Option<Barred>,
    /// The newest end of its chain.
    pub tip: Tip,
    /// Versions stored now.
    pub versions: u64,
    /// Bytes in those versions.
    pub version_bytes: u64,
    /// When it was created.
    pub created_at: UnixSeconds,
    /// When its newest version was added.
    pub last_version_at: Option<UnixSeconds>,
    /// Its snapshot, without the body.
    pub snapshot: Option<SnapshotMeta>,
    /// Where its quota is not everybody's.
    pub quota: OwnQuota,
}

/// Why an account may not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// The operator switched it off.
    #[error("this account is disabled{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Disabled {
        /// The operator's words, at most [`Barred::REASON_CHARACTERS_MAX`] characters.
        reason: Option<String>,
    },
    /// It was deleted. Its client ID is never accepted again: an old device would quietly start it anew.
    #[error("this account was deleted")]
    Deleted,
}

impl Barred {
    /// The longest reason, in characters.
    pub const REASON_CHARACTERS_MAX: usize = 200;
}

/// An account's own quota; `None` is everybody's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnQuota {
    /// Bytes in versions and snapshot together.
    pub bytes: Option<u64>,
    /// Versions stored.
    pub versions: Option<u64>,
}

impl Account {
    /// A new one.
    pub const fn new(now: UnixSeconds) -> Self {
        Self {
            barred: None,
            tip: Tip::EMPTY,
            versions: 0,
            version_bytes: 0,
            created_at: now,
            last_version_at: None,
            snapshot: None,
            quota: OwnQuota { bytes: None, versions: None },
        }
    }

    /// Refuses if it may not be used.
    pub fn check_usable(&self) -> Result<(), Barred> {
        self.barred.clone().map_or(Ok(()), Err)
    }

    /// Bytes that it takes, in versions and snapshot together.
    pub fn bytes(&self) -> u64 {
        self.version_bytes.saturating_add(self.snapshot.map_or(0, |snapshot| snapshot.bytes))
    }

    /// The newest version; nil while there is none.
    pub const fn latest(&self) -> VersionId {
        self.tip.latest()
    }
}

/// What is known of a snapshot without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// The version at which it was made.
    pub version: VersionId,
    /// When it was stored.
    pub stored_at: UnixSeconds,
    /// Size of its body.
    pub bytes: u64,
    /// Versions added since it was stored.
    pub versions_since: u32,
}

/// A version with its body.
#[derive(Debug)]
pub struct StoredVersion {
    /// Its ID.
    pub version: VersionId,
    /// Exactly the bytes that were sent.
    pub body: Outgoing,
}

/// An account, and what follows one of its versions.
#[derive(Debug)]
pub struct Followed {
    /// The account.
    pub account: Account,
    /// The version that was asked for, if there is one.
    pub child: Option<StoredVersion>,
}

/// Everything that one request changes, for one account.
#[derive(Debug)]
pub struct Change {
    /// Whose account.
    pub client: ClientId,
    /// Whether an unknown account may be created on the way, in the same transaction.
    pub admit: Admit,
    /// The time to record.
    pub now: UnixSeconds,
    /// What to do if the queue is full.
    pub patience: Patience,
    /// What to do.
    pub action: Action,
}

/// Whether a change may create its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// No.
    No,
    /// Yes.
    Yes,
    /// Yes, by one use of this invite, which is taken in the same transaction; an account that is there already takes none.
    ByInvite(InviteHash),
}

/// What to do if too many changes are waiting already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Refuse, with [`CommitError::Busy`]: an answer that comes when nobody waits for it any more helps nobody.
    Refuse,
    /// Wait. For a version in the middle of a push: stock Taskwarrior commits only at the push's end, and after a refusal in
    /// its middle the next try silently drops the rest.
    Wait,
}

/// What a [`Change`] does.
#[derive(Debug)]
pub enum Action {
    /// Make sure that the account exists.
    Register,
    /// Append a version to the chain.
    AddVersion {
        /// The new version's ID, never used before.
        version: VersionId,
        /// The version it follows.
        parent: VersionId,
        /// Its body; not empty.
        body: Incoming,
    },
    /// Replace the snapshot.
    PutSnapshot {
        /// The version at which it was made; must be one of the account's last [`Tip::VERSIONS`].
        version: VersionId,
        /// Its body; not empty.
        body: Incoming,
    },
    /// Delete the account, as its owner wants. It refuses everything from then on; never creates one.
    Delete {
        /// Until when an operator can bring it back.
        erase_at: UnixSeconds,
    },
}

/// What became of a [`Change`] that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Whether the account was created on the way.
    pub created: bool,
}

/// How it stands with a backend, for whoever operates it. What does not apply to a backend, or can't be read, is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Changes that wait to be written.
    pub waiting: u64,
    /// Bytes in the database.
    pub database_bytes: u64,
    /// Bytes in its write-ahead log.
    pub wal_bytes: u64,
    /// Bytes that are free where it lies.
    pub volume_free_bytes: u64,
    /// Bytes that there are where it lies.
    pub volume_bytes: u64,
}

/// Accounts by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountCounts {
    /// In use.
    pub active: u64,
    /// Switched off by the operator.
    pub disabled: u64,
    /// Deleted: a tombstone, or soon one.
    pub deleted: u64,
}

/// Why a [`Change`] was not carried out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The version does not follow the account's latest one, which is given.
    #[error("the account's latest version is another one")]
    Conflict(VersionId),
    /// There is no such account, and none may be created.
    #[error("no such account")]
    UnknownAccount,
    /// The account may not be used.
    #[error(transparent)]
    Barred(#[from] Barred),
    /// The invite admits nobody.
    #[error(transparent)]
    Invite(#[from] InviteFlaw),
    /// A snapshot for a version that is not one of the account's last ones.
    #[error("not one of the account's last versions")]
    UnknownVersion,
    /// Too much is waiting to be written; nothing was tried.
    #[error("too many changes are waiting to be written")]
    Busy,
    /// The backend failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A backend failed: disk, database, or a thread that is gone. Display says what was being done; `source` says why.
#[derive(Debug, thiserror::Error)]
#[error("storage failed while {doing}")]
pub struct StorageError {
    doing: &'static str,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StorageError {
    /// An error while `doing` ("reading an account"), because of `cause`.
    pub fn new(doing: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { doing, cause: Some(cause.into()) }
    }

    /// The backend was closed.
    pub const fn closed(doing: &'static str) -> Self {
        Self { doing, cause: None }
    }

    /// A body was let go while it was being read, because newer ones took its place.
    pub fn let_go(doing: &'static str) -> Self {
        Self::new(doing, LetGo)
    }

    /// Whether that is the reason.
    pub fn was_let_go(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.is::<LetGo>())
    }
}

/// See [`StorageError::let_go`].
#[derive(Debug, thiserror::Error)]
#[error("it was replaced more than once meanwhile")]
struct LetGo;

/// A backend.
///
/// Invariants, asserted for every backend by the conformance suite:
///
/// 1. Per account one chain: no version has two children, no child has two parents.
/// 2. [`Storage::commit`] returns `Ok` only after the change is durable, and a change that is refused or fails changes
///    nothing. Reads that begin after `commit` returned see the change.
/// 3. Bodies come back byte for byte.
/// 4. Nothing read or changed for one client ID depends on the data of another.
/// 5. `commit` checks the parent itself. What the caller read before is advice: two callers may have read the same.
/// 6. A commit goes through to its end even if the caller stopped waiting for it.
#[async_trait::async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Whether the account is known to exist without a wait for anything. Advice: `false` says nothing.
    fn remembers(&self, client: ClientId) -> bool;

    /// The account, or `None` if it is unknown.
    async fn account(&self, client: ClientId) -> Result<Option<Account>, StorageError>;

    /// The account, and the version that follows `parent` in it: what a sync begins with, hence one question. The version is
    /// looked for after the account, so that one that follows the account's latest is missing only if it was added later.
    async fn follow(&self, client: ClientId, parent: VersionId) -> Result<Option<Followed>, StorageError>;

    /// The version that follows `parent`.
    async fn child(&self, client: ClientId, parent: VersionId) -> Result<Option<StoredVersion>, StorageError> {
        Ok(self.follow(client, parent).await?.and_then(|followed| followed.child))
    }

    /// The body of the snapshot made at `version`; `None` if the stored one is of another version.
    async fn snapshot(&self, client: ClientId, version: VersionId) -> Result<Option<Outgoing>, StorageError>;

    /// Begins to take over a body of more than [`body::CHUNK_BYTES`], piece by piece.
    async fn stage(&self) -> Result<Box<dyn Staging>, CommitError>;

    /// Carries out one change.
    async fn commit(&self, change: Change) -> Result<Committed, CommitError>;

    /// Notes where devices stand. Those of unknown accounts, and places that a chain does not know, are ignored.
    async fn note_stands(&self, stands: Vec<Stand>) -> Result<(), StorageError>;

    /// Takes away a few versions that nobody needs any more, of the accounts behind this place; see [`prune`]. Never long
    /// enough to keep anybody waiting.
    async fn prune_some(&self, behind: prune::Cursor, retention: Retention) -> Result<Pruned, StorageError>;

    /// Answers if the backend can be read; for readiness.
    async fn check(&self) -> Result<(), StorageError>;

    /// Bytes that what was deleted has left behind inside the backend, and that it will use before it takes more of its volume.
    async fn reusable_bytes(&self) -> Result<u64, StorageError>;

    /// How it stands. Costs no more than looks at files; may wait for a slow disk.
    async fn figures(&self) -> Figures;

    /// Counts the accounts, which walks all of them, a few thousand at a time so that nobody waits behind it.
    async fn count_accounts(&self) -> Result<AccountCounts, StorageError>;

    /// Changes when the data was taken back to an older state. Opaque.
    fn epoch(&self) -> &str;

    /// The salt for [`crate::account_hash::AccountHasher`]: random, made with the data, never shown.
    fn salt(&self) -> &str;

    /// Finishes what was handed over and closes. Later calls fail.
    async fn close(&self) -> Result<(), StorageError>;
}
