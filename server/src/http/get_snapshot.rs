//! `GET /v1/client/snapshot`.

use actix_web::{HttpResponse, web};
use taskferry_protocol::wire;

use super::State;
use super::body::{Receiver, send};
use super::client_id::Client;
use super::problem::Refusal;
use crate::sync::SyncError;

/// The account's latest snapshot.
///
/// - 200: its body, and in `X-Version-Id` the version at which it was made.
/// - 404, without a body: there is none, or there is no such account.
/// - 403: there is no such account, and it may not be created; or it is barred.
pub(super) async fn handle(
    state: web::Data<State>,
    Client(client): Client,
    receiver: Receiver,
) -> Result<HttpResponse, Refusal> {
    match state.sync()?.get_snapshot(client).await {
        Ok(Some((version, body))) => Ok(HttpResponse::Ok()
            .content_type(wire::SNAPSHOT_BODY)
            .insert_header((wire::X_VERSION_ID, version.to_string()))
            .insert_header(("cache-control", "no-store"))
            .body(send(&state, receiver.outside_of_pushes(client), body).await?)),
        Ok(None) | Err(SyncError::UnknownAccount) => {
            Ok(HttpResponse::NotFound().insert_header(("cache-control", "no-store")).finish())
        }
        Err(error) => Err(error.into()),
    }
}
