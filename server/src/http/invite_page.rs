//! `GET /i`: where an invite link leads when somebody opens it in a browser.

use actix_web::{HttpResponse, web};

use super::State;
use super::page::page;
use super::throttle::Visitor;

/// Says what the link is and what to do with it. The page runs no script and does not get to see the invite's code, which stands
/// in the address's fragment.
pub(super) async fn handle(state: web::Data<State>, _: Visitor) -> HttpResponse {
    page(&state, include_str!("../../pages/invite.html"))
}
