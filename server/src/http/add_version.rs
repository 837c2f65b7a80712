//! `POST /v1/client/add-version/{parent version ID}`.

use actix_web::{HttpResponse, web};
use taskferry_protocol::wire;

use super::State;
use super::body::{Received, Segment, Upload};
use super::client_id::PerhapsNew;
use super::problem::Refusal;
use super::version_id::Version;
use crate::admission::NotAdmitted;
use crate::sync::Added;

/// Appends a version to the account's chain.
///
/// - 200: stored, durably. `X-Version-Id` is its ID; `X-Snapshot-Request: urgency=low|high` if a snapshot is wanted.
///   A request that arrives twice, byte for byte, is answered twice in the same way.
/// - 409: it does not follow the latest version, which stands in `X-Parent-Version-Id`. Nothing was changed.
/// - 403: the account is barred, or unknown and may not be created.
/// - 413: the body is over the limit. 507: over the account's quota. 503: the volume has no room. All three at the beginning
///   of a push only.
///
/// An account without versions accepts any parent, so that a device can move here with its history. An unknown account that
/// may be created is created by its first version.
pub(super) async fn handle(
    state: web::Data<State>,
    PerhapsNew(client): PerhapsNew,
    Version(parent): Version,
    upload: Upload<Segment>,
) -> Result<HttpResponse, Refusal> {
    let sync = state.sync()?;
    let admission = sync.admit_version(client, parent).await?;
    let outcome = match upload.receive(&state, client, admission).await? {
        // What is held is given back when the version is stored.
        Received::Body(body, _held) => sync.add_version(client, parent, body, admission).await?,
        Received::NotWanted => Added::Conflict(sync.account(client).await?.latest()),
        Received::TooLarge => return Err(Refusal::BodyTooLarge { limit: state.limits.version_bytes }),
        Received::OverQuota => return Err(Refusal::NotAdmitted(NotAdmitted::QuotaExceeded)),
        Received::NoSpace => return Err(Refusal::NotAdmitted(NotAdmitted::StorageLow)),
        Received::NoRoom => return Err(Refusal::Busy),
    };
    match outcome {
        Added::Stored { version, urgency } => {
            let mut response = HttpResponse::Ok();
            response
                .insert_header((wire::X_VERSION_ID, version.to_string()))
                .insert_header(("cache-control", "no-store"));
            if let Some(urgency) = urgency {
                response.insert_header((wire::X_SNAPSHOT_REQUEST, urgency.header_value()));
            }
            Ok(response.finish())
        }
        Added::Conflict(latest) => {
            state.metrics.http.conflicts.inc();
            Ok(HttpResponse::Conflict()
                .insert_header((wire::X_PARENT_VERSION_ID, latest.to_string()))
                .insert_header(("cache-control", "no-store"))
                .finish())
        }
    }
}
