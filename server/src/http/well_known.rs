//! `GET /.well-known/taskferry`.

use actix_web::{HttpResponse, web};

use super::State;

/// What the server says about itself, as [`taskferry_protocol::describe::ServerInfo`]. Also without the base path.
pub(super) async fn handle(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(&state.info)
}
