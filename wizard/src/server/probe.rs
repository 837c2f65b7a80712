//! Is it a sync server, and is it a Taskferry?

use reqwest::{Method, StatusCode};
use taskferry_protocol::describe::{SERVER_NAME, ServerInfo};
use taskferry_protocol::wire;

use super::{ANSWER_BYTES_MAX, ANSWER_SECONDS, Server, ServerError};
use crate::terminal::printable;

/// What answers at an address.
#[derive(Debug)]
pub enum Kind {
    /// This project's server: it can register accounts and tell about them.
    Taskferry(Box<ServerInfo>),
    /// Another server of the protocol.
    Other,
}

impl Kind {
    /// The server as a person would name it, without its address.
    pub fn name(&self) -> String {
        match self {
            Self::Taskferry(info) => format!("Taskferry {}", printable(&info.version)),
            Self::Other => "a TaskChampion sync server".into(),
        }
    }
}

impl Server {
    /// `GET /` must contain the protocol's greeting. A wrong path would otherwise look like a fine, empty server: every
    /// 404 means "up to date" to Taskwarrior.
    pub fn probe(&self) -> Result<Kind, ServerError> {
        self.probe_within(ANSWER_SECONDS)
    }

    /// The same, with at most so many seconds for each of the two answers.
    pub fn probe_within(&self, seconds: u64) -> Result<Kind, ServerError> {
        let root = self.send(Method::GET, "/", None, seconds, ANSWER_BYTES_MAX)?;
        if root.status.is_server_error() || root.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(self.refusal(&root));
        }
        if !root.status.is_success() || !String::from_utf8_lossy(&root.body).contains(wire::ROOT_TEXT) {
            return Err(ServerError::NotASyncServer { server: Box::new(self.url.clone()) });
        }
        let described = self.send(Method::GET, wire::WELL_KNOWN, None, seconds, ANSWER_BYTES_MAX)?;
        let info = described.status.is_success().then(|| serde_json::from_slice::<ServerInfo>(&described.body).ok());
        Ok(match info.flatten() {
            Some(info) if info.name == SERVER_NAME => Kind::Taskferry(Box::new(info)),
            _ => Kind::Other,
        })
    }
}
