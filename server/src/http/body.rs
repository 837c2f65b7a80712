//! Extractors: the sealed body of a version or of a snapshot. Content type, encoding and declared length are checked
//! before a byte is read; the size again while reading.

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use taskferry_protocol::wire;

use super::State;
use super::problem::Refusal;

/// How much of a body that is too large is read and thrown away, in bytes, so that a device that is still sending gets to
/// read the refusal instead of a broken connection.
const DRAIN_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The same for snapshots, whose answer is "fine" only when they were read to their end.
const SNAPSHOT_DRAIN_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A version's body: 1 byte to the limit.
pub(super) struct Segment(pub(super) Bytes);

/// A snapshot's body; `None` if it is over the limit. That is no refusal: a device takes a refused snapshot for a failed
/// sync, after its version was accepted, and its next try then drops the rest of what it had to send.
pub(super) struct Snapshot(pub(super) Option<Bytes>);

impl FromRequest for Segment {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_headers(request.headers(), wire::HISTORY_SEGMENT);
        let limit = limits(request).0;
        let payload = payload.take();
        Box::pin(async move {
            let declared = checked?;
            let drain = limit.saturating_add(DRAIN_BYTES_MAX);
            match read(payload, declared, limit, drain).await? {
                Read::Whole(body) => Ok(Self(body)),
                Read::TooLarge => Err(Refusal::BodyTooLarge { limit }),
            }
        })
    }
}

impl FromRequest for Snapshot {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_headers(request.headers(), wire::SNAPSHOT_BODY);
        let limit = limits(request).1;
        let payload = payload.take();
        Box::pin(async move {
            let declared = checked?;
            // At the sender's pace and without keeping it.
            match read(payload, declared, limit, limit.saturating_add(SNAPSHOT_DRAIN_BYTES_MAX)).await? {
                Read::Whole(body) => Ok(Self(Some(body))),
                Read::TooLarge => Ok(Self(None)),
            }
        })
    }
}

fn limits(request: &HttpRequest) -> (u64, u64) {
    request.app_data::<web::Data<State>>().map_or((0, 0), |state| {
        (state.limits.version_bytes, state.limits.snapshot_bytes)
    })
}

/// Checks what can be known before the body: returns its declared length.
fn check_headers(headers: &HeaderMap, content_type: &'static str) -> Result<Option<u64>, Refusal> {
    let text = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // Parameters are ignored, as in the reference server.
    let essence = text.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(content_type) {
        return Err(Refusal::ContentType { expected: content_type });
    }
    let encoded = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(Refusal::ContentEncoding);
    }
    Ok(headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok()))
}

enum Read {
    Whole(Bytes),
    TooLarge,
}

/// Reads a body, keeping at most `limit` bytes and reading at most `drain`.
async fn read(mut payload: Payload, declared: Option<u64>, limit: u64, drain: u64) -> Result<Read, Refusal> {
    if declared.is_some_and(|bytes| bytes > drain) {
        return Ok(Read::TooLarge);
    }
    // The declared length is a claim: it may save small bodies a copy, and must not make the server reserve large ones.
    let expected = declared.unwrap_or(0).min(limit).min(64 * 1024);
    let mut kept = BytesMut::with_capacity(usize::try_from(expected).unwrap_or(0));
    let mut seen: u64 = 0;
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| Refusal::BodyCutShort)?;
        seen += piece.len() as u64;
        if seen > drain {
            return Ok(Read::TooLarge);
        }
        if seen > limit {
            kept = BytesMut::new();
        } else {
            kept.extend_from_slice(&piece);
        }
    }
    match seen {
        0 => Err(Refusal::BodyEmpty),
        seen if seen > limit => Ok(Read::TooLarge),
        _ => Ok(Read::Whole(kept.freeze())),
    }
}
