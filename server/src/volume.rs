//! How much room a volume has, and how much of it is to stay free.

use std::io;
use std::path::Path;

/// Room on a volume, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Volume {
    /// In all.
    pub(crate) total: u64,
    /// Free for this user.
    pub(crate) free: u64,
}

impl Volume {
    /// The one that `directory` lies on.
    #[cfg(unix)]
    pub(crate) fn of(directory: &Path) -> io::Result<Self> {
        let volume = rustix::fs::statvfs(directory)?;
        let bytes = |blocks: u64| blocks.saturating_mul(volume.f_frsize);
        Ok(Self { total: bytes(volume.f_blocks), free: bytes(volume.f_bavail) })
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_: &Path) -> io::Result<Self> {
        Ok(Self { total: u64::MAX, free: u64::MAX })
    }

    /// What may be filled by things that can wait, such as backups. A twentieth of the volume, at least 64 MiB and at most 1
    /// GiB, belongs to what people sync: a full volume stops everybody.
    pub(crate) fn above_floor(self) -> u64 {
        self.free.saturating_sub((self.total / 20).clamp(64 << 20, 1 << 30))
    }
}

/// Bytes free for this user on the volume that `directory` lies on.
pub(crate) fn free_bytes(directory: &Path) -> io::Result<u64> {
    Volume::of(directory).map(|volume| volume.free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_every_volume_is_kept_free() {
        const GIB: u64 = 1 << 30;
        for (total, free, usable) in
            [(GIB, GIB / 2, GIB / 2 - (64 << 20)), (100 * GIB, 3 * GIB, 2 * GIB), (GIB, 1 << 20, 0)]
        {
            assert_eq!(Volume { total, free }.above_floor(), usable, "{total} {free}");
        }
    }
}
