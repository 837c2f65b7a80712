//! Fetches sealed data of an account, to prove a secret against it. Uses the sync protocol alone, so it works with every
//! server.

use std::collections::HashSet;

use reqwest::{Method, StatusCode};
use taskferry_protocol::account_file::VERSIONS_MAX;
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

/// What follows a version.
pub enum Child {
    /// Another version.
    Found {
        /// Its ID.
        id: VersionId,
        /// Its body, bound to its parent.
        sealed: Sealed,
    },
    /// Nothing: it is the newest, or the account is empty or unknown.
    None,
    /// The account does not have that version (any more).
    Gone,
}

/// The way through an account, version by version. Whoever serves it decides which ID a version gets, and could lead in a
/// circle, for ever.
#[derive(Debug, Default)]
pub struct Walk {
    passed: HashSet<VersionId>,
}

/// What became of a version that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is stored, and has this ID.
    Yes(VersionId),
    /// The account's newest version is another one.
    Conflict,
}

/// The same without the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// There are newer versions.
    Newer,
    /// It is the newest, or the account is empty or unknown.
    Nothing,
    /// The account does not have that version (any more).
    Gone,
}

impl Walk {
    /// The next step leads to the version `id`: no history comes by one twice, and none is endless.
    pub fn step(&mut self, server: &Server, parent: VersionId, id: VersionId) -> Result<(), ServerError> {
        self.passed.insert(parent);
        if id.is_nil() || self.passed.contains(&id) {
            return Err(server.nonsense("the account's history leads back to where it was"));
        }
        if self.passed.len() as u64 > VERSIONS_MAX {
            return Err(ServerError::TooLong { server: Box::new(server.url().clone()) });
        }
        Ok(())
    }
}

impl Server {
    /// The version that follows `parent`.
    pub fn child(&self, account: &ClientId, parent: VersionId) -> Result<Child, ServerError> {
        let answer = self.fetch(&child_of(parent), account)?;
        match answer.status {
            StatusCode::OK => {
                let id = self.id_in(&answer, wire::X_VERSION_ID)?;
                Ok(Child::Found { id, sealed: self.sealed(answer, wire::X_PARENT_VERSION_ID)? })
            }
            StatusCode::NOT_FOUND => Ok(Child::None),
            StatusCode::GONE => Ok(Child::Gone),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Whether anything follows `parent`, without fetching it.
    pub fn follows(&self, account: &ClientId, parent: VersionId) -> Result<Follows, ServerError> {
        let answer = self.status(&child_of(parent), account)?;
        match answer.status {
            StatusCode::OK => Ok(Follows::Newer),
            StatusCode::NOT_FOUND => Ok(Follows::Nothing),
            StatusCode::GONE => Ok(Follows::Gone),
            // Its reasons are in the body.
            _ => Err(self.refusal(&self.fetch(&child_of(parent), account)?)),
        }
    }

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
        let answer = self.fetch(&child_of(VersionId::NIL), account)?;
        match answer.status {
            // A version is bound to its parent.
            StatusCode::OK => self.sealed(answer, wire::X_PARENT_VERSION_ID).map(FirstVersion::Found),
            StatusCode::NOT_FOUND => Ok(FirstVersion::None),
            StatusCode::GONE => Ok(FirstVersion::Gone),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Adds a version behind `parent`. A refusal and a broken line leave it open whether it was stored: whoever goes on must
    /// look first.
    pub fn add_version(&self, account: &ClientId, parent: VersionId, body: Vec<u8>) -> Result<Added, ServerError> {
        let answer = self.post(&format!("{}/{parent}", wire::ADD_VERSION), account, wire::HISTORY_SEGMENT, body)?;
        match answer.status {
            StatusCode::OK => self.id_in(&answer, wire::X_VERSION_ID).map(Added::Yes),
            StatusCode::CONFLICT => Ok(Added::Conflict),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Offers a snapshot made at `version`. A server that does not want it says so to nobody.
    pub fn add_snapshot(&self, account: &ClientId, version: VersionId, body: Vec<u8>) -> Result<(), ServerError> {
        let answer = self.post(&format!("{}/{version}", wire::ADD_SNAPSHOT), account, wire::SNAPSHOT_BODY, body)?;
        if answer.status.is_success() { Ok(()) } else { Err(self.refusal(&answer)) }
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
        Ok(Sealed { bound_to: self.id_in(&answer, id_header)?, body: answer.body })
    }

    fn id_in(&self, answer: &Answer, header: &str) -> Result<VersionId, ServerError> {
        let id = answer.headers.get(header).and_then(|value| value.to_str().ok()?.parse().ok());
        id.ok_or_else(|| self.nonsense(format!("a body without a usable `{header}`")))
    }
}

fn child_of(parent: VersionId) -> String {
    format!("{}/{parent}", wire::GET_CHILD_VERSION)
}
