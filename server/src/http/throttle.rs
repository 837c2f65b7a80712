//! The throttle: where the rate limits meet requests. What they are, and why some delay and others refuse, stands in
//! [`crate::perimeter::rates`].
//!
//! The usual request, for an account that is in memory and within its limits, passes without waiting, without a lock of
//! the throttle's own, and without an allocation.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::FutureExt as _;
use futures_util::future::{Either, LocalBoxFuture};
use taskferry_protocol::ClientId;

use super::State;
use super::problem::Refusal;
use crate::metrics::limits::Limit;
use crate::perimeter::address::Address;
use crate::perimeter::connections::Place;
use crate::perimeter::rates::{DELAY_MAX, Rates};
use crate::sync::SyncError;

/// What a request is that names an account which does not exist.
#[derive(Debug, Clone, Copy)]
pub(super) enum IfUnknown {
    /// A guess, or a typing error.
    Stranger,
    /// An attempt to create it.
    Newcomer,
}

/// A request that is at once through, or refused, or waits.
pub(super) type Admitted<T> = Either<Ready<Result<T, Refusal>>, LocalBoxFuture<'static, Result<T, Refusal>>>;

/// Lets the request for the account in, as soon as it may.
pub(super) fn admit<T: 'static>(
    request: &HttpRequest,
    client: Result<ClientId, Refusal>,
    if_unknown: IfUnknown,
    extracted: fn(ClientId) -> T,
) -> Admitted<T> {
    let at_once = |result| Either::Left(ready(result));
    let (client, state) = match (client, request.app_data::<web::Data<State>>()) {
        (Ok(client), Some(state)) => (client, state),
        (Err(refusal), _) => return at_once(Err(refusal)),
        (Ok(client), None) => return at_once(Ok(extracted(client))),
    };
    // Without the data there are no accounts yet; the endpoint says so.
    let (Some(rates), Ok(sync)) = (state.perimeter.rates(), state.sync()) else {
        return at_once(Ok(extracted(client)));
    };
    let address = address_of(request, state);
    if sync.remembers(client) {
        let delay = rates.known(client, address);
        if delay.is_zero() {
            return at_once(Ok(extracted(client)));
        }
        state.metrics.limit_hit(Limit::Delay);
        let state = state.clone();
        return Either::Right(
            async move {
                if let Some(rates) = state.perimeter.rates() {
                    rates.wait(delay).await;
                }
                Ok(extracted(client))
            }
            .boxed_local(),
        );
    }
    let state = state.clone();
    // A crowd of strangers that waits here must not hold all connections.
    let waiting = request.conn_data::<Place>().map(|place| place.connection.begin_transfer(false));
    Either::Right(
        async move {
            look_up(&state, address, client, if_unknown).await?;
            match waiting {
                Some(waiting) if !waiting.finish() => Err(Refusal::NoPlace),
                _ => Ok(extracted(client)),
            }
        }
        .boxed_local(),
    )
}

/// The same for an account that is not in memory: whether it exists has to be asked of the database.
async fn look_up(state: &State, address: Address, client: ClientId, if_unknown: IfUnknown) -> Result<(), Refusal> {
    let (Some(rates), sync) = (state.perimeter.rates(), state.sync()?) else { return Ok(()) };
    let before = rates.lookup(address);
    rates.wait(before).await;
    match sync.account(client).await {
        Ok(_) => {
            rates.wait(rates.known(client, address).min(DELAY_MAX.saturating_sub(before))).await;
            Ok(())
        }
        Err(SyncError::UnknownAccount) => unknown(rates, address, if_unknown).inspect_err(|_| {
            state.perimeter.limit_reached_by(address);
        }),
        Err(error) => Err(error.into()),
    }
}

fn unknown(rates: &Rates, address: Address, if_unknown: IfUnknown) -> Result<(), Refusal> {
    match if_unknown {
        IfUnknown::Stranger => rates.unknown(address).map_err(Refusal::TooManyRequests),
        IfUnknown::Newcomer => rates.new_account(address).map_err(Refusal::TooManyAccounts),
    }
}

/// Extractor for everything that is about no account: somebody looks at a page, or asks how the server is.
pub(super) struct Visitor;

impl FromRequest for Visitor {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(state) = request.app_data::<web::Data<State>>() else { return ready(Ok(Self)) };
        let Some(rates) = state.perimeter.rates() else { return ready(Ok(Self)) };
        ready(rates.page(address_of(request, state)).map(|()| Self).map_err(Refusal::TooManyRequests))
    }
}

/// Whose request it is, for what is shared out among visitors.
pub(super) fn visitor_of(request: &HttpRequest) -> Address {
    let state = request.app_data::<web::Data<State>>();
    state.map_or_else(|| Address::new(std::net::Ipv4Addr::UNSPECIFIED.into()), |state| address_of(request, state))
}

/// Whose request it is: the peer's, or whom a trusted proxy speaks for.
fn address_of(request: &HttpRequest, state: &State) -> Address {
    let Some(place) = request.conn_data::<Place>() else {
        // Only in a test without connections.
        return Address::new(std::net::Ipv4Addr::UNSPECIFIED.into());
    };
    state
        .perimeter
        .address_of(&place.connection, |name| request.headers().get_all(name).filter_map(|value| value.to_str().ok()))
}
