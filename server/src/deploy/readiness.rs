//! Waits until a server that was just deployed answers, and learns what it says about itself.
//!
//! From outside, the way testers come: name, certificate, proxy and server all have to be right. A new certificate takes a
//! minute, a new name longer, so what fails now may work soon; the last failure is what is told in the end.

use std::time::{Duration, Instant};

use reqwest::{Client, redirect};
use taskferry_protocol::ServerUrl;
use taskferry_protocol::describe::{SERVER_NAME, ServerInfo};
use taskferry_protocol::wire::WELL_KNOWN;

/// Between two attempts, at first; the pause doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// For one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why it can't be said that the server is ready.
#[derive(Debug, thiserror::Error)]
pub enum ReadinessError {
    /// Plain http to a public address.
    #[error("`{url}` is plain http, which the computers of your testers refuse")]
    PlainHttp {
        /// The server.
        url: Box<ServerUrl>,
    },
    /// Not within the time.
    #[error("`{url}` was not ready within {seconds} seconds")]
    NotReady {
        /// The server.
        url: Box<ServerUrl>,
        /// How long it was waited for.
        seconds: u64,
        /// How the last attempt went.
        #[source]
        last: Attempt,
    },
    /// Something else is.
    #[error("`{url}` answers, but it is not a Taskferry server")]
    SomethingElse {
        /// The server.
        url: Box<ServerUrl>,
    },
    /// The HTTP client could not start.
    #[error("could not prepare the connection")]
    Setup(#[source] reqwest::Error),
}

/// How an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum Attempt {
    /// No answer; in the words of the library that knows.
    #[error("{0}")]
    NoAnswer(String),
    /// Another answer.
    #[error("`/readyz` answers {0}")]
    Status(u16),
}

/// Asks until the server says it is ready, for `patience` at most; at least once. `waiting` hears of the first failure.
pub async fn wait(
    url: &ServerUrl,
    patience: Duration,
    mut waiting: impl FnMut(&Attempt),
) -> Result<ServerInfo, ReadinessError> {
    if !url.is_https() && !url.is_private() {
        return Err(ReadinessError::PlainHttp { url: Box::new(url.clone()) });
    }
    let client = Client::builder()
        .timeout(ANSWER_WITHIN)
        // Whoever is sent on here is not where testers should go.
        .redirect(redirect::Policy::none())
        .user_agent(concat!("taskferry-server/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(ReadinessError::Setup)?;
    let deadline = Instant::now() + patience;
    let mut pause = PAUSE;
    let mut told = false;
    while let Err(last) = ask_once(&client, url).await {
        if Instant::now() + pause > deadline {
            return Err(ReadinessError::NotReady { url: Box::new(url.clone()), seconds: patience.as_secs(), last });
        }
        if !std::mem::replace(&mut told, true) {
            waiting(&last);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    describe(&client, url).await.ok_or_else(|| ReadinessError::SomethingElse { url: Box::new(url.clone()) })
}

async fn ask_once(client: &Client, url: &ServerUrl) -> Result<(), Attempt> {
    let answer = client.get(url.join("/readyz")).send().await.map_err(|error| Attempt::NoAnswer(innermost(&error)))?;
    match answer.status().as_u16() {
        200 => Ok(()),
        status => Err(Attempt::Status(status)),
    }
}

async fn describe(client: &Client, url: &ServerUrl) -> Option<ServerInfo> {
    let mut answer = client.get(url.join(WELL_KNOWN)).send().await.ok()?.error_for_status().ok()?;
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    serde_json::from_slice::<ServerInfo>(&body).ok().filter(|info| info.name == SERVER_NAME)
}

/// The reason at the end of the chain: the library's own words are "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
