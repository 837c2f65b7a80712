//! Whose accounts may be created.

use std::collections::BTreeSet;

use taskferry_protocol::ClientId;
use taskferry_protocol::describe;

/// How an account may be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Freely, by its first version too.
    Free,
    /// The same, because the operator named it.
    Listed,
    /// By registering with an invite.
    ByInvite,
    /// By the operator only.
    None,
}

/// Who may create an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The rule.
    pub policy: describe::Registration,
    /// Accounts that may be created whatever the rule says.
    pub listed: BTreeSet<ClientId>,
}

impl Registration {
    /// Everybody.
    #[cfg(test)]
    pub(crate) const fn open() -> Self {
        Self { policy: describe::Registration::Open, listed: BTreeSet::new() }
    }

    /// How this account may be created.
    pub fn entry(&self, client: ClientId) -> Entry {
        if self.listed.contains(&client) {
            return Entry::Listed;
        }
        match self.policy {
            describe::Registration::Open => Entry::Free,
            describe::Registration::Invite => Entry::ByInvite,
            describe::Registration::Closed | describe::Registration::Unknown => Entry::None,
        }
    }
}
