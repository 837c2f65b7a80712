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
use crate::telemetry::request_id::RequestId;

/// The middleware.
pub(crate) async fn observe_requests(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let mut response = next.call(request).await?;
    let took = started.elapsed();
    let route = response.request().app_data::<Route>().copied().unwrap_or(Route::Other);
    let Some(state) = response.request().app_data::<web::Data<State>>().cloned() else { return Ok(response) };
    state.metrics.http.answered(route, response.status().as_u16(), took);
    // The usual request ends here: it is neither refused nor logged, and needs no name.
    let refused = response.response().error().is_some();
    if !refused && !tracing::enabled!(tracing::Level::DEBUG) {
        return Ok(response);
    }
    let id = state.request_ids.next();
    note(&state, &response, id, route, took);
    if refused && let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(HeaderName::from_static(wire::X_REQUEST_ID), value);
    }
    Ok(response)
}

/// Counts a limit that was reached, and logs.
fn note<B>(state: &State, response: &ServiceResponse<B>, id: RequestId, route: Route, took: Duration) {
    let account = account(state, response.request()).map(tracing::field::display);
    let refusal = response.response().error().and_then(actix_web::Error::as_error::<Refusal>);
    if let Some(limit) = refusal.and_then(Refusal::limit) {
        state.metrics.limit_hit(limit);
    }
    if let Some(Refusal::Internal(error)) = refusal {
        let error = chain(error);
        tracing::error!(request = %id, route = route.name(), account, error, "a request failed inside the server");
    }
    let (method, status) = (response.request().method(), response.status().as_u16());
    let milliseconds = took.as_secs_f64() * 1000.0;
    tracing::debug!(request = %id, %method, route = route.name(), account, status, milliseconds, "request");
}

/// Whose account the request says that it is about, known or not.
fn account(state: &State, request: &HttpRequest) -> Option<AccountHash> {
    let client = client_id::read(request.headers()).ok()?;
    Some(state.opened.get()?.hasher.of(client))
}

/// An error with all of its sources, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
