//! `GET /`.

use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse, web};
use taskferry_protocol::wire;

use super::State;
use super::page::page;
use super::throttle::Visitor;

/// 200, and in it the words `TaskChampion sync server`: phone apps look for them to tell whether an address is right. A page
/// for browsers, a few lines of text for everything else.
pub(super) async fn handle(state: web::Data<State>, request: HttpRequest, _: Visitor) -> HttpResponse {
    let browser = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| {
        accept
            .split(',')
            .any(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/html"))
    });
    if browser {
        return page(&state, include_str!("../../pages/root.html"));
    }
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header(("cache-control", "no-store"))
        .insert_header(("x-content-type-options", "nosniff"))
        .body(format!(
            "{} (taskferry-server {})\n\nto sync your tasks with it, type: taskferry setup --server ADDRESS\n",
            wire::ROOT_TEXT,
            env!("CARGO_PKG_VERSION")
        ))
}
