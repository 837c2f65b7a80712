//! Requests: how many, how long they took, and what they came to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::histogram::Histogram;

/// What a request asked for: the label `route`. Its paths are the route table's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the routes")]
pub enum Route {
    AddVersion,
    GetChildVersion,
    AddSnapshot,
    GetSnapshot,
    Register,
    Account,
    WellKnown,
    Live,
    Ready,
    Health,
    JoinPage,
    InvitePage,
    Root,
    /// Every path that nothing is at.
    Other,
}

impl Route {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::AddVersion,
        Self::GetChildVersion,
        Self::AddSnapshot,
        Self::GetSnapshot,
        Self::Register,
        Self::Account,
        Self::WellKnown,
        Self::Live,
        Self::Ready,
        Self::Health,
        Self::JoinPage,
        Self::InvitePage,
        Self::Root,
        Self::Other,
    ];

    /// As it stands in labels and in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddVersion => "add-version",
            Self::GetChildVersion => "get-child-version",
            Self::AddSnapshot => "add-snapshot",
            Self::GetSnapshot => "snapshot",
            Self::Register => "register",
            Self::Account => "account",
            Self::WellKnown => "well-known",
            Self::Live => "livez",
            Self::Ready => "readyz",
            Self::Health => "health",
            Self::JoinPage => "join-page",
            Self::InvitePage => "invite-page",
            Self::Root => "root",
            Self::Other => "other",
        }
    }
}

/// The status codes that are told apart, the usual ones first; all others are one.
const STATUSES: [u16; 18] = [404, 200, 409, 201, 410, 400, 403, 405, 408, 413, 415, 416, 429, 431, 500, 503, 507, 304];
const OTHER_STATUS: usize = STATUSES.len();

/// Upper ends of the buckets for durations, in nanoseconds: 100 µs (from memory) to 30 s (a large body on a slow line).
const DURATIONS: [u64; 14] = [
    100_000,
    250_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
    30_000_000_000,
];

/// See the module. Clones share.
#[derive(Debug, Clone, Default)]
pub struct HttpMetrics {
    requests: Requests,
    durations: Durations,
    /// Bytes of versions and snapshots that arrived, kept or not.
    pub received_bytes: Counter,
    /// Bytes of versions and snapshots that were sent.
    pub sent_bytes: Counter,
    /// Versions that did not follow the latest one: two devices wrote at once, and the later one tries again.
    pub conflicts: Counter,
    /// Snapshots that were answered with 200 and not kept.
    pub snapshots_ignored: Counter,
}

impl HttpMetrics {
    /// A request was answered.
    pub fn answered(&self, route: Route, status: u16, took: Duration) {
        self.requests.count(route, status);
        self.durations.0[route as usize].observe_duration(took);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's head",
            self.durations.clone(),
        );
        registry.register("received_bytes", "Bytes of versions and snapshots received", self.received_bytes.clone());
        registry.register("sent_bytes", "Bytes of versions and snapshots sent", self.sent_bytes.clone());
        registry.register("version_conflicts", "Versions answered with a conflict", self.conflicts.clone());
        registry.register(
            "snapshots_ignored",
            "Snapshots accepted and not kept, by the protocol's rules or a limit",
            self.snapshots_ignored.clone(),
        );
    }
}

/// One counter per route and status.
#[derive(Debug, Clone)]
struct Requests(Arc<[[AtomicU64; OTHER_STATUS + 1]; Route::ALL.len()]>);

impl Default for Requests {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0)))))
    }
}

impl Requests {
    fn count(&self, route: Route, status: u16) {
        let column = STATUSES.iter().position(|known| *known == status).unwrap_or(OTHER_STATUS);
        self.0[route as usize][column].fetch_add(1, Ordering::Relaxed);
    }
}

impl EncodeMetric for Requests {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (route, counts) in Route::ALL.iter().zip(self.0.iter()) {
            for (column, count) in counts.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                let status = STATUSES.get(column).copied();
                // What may set off an alarm is there from the start: a series that begins with its first failure has not
                // increased, and nobody is told.
                if count > 0 || status.is_some_and(|status| status >= 500) {
                    let status = status.map_or_else(|| "other".to_owned(), |status| status.to_string());
                    let labels = [("route", route.name()), ("status", status.as_str())];
                    encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                }
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

/// One histogram per route.
#[derive(Debug, Clone)]
struct Durations(Arc<[Histogram; Route::ALL.len()]>);

impl Default for Durations {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Histogram::of_durations(&DURATIONS))))
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (route, histogram) in Route::ALL.iter().zip(self.0.iter()) {
            histogram.show(&mut encoder.encode_family(&[("route", route.name())])?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;

    #[test]
    fn every_route_has_the_number_of_its_place_and_a_name_of_its_own() {
        for (number, route) in Route::ALL.iter().enumerate() {
            assert_eq!(*route as usize, number);
            assert_eq!(Route::ALL.iter().filter(|other| other.name() == route.name()).count(), 1);
        }
    }

    #[test]
    fn a_request_is_counted_once_by_route_and_status_and_an_unusual_status_is_other() {
        let metrics = Metrics::new();
        metrics.http.answered(Route::GetChildVersion, 404, Duration::from_micros(20));
        metrics.http.answered(Route::Other, 418, Duration::from_mins(1));
        let text = metrics.to_text();
        for line in [
            "taskferry_http_requests_total{route=\"get-child-version\",status=\"404\"} 1",
            "taskferry_http_requests_total{route=\"other\",status=\"other\"} 1",
            "taskferry_http_requests_total{route=\"account\",status=\"500\"} 0",
            "taskferry_http_request_duration_seconds_bucket{le=\"0.0001\",route=\"get-child-version\"} 1",
            "taskferry_http_request_duration_seconds_bucket{le=\"30.0\",route=\"other\"} 0",
            "taskferry_http_request_duration_seconds_bucket{le=\"+Inf\",route=\"other\"} 1",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        assert!(!text.contains("route=\"account\",status=\"200\""));
    }
}
