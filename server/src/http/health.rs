//! `GET /livez`, `/readyz` and `/health`: for platforms and monitors. Also without the base path.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::State;
use super::throttle::Visitor;

/// How long the database may take to answer before it counts as unreadable. Platforms give up after a few seconds.
const CHECK_WITHIN: Duration = Duration::from_secs(2);

/// 200 while the process answers at all, also while a large database is being upgraded. Never looks at the database: a
/// platform restarts what is not alive, and a restart does not mend a disk. For the same reason it is never refused for
/// its number: behind a proxy that nobody configured, a flood would get the server restarted.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(json!({ "status": "alive" }))
}

/// 200 if requests can be served, else 503 with the reasons: the server is starting or stopping, or the database can't
/// be read. `warnings` name what is odd and goes on all the same: `unconfigured_proxy`, see
/// [`Perimeter::suspects_proxy`].
///
/// [`Perimeter::suspects_proxy`]: crate::perimeter::Perimeter::suspects_proxy
pub(super) async fn ready(state: web::Data<State>, _: Visitor) -> HttpResponse {
    let reasons = unready(&state).await;
    let (mut response, status) = if reasons.is_empty() {
        (HttpResponse::Ok(), "ready")
    } else {
        (HttpResponse::ServiceUnavailable(), "unavailable")
    };
    let warnings: &[&str] = if state.perimeter.suspects_proxy() { &["unconfigured_proxy"] } else { &[] };
    let body = json!({ "status": status, "reasons": reasons, "warnings": warnings });
    response.insert_header(("cache-control", "no-store")).json(body)
}

/// Why requests can't be served; empty if they can.
pub(crate) async fn unready(state: &State) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if state.is_draining() {
        reasons.push("the server is stopping");
    }
    match state.sync() {
        Err(_) => reasons.push("the server is starting"),
        Ok(sync) => match tokio::time::timeout(CHECK_WITHIN, sync.storage().check()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => reasons.push("the database can't be read"),
        },
    }
    reasons
}
