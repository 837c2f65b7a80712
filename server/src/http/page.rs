//! Pages for browsers: static, without scripts, and locked down accordingly.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

use super::State;

/// Nothing is loaded from anywhere, nothing runs, nobody may frame it or read it from another page, and its address
/// (whose fragment may be a setup link) is told to nobody.
const HEADERS: [(&str, &str); 9] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    // For browsers that don't know `frame-ancestors`.
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("x-robots-tag", "noindex"),
    ("cache-control", "no-store"),
];

/// A year, this host alone: what else runs below its name is not ours to decide.
const HSTS: (&str, &str) = ("strict-transport-security", "max-age=31536000");

/// A page. Where people reach the server by https, browsers are told never to try anything else.
pub(super) fn page(state: &State, html: &'static str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header(ContentType::html());
    for header in HEADERS {
        response.insert_header(header);
    }
    if state.https {
        response.insert_header(HSTS);
    }
    response.body(html)
}
