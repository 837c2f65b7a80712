//! Extractor: a whole body of the requests that are not the sync protocol's, which are small. One that does not arrive
//! is not waited for: the HTTP library would, for ever.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use super::problem::Refusal;
use crate::perimeter::connections::Place;

/// The largest of them, in bytes.
pub(crate) const SMALL_BODY_BYTES_MAX: usize = 16 * 1024;
/// How long the whole of it may take.
const WITHIN: Duration = Duration::from_secs(15);

/// At most [`SMALL_BODY_BYTES_MAX`].
pub(super) struct SmallBody(pub(super) Bytes);

impl FromRequest for SmallBody {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Bytes::from_request(request, payload);
        let awaited = request.conn_data::<Place>().map(|place| place.connection.await_something_small());
        async move {
            let _awaited = awaited;
            match tokio::time::timeout(WITHIN, body).await {
                Ok(Ok(body)) => Ok(Self(body)),
                Ok(Err(_)) => Err(Refusal::BodyTooLarge { limit: SMALL_BODY_BYTES_MAX as u64 }),
                Err(_) => Err(Refusal::BodyTooSlow),
            }
        }
        .boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use futures_util::stream;

    use super::*;

    fn payload(
        parts: impl futures_util::Stream<Item = Result<Bytes, actix_web::error::PayloadError>> + 'static,
    ) -> Payload {
        Payload::Stream { payload: Box::pin(parts) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_not_waited_for() {
        let request = TestRequest::default().to_http_request();
        let body = SmallBody::from_request(&request, &mut payload(stream::pending())).await;
        assert!(matches!(body, Err(Refusal::BodyTooSlow)));
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        let request = TestRequest::default().app_data(actix_web::web::PayloadConfig::new(3)).to_http_request();
        for (text, fits) in [("abc", true), ("abcd", false)] {
            let parts = stream::iter([Ok(Bytes::from_static(text.as_bytes()))]);
            assert_eq!(SmallBody::from_request(&request, &mut payload(parts)).await.is_ok(), fits, "{text}");
        }
    }
}
