//! `POST /taskferry/v1/register`.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde::Deserialize as _;
use taskferry_protocol::describe::RegisterRequest;

use super::State;
use super::client_id::Client;
use super::problem::Refusal;
use crate::app::SMALL_BODY_BYTES;

/// Creates the account, so that a second device can find it before the first task exists: Taskwarrior sends nothing while
/// there are no tasks.
///
/// - 201: created. 200: already there. Both with `{"created": …}`.
/// - 403: it may not be created: no invite where one is needed, or one that admits nobody. 429, 503: not now.
///
/// The body is empty or `{"invite": "…"}`. An invite is looked at only where one is needed, and an account that is there takes
/// no use of it: the same request twice takes one.
pub(super) async fn handle(
    state: web::Data<State>,
    Client(client): Client,
    body: Result<Bytes, actix_web::Error>,
) -> Result<HttpResponse, Refusal> {
    let body = body.map_err(|_| Refusal::BodyTooLarge { limit: SMALL_BODY_BYTES as u64 })?;
    let request = if body.is_empty() {
        RegisterRequest::default()
    } else {
        // By way of a map: a struct by itself would also be read from an array.
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&body).map_err(|_| Refusal::BodyNotJson)?;
        RegisterRequest::deserialize(serde_json::Value::Object(object)).map_err(|_| Refusal::BodyNotJson)?
    };
    let created = state.sync()?.register(client, request.invite.as_deref()).await?;
    let mut response = if created { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.insert_header(("cache-control", "no-store")).json(serde_json::json!({ "created": created })))
}
