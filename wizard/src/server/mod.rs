//! Talks to a sync server: is it one ([`probe`]), does it know the account ([`account`]) or let one be made ([`admission`]),
//! what does it hold ([`sealed`]); the way to it, layer by layer ([`layers`]), whose certificates are believed ([`trust`]), what its clock says ([`clock`]), and how long
//! "not now" is waited for ([`patience`]).
//!
//! Everything that a server says is bounded in size and time, and what is shown of it is stripped of control
//! characters. What an answer means for the person is left to the commands.

pub mod account;
pub mod admission;
pub mod clock;
pub mod layers;
pub mod patience;
pub mod probe;
pub mod sealed;
pub mod trust;

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url, redirect};
use serde::Serialize;
use taskferry_protocol::describe::Problem;
use taskferry_protocol::{ClientId, ServerUrl, wire};
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::Mutex;

use self::trust::Authorities;
use crate::error::{Exit, Explain};
use crate::journal::Journal;
use crate::terminal::printable;

/// To reach the server at all.
const CONNECT_SECONDS: u64 = 10;
/// Between two pieces of an answer.
const READ_SECONDS: u64 = 30;
/// For a whole answer, however slowly it drips.
const ANSWER_SECONDS: u64 = 60;
/// For a whole snapshot.
const SEALED_SECONDS: u64 = 600;
/// Bytes of an answer that is not a sealed body.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Characters that are shown of what a server says.
const WORDS_CHARS_MAX: usize = 400;
/// Bytes of a sealed body; servers accept up to 100 MB by default.
const SEALED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A sync server, as seen from this computer.
pub struct Server {
    url: ServerUrl,
    client: Client,
    /// The program asks one question at a time, so it stays synchronous and only this type knows about async.
    runtime: tokio::runtime::Runtime,
    /// Ctrl-C from the beginning on, also before the first question.
    interrupts: Mutex<unix::Signal>,
    journal: Journal,
    /// Seconds that an answer may take, whatever is asked.
    seconds_max: u64,
}

