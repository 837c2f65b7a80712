//! `GET /.well-known/taskferry`.

use actix_web::{HttpResponse, web};

use super::State;
use super::problem::Refusal;
use super::throttle::Visitor;

/// What the server says about itself, as [`taskferry_protocol::describe::ServerInfo`]. Also without the base path.
pub(super) async fn handle(state: web::Data<State>, _: Visitor) -> Result<HttpResponse, Refusal> {
    let info = &state.opened()?.info;
    Ok(HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(info))
}
