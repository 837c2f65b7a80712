//! One account in one file, as a server stores it: every version and the snapshot, sealed, with their IDs. It takes an account
//! from one server to another without its devices noticing, and keeps one for bad days.
//!
//! ```text
//! TASKFERRY-ACCOUNT 1\n
//! {"client_id":…,"exported_at":…,"latest_version_id":…,"versions":…,"version_bytes":…,"snapshot_bytes":…}\n
//! S  version ID (16)                  stored at (8)  length (4)  body     the snapshot, if there is one
//! V  version ID (16)  parent ID (16)  stored at (8)  length (4)  body     each version, from the chain's beginning on
//! …
//! E  SHA-256 (32) of everything before it, the E included
//! ```
//!
//! Numbers are big-endian, times seconds since 1970-01-01 UTC, 0 where one is not known. The snapshot stands first: who
//! rebuilds an account begins with it. The chain need not begin at nil: versions behind a snapshot may have been pruned.
//!
//! | file | does |
//! |---|---|
//! | [`head`] | what is known of the account before its records |
//! | [`course`] | what may follow what; reader and writer keep to it, so that no file is written that can't be read |
//! | [`mod@read`], [`mod@write`] | the two ends, piece by piece: no body is ever whole in memory |
//!
//! The file holds the client ID, a credential: whoever makes one lets only its owner read it.

mod course;
mod head;
mod read;
mod write;

#[cfg(test)]
mod tests;

use std::io;

use crate::ids::VersionId;

pub use self::course::Flaw;
pub use self::head::Head;
pub use self::read::{Reader, check};
pub use self::write::Writer;

/// The largest piece of a body that is handed over, in bytes. Every piece but the last has this size.
pub const PIECE_BYTES: usize = 256 * 1024;
/// The longest head, in bytes.
pub const HEAD_BYTES_MAX: usize = 4096;
/// The longest body, in bytes.
pub const BODY_BYTES_MAX: u64 = u32::MAX as u64;
/// The longest chain.
pub const VERSIONS_MAX: u64 = 1_000_000;

/// What every account file begins with, up to its format's number.
const MAGIC: &str = "TASKFERRY-ACCOUNT ";
const FORMAT: &str = "1";
const SNAPSHOT: u8 = b'S';
const VERSION: u8 = b'V';
const END: u8 = b'E';

/// A version or a snapshot; its body comes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: Kind,
    /// The version's ID; of a snapshot, the version at which it was made.
    pub version: VersionId,
    /// When it was stored, in seconds since 1970-01-01 UTC, if that is known.
    pub stored_at: Option<i64>,
    /// Size of its body.
    pub bytes: u64,
}

/// What a [`Record`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The account's snapshot.
    Snapshot,
    /// A version, and the one that it follows.
    Version {
        /// Its parent.
        parent: VersionId,
    },
}

/// Why a file can't be read, or written.
#[derive(Debug, thiserror::Error)]
pub enum AccountFileError {
    /// Something else altogether.
    #[error("this is not an account file")]
    NotOne,
    /// Made by a later version.
    #[error("this account file has a format that this version does not know")]
    UnknownFormat,
    /// Its end is missing.
    #[error("the account file is incomplete: its end is missing")]
    CutOff,
    /// It is not what was written: the checksum does not fit, or something stands where nothing can.
    #[error("the account file is damaged: it is not what was written")]
    Damaged,
    /// Its parts do not make an account.
    #[error("the account does not hold together: {0}")]
    Flaw(#[from] Flaw),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}
