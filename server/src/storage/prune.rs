//! Pruning: taking away what nobody needs any more.
//!
//! A version may go if all of this holds:
//!
//! - the account's snapshot was made at it or after it, so that a new device does not need it;
//! - it is older than the retention time;
//! - nobody who came within the retention time stood before it ([`super::stands`]);
//! - it is not one of the account's newest five, at which a snapshot may still be made.
//!
//! Versions go from the chain's beginning on, so what is left is one chain. The snapshot itself is never touched.

use taskferry_protocol::ClientId;

use super::UnixSeconds;
use super::stands::Week;

/// How long versions are kept at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    cutoff: UnixSeconds,
}

impl Retention {
    /// What was stored before this moment may go.
    pub const fn since(cutoff: UnixSeconds) -> Self {
        Self { cutoff }
    }

    /// Since when everything is kept.
    pub const fn cutoff(self) -> UnixSeconds {
        self.cutoff
    }

    /// The first week of which every stand counts.
    pub const fn week(self) -> Week {
        Week::of(self.cutoff)
    }
}

/// How far pruning has come among the accounts; a backend's own number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor(pub i64);

/// What was taken away in one go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Versions.
    pub versions: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Where to go on; `None` after the last account.
    pub next: Option<Cursor>,
}

/// What could be taken away from one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prunable {
    /// Whose account.
    pub client: ClientId,
    /// Versions.
    pub versions: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When a device last stood among them, if one did: should it ever come back, it has to start afresh.
    pub last_seen: Option<Week>,
}
