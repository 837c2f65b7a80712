//! Extractors: the `X-Client-Id` header, exactly once, in any usual spelling of a UUID; and past the throttle, which may
//! delay a request or refuse it before its body is read.

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};
use taskferry_protocol::{ClientId, wire};

use super::problem::Refusal;
use super::throttle::{self, Admitted, IfUnknown};

/// Whose account the request is about. Knowing the ID is the authorisation.
pub(super) struct Client(pub(super) ClientId);

/// The same for a request that creates the account if there is none.
pub(super) struct PerhapsNew(pub(super) ClientId);

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
    type Future = Admitted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        throttle::admit(request, read(request.headers()), IfUnknown::Stranger, Self)
    }
}

impl FromRequest for PerhapsNew {
    type Error = Refusal;
    type Future = Admitted<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        throttle::admit(request, read(request.headers()), IfUnknown::Newcomer, Self)
    }
}
