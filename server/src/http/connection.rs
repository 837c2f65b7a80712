//! Connections as HTTP sees them: each gets its place when it comes in, and says when a request is under way on it,
//! from its head to the last byte of its answer.

use std::any::Any;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Extensions, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::rt::net::TcpStream;
use actix_web::{Error, web};
use bytes::Bytes;
use futures_util::future::Either;
use pin_project_lite::pin_project;

use super::State;
use super::problem::Refusal;
use crate::perimeter::Perimeter;
use crate::perimeter::connections::{AwaitsSmall, Busy, Place};
use crate::perimeter::proxies::FORWARDING_HEADERS;

/// How long a peer may take nothing of what was sent to it.
#[cfg(target_os = "linux")]
const PEER_SILENT_MAX: Duration = Duration::from_secs(30);

/// What somebody reads for whom there was no place. Sent before they have asked anything, so without the words of a
/// refusal.
const TURNED_AWAY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A connection comes in.
pub(crate) fn take_place(perimeter: &Perimeter, connection: &dyn Any, extensions: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    give_up_on_a_silent_peer(stream);
    // A peer that is gone already.
    let Ok(peer) = stream.peer_addr() else { return };
    let place = perimeter.place(peer.ip(), second_handle(stream));
    if place.was_turned_away() {
        place.turn_away(TURNED_AWAY);
    }
    extensions.insert(place);
}

/// To close the connection by while the HTTP library holds it.
fn second_handle(stream: &TcpStream) -> Option<std::net::TcpStream> {
    #[cfg(unix)]
    let handle = std::os::fd::AsFd::as_fd(stream).try_clone_to_owned();
    #[cfg(windows)]
    let handle = std::os::windows::io::AsSocket::as_socket(stream).try_clone_to_owned();
    handle.ok().map(Into::into)
}

/// A peer that takes nothing of what was sent to it is cut off after a while: what waits for it lies in memory. This is
/// the system's business, since the HTTP library does not look at a connection that can't be written to.
fn give_up_on_a_silent_peer(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    {
        let milliseconds = u32::try_from(PEER_SILENT_MAX.as_millis()).unwrap_or(u32::MAX);
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, milliseconds) {
            tracing::debug!(%error, "a connection has no write timeout");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// Closes connections on which nothing happens for `idle_max`, until the server is gone. The HTTP library does the same
/// between requests, but not once a second request was begun and never goes on.
pub(crate) async fn close_forgotten_ones(perimeter: Weak<Perimeter>, idle_max: Duration) {
    let mut every_second = tokio::time::interval(Duration::from_secs(1));
    loop {
        every_second.tick().await;
        let Some(perimeter) = perimeter.upgrade() else { return };
        perimeter.connections.close_forgotten(idle_max);
    }
}

/// The middleware: a request is under way until its answer's last byte was taken. Not made of a function, as the others
/// are, since that would allocate twice per request.
pub(crate) struct Occupy;

/// See [`Occupy`].
pub(crate) struct Occupier<S> {
    service: S,
}

impl<S, B> Transform<S, ServiceRequest> for Occupy
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<Occupying<B>>;
    type Error = Error;
    type Transform = Occupier<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Occupier { service }))
    }
}

impl<S, B> Service<ServiceRequest> for Occupier<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<Occupying<B>>;
    type Error = Error;
    type Future = Either<Ready<Result<Self::Response, Error>>, Answering<S::Future>>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let mut busy = None;
        if let Some(place) = request.conn_data::<Place>() {
            busy = place.begin();
            if busy.is_none() {
                // Closed to make room, or never had a place: nobody would read the answer, so nothing may be done for
                // it.
                return Either::Left(ready(Err(Refusal::NoPlace.into())));
            }
            if place.connection.is_first_request() {
                notice_proxy(&request, place);
                place.has_asked();
            }
        }
        Either::Right(Answering { answer: self.service.call(request), busy })
    }
}

pin_project! {
    /// An answer that is being prepared.
    pub(crate) struct Answering<F> {
        #[pin]
        answer: F,
        busy: Option<Busy>,
    }
}

impl<F, B> Future for Answering<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = Result<ServiceResponse<Occupying<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.answer.poll(context))?;
        Poll::Ready(Ok(response.map_body(|_, body| {
            let busy = this.busy.take();
            Occupying { body, _taken: busy.as_ref().and_then(Busy::is_answered), _busy: busy }
        })))
    }
}

fn notice_proxy(request: &ServiceRequest, place: &Place) {
    if FORWARDING_HEADERS.iter().any(|name| request.headers().contains_key(*name))
        && let Some(state) = request.app_data::<web::Data<State>>()
    {
        state.perimeter.forwarded_by(&place.connection);
    }
}

pin_project! {
    /// A body, and the connection's being busy until it is sent.
    pub(crate) struct Occupying<B> {
        #[pin]
        body: B,
        _taken: Option<AwaitsSmall>,
        _busy: Option<Busy>,
    }
}

impl<B: MessageBody> MessageBody for Occupying<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.project().body.poll_next(context)
    }
}
