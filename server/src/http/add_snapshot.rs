//! `POST /v1/client/add-snapshot/{version ID}`.

use actix_web::{HttpResponse, web};

use super::State;
use super::body::{Received, Snapshot, Upload};
use super::client_id::Client;
use super::problem::Refusal;
use super::version_id::Version;

/// Offers a snapshot of the account at `version`.
///
/// - 200: kept, or dropped: because the version is not one of the last five, because the stored snapshot is newer, or
///   because the body is over the limit or there is no room for it now. A device takes anything else for a failed sync, after its version was accepted.
/// - 404: there is no such account; 403: nor may it be created, or it is barred.
pub(super) async fn handle(
    state: web::Data<State>,
    Client(client): Client,
    Version(version): Version,
    upload: Upload<Snapshot>,
) -> Result<HttpResponse, Refusal> {
    let sync = state.sync()?;
    let admission = sync.admit_snapshot(client, version).await?;
    match upload.receive(&state, admission).await? {
        Received::Body(body, _held) => sync.add_snapshot(client, version, body).await?,
        Received::NotWanted => {}
        Received::TooLarge => {
            tracing::warn!(limit_bytes = state.limits.snapshot_bytes, "a snapshot over the limit was dropped");
        }
        Received::OverQuota => {
            tracing::info!(quota_bytes = admission.bytes_max, "a snapshot over its account's quota was dropped");
        }
        Received::NoSpace => tracing::warn!("a snapshot was dropped, since the volume has no room for it"),
        Received::NoRoom => tracing::warn!("a snapshot was dropped, since too many large bodies are under way"),
    }
    Ok(HttpResponse::Ok().insert_header(("cache-control", "no-store")).finish())
}
