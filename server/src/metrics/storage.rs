//! Writes: batches, commits, and what became durable. Counted by the writer, so that a version whose device hung up counts too,
//! and one that a failed commit took away does not.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::histogram::Histogram;

/// Upper ends of the buckets for a batch's size, up to the largest there is.
const BATCHES: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Upper ends of the buckets for a commit's duration, in nanoseconds: 250 µs (a fast disk) to 10 s (one in trouble).
const COMMITS: [u64; 12] = [
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    500_000_000,
    2_500_000_000,
    10_000_000_000,
];

/// See the module. Clones share.
#[derive(Debug, Clone)]
pub struct StorageMetrics {
    /// How many changes and pieces of large bodies shared a transaction.
    pub batch: Histogram,
    /// How long its commit took: nearly all of it is the fsync.
    pub commit: Histogram,
    /// Batches that were not written at the first try.
    pub failures: Counter,
    /// Accounts that came to be.
    pub accounts: Counter,
    /// Versions that are durable.
    pub versions: Counter,
    /// Snapshots that are durable.
    pub snapshots: Counter,
}

impl Default for StorageMetrics {
    fn default() -> Self {
        Self {
            batch: Histogram::of_counts(&BATCHES),
            commit: Histogram::of_durations(&COMMITS),
            failures: Counter::default(),
            accounts: Counter::default(),
            versions: Counter::default(),
            snapshots: Counter::default(),
        }
    }
}

impl StorageMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("batch_changes", "Changes that shared a transaction", self.batch.clone());
        registry.register("commit_duration_seconds", "Time of a commit with its fsync", self.commit.clone());
        registry.register("commit_failures", "Transactions that failed", self.failures.clone());
        registry.register("accounts_created", "Accounts created", self.accounts.clone());
        registry.register("versions_stored", "Versions stored", self.versions.clone());
        registry.register("snapshots_stored", "Snapshots stored", self.snapshots.clone());
    }
}
