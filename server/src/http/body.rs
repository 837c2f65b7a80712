//! Bodies in and out.
//!
//! In: content type, encoding and declared length are checked before a byte is read ([`Upload`], an extractor); then the body
//! is read in one pass, whole if it is small, else piece by piece into storage. What is more than a connection's own buffers
//! waits for a part of the memory budget. A body that stalls, or trickles, is cut off.
//!
//! Out: whole if it is small, else piece by piece, each read when the one before it was sent.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody as _, SizedStream};
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use taskferry_protocol::describe::Limits;
use taskferry_protocol::{ClientId, wire};

use super::State;
use super::problem::Refusal;
use crate::admission::Admission;
use crate::budget::{FREE_BYTES, Reservation};
use crate::perimeter::connections::{Connection, Place, Transfer};
use crate::storage::body::{CHUNK_BYTES, Incoming, Outgoing, Staging};
use crate::storage::{Patience, StorageError};
use crate::sync::{Arriving, SyncError};

/// How much of a body that is too large is read and thrown away, in bytes, so that a device that is still sending gets to
/// read the refusal instead of a broken connection.
const DRAIN_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The same for snapshots, whose answer is "fine" only when they were read to their end.
const SNAPSHOT_DRAIN_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The longest silence within a body.
const STALL_MAX: Duration = Duration::from_secs(15);
/// How long a body may take beyond what its size explains, and the speed that explains it: slower than any connection that is
/// of use, and fast enough that nobody can keep the server's memory for long.
const TRICKLE_GRACE: Duration = Duration::from_secs(30);
const BYTES_PER_SECOND_MIN: u64 = 1024;

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
    connection: Option<Arc<Connection>>,
    kind: PhantomData<K>,
}

impl<K: Kind> FromRequest for Upload<K> {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_headers(request.headers(), K::CONTENT_TYPE);
        let connection = request.conn_data::<Place>().map(|place| Arc::clone(&place.connection));
        ready(checked.map(|declared| Self { payload: payload.take(), declared, connection, kind: PhantomData }))
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

/// What a request holds on to until its body is stored.
pub(super) struct Held {
    /// Room for what of it is in memory.
    _reservation: Option<Reservation>,
    /// While it is large, a stop waits for it; without a gap between arriving and being stored.
    _arriving: Option<Arriving>,
}

/// A body that was read to its end.
pub(super) enum Received {
    /// To be stored.
    Body(Incoming, Held),
    /// Over the limit.
    TooLarge,
    /// Large, and known to be of no use; see [`Admission::keep_large`].
    NotWanted,
    /// More than the account's quota has room for.
    OverQuota,
    /// The volume has no room for it.
    NoSpace,
    /// There was no room for it in memory in time.
    NoRoom,
}

impl<K: Kind> Upload<K> {
    /// The length that the head gives.
    pub(super) const fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// Reads the body. `admission` was decided from its account.
    pub(super) async fn receive(self, state: &State, admission: Admission) -> Result<Received, Refusal> {
        // What is under way may go on; what begins now would be cut off in its middle.
        if state.is_draining() && admission.patience == Patience::Refuse {
            return Err(Refusal::Stopping);
        }
        let limit = K::limit(&state.limits);
        let drain = limit.saturating_add(K::DRAIN_BYTES_MAX);
        if self.declared.is_some_and(|bytes| bytes > drain) {
            return Ok(Received::TooLarge);
        }
        let large = self.declared.is_none_or(|bytes| bytes > CHUNK_BYTES as u64);
        let arriving = if large { Some(state.sync()?.arriving()) } else { None };
        let mut payload = self.payload;
        let mut body = Body::new(state, admission, self.declared);
        let (started, mut seen) = (Instant::now(), 0_u64);
        let of_push = admission.patience == Patience::Wait;
        let transfer = self.connection.map(|connection| connection.begin_transfer(of_push));
        while let Some(received) = next_part(&mut payload, started, seen).await? {
            seen += received.len() as u64;
            if let Some(transfer) = &transfer {
                transfer.progress(received.len());
            }
            state.metrics.http.received_bytes.inc_by(received.len() as u64);
            if seen > drain {
                return Ok(Received::TooLarge);
            }
            if seen > limit {
                body.discard(Received::TooLarge);
            } else if seen > admission.bytes_max {
                body.discard(Received::OverQuota);
            }
            body.take(received).await?;
        }
        // Nobody would read the answer of what was cut off, so nothing may be stored.
        if transfer.is_some_and(|transfer| !transfer.finish()) {
            return Err(Refusal::BodyCutShort);
        }
        if seen == 0 { Err(Refusal::BodyEmpty) } else { body.finish(arriving).await }
    }
}

/// Waits for the next bytes of a body, but not for ever.
async fn next_part(payload: &mut Payload, started: Instant, seen: u64) -> Result<Option<Bytes>, Refusal> {
    let allowed = TRICKLE_GRACE + Duration::from_secs(seen / BYTES_PER_SECOND_MIN);
    let left = allowed.saturating_sub(started.elapsed()).min(STALL_MAX);
    match tokio::time::timeout(left, payload.next()).await {
        Ok(part) => part.transpose().map_err(|_| Refusal::BodyCutShort),
        Err(_) => Err(Refusal::BodyTooSlow),
    }
}

/// Collects what arrives, cuts it into pieces, and stages them once there is more than one.
struct Body<'a> {
    state: &'a State,
    admission: Admission,
    declared: Option<u64>,
    piece: BytesMut,
    reservation: Option<Reservation>,
    staging: Option<Box<dyn Staging>>,
    /// Set once the rest is only read and thrown away: what the outcome is.
    discarded: Option<Received>,
}

