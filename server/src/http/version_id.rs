//! Extractor: the version ID at the end of the path, in any usual spelling of a UUID.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use taskferry_protocol::VersionId;

use super::problem::Refusal;

/// The version that the path names.
pub(super) struct Version(pub(super) VersionId);

impl FromRequest for Version {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = request.match_info().get("version").and_then(|text| text.parse().ok());
        ready(parsed.map(Self).ok_or(Refusal::VersionIdMalformed))
    }
}
