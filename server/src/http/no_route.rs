//! What is not in the route table.

use actix_web::{HttpRequest, HttpResponse};
use taskferry_protocol::wire;

use super::problem::Refusal;
use super::throttle::Visitor;

/// 404; but 400 for a sync request under a path that this server does not serve, since Taskwarrior takes a 404 for "up to
/// date" and tells a person with a wrong address that the sync succeeded.
pub(super) async fn handle(request: HttpRequest, _: Visitor) -> Result<HttpResponse, Refusal> {
    // In any spelling that a mistyped address can give it: doubled slashes, encoded ones.
    let mut path = request.path().replace("%2f", "/").replace("%2F", "/");
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    let requests = [wire::ADD_VERSION, wire::GET_CHILD_VERSION, wire::ADD_SNAPSHOT, wire::SNAPSHOT];
    // Only what the protocol has today: a client that tries a later request is to see 404 and to do without.
    if requests.iter().any(|request| path.contains(request)) {
        Err(Refusal::WrongBasePath)
    } else {
        Err(Refusal::NoRoute)
    }
}