impl<'a> Body<'a> {
    fn new(state: &'a State, admission: Admission, declared: Option<u64>) -> Self {
        let (piece, reservation, staging, discarded) = (BytesMut::new(), None, None, None);
        Self { state, admission, declared, piece, reservation, staging, discarded }
    }

    /// Gives up what was collected; what was staged is swept.
    fn discard(&mut self, outcome: Received) {
        (self.piece, self.reservation, self.staging) = (BytesMut::new(), None, None);
        self.discarded.get_or_insert(outcome);
    }

    async fn take(&mut self, mut received: Bytes) -> Result<(), Refusal> {
        let space = &self.state.sync()?.gate().space;
        if self.discarded.is_none() && !space.has_room(self.admission.need) {
            self.discard(Received::NoSpace);
        }
        if self.discarded.is_some() {
            return Ok(());
        }
        if self.reservation.is_none() && self.piece.len() + received.len() > FREE_BYTES {
            let bytes = self.declared.unwrap_or(u64::MAX);
            let Ok(reservation) = self.state.uploads.reserve(bytes, self.admission.patience).await else {
                self.discard(Received::NoRoom);
                return Ok(());
            };
            self.reservation = Some(reservation);
        }
        while self.piece.len() + received.len() > CHUNK_BYTES {
            if !self.admission.keep_large {
                self.discard(Received::NotWanted);
                return Ok(());
            }
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
        self.state.sync()?.gate().space.spend(piece.len() as u64);
        staging.push(piece).await.map_err(|error| SyncError::from(error).into())
    }

    async fn finish(mut self, arriving: Option<Arriving>) -> Result<Received, Refusal> {
        if let Some(outcome) = self.discarded {
            return Ok(outcome);
        }
        let last = self.piece.split().freeze();
        let body = if self.staging.is_none() {
            last.into()
        } else {
            self.stage(last).await?;
            self.staging.map_or_else(|| Incoming::Whole(Bytes::new()), Staging::finish)
        };
        Ok(Received::Body(body, Held { _reservation: self.reservation, _arriving: arriving }))
    }
}

/// Extractor: the connection to which an answer goes.
pub(super) struct Receiver(Option<Arc<Connection>>);

impl FromRequest for Receiver {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.conn_data::<Place>().map(|place| Arc::clone(&place.connection)))))
    }
}

impl Receiver {
    /// Begins to send what no device asks for in the middle of a push.
    pub(super) fn outside_of_pushes(self) -> Option<Transfer> {
        self.0.map(|connection| connection.begin_transfer(false))
    }

    /// Begins to send to a device of this account what it asks for before each version of a push, too.
    pub(super) async fn perhaps_in_a_push(self, state: &State, client: ClientId) -> Result<Option<Transfer>, Refusal> {
        let of_push = state.sync()?.is_pushing(client).await?;
        Ok(self.0.map(|connection| connection.begin_transfer(of_push)))
    }
}

/// A stored body as an answer's, with its length declared. What is being sent has a part of the memory budget.
pub(super) async fn send(state: &State, receiver: Option<Transfer>, body: Outgoing) -> Result<BoxBody, Refusal> {
    let bytes = body.bytes();
    let pieces = match body {
        Outgoing::Whole(body) if body.len() <= FREE_BYTES => {
            state.metrics.http.sent_bytes.inc_by(bytes);
            return Ok(body.boxed());
        }
        Outgoing::Whole(body) => stream::once(std::future::ready(Ok(body))).boxed(),
        Outgoing::Pieces { pieces, .. } => pieces,
    };
    let (budget, counted) = (state.downloads.clone(), state.metrics.http.sent_bytes.clone());
    let first = budget.reserve(bytes, Patience::Wait).await.map_err(|_| Refusal::Busy)?;
    let transfer = receiver.map(Arc::new);
    let sent = stream::unfold((pieces, Some(first), None), move |(mut pieces, first, before)| {
        let (budget, counted, transfer) = (budget.clone(), counted.clone(), transfer.clone());
        async move {
            // The connection asks for more when it has taken over the piece before.
            if let (Some(transfer), Some((_, length))) = (&transfer, &before) {
                transfer.progress(*length);
            }
            drop::<Option<(Reservation, usize)>>(before);
            let reservation = match first {
                Some(first) => Ok(first),
                None => budget.reserve(bytes, Patience::Wait).await,
            };
            let piece = match &reservation {
                Ok(_) => pieces.next().await?,
                Err(error) => Err(StorageError::new("waiting for room to send a body", *error)),
            };
            // The status line is out by now; what is left is to break the connection off and to say why in the log.
            let piece = piece.inspect_err(|error| tracing::error!(%error, "a body could not be sent to its end"));
            let length = piece.as_ref().map_or(0, Bytes::len);
            counted.inc_by(length as u64);
            Some((piece, (pieces, None, reservation.ok().map(|reservation| (reservation, length)))))
        }
    });
    Ok(SizedStream::new(bytes, sent).boxed())
}
