//! What an operator does to accounts and invites: the contract of a backend's other door.
//!
//! The door is used by a process of its own, beside a running server or without one, so nothing here goes through the server's
//! queue or its memory. A backend sees to it that a running server notices within a second.

use taskferry_protocol::{ClientId, VersionId};

use super::prune::{Cursor, Prunable, Pruned, Retention};
use super::rewind::Rewind;
use super::select::Selection;
use super::stands::Week;
use super::{Account, OwnQuota, StorageError, UnixSeconds};
use crate::invite::InviteHash;

/// An account with what only an operator gets to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its ID: a credential.
    pub client: ClientId,
    /// The account.
    pub account: Account,
    /// If it was deleted: until when it can be brought back. `None` if its data was erased.
    pub erase_at: Option<UnixSeconds>,
    /// The last week in which one of its devices asked for something, as far as that was noted.
    pub last_stand: Option<Week>,
}

/// In this week, somebody asked what follows this version, and nobody from before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The week.
    pub week: Week,
    /// The version.
    pub version: VersionId,
    /// How many versions follow it now; `None` if it is not in the chain any more.
    pub behind: Option<u64>,
}

/// What to do to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Create it, empty. Whoever sends its ID may use it from then on, whatever registration says.
    Create,
    /// Switch it off; its data stays.
    Disable {
        /// What its devices are told.
        reason: Option<String>,
    },
    /// Switch it on again, also if it was deleted and its data is still there.
    Enable,
    /// Delete it; again, to change when its data is erased.
    Delete {
        /// Until when it can be brought back.
        erase_at: UnixSeconds,
    },
    /// Give it a quota of its own.
    SetQuota(OwnQuota),
}

/// An invite with what an operator gets to see: not its code, which nobody knows any more.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Invite {
    /// What it is called.
    pub id: i64,
    /// How many accounts it may create.
    pub uses: u32,
    /// How many it has created.
    pub used: u32,
    /// Since when there is this invite.
    pub created_at: UnixSeconds,
    /// Until when it can be used.
    pub expires_at: UnixSeconds,
}

/// Why an order was not carried out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no such account.
    #[error("there is no such account")]
    UnknownAccount,
    /// It was created before.
    #[error("this account exists already")]
    Exists,
    /// It was deleted, so all that can be done is to enable it.
    #[error("this account was deleted")]
    Deleted,
    /// It was deleted, and its data was erased.
    #[error("this account was deleted, and its data is erased")]
    Erased,
    /// It was not deleted, so its data can't be erased.
    #[error("this account is not deleted")]
    InUse,
    /// It has no such version.
    #[error("this account has no such version")]
    UnknownVersion,
    /// It is not what it was at the look before.
    #[error("the account changed meanwhile")]
    Changed,
    /// The backend failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A backend's door for operators.
pub trait Administration {
    /// The salt for [`crate::account_hash::AccountHasher`], as [`super::Storage::salt`].
    fn salt(&self) -> &str;

    /// Shows the accounts of a selection, in its order.
    fn records(&self, selection: &Selection, see: &mut dyn FnMut(Record)) -> Result<(), AdminError>;

    /// One account.
    fn record(&self, client: ClientId) -> Result<Option<Record>, AdminError>;

    /// Carries out an order.
    fn order(&self, client: ClientId, order: &Order, now: UnixSeconds) -> Result<(), AdminError>;

    /// Where its devices stood, the latest week first; [`AdminError::UnknownAccount`] if there is none.
    fn stands(&self, client: ClientId) -> Result<Vec<Standing>, AdminError>;

    /// Erases a little of what a deleted account has stored, whatever time it had left: from the first little on it can't be
    /// brought back. Returns whether there is more. Its tombstone stays.
    fn erase_some(&self, client: ClientId) -> Result<bool, AdminError>;

    /// What it would come to if this account went back to this version; see [`super::rewind`].
    fn look_back(&self, client: ClientId, to: VersionId) -> Result<Rewind, AdminError>;

    /// Takes the account back, as it was seen by [`Administration::look_back`]; [`AdminError::Changed`] if it is not that any more.
    /// At once, or, where that would keep a running server from writing for long, a little at a time from the chain's end; in
    /// between its devices are refused, and `between` is told how many versions went. Whoever is cut off there has an account
    /// that was taken back to a later version, and goes on by doing the same again.
    fn rewind(&self, client: ClientId, rewind: &Rewind, between: &mut dyn FnMut(u64)) -> Result<(), AdminError>;

    /// Shows what could be taken away from every account that can spare something; see [`super::prune`].
    fn prunable(&self, retention: Retention, see: &mut dyn FnMut(Prunable)) -> Result<(), AdminError>;

    /// As [`super::Storage::prune_some`].
    fn prune_some(&self, behind: Cursor, retention: Retention) -> Result<Pruned, AdminError>;

    /// Makes an invite that creates up to `uses` accounts until `expires_at`, and forgets those that expired long ago.
    fn create_invite(
        &self,
        hash: InviteHash,
        uses: u32,
        expires_at: UnixSeconds,
        now: UnixSeconds,
    ) -> Result<Invite, AdminError>;

    /// All invites, oldest first.
    fn invites(&self) -> Result<Vec<Invite>, AdminError>;

    /// Takes an invite back. Returns whether there was one. Accounts that it created stay.
    fn revoke_invite(&self, id: i64) -> Result<bool, AdminError>;
}

/// For how long an expired invite is remembered, so that its holder is told so.
pub(super) const EXPIRED_INVITE_SECONDS: UnixSeconds = 90 * 24 * 60 * 60;