/// Why a server could not be asked, or refused.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Plain http to a public address.
    #[error("`{server}` uses plain http: on the way there everybody can read the account's ID")]
    PlainHttp {
        /// The server.
        server: Box<ServerUrl>,
    },
    /// The HTTP client could not start.
    #[error("could not prepare the connection to the server")]
    Setup(#[source] io::Error),
    /// No connection, or it broke.
    #[error("could not reach the sync server at `{server}`")]
    Unreachable {
        /// The server.
        server: Box<ServerUrl>,
        /// Whether the computer is there, and nobody listens.
        is_refused: bool,
        /// The innermost reason.
        #[source]
        why: Reason,
    },
    /// It answers, but not as a sync server.
    #[error("`{server}` answers, but it is not a TaskChampion sync server")]
    NotASyncServer {
        /// The server.
        server: Box<ServerUrl>,
    },
    /// Redirects are not followed: credentials would go to a place that nobody chose.
    #[error("`{server}` sends us on to another address: `{target}`")]
    Redirected {
        /// The server.
        server: Box<ServerUrl>,
        /// Scheme, host and path of the other address.
        target: String,
    },
    /// More bytes than anything of this kind has.
    #[error("the answer of `{server}` is far too long")]
    TooLong {
        /// The server.
        server: Box<ServerUrl>,
    },
    /// Ctrl-C while it was asked.
    #[error("stopped; nothing was changed on this computer")]
    Interrupted,
    /// Overloaded, limiting, or just waking up: what passes by itself.
    #[error("`{server}` can't answer right now ({})", said.as_deref().map_or_else(|| format!("status {status}"), printable))]
    NotNow {
        /// The server.
        server: Box<ServerUrl>,
        /// 429, 502, 503 or 504.
        status: u16,
        /// Its words, where it has some.
        said: Option<String>,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// A refusal, in the server's words where it has some.
    #[error("the server refused: {}", printable(&problem.detail))]
    Refused {
        /// What it said.
        problem: Problem,
    },
    /// A status or a body that the protocol doesn't know.
    #[error("`{server}` gave an answer that makes no sense ({what})")]
    Nonsense {
        /// The server.
        server: Box<ServerUrl>,
        /// Which.
        what: String,
    },
}

/// A reason in the words of the library that had it; reqwest hides the telling one at the end of a chain.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Reason(String);

impl Explain for ServerError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::PlainHttp { .. } => {
                Some("use `https://`; or, on a network that you trust, add `--insecure-http`".into())
            }
            Self::Unreachable { .. } => Some(
                "check the address, and that the server is running; then run the same command again\n\
                 nothing was changed on this computer"
                    .into(),
            ),
            Self::NotASyncServer { server } if server.has_path() => {
                Some(format!("is the path right? the server may live at `{}`", origin(server)))
            }
            Self::NotASyncServer { .. } => Some(
                "check the address; a server under a path needs the path too, as in `https://example.org/sync`\n\
                 in a network that wants a login first, as a hotel's, log in with a browser, then run the same command again"
                    .into(),
            ),
            Self::Redirected { .. } => Some(
                "redirects are not followed, since credentials would go along\n\
                 if that is your server, use its address in place of the other\n\
                 in a network that wants a login first, as a hotel's, log in with a browser, then run the same command again"
                    .into(),
            ),
            Self::NotNow { .. } => Some(
                "it is overloaded, or just starting: run the same command again in a few minutes\n\
                 nothing was changed on this computer"
                    .into(),
            ),
            Self::Refused { problem } => problem.hint.as_deref().map(printable),
            Self::TooLong { .. } | Self::Nonsense { .. } => {
                Some("ask whoever runs the server; something in front of it may be answering in its place".into())
            }
            Self::Setup(_) | Self::Interrupted => None,
        }
    }

    fn is_choice(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    fn is_server_down(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NotNow { .. })
    }

    fn is_nobody_there(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    fn exit(&self) -> Exit {
        if self.is_choice() { Exit::Interrupted } else { Exit::Failed }
    }
}

