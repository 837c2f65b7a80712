//! One line per request, at debug: a line each at info alone would cost a fifth of the idle rate.
//!
//! The route's pattern is logged, never the path: it holds version IDs. No header is logged, since one is a credential.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

/// The middleware.
pub(crate) async fn log_requests(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return next.call(request).await;
    }
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.match_pattern().unwrap_or_else(|| "(none)".to_owned());
    let response = next.call(request).await?;
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    tracing::debug!(%method, route, status = response.status().as_u16(), milliseconds, "request");
    Ok(response)
}
