//! Around every request: it is counted and timed, a failure inside the server is logged with its cause, and at debug there is
//! a line for each request. At info there is none: it alone would cost a fifth of the idle rate.
//!
//! The route is logged, never the path: it holds version IDs. No header is logged, since one is a credential; of that one,
//! the account's salted hash.

use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, web};
use taskferry_protocol::wire;

use super::problem::Refusal;
use super::{State, client_id};
use crate::account_hash::AccountHash;
use crate::metrics::http::Route;
use crate::words::in_full;

/// The middleware.
pub(crate) async fn observe_requests(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let mut response = next.call(request).await?;
    if let Some(name) = observe(&response, started.elapsed()) {
        response.headers_mut().insert(HeaderName::from_static(wire::X_REQUEST_ID), name);
    }
    Ok(response)
}

/// Counts the request, and logs it if it is to be logged. Returns its name if it was refused.
fn observe<B>(response: &ServiceResponse<B>, took: Duration) -> Option<HeaderValue> {
    let state = response.request().app_data::<web::Data<State>>()?;
    let route = response.request().app_data::<Route>().copied().unwrap_or(Route::Other);
    let status = response.status().as_u16();
    state.metrics.http.answered(route, status, took);
    // The usual request ends here: it is neither refused nor logged, and needs no name.
    let error = response.response().error();
    if error.is_none() && !tracing::enabled!(tracing::Level::DEBUG) {
        return None;
    }
    let id = state.request_ids.next();
    let account = account(state, response.request()).map(tracing::field::display);
    if let Some(refusal) = error.and_then(actix_web::Error::as_error::<Refusal>) {
        if let Some(limit) = refusal.limit() {
            state.metrics.limit_hit(limit);
        }
        if let Refusal::Internal(error) = refusal {
            let error = in_full(error);
            tracing::error!(request = %id, route = route.name(), account, error, "a request failed inside the server");
        }
    }
    let (method, milliseconds) = (response.request().method(), took.as_secs_f64() * 1000.0);
    tracing::debug!(request = %id, %method, route = route.name(), account, status, milliseconds, "request");
    error.and_then(|_| HeaderValue::from_str(&id.to_string()).ok())
}

/// Whose account the request says that it is about, known or not.
fn account(state: &State, request: &HttpRequest) -> Option<AccountHash> {
    let client = client_id::read(request.headers()).ok()?;
    Some(state.opened.get()?.hasher.of(client))
}
