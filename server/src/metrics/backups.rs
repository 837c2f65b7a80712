//! Backups, as they are written down beside the data: those that another process made count too, and those from before the last
//! start.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::backup::status::Status;

/// See the module. Clones share.
#[derive(Debug, Clone, Default)]
pub struct BackupMetrics {
    interval: Gauge,
    last_good: Gauge,
    last_proved: Gauge,
    bytes: Gauge,
    damaged: Gauge,
    failures: Failures,
}

impl BackupMetrics {
    /// How often the server makes one; 0: never.
    pub fn set_interval(&self, seconds: u64) {
        set(&self.interval, seconds);
    }

    /// What is written down now.
    pub fn set(&self, status: &Status) {
        self.last_good.set(status.last_good_at.unwrap_or(0));
        self.last_proved.set(status.last_proved_at.unwrap_or(0));
        set(&self.bytes, status.last_good_bytes.unwrap_or(0));
        set(&self.damaged, status.damaged.len() as u64);
        *self.failures.0.lock().unwrap_or_else(PoisonError::into_inner) = status.failures;
    }

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

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

/// A counter that others count.
#[derive(Debug, Clone, Default)]
struct Failures(Arc<Mutex<u64>>);

impl EncodeMetric for Failures {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let failures = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        encoder.encode_counter::<NoLabelSet, _, u64>(&failures, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}
