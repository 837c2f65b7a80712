//! How much a server wants a new snapshot, and its spelling in the `X-Snapshot-Request` header.

/// Ordered: a later variant is more urgent. "Not at all" is the header's absence, hence `Option<SnapshotUrgency>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SnapshotUrgency {
    /// A snapshot would be good, but another device may provide it.
    Low,
    /// A snapshot is needed right now; stock Taskwarrior sends one at either urgency.
    High,
}

impl SnapshotUrgency {
    /// The header's value.
    pub const fn header_value(self) -> &'static str {
        match self {
            Self::Low => "urgency=low",
            Self::High => "urgency=high",
        }
    }

    /// Reads the header; an unknown value means "none", as in stock clients.
    pub fn from_header(value: &str) -> Option<Self> {
        [Self::Low, Self::High].into_iter().find(|urgency| urgency.header_value() == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_round_trip_and_unknown_ones_mean_none() {
        for urgency in [SnapshotUrgency::Low, SnapshotUrgency::High] {
            assert_eq!(SnapshotUrgency::from_header(urgency.header_value()), Some(urgency));
        }
        assert_eq!(SnapshotUrgency::from_header("urgency=medium"), None);
    }
}
