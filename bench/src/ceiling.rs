//! The ceiling: the server's own HTTP stack answering the four requests without doing anything. What it reaches, nothing
//! built on that stack can pass, so the distance to it is what the server's own work costs.

use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::StreamExt as _;
use taskferry_protocol::VersionId;
use taskferry_protocol::wire::{
    ADD_SNAPSHOT, ADD_VERSION, GET_CHILD_VERSION, HISTORY_SEGMENT, SNAPSHOT, SNAPSHOT_BODY, X_PARENT_VERSION_ID,
    X_VERSION_ID,
};
use uuid::Uuid;

use crate::cli::CeilingArgs;
use crate::terminal;

/// What every version holds.
const VERSION: &[u8] = &[b'v'; 700];

/// Answers until it is terminated.
pub(crate) fn run(args: &CeilingArgs) -> Result<()> {
    let length = usize::try_from(args.snapshot_bytes)?;
    actix_web::rt::System::new().block_on(async move {
        let snapshot = web::Data::new(Bytes::from(vec![b's'; length]));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(snapshot.clone())
                .route(&format!("{ADD_VERSION}/{{parent}}"), web::post().to(add_version))
                .route(&format!("{GET_CHILD_VERSION}/{{parent}}"), web::get().to(get_child_version))
                .route(&format!("{ADD_SNAPSHOT}/{{version}}"), web::post().to(add_snapshot))
                .route(SNAPSHOT, web::get().to(get_snapshot))
        })
        .bind(("127.0.0.1", 0))
        .context("could not listen")?;
        for address in server.addrs() {
            terminal::say(&format!("listening on http://{address}"));
        }
        server.run().await.context("the ceiling failed")
    })
}

async fn add_version(_: web::Bytes) -> HttpResponse {
    answer(StatusCode::OK, VersionId::from_uuid(Uuid::new_v4()))
        .insert_header(("x-snapshot-request", "urgency=high"))
        .finish()
}

/// The nil version has a child, and every other parent is the latest version: an account with one version.
async fn get_child_version(parent: web::Path<Uuid>) -> HttpResponse {
    if parent.is_nil() {
        answer(StatusCode::OK, VersionId::from_uuid(Uuid::from_u128(1)))
            .insert_header((X_PARENT_VERSION_ID, parent.to_string()))
            .content_type(HISTORY_SEGMENT)
            .body(VERSION)
    } else {
        HttpResponse::NotFound().insert_header(("cache-control", "no-store")).finish()
    }
}

async fn add_snapshot(mut body: web::Payload) -> Result<HttpResponse, actix_web::Error> {
    while let Some(piece) = body.next().await {
        piece?;
    }
    Ok(HttpResponse::Ok().insert_header(("cache-control", "no-store")).finish())
}

async fn get_snapshot(snapshot: web::Data<Bytes>) -> HttpResponse {
    answer(StatusCode::OK, VersionId::from_uuid(Uuid::from_u128(1)))
        .content_type(SNAPSHOT_BODY)
        .body(snapshot.get_ref().clone())
}

fn answer(status: StatusCode, version: VersionId) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((X_VERSION_ID, version.to_string())).insert_header(("cache-control", "no-store"));
    answer
}
