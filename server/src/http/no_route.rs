//! What is not in the route table.

use actix_web::{HttpRequest, HttpResponse};
use taskferry_protocol::wire;

use super::problem::Refusal;

/// 404; but 400 for a sync request under a path that this server does not serve, since Taskwarrior takes a 404 for "up to
/// date" and tells a person with a wrong address that the sync succeeded.
pub(super) async fn handle(request: HttpRequest) -> Result<HttpResponse, Refusal> {
    // In any spelling that a mistyped address can give it: doubled slashes, encoded ones.
    let mut path = request.path().replace("%2f", "/").replace("%2F", "/");
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    if path.contains(wire::SYNC_PREFIX) { Err(Refusal::WrongBasePath) } else { Err(Refusal::NoRoute) }
}
