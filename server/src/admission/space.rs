//! What the volume still has room for.
//!
//! Free space is measured on a timer, never by a request; in between, what requests store is taken off the last measure. As
//! it runs low, one thing after the other is refused, the dispensable ones first: new accounts, then what accounts of the first
//! day send, then every push that begins. Reading goes on always. Pushes that are under way have a reserve of half the floor, one
//! for young accounts and one for the others, so that strangers can't use up what the others need; when that too is gone they are
//! refused, because on a full volume nobody could store anything.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::storage::Storage;
use crate::volume::{Measured, Volume, default_floor};

/// How often free space is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

/// What a request needs room for, from the dispensable to the indispensable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A new account: four times the floor.
    Create,
    /// A push of an account of the first day: twice the floor.
    YoungBegin,
    /// The same push under way: one and a half times the floor.
    YoungGoOn,
    /// Any other push: the floor.
    Begin,
    /// The same push under way: half of the floor.
    GoOn,
}

impl Need {
    const ALL: [Self; 5] = [Self::Create, Self::YoungBegin, Self::YoungGoOn, Self::Begin, Self::GoOn];

    /// Bytes that must be free.
    const fn of(self, floor: u64) -> u64 {
        let half_floors = match self {
            Self::Create => 8,
            Self::YoungBegin => 4,
            Self::YoungGoOn => 3,
            Self::Begin => 2,
            Self::GoOn => 1,
        };
        (floor / 2).saturating_mul(half_floors)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Space {
    /// Bytes free at the last measure, less what was stored since.
    free: AtomicU64,
    /// Bytes below which no push begins.
    floor: AtomicU64,
    /// The operator's floor; `None`: by the volume's size.
    fixed_floor: Option<u64>,
}

impl Space {
    /// As `volume` has it now.
    pub fn of(volume: &dyn Volume, fixed_floor: Option<u64>) -> std::io::Result<Self> {
        Ok(Self::with(volume.measure()?, fixed_floor))
    }

    /// Room for anything. For tests.
    #[cfg(test)]
    pub(crate) fn unlimited() -> Self {
        Self { free: AtomicU64::new(u64::MAX), floor: AtomicU64::new(0), fixed_floor: None }
    }

    /// As it was measured.
    pub fn with(measured: Measured, fixed_floor: Option<u64>) -> Self {
        let space = Self { free: AtomicU64::new(0), floor: AtomicU64::new(0), fixed_floor };
        space.take_over(measured, 0);
        space
    }

    fn take_over(&self, measured: Measured, reusable: u64) {
        let floor = self.fixed_floor.unwrap_or_else(|| default_floor(measured.total));
        self.floor.store(floor, Ordering::Relaxed);
        self.free.store(measured.free.saturating_add(reusable), Ordering::Relaxed);
    }

    /// Bytes below which no push begins.
    pub fn floor(&self) -> u64 {
        self.floor.load(Ordering::Relaxed)
    }

    /// Whether there is room.
    pub fn has_room(&self, need: Need) -> bool {
        self.free.load(Ordering::Relaxed) >= need.of(self.floor.load(Ordering::Relaxed))
    }

    /// This many bytes were stored.
    pub fn spend(&self, bytes: u64) {
        let less = |free: u64| Some(free.saturating_sub(bytes));
        let _ = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// What there is no room for at present: everything up to this.
    pub fn refused(&self) -> Option<Need> {
        Need::ALL.into_iter().filter(|need| !self.has_room(*need)).max()
    }

    /// Measures again and again, as long as there is storage. What the database has free within itself counts as free.
    pub async fn keep_measuring(&self, volume: Arc<dyn Volume>, storage: Weak<dyn Storage>, directory: &Path) {
        let mut refused = None;
        let mut timer = tokio::time::interval(MEASURE_EVERY);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            let Some(storage) = storage.upgrade() else { return };
            let volume = Arc::clone(&volume);
            // A network drive may take its time to answer.
            let measured = tokio::task::spawn_blocking(move || volume.measure()).await;
            let (Ok(Ok(measured)), Ok(reusable)) = (measured, storage.reusable_bytes().await) else {
                continue; // not to know is to go by the last measure
            };
            self.take_over(measured, reusable);
            let now = self.refused();
            if now != refused {
                self.tell(now, directory);
                refused = now;
            }
        }
    }

    /// A change of what is refused, for the log.
    fn tell(&self, refused: Option<Need>, directory: &Path) {
        let free_mb = self.free.load(Ordering::Relaxed) / 1_000_000;
        let directory = directory.display();
        match refused {
            None => tracing::info!(free_mb, %directory, "there is enough free space for everything again"),
            Some(Need::Create) => tracing::warn!(free_mb, %directory, "free space is low: no accounts are created"),
            Some(Need::YoungBegin | Need::YoungGoOn) => {
                tracing::warn!(free_mb, %directory, "free space is low: accounts of the first day can't send");
            }
            Some(Need::Begin) => tracing::error!(free_mb, %directory, "free space is very low: nobody can send"),
            Some(Need::GoOn) => {
                tracing::error!(free_mb, %directory, "hardly any free space is left: what is being sent is refused too");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Measured);

    impl Volume for Fixed {
        fn measure(&self) -> std::io::Result<Measured> {
            Ok(self.0)
        }
    }

    const MB: u64 = 1_000_000;

    fn space(free: u64, total: u64) -> Space {
        Space::of(&Fixed(Measured { free: free * MB, total: total * MB }), None).unwrap()
    }

    #[test]
    fn on_a_volume_of_a_gigabyte_one_thing_after_the_other_is_refused() {
        let refused = |free| space(free, 1000).refused();
        assert_eq!(refused(400), None);
        assert_eq!(refused(399), Some(Need::Create));
        assert_eq!(refused(199), Some(Need::YoungBegin));
        assert_eq!(refused(149), Some(Need::YoungGoOn));
        assert_eq!(refused(99), Some(Need::Begin));
        assert_eq!(refused(49), Some(Need::GoOn));
    }

    #[test]
    fn a_large_volume_is_not_left_empty_for_a_tenth() {
        assert_eq!(space(1100, 1_000_000).refused(), None);
        assert_eq!(space(260, 1_000_000).refused(), Some(Need::Begin));
    }

    #[test]
    fn the_operators_floor_counts_instead() {
        let volume = Fixed(Measured { free: 100 * MB, total: 1000 * MB });
        assert_eq!(Space::of(&volume, Some(MB)).unwrap().refused(), None);
        assert_eq!(Space::of(&volume, Some(102 * MB)).unwrap().refused(), Some(Need::Begin));
    }

    #[test]
    fn what_was_stored_since_the_last_measure_is_not_free_any_more() {
        let space = space(400, 1000);
        space.spend(MB);
        assert_eq!(space.refused(), Some(Need::Create));
        space.spend(u64::MAX);
        assert_eq!(space.refused(), Some(Need::GoOn));
    }

    #[test]
    fn what_the_database_has_free_within_itself_is_free() {
        let space = space(0, 1000);
        space.take_over(Measured { free: 0, total: 1000 * MB }, 400 * MB);
        assert_eq!(space.refused(), None);
    }
}
