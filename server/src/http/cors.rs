//! Pages of other origins (CORS): nothing is granted to anybody, but to origins that the operator named, so that a
//! Taskwarrior in a browser can sync.
//!
//! Never to all: whoever knows a client ID may write, and no page is to be able to try.

use actix_cors::Cors;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::middleware::Condition;
use taskferry_protocol::wire;

/// How long a browser may remember what it was granted, in seconds: as long as browsers do at most.
const REMEMBER_SECONDS: usize = 2 * 60 * 60;

/// The middleware; without origins it is not there.
pub(crate) fn cors(origins: &[String]) -> Condition<Cors> {
    let granted = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST"])
        .allowed_headers([wire::X_CLIENT_ID, CONTENT_TYPE.as_str()])
        .expose_headers([
            wire::X_VERSION_ID,
            wire::X_PARENT_VERSION_ID,
            wire::X_SNAPSHOT_REQUEST,
            wire::X_EPOCH,
            RETRY_AFTER.as_str(),
        ])
        .max_age(REMEMBER_SECONDS);
    let granted = origins.iter().fold(granted, |granted, origin| granted.allowed_origin(origin));
    Condition::new(!origins.is_empty(), granted)
}
