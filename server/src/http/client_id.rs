//! Extractor: the `X-Client-Id` header, exactly once, in any usual spelling of a UUID.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};
use taskferry_protocol::{ClientId, wire};

use super::problem::Refusal;

/// Whose account the request is about. Knowing the ID is the authorisation.
pub(super) struct Client(pub(super) ClientId);

/// The header's value.
pub(super) fn read(headers: &HeaderMap) -> Result<ClientId, Refusal> {
    let mut values = headers.get_all(wire::X_CLIENT_ID);
    let value = values.next().ok_or(Refusal::ClientIdMissing)?;
    // Two values could be read as one account by a proxy and as another here.
    if values.next().is_some() {
        return Err(Refusal::ClientIdRepeated);
    }
    value.to_str().ok().and_then(|text| text.parse().ok()).ok_or(Refusal::ClientIdMalformed)
}

impl FromRequest for Client {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.headers()).map(Self))
    }
}
