//! Where devices stand; what it is for is told in [`crate::sync`], which notes it.

use taskferry_protocol::{ClientId, VersionId};

use super::UnixSeconds;

/// In this week, somebody asked what follows this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// Whose account.
    pub client: ClientId,
    /// The version asked from.
    pub version: VersionId,
    /// When.
    pub week: Week,
}

/// A week, counted from 1970-01-01. Coarse on purpose: half a year is 26 rows an account, whatever its devices do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Week(i64);

impl Week {
    const SECONDS: UnixSeconds = 7 * 24 * 60 * 60;

    /// The week of this number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The week in which this moment lies.
    pub const fn of(time: UnixSeconds) -> Self {
        Self(time.div_euclid(Self::SECONDS))
    }

    /// Its first moment.
    pub const fn begins_at(self) -> UnixSeconds {
        self.0 * Self::SECONDS
    }

    /// Its number.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// So many weeks before it.
    #[must_use]
    pub const fn minus(self, weeks: i64) -> Self {
        Self(self.0 - weeks)
    }
}
