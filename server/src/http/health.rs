//! `GET /livez`, `/readyz` and `/health`: for platforms and monitors. Also without the base path.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::State;

/// 200 while the process answers at all. Never looks at the database: a platform restarts what is not alive, and a restart
/// does not mend a disk.
pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(json!({ "status": "alive" }))
}

/// 200 if requests can be served, else 503 with the reasons: the server is stopping, or the database can't be read.
pub(super) async fn ready(state: web::Data<State>) -> HttpResponse {
    let mut reasons = Vec::new();
    if state.is_draining() {
        reasons.push("the server is stopping");
    }
    if state.sync.storage().check().await.is_err() {
        reasons.push("the database can't be read");
    }
    let (mut response, status) = if reasons.is_empty() {
        (HttpResponse::Ok(), "ready")
    } else {
        (HttpResponse::ServiceUnavailable(), "unavailable")
    };
    response.insert_header(("cache-control", "no-store")).json(json!({ "status": status, "reasons": reasons }))
}
