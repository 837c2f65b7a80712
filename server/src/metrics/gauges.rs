//! How the server is, as last looked at: [`crate::watch`] sets these every few seconds, so that a scrape costs no look at the
//! disk, and one of a server whose disk hangs is answered all the same.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// See the module. Clones share.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// 1 if requests can be served, else 0.
    pub ready: Gauge,
    /// Changes that wait for the writer.
    pub queue: Gauge,
    /// Size of the database file.
    pub database_bytes: Gauge,
    /// Size of its write-ahead log.
    pub wal_bytes: Gauge,
    /// Free space where the data lies.
    pub volume_free_bytes: Gauge,
    /// Size of the volume where the data lies.
    pub volume_bytes: Gauge,
    /// Accounts by state.
    pub accounts: Accounts,
}

/// How many accounts there are, by state. Clones share.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// In use.
    pub active: Gauge,
    /// Switched off by the operator.
    pub disabled: Gauge,
    /// Deleted, tombstones included.
    pub deleted: Gauge,
    by_state: Family<[(&'static str, &'static str); 1], Gauge>,
}

impl Default for Accounts {
    fn default() -> Self {
        let by_state = Family::default();
        let of = |state| Gauge::clone(&by_state.get_or_create(&[("state", state)]));
        let (active, disabled, deleted) = (of("active"), of("disabled"), of("deleted"));
        Self { active, disabled, deleted, by_state }
    }
}

impl Gauges {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("ready", "Whether requests can be served: 1, else 0", self.ready.clone());
        registry.register("writer_queue", "Changes that wait for the writer", self.queue.clone());
        registry.register("database_bytes", "Size of the database file", self.database_bytes.clone());
        registry.register("wal_bytes", "Size of the write-ahead log", self.wal_bytes.clone());
        registry.register("volume_free_bytes", "Free space where the data lies", self.volume_free_bytes.clone());
        registry.register("volume_bytes", "Size of the volume where the data lies", self.volume_bytes.clone());
        registry.register("accounts", "Accounts by state, counted now and then", self.accounts.by_state.clone());
    }
}
