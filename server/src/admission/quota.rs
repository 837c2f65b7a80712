//! How much one account may keep.

use crate::storage::{Account, UnixSeconds};

/// How far a push that is under way may go beyond the quota: this many times of it. A first sync of 10,000 tasks, 12 MB, then
/// arrives whole even if it begins just below; and who keeps a push going for ever gets no further.
pub const OVERRUN: u64 = 2;
/// An account is young for a day. Strangers who come to fill a disk rarely stay longer, and accounts that are in use have nothing
/// to gain from a second one.
pub const YOUNG_SECONDS: UnixSeconds = 24 * 60 * 60;
/// A young account has a quarter of everybody's quota.
pub const YOUNG_PART: u64 = 4;

/// How much an account may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes in versions and snapshot together.
    pub bytes: u64,
    /// Versions.
    pub versions: u64,
    /// The largest snapshot; a larger one is accepted and dropped.
    pub snapshot_bytes: u64,
}

impl Default for Quota {
    /// Years of daily use of some 10,000 tasks.
    fn default() -> Self {
        Self { bytes: 64 << 20, versions: 100_000, snapshot_bytes: 16 << 20 }
    }
}

/// Whether the account is new here.
pub fn is_young(account: &Account, now: UnixSeconds) -> bool {
    now - account.created_at < YOUNG_SECONDS
}

/// What everybody's quota is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Of an account that is a day old.
    pub grown: Quota,
}

impl Quotas {
    /// The quota of this account.
    pub fn of(&self, account: &Account, now: UnixSeconds) -> Quota {
        let part = if is_young(account, now) { YOUNG_PART } else { 1 };
        let bytes = account.quota.bytes.unwrap_or(self.grown.bytes / part);
        let versions = account.quota.versions.unwrap_or(self.grown.versions / part);
        Quota { bytes, versions, snapshot_bytes: self.grown.snapshot_bytes.min(bytes) }
    }

    /// How large the next version may be.
    pub(super) fn room_for_version(&self, account: &Account, under_way: bool, now: UnixSeconds) -> u64 {
        let quota = self.of(account, now);
        let times = if under_way { OVERRUN } else { 1 };
        if account.versions >= quota.versions.saturating_mul(times) {
            return 0;
        }
        quota.bytes.saturating_mul(times).saturating_sub(account.bytes())
    }

    /// Whether it has used up so much that it should be made smaller soon, for which a snapshot is needed: from 80 % on.
    pub(crate) fn is_nearly_used_up(&self, account: &Account, now: UnixSeconds) -> bool {
        let quota = self.of(account, now);
        let from = |whole: u64| whole / 5 * 4;
        account.bytes() >= from(quota.bytes) || account.versions >= from(quota.versions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::OwnQuota;

    const QUOTAS: Quotas = Quotas { grown: Quota { bytes: 1000, versions: 100, snapshot_bytes: 500 } };

    fn account(version_bytes: u64, versions: u64) -> Account {
        Account { versions, version_bytes, ..Account::new(0) }
    }

    #[test]
    fn a_version_fits_to_the_last_byte() {
        let room = |bytes| QUOTAS.room_for_version(&account(bytes, 1), false, YOUNG_SECONDS);
        assert_eq!([0, 1, 999, 1000, 1001].map(room), [1000, 999, 1, 0, 0]);
        let room = |versions| QUOTAS.room_for_version(&account(0, versions), false, YOUNG_SECONDS);
        assert_eq!([99, 100, 101].map(room), [1000, 0, 0]);
    }

    #[test]
    fn a_push_under_way_overruns_and_not_without_end() {
        let room = |bytes, versions| QUOTAS.room_for_version(&account(bytes, versions), true, YOUNG_SECONDS);
        assert_eq!([room(1000, 1), room(1999, 1), room(2000, 1)], [1000, 1, 0]);
        assert_eq!([room(0, 199), room(0, 200)], [2000, 0]);
    }

    #[test]
    fn a_young_account_has_a_quarter_unless_it_has_a_quota_of_its_own() {
        let young = QUOTAS.of(&account(0, 0), YOUNG_SECONDS - 1);
        assert_eq!(young, Quota { bytes: 250, versions: 25, snapshot_bytes: 250 });
        assert_eq!(QUOTAS.of(&account(0, 0), YOUNG_SECONDS), QUOTAS.grown);
        let own = Account { quota: OwnQuota { bytes: Some(7), versions: None }, ..account(0, 0) };
        assert_eq!(QUOTAS.of(&own, 0), Quota { bytes: 7, versions: 25, snapshot_bytes: 7 });
    }

    #[test]
    fn a_snapshot_is_wanted_from_four_fifths_on() {
        let wanted = |bytes, versions| QUOTAS.is_nearly_used_up(&account(bytes, versions), YOUNG_SECONDS);
        assert_eq!([wanted(799, 79), wanted(800, 0), wanted(0, 80)], [false, true, true]);
    }

    #[test]
    fn by_default_a_first_sync_of_10_000_tasks_fits_on_the_first_day() {
        let quotas = Quotas { grown: Quota::default() };
        let after_eleven = account(11 << 20, 11);
        assert!(quotas.room_for_version(&after_eleven, false, 0) >= 1 << 20);
        assert!(quotas.of(&after_eleven, 0).snapshot_bytes >= 4 << 20);
    }
}
