//! `POST /v1/client/add-snapshot/{version ID}`.

use actix_web::{HttpResponse, web};

use taskferry_protocol::ClientId;

use super::State;
use super::body::{Received, Snapshot, Upload};
use super::client_id::Client;
use super::problem::Refusal;
use super::version_id::Version;
use crate::metrics::limits::Limit;

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
    let kept = match upload.receive(&state, client, admission).await? {
        Received::Body(body, _held) => sync.add_snapshot(client, version, body).await?,
        Received::NotWanted => false,
        Received::TooLarge => dropped(&state, client, Limit::SnapshotBytes)?,
        Received::OverQuota => dropped(&state, client, Limit::Quota)?,
        Received::NoSpace => dropped(&state, client, Limit::FreeSpace)?,
        Received::NoRoom => dropped(&state, client, Limit::Busy)?,
    };
    if !kept {
        state.metrics.http.snapshots_ignored.inc();
    }
    Ok(HttpResponse::Ok().insert_header(("cache-control", "no-store")).finish())
}

/// A snapshot that a limit leaves no room for is not kept; the device is told nothing of it, the operator is.
fn dropped(state: &State, client: ClientId, limit: Limit) -> Result<bool, Refusal> {
    state.metrics.limit_hit(limit);
    let account = state.opened()?.hasher.of(client);
    tracing::warn!(%account, limit = limit.name(), "a snapshot was dropped");
    Ok(false)
}
