//! Extractor: the version ID that is all of the path behind the route's, in any usual spelling of a UUID.

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
        let rest = request.match_info().unprocessed().strip_prefix('/').unwrap_or_default();
        ready(match rest.parse() {
            Ok(version) => Ok(Self(version)),
            // No version is named, or something in it: as good as no route at all.
            Err(_) if rest.is_empty() || rest.contains('/') => Err(Refusal::WrongBasePath),
            Err(_) => Err(Refusal::VersionIdMalformed),
        })
    }
}
