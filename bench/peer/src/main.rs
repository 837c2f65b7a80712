//! The peer that `taskferry-bench compare` measures against: the published reference crates, core and SQLite storage, behind
//! the thinnest HTTP layer that speaks the sync protocol.
//!
//! It listens on a free port of the loopback interface, says where on stderr, and runs until it is terminated. It is no
//! server for use: it checks little, limits only the size of a body, and logs nothing, which favours the reference.

use std::error::Error;
use std::path::PathBuf;

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, web};
use taskchampion_sync_server_core::{
    AddVersionResult, GetVersionResult, NIL_VERSION_ID, Server, ServerConfig, ServerError, SnapshotUrgency,
};
use taskchampion_sync_server_storage_sqlite::SqliteStorage;
use uuid::Uuid;

/// The reference server's limit, in bytes.
const BODY_BYTES_MAX: usize = 100 * 1024 * 1024;

const HISTORY_SEGMENT: &str = "application/vnd.taskchampion.history-segment";
const SNAPSHOT: &str = "application/vnd.taskchampion.snapshot";

type Answer = Result<HttpResponse, actix_web::Error>;

fn main() -> Result<(), Box<dyn Error>> {
    let data_dir = data_dir().ok_or("usage: taskferry-bench-peer --data-dir DIR")?;
    actix_web::rt::System::new().block_on(serve(data_dir))
}

fn data_dir() -> Option<PathBuf> {
    let mut args = std::env::args_os().skip(1);
    (args.next()? == "--data-dir").then(|| args.next().map(PathBuf::from))?
}

async fn serve(data_dir: PathBuf) -> Result<(), Box<dyn Error>> {
    let storage = SqliteStorage::new(data_dir)?;
    let core = web::Data::new(Server::new(ServerConfig::default(), storage));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(core.clone())
            .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
            .route("/v1/client/add-version/{parent}", web::post().to(add_version))
            .route(
                "/v1/client/get-child-version/{parent}",
                web::get().to(get_child_version),
            )
            .route("/v1/client/add-snapshot/{version}", web::post().to(add_snapshot))
            .route("/v1/client/snapshot", web::get().to(get_snapshot))
    })
    .bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        eprintln!("listening on http://{address}");
    }
    Ok(server.run().await?)
}

async fn add_version(
    core: web::Data<Server>,
    parent: web::Path<Uuid>,
    body: web::Bytes,
    request: HttpRequest,
) -> Answer {
    let (client, parent) = (client_id(&request)?, parent.into_inner());
    let added = match core.add_version(client, parent, body.to_vec()).await {
        Err(ServerError::NoSuchClient) => {
            create(&core, client).await.map_err(failed)?;
            core.add_version(client, parent, body.to_vec()).await
        }
        added => added,
    };
    let (result, urgency) = added.map_err(failed)?;
    let mut answer = match result {
        AddVersionResult::Ok(version) => answer(StatusCode::OK, "X-Version-Id", version),
        AddVersionResult::ExpectedParentVersion(latest) => answer(StatusCode::CONFLICT, "X-Parent-Version-Id", latest),
    };
    match urgency {
        SnapshotUrgency::None => {}
        SnapshotUrgency::Low => drop(answer.insert_header(("X-Snapshot-Request", "urgency=low"))),
        SnapshotUrgency::High => drop(answer.insert_header(("X-Snapshot-Request", "urgency=high"))),
    }
    Ok(answer.finish())
}

async fn create(core: &Server, client: Uuid) -> Result<(), ServerError> {
    let mut txn = core.txn(client).await?;
    txn.new_client(NIL_VERSION_ID).await?;
    txn.commit().await?;
    Ok(())
}

async fn get_child_version(core: web::Data<Server>, parent: web::Path<Uuid>, request: HttpRequest) -> Answer {
    match core.get_child_version(client_id(&request)?, parent.into_inner()).await {
        Ok(GetVersionResult::Success {
            version_id,
            parent_version_id,
            history_segment,
        }) => Ok(answer(StatusCode::OK, "X-Version-Id", version_id)
            .insert_header(("X-Parent-Version-Id", parent_version_id.to_string()))
            .content_type(HISTORY_SEGMENT)
            .body(history_segment)),
        Ok(GetVersionResult::NotFound) | Err(ServerError::NoSuchClient) => Ok(HttpResponse::NotFound().finish()),
        Ok(GetVersionResult::Gone) => Ok(HttpResponse::Gone().finish()),
        Err(error) => Err(failed(error)),
    }
}

async fn add_snapshot(
    core: web::Data<Server>,
    version: web::Path<Uuid>,
    body: web::Bytes,
    request: HttpRequest,
) -> Answer {
    core.add_snapshot(client_id(&request)?, version.into_inner(), body.to_vec())
        .await
        .map_err(failed)?;
    Ok(HttpResponse::Ok().finish())
}

async fn get_snapshot(core: web::Data<Server>, request: HttpRequest) -> Answer {
    match core.get_snapshot(client_id(&request)?).await {
        Ok(Some((version, body))) => Ok(answer(StatusCode::OK, "X-Version-Id", version)
            .content_type(SNAPSHOT)
            .body(body)),
        Ok(None) | Err(ServerError::NoSuchClient) => Ok(HttpResponse::NotFound().finish()),
        Err(error) => Err(failed(error)),
    }
}

fn answer(status: StatusCode, header: &'static str, id: Uuid) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((header, id.to_string()))
        .insert_header(("Cache-Control", "no-store"));
    answer
}

fn client_id(request: &HttpRequest) -> Result<Uuid, actix_web::Error> {
    request
        .headers()
        .get("X-Client-Id")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .ok_or_else(|| actix_web::error::ErrorBadRequest("X-Client-Id is missing or no UUID"))
}

fn failed(error: ServerError) -> actix_web::Error {
    actix_web::error::ErrorInternalServerError(error)
}
