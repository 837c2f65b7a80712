//! Fetches sealed data of an account, to prove a secret against it. Uses the sync protocol alone, so it works with every
//! server.

use reqwest::{Method, StatusCode};
use taskferry_protocol::{ClientId, VersionId, wire};

use super::{Answer, SEALED_BYTES_MAX, SEALED_SECONDS, Server, ServerError};
use crate::credentials::unseal::Sealed;

/// The answer to "what is the first version?".
pub enum FirstVersion {
    /// The beginning of the history.
    Found(Sealed),
    /// Nothing was ever sent to this account, or there is none.
    None,
    /// There is a history, but its beginning is not kept: a computer with tasks of its own can't join it.
    Gone,
}

impl Server {
    /// The newest snapshot, if the account has one.
    pub fn snapshot(&self, account: &ClientId) -> Result<Option<Sealed>, ServerError> {
        let answer = self.fetch(wire::SNAPSHOT, account)?;
        match answer.status {
            // A snapshot is bound to the version at which it was made.
            StatusCode::OK => self.sealed(answer, wire::X_VERSION_ID).map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// The first version of the account.
    pub fn first_version(&self, account: &ClientId) -> Result<FirstVersion, ServerError> {
        let answer = self.fetch(&format!("{}/{}", wire::GET_CHILD_VERSION, VersionId::NIL), account)?;
        match answer.status {
            // A version is bound to its parent.
            StatusCode::OK => self.sealed(answer, wire::X_PARENT_VERSION_ID).map(FirstVersion::Found),
            StatusCode::NOT_FOUND => Ok(FirstVersion::None),
            StatusCode::GONE => Ok(FirstVersion::Gone),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Whether anything was ever sent to the account.
    pub fn has_data(&self, account: &ClientId) -> Result<bool, ServerError> {
        match self.first_version(account)? {
            FirstVersion::Found(_) | FirstVersion::Gone => Ok(true),
            FirstVersion::None => Ok(self.snapshot(account)?.is_some()),
        }
    }

    fn fetch(&self, path: &str, account: &ClientId) -> Result<Answer, ServerError> {
        self.send(Method::GET, path, Some(account), SEALED_SECONDS, SEALED_BYTES_MAX)
    }

    fn sealed(&self, answer: Answer, id_header: &str) -> Result<Sealed, ServerError> {
        let id = answer.headers.get(id_header).and_then(|value| value.to_str().ok()?.parse().ok());
        match id {
            Some(bound_to) => Ok(Sealed { bound_to, body: answer.body }),
            None => Err(self.nonsense(format!("a body without a usable `{id_header}`"))),
        }
    }
}
