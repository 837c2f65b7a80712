//! HTTP: the route table, and nothing that decides anything about the protocol.
//!
//! Extractors ([`client_id`], [`version_id`], [`body`]) turn bytes into checked values before a handler runs, past the
//! [`throttle`] of the rate limits; a handler
//! calls [`SyncService`] and renders the outcome; [`problem`] is the only place that chooses a status code for a refusal.
//! One endpoint per file; its doc comment is the contract.

mod account;
mod add_snapshot;
mod add_version;
mod body;
mod client_id;
mod connection;
mod cors;
mod delete_account;
mod get_child_version;
mod get_snapshot;
mod health;
mod invite_page;
mod join_page;
mod no_route;
mod observe;
mod page;
mod problem;
mod register;
mod root;
mod small_body;
mod throttle;
pub mod untrusted;
mod version_id;
mod well_known;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use actix_web::dev::HttpServiceFactory;
use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Resource, Responder, web};
use taskferry_protocol::describe::{Limits, ServerInfo};
use taskferry_protocol::wire;

use crate::account_hash::AccountHasher;
use crate::budget::Budget;
use crate::metrics::Metrics;
use crate::metrics::http::Route;
use crate::perimeter::Perimeter;
use crate::sync::SyncService;
use crate::telemetry::request_id::RequestIds;

pub(crate) use self::connection::{Occupy, close_forgotten_ones, take_place};
pub(crate) use self::cors::cors;
pub(crate) use self::health::unready;
pub(crate) use self::observe::observe_requests;
use self::problem::Refusal;
pub(crate) use self::small_body::SMALL_BODY_BYTES_MAX;

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
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) request_ids: RequestIds,
}

/// What there is to serve.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) sync: SyncService,
    pub(crate) info: ServerInfo,
    /// How accounts are named in the log.
    pub(crate) hasher: AccountHasher,
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
        config.service(health_endpoints()).service(get(Route::WellKnown, wire::WELL_KNOWN, well_known::handle));
        // A scope's root is `/sync/`; people type `/sync` too.
        let scope = web::scope(base_path).configure(endpoints).service(get(Route::Root, "", root::handle));
        config.service(scope.default_service(web::to(no_route::handle)));
    }
    config.default_service(web::to(no_route::handle));
}

fn endpoints(config: &mut web::ServiceConfig) {
    config
        .service(of_a_version(Route::GetChildVersion, GET, wire::GET_CHILD_VERSION, get_child_version::handle))
        .service(of_a_version(Route::AddVersion, POST, wire::ADD_VERSION, add_version::handle))
        .service(of_a_version(Route::AddSnapshot, POST, wire::ADD_SNAPSHOT, add_snapshot::handle))
        .service(get(Route::GetSnapshot, wire::SNAPSHOT, get_snapshot::handle))
        .service(post(Route::Register, wire::REGISTER, register::handle))
        .service(account_endpoint())
        .service(get(Route::WellKnown, wire::WELL_KNOWN, well_known::handle))
        .service(health_endpoints())
        .service(get(Route::JoinPage, wire::JOIN_PAGE, join_page::handle))
        .service(get(Route::InvitePage, wire::INVITE_PAGE, invite_page::handle))
        .service(get(Route::Root, "/", root::handle));
}

/// Looked at by GET, deleted by DELETE.
fn account_endpoint() -> Resource {
    const METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::DELETE];
    web::resource(wire::ACCOUNT)
        .app_data(Route::Account)
        .route(web::get().to(account::handle))
        .route(web::head().to(account::handle))
        .route(web::delete().to(delete_account::handle))
        .default_service(refuse_others(METHODS))
}

fn health_endpoints() -> impl HttpServiceFactory {
    (
        get(Route::Live, "/livez", health::live),
        get(Route::Ready, "/readyz", health::ready),
        get(Route::Health, "/health", health::ready),
    )
}

const POST: &[Method] = &[Method::POST];
/// HEAD too: uptime monitors ask with it.
const GET: &[Method] = &[Method::GET, Method::HEAD];

fn post<F, Args>(route: Route, path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    only(POST, path, handler).app_data(route)
}

fn get<F, Args>(route: Route, path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    only(GET, path, handler).app_data(route)
}

/// What is asked about a version, whose ID is all that follows `path` ([`version_id::Version`]). Scopes, whose path is compared as it
/// is: `{version}` in a resource's path makes it a regular expression, and to match those was a third of an idle sync's work.
fn of_a_version<F, Args>(
    route: Route,
    methods: &'static [Method],
    path: &str,
    handler: F,
) -> impl HttpServiceFactory + use<F, Args>
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let scope = || web::scope(path).app_data(route);
    (scope().guard(one_of(methods)).default_service(web::to(handler)), scope().default_service(refuse_others(methods)))
}

/// A resource that refuses every other method with 405 and the ones that it has.
fn only<F, Args>(methods: &'static [Method], path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let right = web::route().guard(one_of(methods)).to(handler);
    web::resource(path).route(right).default_service(refuse_others(methods))
}

fn one_of(methods: &'static [Method]) -> impl Guard {
    guard::fn_guard(move |context| methods.contains(&context.head().method))
}

fn refuse_others(methods: &'static [Method]) -> actix_web::Route {
    web::to(move || async move { problem::wrong_method(methods) })
}
