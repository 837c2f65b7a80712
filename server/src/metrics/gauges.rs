//! How the server is, as last looked at: [`crate::watch`] sets these every few seconds, so that a scrape costs no look at the
//! disk, and one of a server whose disk hangs is answered all the same.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::storage::{AccountCounts, Figures};

/// See the module. Clones share.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    ready: Gauge,
    queue: Gauge,
    database_bytes: Gauge,
    wal_bytes: Gauge,
    volume_free_bytes: Gauge,
    volume_bytes: Gauge,
    accounts: Family<[(&'static str, &'static str); 1], Gauge>,
}

impl Gauges {
    /// Whether requests can be served.
    pub fn set_ready(&self, ready: bool) {
        self.ready.set(ready.into());
    }

    /// What storage says of itself.
    pub fn set_figures(&self, figures: &Figures) {
        set(&self.queue, figures.waiting);
        set(&self.database_bytes, figures.database_bytes);
        set(&self.wal_bytes, figures.wal_bytes);
        set(&self.volume_free_bytes, figures.volume_free_bytes);
        set(&self.volume_bytes, figures.volume_bytes);
    }

    /// The accounts, counted.
    pub fn set_accounts(&self, counts: AccountCounts) {
        for (state, count) in [("active", counts.active), ("disabled", counts.disabled), ("deleted", counts.deleted)] {
            set(&self.accounts.get_or_create(&[("state", state)]), count);
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.set_accounts(AccountCounts::default());
        registry.register("ready", "Whether requests can be served: 1, else 0", self.ready.clone());
        registry.register("writer_queue", "Changes that wait for the writer", self.queue.clone());
        registry.register("database_bytes", "Size of the database file", self.database_bytes.clone());
        registry.register("wal_bytes", "Size of the write-ahead log", self.wal_bytes.clone());
        registry.register("volume_free_bytes", "Free space where the data lies", self.volume_free_bytes.clone());
        registry.register("volume_bytes", "Size of the volume where the data lies", self.volume_bytes.clone());
        registry.register("accounts", "Accounts by state, counted now and then", self.accounts.clone());
    }
}

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
