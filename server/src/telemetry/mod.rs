//! Logs: one subscriber, to stderr. What is logged, at which level and with which fields, stands in docs/LOGGING.md.
//!
//! | file | does |
//! |---|---|
//! | [`repeats`] | keeps one kind of line from flooding the log |
//! | [`request_id`] | a name for one request, which an answer and the log share |
//!
//! The protocol's core logs full client IDs through the `log` crate at debug. A client ID is a credential, so no bridge from
//! `log` to `tracing` is installed: what speaks `log` is not heard, at any level. (A filter by target would do the same, until
//! somebody names that target in it.)

pub mod repeats;
pub mod request_id;

use std::sync::Arc;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;

use self::repeats::{Repeats, Sparing};
use crate::config::Log;

/// Starts logging for the whole process. Later calls change nothing. Somebody has to run [`Repeats::report`] of what is
/// returned, or lines are left out unsaid.
pub fn start(log: &Log) -> Arc<Repeats> {
    let repeats = Arc::<Repeats>::default();
    // Libraries are heard from warn on: at debug, the HTTP library shows headers, and one of them is a credential.
    // Its parser calls every malformed request of a stranger an error, which would let strangers fill the log.
    let targets = Targets::new()
        .with_target("taskferry_server", log.level)
        .with_target("actix_http", LevelFilter::OFF)
        .with_default(LevelFilter::WARN);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = if log.json {
        layer.json().flatten_event(true).boxed()
    } else {
        layer.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed()
    };
    let filter = targets.and(Sparing(Arc::clone(&repeats)));
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
    // Not `init()`, which would install the bridge from `log`.
    let _ = tracing::subscriber::set_global_default(subscriber);
    repeats
}
