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
use super::throttle;
use crate::admission::Admission;
use crate::admission::on_the_way::OnTheWay;
use crate::budget::{FREE_BYTES, Party, Reservation};
use crate::perimeter::address::Address;
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
    peer: Peer,
    kind: PhantomData<K>,
}

/// With whom a body is exchanged.
#[derive(Clone)]
struct Peer {
    address: Address,
    connection: Option<Arc<Connection>>,
}

impl Peer {
    fn of(request: &HttpRequest) -> Self {
        let address = throttle::visitor_of(request);
        Self { address, connection: request.conn_data::<Place>().map(|place| Arc::clone(&place.connection)) }
    }

    /// As whom it takes a part of the memory budget.
    fn party(&self, account: ClientId) -> Party {
        Party { visitor: self.address.visitor(), account, connection: self.connection.clone() }
    }

    fn begin_transfer(&self, of_push: bool) -> Option<Transfer> {
        self.connection.as_ref().map(|connection| connection.begin_transfer(of_push))
    }
}

impl<K: Kind> FromRequest for Upload<K> {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let checked = check_headers(request.headers(), K::CONTENT_TYPE);
        ready(checked.map(|declared| Self {
            payload: payload.take(),
            declared,
            peer: Peer::of(request),
            kind: PhantomData,
        }))
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
    /// What of it is on the disk: until it counts as stored.
    _on_the_way: Option<OnTheWay>,
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

    /// Reads the body. `admission` was decided from its account, which is `client`'s.
    pub(super) async fn receive(
        self,
        state: &State,
        client: ClientId,
        admission: Admission,
    ) -> Result<Received, Refusal> {
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
        let mut body = Body::new(state, admission, self.declared, self.peer.party(client));
        let (started, mut seen) = (Instant::now(), 0_u64);
        let of_push = admission.patience == Patience::Wait;
        let transfer = self.peer.begin_transfer(of_push);
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
    party: Party,
    piece: BytesMut,
    reservation: Option<Reservation>,
    on_the_way: Option<OnTheWay>,
    staging: Option<Box<dyn Staging>>,
    /// Set once the rest is only read and thrown away: what the outcome is.
    discarded: Option<Received>,
}

impl<'a> Body<'a> {
    fn new(state: &'a State, admission: Admission, declared: Option<u64>, party: Party) -> Self {
        let (piece, reservation, on_the_way) = (BytesMut::new(), None, None);
        Self { state, admission, declared, party, piece, reservation, on_the_way, staging: None, discarded: None }
    }

    /// Gives up what was collected; what was staged is swept.
    fn discard(&mut self, outcome: Received) {
        (self.piece, self.reservation, self.staging) = (BytesMut::new(), None, None);
        self.on_the_way = None;
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
            let Ok(reservation) = self.state.uploads.reserve(bytes, &self.party, self.admission.patience).await else {
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
            if !self.stage(full).await? {
                self.discard(Received::OverQuota);
                return Ok(());
            }
        }
        self.piece.extend_from_slice(&received);
        Ok(())
    }

    /// False if the account has as much on its way already as it may.
    async fn stage(&mut self, piece: Bytes) -> Result<bool, Refusal> {
        let (sync, bytes) = (self.state.sync()?, piece.len() as u64);
        let on_the_way = self.on_the_way.get_or_insert_with(|| sync.gate().on_the_way.of(self.party.account));
        if !on_the_way.add(bytes, self.admission.on_the_way_max) {
            return Ok(false);
        }
        let _ours = self.party.connection.as_ref().map(|connection| connection.wait_for_us());
        let staging = match &mut self.staging {
            Some(staging) => staging,
            None => self.staging.insert(sync.stage().await?),
        };
        sync.gate().space.spend(bytes);
        staging.push(piece).await.map_err(SyncError::from)?;
        Ok(true)
    }

    async fn finish(mut self, arriving: Option<Arriving>) -> Result<Received, Refusal> {
        if let Some(outcome) = self.discarded {
            return Ok(outcome);
        }
        let last = self.piece.split().freeze();
        let body = if self.staging.is_none() {
            last.into()
        } else {
            if !self.stage(last).await? {
                return Ok(Received::OverQuota);
            }
            self.staging.map_or_else(|| Incoming::Whole(Bytes::new()), Staging::finish)
        };
        let (reservation, on_the_way) = (self.reservation, self.on_the_way);
        Ok(Received::Body(body, Held { _reservation: reservation, _on_the_way: on_the_way, _arriving: arriving }))
    }
}

/// Extractor: to whom an answer goes.
pub(super) struct Receiver(Peer);

impl FromRequest for Receiver {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(Peer::of(request))))
    }
}

/// To whom a body is sent, from when on it may be cut off.
pub(super) struct Recipient {
    party: Party,
    transfer: Option<Transfer>,
}

impl Receiver {
    /// Begins to send to a device of this account what none asks for in the middle of a push.
    pub(super) fn outside_of_pushes(self, client: ClientId) -> Recipient {
        Recipient { party: self.0.party(client), transfer: self.0.begin_transfer(false) }
    }

    /// Begins to send what a device asks for before each version of a push, too.
    pub(super) async fn perhaps_in_a_push(self, state: &State, client: ClientId) -> Result<Recipient, Refusal> {
        let of_push = state.sync()?.is_pushing(client).await?;
        Ok(Recipient { party: self.0.party(client), transfer: self.0.begin_transfer(of_push) })
    }
}

/// A stored body as an answer's, with its length declared. What is being sent has a part of the memory budget.
pub(super) async fn send(state: &State, recipient: Recipient, body: Outgoing) -> Result<BoxBody, Refusal> {
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
    let Recipient { party, transfer } = recipient;
    let first = budget.reserve(bytes, &party, Patience::Wait).await.map_err(|_| Refusal::Busy)?;
    let (transfer, party) = (transfer.map(Arc::new), Arc::new(party));
    let sent = stream::unfold((pieces, Some(first), None), move |(mut pieces, first, before)| {
        let (budget, counted, transfer) = (budget.clone(), counted.clone(), transfer.clone());
        let party = Arc::clone(&party);
        async move {
            // The connection asks for more when it has taken over the piece before.
            if let (Some(transfer), Some((_, length))) = (&transfer, &before) {
                transfer.progress(*length);
            }
            drop::<Option<(Reservation, usize)>>(before);
            let reservation = match first {
                Some(first) => Ok(first),
                None => budget.reserve(bytes, &party, Patience::Wait).await,
            };
            let _ours = party.connection.as_ref().map(|connection| connection.wait_for_us());
            let piece = match &reservation {
                Ok(_) => pieces.next().await?,
                Err(error) => Err(StorageError::new("waiting for room to send a body", *error)),
            };
            // The status line is out by now; what is left is to break the connection off and to say why in the log.
            let piece = piece.inspect_err(say_why);
            let length = piece.as_ref().map_or(0, Bytes::len);
            counted.inc_by(length as u64);
            Some((piece, (pieces, None, reservation.ok().map(|reservation| (reservation, length)))))
        }
    });
    Ok(SizedStream::new(bytes, sent).boxed())
}

/// That a body was let go is its owner's doing, and everything else is trouble.
fn say_why(error: &StorageError) {
    if error.was_let_go() {
        tracing::debug!(%error, "a replaced body was not sent to its end");
    } else {
        tracing::error!(%error, "a body could not be sent to its end");
    }
}
