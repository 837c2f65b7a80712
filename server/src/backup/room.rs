//! How much of a volume backups may fill.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::volume::{Volume, VolumeOf, default_floor};

/// Backups stop at this many times the floor below which nobody can send: where new accounts end too. A backup can wait, and must
/// never be the reason why somebody is refused.
const FLOORS: u64 = 4;

/// What backups may fill on a volume.
#[derive(Clone)]
pub struct Room {
    volume: Arc<dyn Volume>,
    /// The operator's floor; `None`: by the volume's size.
    floor: Option<u64>,
}

impl Room {
    /// Of the volume on which `directory` lies.
    pub fn on(directory: &Path, floor: Option<u64>) -> Self {
        Self::of(Arc::new(VolumeOf(directory.to_owned())), floor)
    }

    /// Of any volume.
    pub fn of(volume: Arc<dyn Volume>, floor: Option<u64>) -> Self {
        Self { volume, floor }
    }

    /// Bytes that may be filled at present.
    pub fn bytes(&self) -> io::Result<u64> {
        let measured = self.volume.measure()?;
        let floor = self.floor.unwrap_or_else(|| default_floor(measured.total));
        Ok(measured.free.saturating_sub(floor.saturating_mul(FLOORS)))
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("floor", &self.floor).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::volume::Measured;

    /// A volume that is always as full as it was.
    #[derive(Debug)]
    pub(crate) struct Fixed(pub(crate) Measured);

    impl Volume for Fixed {
        fn measure(&self) -> io::Result<Measured> {
            Ok(self.0)
        }
    }

    #[test]
    fn backups_leave_more_than_what_people_need() {
        const MIB: u64 = 1 << 20;
        let room = |free, total, floor| Room::of(Arc::new(Fixed(Measured { free, total })), floor).bytes().unwrap();
        assert_eq!(room(600 * MIB, 1000 * MIB, None), 200 * MIB);
        assert_eq!(room(2000 * MIB, 100_000 * MIB, None), 976 * MIB);
        assert_eq!(room(300 * MIB, 1000 * MIB, None), 0);
        assert_eq!(room(300 * MIB, 1000 * MIB, Some(50 * MIB)), 100 * MIB);
    }
}
