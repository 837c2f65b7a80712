//! Pages for browsers: static, without scripts, and locked down accordingly.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

/// A page. Nothing is loaded from anywhere, nothing runs, nobody may frame it, and its address (whose fragment may be a
/// setup link) is told to nobody.
pub(super) fn page(html: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::html())
        .insert_header((
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ))
        .insert_header(("referrer-policy", "no-referrer"))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header(("cache-control", "no-store"))
        .body(html)
}
