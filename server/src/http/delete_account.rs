//! `DELETE /taskferry/v1/account`.

use actix_web::{HttpResponse, web};

use super::State;
use super::client_id::Client;
use super::problem::Refusal;

/// The account's owner deletes it: whoever holds the client ID, which is what lets them write too.
///
/// - 200: deleted; [`taskferry_protocol::describe::Deletion`] says until when the operator can bring it back. 404: there is none.
/// - 403: it is disabled or deleted already, or only the operator deletes accounts here. 503: it is in the middle of a push.
pub(super) async fn handle(state: web::Data<State>, Client(client): Client) -> Result<HttpResponse, Refusal> {
    if !state.opened()?.info.allows_deletion() {
        return Err(Refusal::SelfDeletionOff);
    }
    let deletion = state.sync()?.delete(client).await?;
    Ok(HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(deletion))
}
