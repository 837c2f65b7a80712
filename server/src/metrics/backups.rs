//! Backups, as they are written down beside the data: those that another process made count too, and those from before the last
//! start.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// See the module. Clones share.
#[derive(Debug, Clone, Default)]
pub struct BackupMetrics {
    /// How often the server makes one, in seconds; 0: never.
    pub interval: Gauge,
    /// When the last good one was made, in seconds since 1970; 0: never.
    pub last_good: Gauge,
    /// When one was last gone through and found good, in seconds since 1970; 0: never.
    pub last_proved: Gauge,
    /// Size of the last good one.
    pub bytes: Gauge,
    /// Those that the last drill found damaged.
    pub damaged: Gauge,
    /// Those that failed, or that a place did not take.
    pub failures: Failures,
}

impl BackupMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("backup_interval_seconds", "How often a backup is made; 0: never", self.interval.clone());
        let help = "When the last good backup was made, in seconds since 1970; 0: never";
        registry.register("backup_last_good_time_seconds", help, self.last_good.clone());
        let help = "When a backup was last gone through and found good, in seconds since 1970; 0: never";
        registry.register("backup_last_proved_time_seconds", help, self.last_proved.clone());
        registry.register("backup_bytes", "Size of the last good backup", self.bytes.clone());
        registry.register("backup_damaged", "Backups that the last drill found damaged", self.damaged.clone());
        registry.register(
            "backup_failures",
            "Backups that failed, or that a place did not take",
            self.failures.clone(),
        );
    }
}

/// A counter that others count: it is told how far they are.
#[derive(Debug, Clone, Default)]
pub struct Failures(Arc<Mutex<u64>>);

impl Failures {
    /// So many by now.
    pub fn set(&self, failures: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failures;
    }
}

impl EncodeMetric for Failures {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let failures = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        encoder.encode_counter::<NoLabelSet, _, u64>(&failures, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}
