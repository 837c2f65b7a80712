//! The server as one value: started from a checked configuration, run until it is told to stop.
//!
//! Ports and lifetime belong to the caller: port 0 lets the system choose and [`Application::addresses`] says which, and
//! [`Application::run_until`] ends when the future that it is given does.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer, middleware, web};
use taskferry_protocol::describe::{FEATURE_DELETE, SERVER_NAME, ServerInfo};
use tokio::task::JoinHandle;

use crate::account_hash::AccountHasher;
use crate::admission::Gate;
use crate::admission::newcomers::Newcomers;
use crate::admission::on_the_way::AllOnTheWay;
use crate::admission::quota::Quotas;
use crate::admission::space::Space;
use crate::budget::Budget;
use crate::config::Config;
use crate::metrics::listener::MetricsListener;
use crate::metrics::storage::StorageMetrics;
use crate::metrics::{Metrics, set};
use crate::perimeter::Perimeter;
use crate::storage::sqlite::directory::DataDirectory;
use crate::storage::sqlite::{OpenError, SqliteStorage};
use crate::storage::{Storage, StorageError, UnixSeconds};
use crate::sync::SyncService;
use crate::telemetry::request_id::RequestIds;
use crate::volume::{Pretended, Volume, VolumeOf};
use crate::watch::watch;
use crate::{http, maintenance};

/// How long a stop waits for large pushes that are under way, and then for single requests. Together a little less than the
/// 30 seconds that platforms usually grant.
const PUSHES_WITHIN: Duration = Duration::from_secs(20);
const REQUESTS_WITHIN: Duration = Duration::from_secs(8);
/// How long an idle connection stays open. Longer than the usual proxies', so that it is never the server that closes a
/// connection which a proxy is just about to use again.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a connection may be idle before it is closed from our side, whatever was begun on it. More than [`KEEP_ALIVE`],
/// which ends what is idle between requests.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(85);
/// How long the head of a connection's first request may take.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Why the server can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The thread that opens the data is gone.
    #[error("could not open the data")]
    Opening(#[source] tokio::task::JoinError),
    /// The free space can't be measured.
    #[error("could not find out how much space is free at `{}`", .path.display())]
    Volume {
        /// The data directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
    /// The address for metrics can't be listened on.
    #[error("could not listen on {address} for metrics")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
    /// An address can't be listened on.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
}

impl StartError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open(error) => error.hint(),
            Self::Listen { cause, .. } if cause.kind() == std::io::ErrorKind::AddrInUse => {
                Some("something else listens there; choose another port with `--listen ADDRESS:PORT`".to_owned())
            }
            Self::Listen { cause, .. } if cause.kind() == std::io::ErrorKind::PermissionDenied => {
                Some("ports below 1024 need privileges; choose another with `--listen ADDRESS:PORT`".to_owned())
            }
            Self::Metrics { .. } => {
                Some("choose a free address of this machine with `--metrics-listen ADDRESS:PORT`".to_owned())
            }
            Self::Opening(_) | Self::Volume { .. } => None,
            Self::Listen { .. } => Some("choose an address of this machine with `--listen ADDRESS:PORT`".to_owned()),
        }
    }
}

