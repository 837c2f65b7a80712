//! `GET /v1/client/get-child-version/{parent version ID}`.

use actix_web::{HttpResponse, web};
use taskferry_protocol::wire;

use super::State;
use super::body::{Receiver, send};
use super::client_id::Client;
use super::problem::Refusal;
use super::version_id::Version;
use crate::sync::{Child, SyncError};

/// The version that follows `parent`.
///
/// - 200: its body, `X-Version-Id` and `X-Parent-Version-Id`.
/// - 404, without a body: nothing follows yet, or there is no such account. Devices take both for "up to date".
/// - 403: there is no such account, and it may not be created; or it is barred. A 404 would be taken for success.
/// - 410: `parent` is not in the chain: pruned, or of another history. The device can't go on by itself.
pub(super) async fn handle(
    state: web::Data<State>,
    Client(client): Client,
    Version(parent): Version,
    receiver: Receiver,
) -> Result<HttpResponse, Refusal> {
    match state.sync()?.get_child_version(client, parent).await {
        Ok(Child::Found { version, body }) => Ok(HttpResponse::Ok()
            .content_type(wire::HISTORY_SEGMENT)
            .insert_header((wire::X_VERSION_ID, version.to_string()))
            .insert_header((wire::X_PARENT_VERSION_ID, parent.to_string()))
            .insert_header(("cache-control", "no-store"))
            .body(send(&state, receiver.perhaps_in_a_push(&state, client).await?, body).await?)),
        Ok(Child::UpToDate) | Err(SyncError::UnknownAccount) => {
            Ok(HttpResponse::NotFound().insert_header(("cache-control", "no-store")).finish())
        }
        Ok(Child::Gone) => Err(Refusal::Gone { epoch: state.opened()?.info.epoch.clone() }),
        Err(error) => Err(error.into()),
    }
}
