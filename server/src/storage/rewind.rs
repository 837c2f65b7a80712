//! Rewinding: taking an account back to one of its versions, for instance the last one before a device with a wrong secret sent
//! what nobody else can read.
//!
//! The versions behind it go, and the snapshot with them if it was made at one of those. What is left is the account as it was:
//! a device that stands at one of the versions that are left goes on as if the others had never been, and one that has seen
//! others is told that its history is gone. To rewind to nil is to empty the account, which then takes any history.
//!
//! It is done in two steps, so that what goes can be kept before: a look, and the deed, which refuses if the account is not what
//! it was at the look.
//!
//! Where much goes, it goes a little at a time, from the chain's end, so that other accounts are served meanwhile. The account is
//! disabled until all of it went, with words of its own ([`UNDER_WAY`]): at each moment it is a whole account, and no device gets to
//! see one that is taken back by half.

use taskferry_protocol::VersionId;

use super::UnixSeconds;
use super::stands::Week;

/// What devices are told while an account is taken back a little at a time, and how that is recognised when it was cut off.
pub const UNDER_WAY: &str = "it is being taken back to an earlier version; try again in a few minutes";

/// What rewinding an account comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewind {
    /// The version that will be the latest; nil: none.
    pub to: VersionId,
    /// When it was stored.
    pub to_stored_at: Option<UnixSeconds>,
    /// The version that is the latest now.
    pub from: VersionId,
    /// Versions that go.
    pub versions: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether the snapshot goes too.
    pub takes_snapshot: bool,
    /// Whether a new device finds everything in what is left: all versions from nil on, or a snapshot. If not, it has to wait for
    /// the next snapshot.
    pub is_complete: bool,
    /// When a device last asked what follows one of the versions that go, if one did. It has that version.
    pub last_seen: Option<Week>,
}