/// Why a server ended otherwise than it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The network side failed.
    #[error("the server failed")]
    Server(#[source] std::io::Error),
    /// The data could not be closed in order. What was acknowledged is stored.
    #[error("the data could not be closed in order")]
    Close(#[source] StorageError),
}

/// A running server.
pub struct Application {
    running: JoinHandle<std::io::Result<()>>,
    handle: ServerHandle,
    addresses: Vec<SocketAddr>,
    metrics: Option<MetricsListener>,
    watching: JoinHandle<()>,
    state: Arc<http::State>,
    maintenance: JoinHandle<()>,
}

impl Application {
    /// Takes hold of the data, opens the ports, then the data; ready when this returns. In between, `/livez` answers, and
    /// everything else says that the server is starting: a platform must not take the upgrade of a large database for a
    /// process that hangs, nor a second server on the same data for one that is alive.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let directory = DataDirectory::open(&config.data_dir).map_err(OpenError::from)?;
        let state = Arc::new(http::State {
            opened: OnceLock::new(),
            limits: config.body_limits,
            uploads: Budget::for_uploads(config.memory),
            downloads: Budget::for_downloads(config.memory),
            perimeter: Arc::new(Perimeter::new(&config.perimeter)),
            https: config.public_url.as_ref().is_some_and(|url| url.as_str().starts_with("https://")),
            draining: AtomicBool::new(false),
            metrics: Arc::default(),
            request_ids: RequestIds::default(),
        });
        let metrics = config.metrics_listen.map(|address| listen_for_metrics(address, &state.metrics)).transpose()?;
        let (server, addresses) = listen(&state, config)?;
        let handle = server.handle();
        let running = tokio::spawn(server);
        tokio::spawn(http::close_forgotten_ones(Arc::downgrade(&state.perimeter), FORGOTTEN_AFTER));
        match open(config, directory, state.metrics.storage.clone()).await {
            Ok(opened) => {
                let _ = state.opened.set(opened);
                set(&state.metrics.backups.interval, config.backups.every.map_or(0, |every| every.as_secs()));
                let watching = tokio::spawn(watch(Arc::clone(&state), config.data_dir.clone()));
                let maintenance = tokio::spawn(maintain(Arc::clone(&state), config.prune_after));
                Ok(Self { running, handle, addresses, metrics, watching, state, maintenance })
            }
            Err(error) => {
                handle.stop(false).await;
                Err(error)
            }
        }
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the metrics are, if they are anywhere.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(MetricsListener::address)
    }

    /// Answers requests until `stop` is done; then finishes the large pushes and the requests that are under way (at most 28
    /// seconds) and closes the data. A second stop, `at_once`, cuts them off; what was acknowledged is stored all the same.
    pub async fn run_until(
        self,
        stop: impl Future<Output = ()>,
        at_once: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        let Self { mut running, handle, metrics, watching, maintenance, state, .. } = self;
        let failed = |result: Result<std::io::Result<()>, tokio::task::JoinError>| match result {
            Ok(result) => result.map_err(RunError::Server),
            Err(error) => Err(RunError::Server(std::io::Error::other(error))),
        };
        tokio::select! {
            () = stop => {}
            ended = &mut running => return failed(ended),
        }
        state.draining.store(true, Ordering::Relaxed);
        state.metrics.gauges.ready.set(0);
        tracing::info!("stopping: what is under way is finished first");
        let in_order = async {
            if let Some(opened) = state.opened.get() {
                let _ = tokio::time::timeout(PUSHES_WITHIN, opened.sync.pushes_complete()).await;
            }
            handle.stop(true).await;
        };
        tokio::select! {
            () = in_order => failed(running.await)?,
            // actix can't be told to hurry once it was told to wait, so it is left where it is; the process ends soon.
            () = at_once => running.abort(),
        }
        watching.abort();
        maintenance.abort();
        let closed = match state.opened.get() {
            Some(opened) => {
                if let Err(error) = opened.sync.hand_over_stands().await {
                    tracing::warn!(%error, "where devices stand could not be noted");
                }
                opened.sync.storage().close().await.map_err(RunError::Close)
            }
            None => Ok(()),
        };
        // Last: how a slow stop goes on can be watched to its end.
        if let Some(metrics) = metrics {
            metrics.stop().await;
        }
        closed
    }
}

/// What goes on beside the requests.
async fn maintain(state: Arc<http::State>, prune_after: Option<UnixSeconds>) {
    if let Some(opened) = state.opened.get() {
        maintenance::run(&opened.sync, prune_after).await;
    }
}

