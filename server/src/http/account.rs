//! `GET /taskferry/v1/account`.

use actix_web::{HttpResponse, web};
use taskferry_protocol::describe::{AccountInfo, AccountState, SnapshotInfo};

use super::State;
use super::client_id::Client;
use super::problem::Refusal;
use crate::clock::now;
use crate::storage::Barred;
use crate::sync::SyncError;

/// What the server knows of the account, as [`AccountInfo`]. The sync protocol alone can't tell an unknown, an empty and an
/// up-to-date account apart.
///
/// - 200: the account. 404: there is none. 403: it was deleted.
pub(super) async fn handle(state: web::Data<State>, Client(client): Client) -> Result<HttpResponse, Refusal> {
    let sync = state.sync()?;
    let account = sync.account(client).await?;
    let info_state = match &account.barred {
        None => AccountState::Active,
        Some(Barred::Disabled { .. }) => AccountState::Disabled,
        Some(barred @ Barred::Deleted) => return Err(SyncError::Barred(barred.clone()).into()),
    };
    let quota = sync.gate().quotas.as_ref().map(|quotas| quotas.of(&account, now()));
    let info = AccountInfo {
        state: info_state,
        latest_version_id: account.latest(),
        versions: account.versions,
        version_bytes: account.version_bytes,
        created_at: account.created_at,
        last_version_at: account.last_version_at,
        snapshot: account.snapshot.map(|snapshot| SnapshotInfo {
            version_id: snapshot.version,
            stored_at: snapshot.stored_at,
            bytes: snapshot.bytes,
            versions_since: snapshot.versions_since,
        }),
        quota_bytes: quota.map(|quota| quota.bytes),
        quota_versions: quota.map(|quota| quota.versions),
        epoch: state.opened()?.info.epoch.clone(),
    };
    Ok(HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(info))
}
