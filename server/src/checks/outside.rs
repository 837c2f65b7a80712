//! The way that people's devices take: asks the public address, as they do, from here. Bounded, without following anybody
//! elsewhere; nothing is told but that somebody asks.

use std::time::Duration;

use reqwest::tls::TlsInfo;
use reqwest::{Client, redirect};
use taskferry_protocol::ServerUrl;
use taskferry_protocol::describe::{SERVER_NAME, ServerInfo};
use taskferry_protocol::wire::WELL_KNOWN;

use super::der::{self, Validity};

/// For one answer, its connection included.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What is there.
#[derive(Debug)]
pub struct Outside {
    /// The address.
    pub url: ServerUrl,
    /// Asked as devices ask; an error in the words of the library that knows.
    pub reply: Result<Reply, String>,
    /// The certificate that was shown, accepted or not; `None` without TLS, or if it can't be read.
    pub certificate: Option<Validity>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// How the server there describes itself, if it is one of ours.
    pub info: Option<Box<ServerInfo>>,
}

/// Asks.
pub fn ask(url: &ServerUrl) -> Outside {
    let nobody = |why: String| Outside { url: url.clone(), reply: Err(why), certificate: None };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(look(url)),
        Err(error) => nobody(error.to_string()),
    }
}

async fn look(url: &ServerUrl) -> Outside {
    let (reply, certificate) = get(url, true).await;
    // Not accepted, perhaps, and then worth a look all the same: at nothing but the certificate.
    let certificate = match (&reply, certificate) {
        (Err(_), None) if url.is_https() => get(url, false).await.1,
        (_, certificate) => certificate,
    };
    Outside { url: url.clone(), reply, certificate }
}

async fn get(url: &ServerUrl, as_devices_do: bool) -> (Result<Reply, String>, Option<Validity>) {
    let client = Client::builder()
        .timeout(ANSWER_WITHIN)
        // Devices don't follow anybody either.
        .redirect(redirect::Policy::none())
        .tls_info(true)
        .danger_accept_invalid_certs(!as_devices_do)
        .user_agent(concat!("taskferry-server/", env!("CARGO_PKG_VERSION")))
        .build();
    let sent = match client {
        Ok(client) => client.get(url.join(WELL_KNOWN)).send().await,
        Err(error) => return (Err(innermost(&error)), None),
    };
    let mut answer = match sent {
        Ok(answer) => answer,
        Err(error) => return (Err(innermost(&error)), None),
    };
    let certificate = answer.extensions().get::<TlsInfo>().and_then(|tls| der::validity(tls.peer_certificate()?));
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await
        && body.len() + piece.len() <= ANSWER_BYTES_MAX
    {
        body.extend_from_slice(&piece);
    }
    let info = serde_json::from_slice::<ServerInfo>(&body).ok().filter(|info| info.name == SERVER_NAME);
    (Ok(Reply { status, info: info.map(Box::new) }), certificate)
}

/// The reason at the end of the chain: the library's own words are "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
