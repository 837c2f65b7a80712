//! Which accounts an operator wants to see, and in what order.

use super::Barred;
use super::UnixSeconds;
use super::admin::Record;

/// How an account stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In use.
    Active,
    /// Switched off by the operator.
    Disabled,
    /// Deleted, and its data is still there, or being erased.
    Deleted,
    /// Deleted, and nothing but its tombstone is left.
    Erased,
}

impl State {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
            Self::Erased => "erased",
        }
    }
}

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest.
    #[default]
    Created,
    /// The one of which something was heard last.
    Seen,
    /// The largest, versions and snapshot together.
    Size,
    /// The one with the most versions.
    Versions,
}

/// A part of all accounts. Where several have the same place, the older one comes first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only those that stand so.
    pub state: Option<State>,
    /// Only those of which nothing was heard since this moment; see [`Record::seen_at`].
    pub silent_since: Option<UnixSeconds>,
    /// Only those that take more bytes, in versions and snapshot together.
    pub over_bytes: Option<u64>,
    /// What comes first.
    pub order: Order,
    /// What would come first comes last.
    pub reversed: bool,
    /// So many of them are left out at the beginning.
    pub skip: u64,
    /// So many at most.
    pub limit: Option<u64>,
}

impl Record {
    /// How it stands.
    pub fn state(&self) -> State {
        match (&self.account.barred, self.erase_at) {
            (None, _) => State::Active,
            (Some(Barred::Disabled { .. }), _) => State::Disabled,
            (Some(Barred::Deleted), Some(_)) => State::Deleted,
            (Some(Barred::Deleted), None) => State::Erased,
        }
    }

    /// The last moment at which one of its devices may have come: the end of the week in which one asked something, when one
    /// sent something, when the account was created. Never too early, so that nobody is taken for gone who is not.
    pub fn seen_at(&self) -> UnixSeconds {
        let asked = self.last_stand.map(|week| week.next().begins_at() - 1);
        [asked, self.account.last_version_at].into_iter().flatten().fold(self.account.created_at, UnixSeconds::max)
    }
}
