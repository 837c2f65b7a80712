//! How full the volume is on which the data lies, and how much of it is left alone by default. What there is room for is decided by
//! [`crate::admission::space`], for people's requests, and by [`crate::backup::room`].

use std::path::PathBuf;

/// By default the floor is this part of the volume …
const FLOOR_PART: u64 = 10;
/// … and at most this many bytes.
const FLOOR_BYTES_MAX: u64 = 256 << 20;

/// How a volume stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Bytes that this process may still use.
    pub free: u64,
    /// Bytes of the whole volume.
    pub total: u64,
}

/// Bytes of a volume of this size below which no push begins, unless the operator says otherwise.
pub fn default_floor(total: u64) -> u64 {
    (total / FLOOR_PART).min(FLOOR_BYTES_MAX)
}

/// Something that has free space.
pub trait Volume: Send + Sync {
    /// Looks.
    fn measure(&self) -> std::io::Result<Measured>;
}

/// The volume on which a directory lies.
#[derive(Debug)]
pub struct VolumeOf(pub PathBuf);

impl Volume for VolumeOf {
    #[cfg(unix)]
    fn measure(&self) -> std::io::Result<Measured> {
        let volume = rustix::fs::statvfs(&self.0)?;
        let bytes = |blocks: u64| blocks.saturating_mul(volume.f_frsize);
        Ok(Measured { free: bytes(volume.f_bavail), total: bytes(volume.f_blocks) })
    }

    #[cfg(not(unix))]
    fn measure(&self) -> std::io::Result<Measured> {
        Ok(Measured { free: u64::MAX, total: u64::MAX })
    }
}

/// A volume that is as full as a file says: free and whole bytes, two numbers. For tests of the real server.
#[derive(Debug)]
pub struct Pretended(pub PathBuf);

impl Volume for Pretended {
    fn measure(&self) -> std::io::Result<Measured> {
        let text = fs_err::read_to_string(&self.0)?;
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        match numbers[..] {
            [free, total] => Ok(Measured { free, total }),
            _ => Err(std::io::Error::other("not two numbers")),
        }
    }
}
