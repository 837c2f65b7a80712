//! Bodies in and out.
//!
//! In: content type, encoding and declared length are checked before a byte is read ([`Upload`], an extractor); then the
//! request waits for its part of the memory budget; then the body is read, in one pass: whole if it is small, else piece by
//! piece into storage. Out: whole if it is small, else piece by piece, each read when the one before it was sent.

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::body::{BoxBody, MessageBody as _, SizedStream};
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use taskferry_protocol::describe::Limits;
use taskferry_protocol::{ClientId, wire};

use super::State;
use super::problem::Refusal;
use crate::budget::Reservation;
use crate::storage::Patience;
use crate::storage::body::{CHUNK_BYTES, Incoming, Outgoing, Staging};

/// How much of a body that is too large is read and thrown away, in bytes, so that a device that is still sending gets to
/// read the refusal instead of a broken connection.
const DRAIN_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The same for snapshots, whose answer is "fine" only when they were read to their end.
const SNAPSHOT_DRAIN_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What kind of body a request carries.
pub(super) trait Kind: 'static {
    const CONTENT_TYPE: &'static str;
    /// How much is read of a body that is too large.
    const DRAIN_BYTES_MAX: u64;
    fn limit(limits: &Limits) -> u64;
}

/// A version's body.
pub(super) struct Segment;

/// A snapshot's body.
pub(super) struct Snapshot;

impl Kind for Segment {
    const CONTENT_TYPE: &'static str = wire::HISTORY_SEGMENT;
    const DRAIN_BYTES_MAX: u64 = DRAIN_BYTES_MAX;
    fn limit(limits: &Limits) -> u64 {
        limits.version_bytes
    }
}

impl Kind for Snapshot {
    const CONTENT_TYPE: &'static str = wire::SNAPSHOT_BODY;
    const DRAIN_BYTES_MAX: u64 = SNAPSHOT_DRAIN_BYTES_MAX;
    fn limit(limits: &Limits) -> u64 {
        limits.snapshot_bytes
    }
}

/// Extractor: a body whose headers were checked and of which nothing was read yet.
pub(super) struct Upload<K> {
    payload: Payload,
    declared: Option<u64>,
    kind: PhantomData<K>,
}

impl<K: Kind> FromRequest for Upload<K> {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_headers(request.headers(), K::CONTENT_TYPE);
        ready(checked.map(|declared| Self { payload: payload.take(), declared, kind: PhantomData }))
    }
}

/// Checks what can be known before the body: returns its declared length.
fn check_headers(headers: &HeaderMap, content_type: &'static str) -> Result<Option<u64>, Refusal> {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Parameters are ignored, as in the reference server.
    let essence = text.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(content_type) {
        return Err(Refusal::ContentType { expected: content_type });
    }
    let encoded =
        headers.get(CONTENT_ENCODING).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(Refusal::ContentEncoding);
    }
    Ok(headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()))
}

/// A body that arrived.
pub(super) struct Received {
    /// `None` if it is over the limit.
    pub(super) body: Option<Incoming>,
    /// How patient the request is, since it was found out on the way.
    pub(super) patience: Patience,
    /// Holds on to the memory until the request is done.
    _reservation: Reservation,
}

impl<K: Kind> Upload<K> {
    /// Waits for its turn, then reads the body.
    pub(super) async fn receive(self, state: &State, client: ClientId) -> Result<Received, Refusal> {
        let patience = state.sync()?.patience(client).await?;
        // What is under way may go on; what begins now would be cut off in its middle.
        if state.is_draining() && patience == Patience::Refuse {
            return Err(Refusal::Stopping);
        }
        let reservation = state.uploads.reserve(self.declared, patience).await.map_err(|_| Refusal::Busy)?;
        let body = self.read(state).await?;
        Ok(Received { body, patience, _reservation: reservation })
    }

    async fn read(mut self, state: &State) -> Result<Option<Incoming>, Refusal> {
        let limit = K::limit(&state.limits);
        let drain = limit.saturating_add(K::DRAIN_BYTES_MAX);
        if self.declared.is_some_and(|bytes| bytes > drain) {
            return Ok(None);
        }
        let mut body = Pieces::new(state);
        let mut seen: u64 = 0;
        while let Some(received) = self.payload.next().await {
            let received = received.map_err(|_| Refusal::BodyCutShort)?;
            seen += received.len() as u64;
            if seen > drain {
                return Ok(None);
            }
            if seen > limit {
                // What was staged is dropped and swept; the rest is read and thrown away.
                body = Pieces::new(state);
            } else {
                body.take(received).await?;
            }
        }
        match seen {
            0 => Err(Refusal::BodyEmpty),
            seen if seen > limit => Ok(None),
            _ => body.finish().await.map(Some),
        }
    }
}

/// Cuts what arrives into pieces, and stages them once there is more than one.
struct Pieces<'a> {
    state: &'a State,
    staging: Option<Box<dyn Staging>>,
    piece: BytesMut,
}

impl<'a> Pieces<'a> {
    fn new(state: &'a State) -> Self {
        Self { state, staging: None, piece: BytesMut::new() }
    }

    async fn take(&mut self, mut received: Bytes) -> Result<(), Refusal> {
        while self.piece.len() + received.len() > CHUNK_BYTES {
            let rest = received.split_to(CHUNK_BYTES - self.piece.len());
            self.piece.extend_from_slice(&rest);
            let full = self.piece.split().freeze();
            self.stage(full).await?;
        }
        self.piece.extend_from_slice(&received);
        Ok(())
    }

    async fn stage(&mut self, piece: Bytes) -> Result<(), Refusal> {
        let staging = match &mut self.staging {
            Some(staging) => staging,
            None => self.staging.insert(self.state.sync()?.stage().await?),
        };
        staging.push(piece).await.map_err(|error| Refusal::from(crate::sync::SyncError::from(error)))
    }

    async fn finish(mut self) -> Result<Incoming, Refusal> {
        let last = self.piece.split().freeze();
        if self.staging.is_none() {
            return Ok(last.into());
        }
        self.stage(last).await?;
        Ok(self.staging.map_or_else(|| Incoming::Whole(Bytes::new()), Staging::finish))
    }
}

/// A stored body as an answer's, with its length declared.
pub(super) async fn send(state: &State, body: Outgoing) -> Result<BoxBody, Refusal> {
    match body {
        Outgoing::Whole(body) => Ok(body.boxed()),
        Outgoing::Pieces { bytes, pieces } => {
            let reservation = state.downloads.reserve(Some(bytes), Patience::Wait).await.map_err(|_| Refusal::Busy)?;
            let pieces = pieces.map(move |piece| {
                let _held = &reservation;
                // The status line is out by now; what is left is to break the connection off and to say why in the log.
                piece.inspect_err(|error| tracing::error!(%error, "a body could not be read to its end"))
            });
            Ok(SizedStream::new(bytes, pieces).boxed())
        }
    }
}
