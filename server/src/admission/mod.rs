//! Who may come in, and how much they may keep.
//!
//! | file | decides |
//! |---|---|
//! | [`registration`] | whose accounts may be created |
//! | [`newcomers`] | how many may be created, by all the world together |
//! | [`quota`] | how much one account may keep |
//! | [`on_the_way`] | how much one account may have on the disk that is not stored yet |
//! | [`space`] | what the volume still has room for |
//!
//! All of it is decided from memory, when a request begins. Nothing is refused in the middle of a push: stock Taskwarrior sends
//! more than 1 MB of changes as several versions, commits on its side only at the end, and after a refusal in between its next
//! try silently drops the rest. So a push that is under way may overrun: its account's quota up to [`quota::OVERRUN`] times, and
//! the reserves that [`space`] keeps.

pub mod newcomers;
pub mod on_the_way;
pub mod quota;
pub mod registration;
pub mod space;

use std::sync::Arc;
use std::time::Duration;

use taskferry_protocol::{ClientId, InviteCode};

use self::newcomers::Newcomers;
use self::on_the_way::AllOnTheWay;
use self::quota::{OVERRUN, Quotas};
use self::registration::{Entry, Registration};
use self::space::{Need, Space};
use crate::clock::now;
use crate::invite::{InviteFlaw, InviteHash};
use crate::storage::{Account, Admit, Patience, UnixSeconds};

/// A push goes on while its account adds versions within this many seconds of each other, which is as long as Taskwarrior waits
/// for one answer; a slow link behind a proxy that collects bodies needs that long.
const PUSH_GAP_SECONDS: UnixSeconds = 60;

/// Why a request is not let in. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// The account is unknown, and nobody but the operator creates accounts here.
    #[error("this server takes no new accounts")]
    Closed,
    /// The account is unknown, and it takes an invite to create one.
    #[error("this server takes new accounts with an invite only")]
    InviteNeeded,
    /// The account is unknown, and its invite admits nobody.
    #[error(transparent)]
    Invite(#[from] InviteFlaw),
    /// Too many accounts were created lately.
    #[error("too many accounts were created on this server lately")]
    TooManyAccounts {
        /// When there will be room for one more.
        retry_after: Duration,
    },
    /// The account has no room for it.
    #[error("this account has used up what it may keep on this server")]
    QuotaExceeded,
    /// The volume has no room for it.
    #[error("the server is running out of disk space")]
    StorageLow,
}

/// What is known of a request before its body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// What to do where there is no room for it in memory or in a queue.
    pub patience: Patience,
    /// Whether a large body has a chance of being kept; if not, it is not worth storing for the time being.
    pub keep_large: bool,
    /// Whether it creates its account, if it comes to its end.
    pub creates: bool,
    /// The largest body that the account's quota has room for.
    pub bytes_max: u64,
    /// How much of all its bodies that are arriving now the account may have on the disk.
    pub on_the_way_max: u64,
    /// What the volume must have room for.
    pub need: Need,
}

/// See the module.
#[derive(Debug)]
pub struct Gate {
    /// Whose accounts may be created.
    pub registration: Registration,
    /// How many may be created; `None`: any number.
    pub newcomers: Option<Newcomers>,
    /// How much an account may keep; `None`: anything.
    pub quotas: Option<Quotas>,
    /// What the volume has room for.
    pub space: Arc<Space>,
    /// What each account has on the disk that is not stored yet.
    pub on_the_way: AllOnTheWay,
}

impl Gate {
    /// Lets everybody in, and keep what they want. For tests.
    #[cfg(test)]
    pub(crate) fn wide_open() -> Self {
        let space = Arc::new(Space::unlimited());
        let on_the_way = AllOnTheWay::default();
        Self { registration: Registration::open(), newcomers: None, quotas: None, space, on_the_way }
    }

