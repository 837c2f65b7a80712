//! `GET /j`: where a setup link leads when somebody opens it in a browser.

use actix_web::{HttpResponse, web};

use super::State;
use super::page::page;
use super::throttle::Visitor;

/// Says what the link is and what to do with it. The page runs no script, so the credentials in the address's fragment go
/// nowhere: not to the server (browsers never send fragments), and not to a page that a dishonest server could change.
pub(super) async fn handle(state: web::Data<State>, _: Visitor) -> HttpResponse {
    page(&state, include_str!("../../pages/join.html"))
}
