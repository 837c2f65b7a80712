//! HTTP: the route table, and nothing that decides anything about the protocol.
//!
//! Extractors ([`client_id`], [`version_id`], [`body`]) turn bytes into checked values before a handler runs, past the
//! [`gate`] of the rate limits; a handler
//! calls [`SyncService`] and renders the outcome; [`problem`] is the only place that chooses a status code for a refusal.
//! One endpoint per file; its doc comment is the contract.

mod account;
mod add_snapshot;
mod add_version;
mod body;
mod client_id;
mod connection;
mod cors;
mod gate;
mod get_child_version;
mod get_snapshot;
mod health;
mod join_page;
mod log;
mod no_route;
mod page;
mod problem;
mod register;
mod root;
mod small_body;
mod version_id;
mod well_known;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Resource, Responder, guard, web};
use taskferry_protocol::describe::{Limits, ServerInfo};
use taskferry_protocol::wire;

use crate::budget::Budget;
use crate::perimeter::Perimeter;
use crate::sync::SyncService;

pub(crate) use self::connection::{Occupy, close_forgotten_ones, take_place};
pub(crate) use self::cors::cors;
pub(crate) use self::log::log_requests;
use self::problem::Refusal;

/// What every handler can reach.
#[derive(Debug)]
pub(crate) struct State {
    /// Empty until the data is open: an upgrade of a large database takes its time.
    pub(crate) opened: OnceLock<Opened>,
    pub(crate) limits: Limits,
    /// Memory for bodies on their way in, and on their way out: apart, so that neither can starve the other.
    pub(crate) uploads: Budget,
    pub(crate) downloads: Budget,
    /// What stands between strangers and the endpoints.
    pub(crate) perimeter: Arc<Perimeter>,
    /// Whether people reach the server by https.
    pub(crate) https: bool,
    /// Set once the server was told to stop.
    pub(crate) draining: AtomicBool,
}

/// What there is to serve.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) sync: SyncService,
    pub(crate) info: ServerInfo,
}

impl State {
    fn opened(&self) -> Result<&Opened, Refusal> {
        self.opened.get().ok_or(Refusal::Starting)
    }

    fn sync(&self) -> Result<&SyncService, Refusal> {
        self.opened().map(|opened| &opened.sync)
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// All routes. `base_path` is empty or begins with a slash.
pub(crate) fn routes(config: &mut web::ServiceConfig, state: &Arc<State>, base_path: &str) {
    config.app_data(web::Data::from(Arc::clone(state)));
    if base_path.is_empty() {
        endpoints(config);
    } else {
        // Platforms and monitors ask these without knowing the base path.
        config.service(health_endpoints()).service(get(wire::WELL_KNOWN, well_known::handle));
        // A scope's root is `/sync/`; people type `/sync` too.
        let scope = web::scope(base_path).configure(endpoints).service(get("", root::handle));
        config.service(scope.default_service(web::to(no_route::handle)));
    }
    config.default_service(web::to(no_route::handle));
}

fn endpoints(config: &mut web::ServiceConfig) {
    let version = |path: &str| format!("{path}/{{version}}");
    config
        .service(post(&version(wire::ADD_VERSION), add_version::handle))
        .service(get(&version(wire::GET_CHILD_VERSION), get_child_version::handle))
        .service(post(&version(wire::ADD_SNAPSHOT), add_snapshot::handle))
        .service(get(wire::SNAPSHOT, get_snapshot::handle))
        .service(post(wire::REGISTER, register::handle))
        .service(get(wire::ACCOUNT, account::handle))
        .service(get(wire::WELL_KNOWN, well_known::handle))
        .service(health_endpoints())
        .service(get(wire::JOIN_PAGE, join_page::handle))
        .service(get("/", root::handle));
}

fn health_endpoints() -> impl HttpServiceFactory {
    (get("/livez", health::live), get("/readyz", health::ready), get("/health", health::ready))
}

fn post<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    only(&[Method::POST], path, handler)
}

/// GET and HEAD: uptime monitors ask with HEAD.
fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    only(&[Method::GET, Method::HEAD], path, handler)
}

/// A resource that refuses every other method with 405 and the ones that it has.
fn only<F, Args>(methods: &'static [Method], path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let right = guard::fn_guard(move |context| methods.contains(&context.head().method));
    web::resource(path)
        .route(web::route().guard(right).to(handler))
        .default_service(web::to(move || async move { problem::wrong_method(methods) }))
}
