//! Looks at the server every few seconds, as an operator would: whether it is ready, how large the data is, how much room
//! is left, how many accounts there are, how the last backup went. What it sees goes to the metrics, and a change of
//! readiness to the log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::backup::status::Status;
use crate::http::{self, State};
use crate::metrics::backups::BackupMetrics;
use crate::metrics::gauges::Gauges;
use crate::metrics::set;
use crate::storage::{AccountCounts, Figures};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(5);
/// How long a look may take: on a disk that hangs, the rest is still looked at.
const LOOK_WITHIN: Duration = Duration::from_secs(3);
/// Accounts are counted at most this often, …
const COUNT: Duration = Duration::from_mins(1);
/// … and so seldom that counting takes at most 1/500 of the time: with a million accounts it is seconds of reading.
const COUNT_SHARE: u32 = 500;

/// Looks for ever. Begins with the data open.
pub(crate) async fn watch(state: Arc<State>, data_dir: PathBuf) {
    tokio::join!(look(&state, &data_dir), count(&state));
}

async fn look(state: &State, data_dir: &Path) {
    let mut ready = None;
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tick.tick().await;
        let reasons = http::unready(state).await;
        state.metrics.gauges.ready.set(reasons.is_empty().into());
        // A stop was announced already.
        if !state.draining.load(Ordering::Relaxed) && ready.replace(reasons.is_empty()) != Some(reasons.is_empty()) {
            match reasons.join(", ") {
                none if none.is_empty() => tracing::info!("ready"),
                reasons => tracing::warn!(reasons, "not ready"),
            }
        }
        if let Some(opened) = state.opened.get()
            && let Ok(figures) = tokio::time::timeout(LOOK_WITHIN, opened.sync.storage().figures()).await
        {
            show_figures(&state.metrics.gauges, &figures);
        }
        // A few hundred bytes, and not on this thread all the same: the disk may hang.
        let directory = data_dir.to_owned();
        let reading = tokio::task::spawn_blocking(move || Status::read(&directory));
        if let Ok(Ok(status)) = tokio::time::timeout(LOOK_WITHIN, reading).await {
            show_backups(&state.metrics.backups, &status);
        }
    }
}

async fn count(state: &State) {
    let Some(opened) = state.opened.get() else { return };
    loop {
        let started = Instant::now();
        match opened.sync.storage().count_accounts().await {
            Ok(counts) => show_accounts(&state.metrics.gauges, counts),
            Err(error) => tracing::warn!(%error, "the accounts could not be counted"),
        }
        tokio::time::sleep(COUNT.max(started.elapsed() * COUNT_SHARE)).await;
    }
}

fn show_figures(gauges: &Gauges, figures: &Figures) {
    set(&gauges.queue, figures.waiting);
    set(&gauges.database_bytes, figures.database_bytes);
    set(&gauges.wal_bytes, figures.wal_bytes);
    set(&gauges.volume_free_bytes, figures.volume_free_bytes);
    set(&gauges.volume_bytes, figures.volume_bytes);
}

fn show_accounts(gauges: &Gauges, counts: AccountCounts) {
    set(&gauges.accounts.active, counts.active);
    set(&gauges.accounts.disabled, counts.disabled);
    set(&gauges.accounts.deleted, counts.deleted);
}

fn show_backups(metrics: &BackupMetrics, status: &Status) {
    metrics.last_good.set(status.last_good_at.unwrap_or(0));
    metrics.last_proved.set(status.last_proved_at.unwrap_or(0));
    set(&metrics.bytes, status.last_good_bytes.unwrap_or(0));
    set(&metrics.damaged, status.damaged.len() as u64);
    metrics.failures.set(status.failures);
}
