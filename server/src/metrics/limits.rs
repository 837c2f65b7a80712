//! How often each limit was reached.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// A limit: the label `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// A version was larger than `--max-version-bytes`.
    VersionBytes,
    /// A snapshot was larger than `--max-snapshot-bytes`.
    SnapshotBytes,
    /// A body came too slowly.
    SlowBody,
    /// Too much was waiting: for the writer, or for memory.
    Busy,
    /// An account had no room left for it.
    Quota,
    /// The volume had none.
    FreeSpace,
    /// Too many requests for accounts that don't exist came from one address.
    Unknown,
    /// Too many accounts were to be created from one address.
    NewAccounts,
    /// Too many accounts were created by everybody together.
    AllNewAccounts,
    /// Too many pages were asked for from one address.
    Pages,
    /// There was no place for another connection.
    Connections,
    /// A request of an account that exists had to wait for its turn.
    Delay,
}

impl Limit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::VersionBytes,
        Self::SnapshotBytes,
        Self::SlowBody,
        Self::Busy,
        Self::Quota,
        Self::FreeSpace,
        Self::Unknown,
        Self::NewAccounts,
        Self::AllNewAccounts,
        Self::Pages,
        Self::Connections,
        Self::Delay,
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.name() == name)
    }

    /// As it stands in the label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VersionBytes => "version-bytes",
            Self::SnapshotBytes => "snapshot-bytes",
            Self::SlowBody => "slow-body",
            Self::Busy => "busy",
            Self::Quota => "quota",
            Self::FreeSpace => "free-space",
            Self::Unknown => "unknown",
            Self::NewAccounts => "new-accounts",
            Self::AllNewAccounts => "all-new-accounts",
            Self::Pages => "pages",
            Self::Connections => "connections",
            Self::Delay => "delay",
        }
    }
}

/// One counter per limit, each shown from the start. Clones share.
#[derive(Debug, Clone)]
pub(super) struct Limits(Arc<[AtomicU64; Limit::ALL.len()]>);

impl Default for Limits {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

impl Limits {
    pub(super) fn hit(&self, limit: Limit) {
        self.0[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("limits_hit", "Times that a limit was reached", self.clone());
    }
}

impl EncodeMetric for Limits {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (limit, count) in Limit::ALL.iter().zip(self.0.iter()) {
            let count = count.load(Ordering::Relaxed);
            encoder.encode_family(&[("limit", limit.name())])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_the_number_of_its_place_and_a_name_of_its_own() {
        for (number, limit) in Limit::ALL.iter().enumerate() {
            assert_eq!(*limit as usize, number);
            assert_eq!(Limit::ALL.iter().filter(|other| other.name() == limit.name()).count(), 1);
        }
    }
}