/// Opens the data, which may upgrade it first, off the thread that serves `/livez`.
async fn open(config: &Config, directory: DataDirectory, metrics: StorageMetrics) -> Result<http::Opened, StartError> {
    let opening = tokio::task::spawn_blocking(move || SqliteStorage::open_in(directory, metrics));
    let storage: Arc<dyn Storage> = Arc::new(opening.await.map_err(StartError::Opening)??);
    let space = watch_the_volume(config, &storage)?;
    let gate = Gate {
        registration: config.registration.clone(),
        newcomers: config.limits_on.then(|| Newcomers::new(config.newcomers)),
        quotas: config.limits_on.then_some(Quotas { grown: config.quota }),
        space,
        on_the_way: AllOnTheWay::default(),
    };
    let info = ServerInfo {
        name: SERVER_NAME.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        registration: config.registration.policy,
        limits: config.body_limits,
        features: features(config),
        epoch: storage.epoch().to_owned(),
        public_url: config.public_url.as_ref().map(|url| url.as_str().to_owned()),
    };
    let hasher = AccountHasher::new(storage.salt());
    Ok(http::Opened { hasher, sync: SyncService::new(storage, config.snapshots, gate), info })
}

/// What there is beyond the sync protocol.
fn features(config: &Config) -> Vec<String> {
    let delete = config.self_deletion.then_some(FEATURE_DELETE);
    ["register", "account"].into_iter().chain(delete).map(str::to_owned).collect()
}

/// Measures the free space now, and from now on.
fn watch_the_volume(config: &Config, storage: &Arc<dyn Storage>) -> Result<Arc<Space>, StartError> {
    let directory = config.data_dir.clone();
    let volume: Arc<dyn Volume> = match &config.pretended_volume {
        Some(file) => Arc::new(Pretended(file.clone())),
        None => Arc::new(VolumeOf(directory.clone())),
    };
    let measured = Space::of(volume.as_ref(), config.min_free);
    let space = Arc::new(measured.map_err(|cause| StartError::Volume { path: directory.clone(), cause })?);
    // Not to keep open what is to be closed.
    let (watched, storage) = (Arc::clone(&space), Arc::downgrade(storage));
    tokio::spawn(async move { watched.keep_measuring(volume, storage, &directory).await });
    Ok(space)
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

fn listen(state: &Arc<http::State>, config: &Config) -> Result<(Server, Vec<SocketAddr>), StartError> {
    let Config { listen, base_path, origins, .. } = config;
    let (state, base_path, origins) = (Arc::clone(state), base_path.clone(), origins.clone());
    let perimeter = Arc::clone(&state.perimeter);
    let connections_max = perimeter.connections.limits().total;
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(web::PayloadConfig::new(http::SMALL_BODY_BYTES_MAX))
            .wrap(http::cors(&origins))
            .wrap(http::Occupy)
            // The outermost: what the others refuse is counted too.
            .wrap(middleware::from_fn(http::observe_requests))
            .configure(|config| http::routes(config, &state, &base_path))
    })
    .on_connect(move |connection, extensions| http::take_place(&perimeter, connection, extensions))
    // For each worker as many as for all together: who comes when all places are taken gets an answer, or another's place.
    .max_connections(connections_max)
    .disable_signals()
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_WITHIN)
    .shutdown_timeout(REQUESTS_WITHIN.as_secs());
    for address in &listen.addresses {
        let ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
        let address = if listen.ipv4_fallback && !has_ipv6(*address) { ipv4 } else { *address };
        server = server.bind(address).map_err(|cause| StartError::Listen { address, cause })?;
    }
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

fn listen_for_metrics(address: SocketAddr, metrics: &Arc<Metrics>) -> Result<MetricsListener, StartError> {
    let listener = MetricsListener::start(address, Arc::clone(metrics));
    listener.map_err(|cause| StartError::Metrics { address, cause })
}

/// Whether the machine can listen on an IPv6 address at all: containers often can't. Asked with a port of the system's
/// choice, so that "in use" is not mistaken for "no IPv6".
fn has_ipv6(address: SocketAddr) -> bool {
    std::net::TcpListener::bind(SocketAddr::new(address.ip(), 0)).is_ok()
}
