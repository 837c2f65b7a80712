//! What an operator's Prometheus is told: numbers about the server and all accounts together, never about one.
//!
//! | file | holds |
//! |---|---|
//! | [`http`] | requests by route and status, how long they took, what they came to |
//! | [`limits`] | how often each limit was reached |
//! | [`storage`] | batches, commits, and what became durable |
//! | [`backups`] | the last backup and the last proved one |
//! | [`gauges`] | how the server is, as last looked at by [`crate::watch`] |
//! | [`process`] | memory, file descriptors and time of this process, read at each scrape |
//! | [`histogram`] | a histogram without a lock |
//! | [`listener`] | `GET /metrics`, on a listener of its own |
//!
//! Metrics know nobody. Whoever counts holds its own part of [`Metrics`], handed down at the start; there is no global. Counting is a few additions
//! to shared atomics, without a lock, an allocation or a hashed label: a request that costs 25 µs in all can't pay for a map of
//! strings. (A set per worker thread would save the cores a shared cache line, which does not show beside the request itself.)
//! Every label comes from a list in the source, so no stranger can add a series. Names and their meaning stand in
//! docs/LOGGING.md, which a test compares with what is exported.

pub mod backups;
pub mod gauges;
pub mod histogram;
pub mod http;
pub mod limits;
pub mod listener;
pub mod process;
pub mod storage;

use prometheus_client::encoding::text;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use self::backups::BackupMetrics;
use self::gauges::Gauges;
use self::http::HttpMetrics;
use self::limits::{Limit, Limits};
use self::process::Process;
use self::storage::StorageMetrics;

/// Shows a size or a count, as far as a gauge can.
pub fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

/// All of them.
#[derive(Debug)]
pub struct Metrics {
    /// Requests.
    pub http: HttpMetrics,
    /// Writes.
    pub storage: StorageMetrics,
    /// Backups.
    pub backups: BackupMetrics,
    /// The server's condition.
    pub gauges: Gauges,
    limits: Limits,
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process::started_now()));
        // What every exporter has in common keeps its usual name; all else begins with ours.
        let ours = registry.sub_registry_with_prefix("taskferry");
        let build = [("version", env!("CARGO_PKG_VERSION")), ("sqlite", rusqlite::version())];
        ours.register("build", "What is running", Info::new(build));
        let (http, storage) = (HttpMetrics::default(), StorageMetrics::default());
        let (gauges, limits, backups) = (Gauges::default(), Limits::default(), BackupMetrics::default());
        http.register(ours);
        limits.register(ours);
        storage.register(ours);
        gauges.register(ours);
        backups.register(ours);
        Self { http, storage, backups, gauges, limits, registry }
    }

    /// A limit was reached: something was refused, delayed or dropped because of it.
    pub fn limit_hit(&self, limit: Limit) {
        self.limits.hit(limit);
    }

    /// All of them in the text format of OpenMetrics, which Prometheus and its relatives read.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(32 * 1024);
        // Writing to a string can't fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}
