//! What may follow what in an account file. Every record passes here, whether it is read or written.

use std::collections::HashSet;

use super::{BODY_BYTES_MAX, Head, Kind, Record, VERSIONS_MAX};
use crate::ids::VersionId;

/// Why some records are no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A version's parent is not the version before it.
    #[error("a version does not follow the one before it")]
    Order,
    /// A version is there twice, or the chain leads back to its beginning.
    #[error("a version comes twice")]
    Repeated,
    /// Nil is no version.
    #[error("a version has the ID of none")]
    Nil,
    /// A body of nothing, or of more than [`BODY_BYTES_MAX`].
    #[error("a version or snapshot is empty or too large")]
    Size,
    /// Other pieces came than the record had announced.
    #[error("a version or snapshot has another size than was announced")]
    Body,
    /// More than [`VERSIONS_MAX`].
    #[error("it has too many versions")]
    TooMany,
    /// A second snapshot, or one behind a version.
    #[error("a snapshot stands where there can be none")]
    Snapshot,
    /// A snapshot of a version that is neither in the chain nor right before it.
    #[error("the snapshot is of a version that is not in the chain")]
    SnapshotOfNothing,
    /// A time before 1970.
    #[error("a time is not one")]
    Time,
    /// The head counts otherwise.
    #[error("it is not as much as its beginning says")]
    Miscounted,
}

/// How far the records have come.
#[derive(Debug)]
pub(super) struct Course {
    expected: Head,
    snapshot: Option<VersionId>,
    latest: Option<VersionId>,
    versions: u64,
    version_bytes: u64,
    snapshot_bytes: u64,
    /// Every version, and the parent of the first one.
    places: HashSet<VersionId>,
}

impl Course {
    pub(super) fn new(head: &Head) -> Result<Self, Flaw> {
        if head.versions > VERSIONS_MAX {
            return Err(Flaw::TooMany);
        }
        Ok(Self {
            expected: head.clone(),
            snapshot: None,
            latest: None,
            versions: 0,
            version_bytes: 0,
            snapshot_bytes: 0,
            places: HashSet::new(),
        })
    }

    /// The next record.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), Flaw> {
        if record.version.is_nil() {
            return Err(Flaw::Nil);
        }
        if !(1..=BODY_BYTES_MAX).contains(&record.bytes) {
            return Err(Flaw::Size);
        }
        if record.stored_at.is_some_and(|at| at <= 0) {
            return Err(Flaw::Time);
        }
        match record.kind {
            Kind::Snapshot => self.snapshot(record),
            Kind::Version { parent } => self.version(record, parent),
        }
    }

    fn snapshot(&mut self, record: &Record) -> Result<(), Flaw> {
        if self.snapshot.is_some() || self.versions > 0 {
            return Err(Flaw::Snapshot);
        }
        self.snapshot = Some(record.version);
        self.snapshot_bytes = record.bytes;
        Ok(())
    }

    fn version(&mut self, record: &Record, parent: VersionId) -> Result<(), Flaw> {
        match self.latest {
            None => drop(self.places.insert(parent)),
            Some(latest) if latest == parent => {}
            Some(_) => return Err(Flaw::Order),
        }
        if !self.places.insert(record.version) {
            return Err(Flaw::Repeated);
        }
        self.versions += 1;
        // What is counted stays within what the head says, so the set of places can't grow beyond it.
        if self.versions > self.expected.versions {
            return Err(Flaw::Miscounted);
        }
        self.version_bytes = self.version_bytes.saturating_add(record.bytes);
        self.latest = Some(record.version);
        Ok(())
    }

    /// No more records.
    pub(super) fn end(&self) -> Result<(), Flaw> {
        let expected = &self.expected;
        // With no versions left, all that is known of the chain is where its snapshot stands.
        let latest = self.latest.or(self.snapshot).unwrap_or(VersionId::NIL);
        let found = (self.versions, self.version_bytes, self.snapshot_bytes, latest);
        if found != (expected.versions, expected.version_bytes, expected.snapshot_bytes, expected.latest_version_id) {
            return Err(Flaw::Miscounted);
        }
        let is_in_chain = |version: &VersionId| self.versions == 0 || self.places.contains(version);
        if self.snapshot.as_ref().is_none_or(is_in_chain) { Ok(()) } else { Err(Flaw::SnapshotOfNothing) }
    }
}
