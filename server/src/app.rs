//! The server as one value: started from a checked configuration, run until it is told to stop.
//!
//! Ports and lifetime belong to the caller: port 0 lets the system choose and [`Application::addresses`] says which, and
//! [`Application::run_until`] ends when the future that it is given does.

use std::any::Any;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer, middleware, web};
use taskferry_protocol::describe::{SERVER_NAME, ServerInfo};
use tokio::task::JoinHandle;

use crate::admission::Gate;
use crate::admission::newcomers::Newcomers;
use crate::admission::quota::Quotas;
use crate::admission::space::{Pretended, Space, Volume, VolumeOf};
use crate::budget::Budget;
use crate::config::{Config, Listen};
use crate::http;
use crate::storage::sqlite::directory::DataDirectory;
use crate::storage::sqlite::{OpenError, SqliteStorage};
use crate::storage::{Storage, StorageError};
use crate::sync::SyncService;

/// How long a stop waits for large pushes that are under way, and then for single requests. Together a little less than the
/// 30 seconds that platforms usually grant.
const PUSHES_WITHIN: Duration = Duration::from_secs(20);
const REQUESTS_WITHIN: Duration = Duration::from_secs(8);
/// How long an idle connection stays open. Longer than the usual proxies', so that it is never the server that closes a
/// connection which a proxy is just about to use again.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a peer may take nothing of what was sent to it.
#[cfg(target_os = "linux")]
const PEER_SILENT_MAX: Duration = Duration::from_secs(30);
/// The largest body of the requests that are not the sync protocol's, in bytes.
pub(crate) const SMALL_BODY_BYTES: usize = 16 * 1024;

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
    state: Arc<http::State>,
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
            uploads: Budget::of_this_machine(),
            downloads: Budget::of_this_machine(),
            draining: AtomicBool::new(false),
        });
        let (server, addresses) = listen(&state, &config.listen, &config.base_path)?;
        let handle = server.handle();
        let running = tokio::spawn(server);
        match open(config, directory).await {
            Ok(opened) => {
                let _ = state.opened.set(opened);
                Ok(Self { running, handle, addresses, state })
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

    /// Answers requests until `stop` is done; then finishes the large pushes and the requests that are under way (at most 28
    /// seconds) and closes the data. A second stop, `at_once`, cuts them off; what was acknowledged is stored all the same.
    pub async fn run_until(
        self,
        stop: impl Future<Output = ()>,
        at_once: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        let Self { mut running, handle, state, .. } = self;
        let failed = |result: Result<std::io::Result<()>, tokio::task::JoinError>| match result {
            Ok(result) => result.map_err(RunError::Server),
            Err(error) => Err(RunError::Server(std::io::Error::other(error))),
        };
        tokio::select! {
            () = stop => {}
            ended = &mut running => return failed(ended),
        }
        state.draining.store(true, Ordering::Relaxed);
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
        match state.opened.get() {
            Some(opened) => opened.sync.storage().close().await.map_err(RunError::Close),
            None => Ok(()),
        }
    }
}

/// Opens the data, which may upgrade it first, off the thread that serves `/livez`.
async fn open(config: &Config, directory: DataDirectory) -> Result<http::Opened, StartError> {
    let opening = tokio::task::spawn_blocking(move || SqliteStorage::open_in(directory));
    let storage: Arc<dyn Storage> = Arc::new(opening.await.map_err(StartError::Opening)??);
    let space = watch_the_volume(config, &storage)?;
    let gate = Gate {
        registration: config.registration.clone(),
        newcomers: config.limits_on.then(|| Newcomers::new(config.newcomers)),
        quotas: config.limits_on.then_some(Quotas { grown: config.quota }),
        space,
    };
    let info = ServerInfo {
        name: SERVER_NAME.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        registration: config.registration.policy,
        limits: config.body_limits,
        features: vec!["register".to_owned(), "account".to_owned()],
        epoch: storage.epoch().to_owned(),
        public_url: config.public_url.as_ref().map(|url| url.as_str().to_owned()),
    };
    Ok(http::Opened { sync: SyncService::new(storage, config.snapshots, gate), info })
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

fn listen(state: &Arc<http::State>, listen: &Listen, base_path: &str) -> Result<(Server, Vec<SocketAddr>), StartError> {
    let (state, base_path) = (Arc::clone(state), base_path.to_owned());
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(web::PayloadConfig::new(SMALL_BODY_BYTES))
            .wrap(middleware::from_fn(http::log_requests))
            .configure(|config| http::routes(config, &state, &base_path))
    })
    .on_connect(|connection, _| give_up_on_a_silent_peer(connection))
    .disable_signals()
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(REQUESTS_WITHIN.as_secs());
    for address in &listen.addresses {
        let ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
        let address = if listen.ipv4_fallback && !has_ipv6(*address) { ipv4 } else { *address };
        server = server.bind(address).map_err(|cause| StartError::Listen { address, cause })?;
    }
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// A peer that takes nothing of what was sent to it is cut off after a while: what waits for it lies in memory. This is the
/// system's business, since the HTTP library does not look at a connection that can't be written to.
fn give_up_on_a_silent_peer(connection: &dyn Any) {
    #[cfg(target_os = "linux")]
    if let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() {
        let milliseconds = u32::try_from(PEER_SILENT_MAX.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, milliseconds) {
            tracing::debug!(%error, "a connection has no write timeout");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = connection;
}

/// Whether the machine can listen on an IPv6 address at all: containers often can't. Asked with a port of the system's
/// choice, so that "in use" is not mistaken for "no IPv6".
fn has_ipv6(address: SocketAddr) -> bool {
    std::net::TcpListener::bind(SocketAddr::new(address.ip(), 0)).is_ok()
}
