//! The newest end of an account's chain: its latest version and the ones right before it.

use taskferry_protocol::VersionId;

/// The IDs of the newest versions, newest first. What the protocol needs to know of a chain to add a version to it, and to
/// tell whether a snapshot is recent enough: it must be of one of the last [`Tip::VERSIONS`] versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Newest first. While the chain is shorter than this, the last one is the parent of its first version.
    ids: [VersionId; Self::VERSIONS],
    len: usize,
}

impl Tip {
    /// How many versions back a snapshot may be, the latest one included. Given by `taskchampion-sync-server-core`.
    pub const VERSIONS: usize = 5;

    /// Of an account without versions.
    pub const EMPTY: Self = Self { ids: [VersionId::NIL; Self::VERSIONS], len: 0 };

    /// From `latest` and the IDs before it, as stored; too many are ignored.
    pub fn new(latest: VersionId, before: impl IntoIterator<Item = VersionId>) -> Self {
        let mut tip = Self::EMPTY;
        if !latest.is_nil() {
            for id in std::iter::once(latest).chain(before).take(Self::VERSIONS) {
                tip.ids[tip.len] = id;
                tip.len += 1;
            }
        }
        tip
    }

    /// The latest version; nil while there is none.
    pub const fn latest(&self) -> VersionId {
        self.ids[0]
    }

    /// A version was added behind the latest one, or as the first one behind any parent. SQLite's rows change in the same way, by
    /// themselves.
    #[cfg(test)]
    pub(super) fn add(&mut self, parent: VersionId, version: VersionId) {
        let before = if self.len == 0 { vec![parent] } else { self.ids[..self.len].to_vec() };
        *self = Self::new(version, before);
    }

    /// The versions that it knows, newest first; while the chain is short, also the parent of its first one.
    pub fn ids(&self) -> &[VersionId] {
        &self.ids[..self.len]
    }

    /// The version that `version` follows, if both are known here.
    pub fn parent_of(&self, version: VersionId) -> Option<VersionId> {
        let at = self.ids[..self.len].iter().position(|id| *id == version)?;
        self.ids[..self.len].get(at + 1).copied()
    }

    /// Whether `version` is one of the last versions of a chain that has `stored` of them.
    pub fn contains(&self, version: VersionId, stored: u64) -> bool {
        let stored = usize::try_from(stored).unwrap_or(usize::MAX).min(self.len);
        self.ids[..stored].contains(&version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> VersionId {
        VersionId::from_uuid(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn it_knows_the_last_five_versions_and_their_order() {
        let mut tip = Tip::EMPTY;
        assert!(tip.latest().is_nil());
        for n in 1..=7 {
            tip.add(id(n - 1), id(n));
        }
        assert_eq!(tip.latest(), id(7));
        assert!((4..=7).all(|n| tip.parent_of(id(n)) == Some(id(n - 1))));
        assert_eq!([3, 2, 8].map(|n| tip.parent_of(id(n))), [None; 3]);
        assert!((3..=7).all(|n| tip.contains(id(n), 7)));
        assert!(!tip.contains(id(2), 7));
        assert!(!tip.contains(id(5), 2), "pruned");
    }

    #[test]
    fn the_parent_of_a_first_version_is_known_and_is_no_version() {
        let mut tip = Tip::EMPTY;
        tip.add(id(9), id(1));
        assert_eq!(tip.parent_of(id(1)), Some(id(9)));
        assert!(tip.contains(id(1), 1) && !tip.contains(id(9), 1));
        let mut tip = Tip::EMPTY;
        tip.add(VersionId::NIL, id(1));
        assert_eq!(tip.parent_of(id(1)), Some(VersionId::NIL));
    }
}