    /// Before the first version of an unknown account.
    pub(crate) fn first_version(&self, client: ClientId) -> Result<Admission, NotAdmitted> {
        self.check_creatable(client)?;
        let now = now();
        let account = Account::new(now);
        let bytes_max = self.room(|quotas| quotas.room_for_version(&account, false, now));
        let on_the_way_max = self.on_the_way_max(&account, now);
        let (patience, need) = (Patience::Refuse, Need::Create);
        Ok(Admission { patience, keep_large: true, creates: true, bytes_max, on_the_way_max, need })
    }

    /// Before a version of an account that is there.
    pub(crate) fn version(&self, account: &Account, now: UnixSeconds) -> Admission {
        let under_way = is_under_way(account, now);
        let bytes_max = self.room(|quotas| quotas.room_for_version(account, under_way, now));
        Admission { bytes_max, on_the_way_max: self.on_the_way_max(account, now), ..going_on(account, now) }
    }

    /// Before a snapshot. A full account may replace its own, else it could never be made smaller.
    pub(crate) fn snapshot(&self, account: &Account, now: UnixSeconds) -> Admission {
        let bytes_max = self.room(|quotas| quotas.of(account, now).snapshot_bytes);
        Admission { bytes_max, on_the_way_max: self.on_the_way_max(account, now), ..going_on(account, now) }
    }

    /// Never less than one body may have: a device that sends one after the other does not notice.
    fn on_the_way_max(&self, account: &Account, now: UnixSeconds) -> u64 {
        self.room(|quotas| quotas.of(account, now).bytes.saturating_mul(OVERRUN))
    }

    fn room(&self, by_quota: impl FnOnce(&Quotas) -> u64) -> u64 {
        self.quotas.as_ref().map_or(u64::MAX, by_quota)
    }

    /// Takes a new account's place among all new ones, at the moment when it would be created: what comes to nothing before
    /// takes none. Whom the operator let in by name or invite needs none either.
    pub(crate) fn take_place(&self, client: ClientId) -> Result<(), NotAdmitted> {
        if !self.space.has_room(Need::Create) {
            return Err(NotAdmitted::StorageLow);
        }
        match (&self.newcomers, self.registration.entry(client)) {
            (Some(newcomers), Entry::Free) => {
                newcomers.take_place().map_err(|retry_after| NotAdmitted::TooManyAccounts { retry_after })
            }
            _ => Ok(()),
        }
    }

    /// How an account that asks to be created may be.
    pub(crate) fn register(&self, client: ClientId, invite: Option<&str>) -> Result<Admit, NotAdmitted> {
        let admit = match (self.registration.entry(client), invite) {
            (Entry::ByInvite, Some(code)) => {
                let code = code.parse::<InviteCode>().map_err(|_| InviteFlaw::Unknown)?;
                Admit::ByInvite(InviteHash::of(&code))
            }
            _ => self.check_creatable(client).map(|()| Admit::Yes)?,
        };
        self.take_place(client)?;
        Ok(admit)
    }

    /// Whether the first version of an unknown account would create it. If not, the account is refused also where it only asks:
    /// anything else would make Taskwarrior report success.
    pub(crate) fn check_creatable(&self, client: ClientId) -> Result<(), NotAdmitted> {
        match self.registration.entry(client) {
            Entry::Free | Entry::Listed => Ok(()),
            Entry::ByInvite => Err(NotAdmitted::InviteNeeded),
            Entry::None => Err(NotAdmitted::Closed),
        }
    }
}

fn is_under_way(account: &Account, now: UnixSeconds) -> bool {
    account.last_version_at.is_some_and(|last| now - last <= PUSH_GAP_SECONDS)
}

/// What follows from how an account stands, its quota aside.
fn going_on(account: &Account, now: UnixSeconds) -> Admission {
    let (patience, need) = match (is_under_way(account, now), quota::is_young(account, now)) {
        (true, true) => (Patience::Wait, Need::YoungGoOn),
        (true, false) => (Patience::Wait, Need::GoOn),
        (false, true) => (Patience::Refuse, Need::YoungBegin),
        (false, false) => (Patience::Refuse, Need::Begin),
    };
    Admission { patience, keep_large: true, creates: false, bytes_max: u64::MAX, on_the_way_max: u64::MAX, need }
}
