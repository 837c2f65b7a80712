//! A histogram without a lock. (The library's own takes a mutex for every observation.)

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Counts whole numbers into fixed buckets. Clones share.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Upper ends of the buckets, ascending; what is larger falls into one more.
    bounds: &'static [u64],
    /// How many of what is counted make one of what is shown: 10⁹ where nanoseconds are shown as seconds.
    per_unit: f64,
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// Of numbers.
    pub fn of_counts(bounds: &'static [u64]) -> Self {
        Self::new(bounds, 1.0)
    }

    /// Of durations, shown in seconds; `bounds` are nanoseconds.
    pub fn of_durations(bounds: &'static [u64]) -> Self {
        Self::new(bounds, 1e9)
    }

    fn new(bounds: &'static [u64], per_unit: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { bounds, per_unit, counts, sum: AtomicU64::new(0) }))
    }

    /// Counts `value`.
    pub fn observe(&self, value: u64) {
        let Inner { bounds, counts, sum, .. } = &*self.0;
        // A dozen comparisons at most, and the usual request ends at the first ones.
        let bucket = bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len());
        if let Some(count) = counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts `duration`.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Shows it; with labels if the encoder has some.
    #[expect(clippy::cast_precision_loss, reason = "the format's numbers are floating-point")]
    pub(super) fn show(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        let Inner { bounds, per_unit, counts, sum } = &*self.0;
        let upper = bounds.iter().map(|bound| *bound as f64 / per_unit).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = upper.zip(counts.iter().map(|count| count.load(Ordering::Relaxed))).collect();
        // Counted from the buckets, so that a scrape in the middle of an observation agrees with itself.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = sum.load(Ordering::Relaxed) as f64 / per_unit;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        self.show(&mut encoder)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn a_value_is_counted_in_the_first_bucket_that_holds_it_and_shown_in_seconds() {
        let histogram = Histogram::of_durations(&[1_000_000, 5_000_000]);
        let mut registry = Registry::default();
        registry.register("took_seconds", "How long it took", histogram.clone());
        for milliseconds in [1, 2, 5, 6] {
            histogram.observe_duration(Duration::from_millis(milliseconds));
        }
        let mut shown = String::new();
        text::encode(&mut shown, &registry).unwrap();
        assert_eq!(
            shown,
            "# HELP took_seconds How long it took.\n# TYPE took_seconds histogram\n\
             took_seconds_sum 0.014\ntook_seconds_count 4\n\
             took_seconds_bucket{le=\"0.001\"} 1\ntook_seconds_bucket{le=\"0.005\"} 3\n\
             took_seconds_bucket{le=\"+Inf\"} 4\n# EOF\n"
        );
    }
}
