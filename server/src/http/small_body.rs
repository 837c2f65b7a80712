//! Extractor: a whole body of the requests that are not the sync protocol's, which are small. One that does not arrive is
//! not waited for: the HTTP library would, for ever.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use super::problem::Refusal;
use crate::app::SMALL_BODY_BYTES;

/// How long the whole of it may take.
const WITHIN: Duration = Duration::from_secs(15);

/// At most [`SMALL_BODY_BYTES`].
pub(super) struct SmallBody(pub(super) Bytes);

impl FromRequest for SmallBody {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Bytes::from_request(request, payload);
        async move {
            match tokio::time::timeout(WITHIN, body).await {
                Ok(Ok(body)) => Ok(Self(body)),
                Ok(Err(_)) => Err(Refusal::BodyTooLarge { limit: SMALL_BODY_BYTES as u64 }),
                Err(_) => Err(Refusal::BodyTooSlow),
            }
        }
        .boxed_local()
    }
}