fn origin(server: &ServerUrl) -> String {
    Url::parse(server.as_str()).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// An answer whose body is still small.
struct Answer {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Server {
    /// Prepares to talk to `url`; connects to nothing yet.
    pub fn new(url: ServerUrl, insecure_http: bool) -> Result<Self, ServerError> {
        if !url.is_https() && !url.is_private() && !insecure_http {
            return Err(ServerError::PlainHttp { server: Box::new(url) });
        }
        let mut builder = Client::builder()
            .user_agent(concat!("taskferry/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
            .read_timeout(Duration::from_secs(READ_SECONDS));
        // A proxy that is set for the world can't reach a server on this very computer.
        if url.is_loopback() {
            builder = builder.no_proxy();
        }
        // Only where it is needed: to read the system's store takes its time.
        if url.is_https() {
            let tls = trust::config(Authorities::All.store());
            let tls = tls.map_err(|why| ServerError::Setup(io::Error::other(why.to_string())))?;
            builder = builder.use_preconfigured_tls(tls);
        }
        let client = builder.build().map_err(|why| ServerError::Setup(io::Error::other(innermost(&why).0)))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServerError::Setup)?;
        let interrupts = {
            let _inside = runtime.enter();
            unix::signal(SignalKind::interrupt()).map_err(ServerError::Setup)?
        };
        Ok(Self {
            url,
            client,
            runtime,
            interrupts: Mutex::new(interrupts),
            journal: Journal::default(),
            seconds_max: u64::MAX,
        })
    }

    /// Writes to `journal` what it asks.
    #[must_use]
    pub fn with_journal(self, journal: Journal) -> Self {
        Self { journal, ..self }
    }

    /// Waits for no answer longer than this: for somebody who only wants to know how it is.
    #[must_use]
    pub fn within_seconds(self, seconds_max: u64) -> Self {
        Self { seconds_max, ..self }
    }

    /// Its address.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// A request with a small answer.
    fn ask(&self, method: Method, path: &str, account: Option<&ClientId>) -> Result<Answer, ServerError> {
        self.send(method, path, account, ANSWER_SECONDS, ANSWER_BYTES_MAX)
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        account: Option<&ClientId>,
        seconds: u64,
        bytes_max: usize,
    ) -> Result<Answer, ServerError> {
        self.until_interrupted(self.receive(self.request(method, path, account, seconds), bytes_max))
    }

    /// A question that has a body; the answer is small.
    fn ask_with(&self, path: &str, account: &ClientId, body: &impl Serialize) -> Result<Answer, ServerError> {
        let request = self.request(Method::POST, path, Some(account), ANSWER_SECONDS).json(body);
        self.until_interrupted(self.receive(request, ANSWER_BYTES_MAX))
    }

    /// Sends a sealed body.
    fn post(&self, path: &str, account: &ClientId, kind: &str, body: Vec<u8>) -> Result<Answer, ServerError> {
        let request = self.request(Method::POST, path, Some(account), SEALED_SECONDS).header(CONTENT_TYPE, kind);
        self.until_interrupted(self.receive(request.body(body), ANSWER_BYTES_MAX))
    }

    /// The status of an answer whose body is not wanted, and is not fetched.
    fn status(&self, path: &str, account: &ClientId) -> Result<Answer, ServerError> {
        let request = self.request(Method::GET, path, Some(account), ANSWER_SECONDS);
        self.until_interrupted(async {
            let mut response = request.send().await.map_err(|why| self.broken(&why))?;
            self.refuse_redirect(&response)?;
            self.journal.write(|| format!("it answers {}", response.status()));
            Ok(Answer { status: response.status(), headers: std::mem::take(response.headers_mut()), body: Vec::new() })
        })
    }

    fn request(&self, method: Method, path: &str, account: Option<&ClientId>, seconds: u64) -> RequestBuilder {
        let url = self.url.join(path);
        self.journal.write(|| format!("asking `{method} {url}`"));
        let request = self.client.request(method, url).timeout(Duration::from_secs(seconds.min(self.seconds_max)));
        match account {
            Some(account) => request.header(wire::X_CLIENT_ID, account.expose().to_string()),
            None => request,
        }
    }

    /// Does nothing for a while; Ctrl-C ends it.
    pub fn pause(&self, pause: Duration) -> Result<(), ServerError> {
        self.until_interrupted(async {
            tokio::time::sleep(pause).await;
            Ok(())
        })
    }

    fn until_interrupted<T>(&self, doing: impl Future<Output = Result<T, ServerError>>) -> Result<T, ServerError> {
        self.runtime.block_on(async {
            let mut interrupts = self.interrupts.lock().await;
            tokio::select! {
                done = doing => done,
                _ = interrupts.recv() => Err(ServerError::Interrupted),
            }
        })
    }

    fn broken(&self, why: &reqwest::Error) -> ServerError {
        ServerError::Unreachable {
            server: Box::new(self.url.clone()),
            is_refused: is_refused(why),
            why: innermost(why),
        }
    }

    fn refuse_redirect(&self, response: &reqwest::Response) -> Result<(), ServerError> {
        if !response.status().is_redirection() {
            return Ok(());
        }
        let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        Err(ServerError::Redirected { server: Box::new(self.url.clone()), target: self.redirect_target(target) })
    }

    async fn receive(&self, request: RequestBuilder, bytes_max: usize) -> Result<Answer, ServerError> {
        let mut response = request.send().await.map_err(|why| self.broken(&why))?;
        let status = response.status();
        self.refuse_redirect(&response)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|why| self.broken(&why))? {
            if body.len() + chunk.len() > bytes_max {
                return Err(ServerError::TooLong { server: Box::new(self.url.clone()) });
            }
            body.extend_from_slice(&chunk);
        }
        self.journal.write(|| format!("it answers {status}, {} bytes", body.len()));
        Ok(Answer { status, headers: std::mem::take(response.headers_mut()), body })
    }

    /// Where a redirect leads, without what might not be meant for the screen.
    fn redirect_target(&self, location: Option<&str>) -> String {
        let base = Url::parse(&self.url.join("/")).ok();
        let target = location.and_then(|location| base?.join(location).ok());
        let Some(mut target) = target.filter(Url::has_host) else {
            return "nowhere".into();
        };
        target.set_query(None);
        target.set_fragment(None);
        let _ = target.set_password(None);
        let _ = target.set_username("");
        printable(target.as_str().trim_end_matches('/'))
    }

    /// The error for an answer that is neither what was asked for nor a redirect.
    fn refusal(&self, answer: &Answer) -> ServerError {
        let problem = answer.problem();
        let status = answer.status;
        // 502 and 504 come from what is in front of a server that is away, or not awake yet.
        if matches!(status.as_u16(), 429 | 502..=504) {
            let retry_after = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            return ServerError::NotNow {
                server: Box::new(self.url.clone()),
                status: status.as_u16(),
                said: problem.map(|problem| problem.detail),
                retry_after: patience::retry_after(retry_after, SystemTime::now()),
            };
        }
        match problem {
            Some(problem) => ServerError::Refused { problem },
            None => self.nonsense(format!("status {}", answer.status)),
        }
    }

    fn nonsense(&self, what: impl Into<String>) -> ServerError {
        ServerError::Nonsense { server: Box::new(self.url.clone()), what: what.into() }
    }
}

impl Answer {
    /// The refusal in it, if the server is one of ours.
    fn problem(&self) -> Option<Problem> {
        let kind = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        if !kind.starts_with(wire::PROBLEM_JSON) {
            return None;
        }
        let problem: Problem = serde_json::from_slice(&self.body).ok()?;
        let (detail, hint) = (brief(&problem.detail), problem.hint.as_deref().map(brief));
        Some(Problem { detail, hint, ..problem })
    }
}

/// A server's words: what may be shown of them, and no more than anybody reads.
fn brief(words: &str) -> String {
    let words = printable(words);
    match words.char_indices().nth(WORDS_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(why) = cause {
        if why.downcast_ref::<io::Error>().is_some_and(|why| why.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = why.source();
    }
    false
}

/// "error sending request for url (…)" says nothing; the end of the chain ("Connection refused") says it.
fn innermost(error: &reqwest::Error) -> Reason {
    if error.is_timeout() {
        return Reason("it took too long to answer".into());
    }
    let mut why: &dyn Error = error;
    while let Some(source) = why.source() {
        why = source;
    }
    Reason(printable(&why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        Server::new(url.parse().unwrap(), false).unwrap()
    }

    #[test]
    fn plain_http_needs_a_private_network_or_a_flag() {
        let new = |url: &str, allowed| Server::new(url.parse().unwrap(), allowed).map(|_| ());
        assert!(matches!(new("http://tasks.example.org", false), Err(ServerError::PlainHttp { .. })));
        assert!(new("http://tasks.example.org", true).is_ok());
        assert!(new("http://192.168.1.2", false).is_ok());
        assert!(new("https://tasks.example.org", false).is_ok());
    }

    #[test]
    fn of_a_servers_words_only_so_many_are_shown_and_nothing_that_moves_the_cursor() {
        assert_eq!(brief("full\u{1b}[2J\r\nbye"), "full[2J  bye");
        assert_eq!(brief(&"é".repeat(400)), "é".repeat(400));
        assert_eq!(brief(&"é".repeat(60_000)), format!("{}…", "é".repeat(400)));
    }

    #[test]
    fn a_redirect_target_is_shown_as_a_server_address() {
        let server = server("https://a.example/sync");
        assert_eq!(server.redirect_target(Some("https://user:pw@b.example/x/?q#f")), "https://b.example/x");
        assert_eq!(server.redirect_target(Some("/login")), "https://a.example/login");
        assert_eq!(server.redirect_target(None), "nowhere");
        assert_eq!(server.redirect_target(Some("javascript:alert(1)")), "nowhere");
    }
}
