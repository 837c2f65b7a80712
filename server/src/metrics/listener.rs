//! `GET /metrics`, on an address of its own: what it says is no secret of an account, and nobody's business but the operator's.
//! There from before the data is opened until after it is closed.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{App, HttpResponse, HttpServer, web};

use super::Metrics;

/// The text format of OpenMetrics.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Connections at once: a few scrapers.
const CONNECTIONS_MAX: usize = 16;

/// A running listener.
#[derive(Debug)]
pub struct MetricsListener {
    handle: ServerHandle,
    address: SocketAddr,
}

impl MetricsListener {
    /// Starts to listen; port 0 lets the system choose.
    pub fn start(address: SocketAddr, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let metrics = web::Data::from(metrics);
        let server =
            HttpServer::new(move || App::new().app_data(metrics.clone()).route("/metrics", web::get().to(show)))
                .workers(1)
                .max_connections(CONNECTIONS_MAX)
                .disable_signals()
                .bind(address)?;
        let address = server.addrs().first().copied().unwrap_or(address);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { handle, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops at once, and returns when the port is free.
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

impl Drop for MetricsListener {
    /// Where a start fails, nobody gets to stop it. The order goes out with the call; the future only waits for its end.
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn show(metrics: web::Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, OPENMETRICS))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(metrics.to_text())
}
