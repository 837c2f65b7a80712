//! The sync protocol itself, request by request, for one account.

use std::net::SocketAddr;

use taskferry_protocol::describe::AccountInfo;
use taskferry_protocol::wire::{
    ACCOUNT, ADD_SNAPSHOT, ADD_VERSION, GET_CHILD_VERSION, HISTORY_SEGMENT, REGISTER, SNAPSHOT, SNAPSHOT_BODY,
    X_CLIENT_ID, X_PARENT_VERSION_ID,
};
use taskferry_protocol::{ClientId, VersionId};

use crate::http::{Answer, Request};

/// One account on one server, used by a client that can do anything.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    server: SocketAddr,
    id: ClientId,
}

/// One version as it came back from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its ID.
    pub id: VersionId,
    /// Its parent's.
    pub parent: VersionId,
    /// What the client stored.
    pub body: Vec<u8>,
}

impl Account {
    /// An account that the server has not heard of yet.
    pub fn unknown_to(server: SocketAddr) -> Self {
        Self { server, id: ClientId::generate() }
    }

    /// An account that something else uses too.
    pub const fn known_as(server: SocketAddr, id: ClientId) -> Self {
        Self { server, id }
    }

    /// The ID under which it is known.
    pub const fn id(&self) -> ClientId {
        self.id
    }

    /// The server that it is used on.
    pub const fn server(&self) -> SocketAddr {
        self.server
    }

    /// A request in this account's name.
    pub fn request(&self, method: &str, target: impl Into<String>) -> Request {
        Request::new(method, target).header(X_CLIENT_ID, self.id.expose().to_string())
    }

    /// `add-version`, not sent yet.
    pub fn adding_version(&self, parent: VersionId, body: impl Into<Vec<u8>>) -> Request {
        self.request("POST", format!("{ADD_VERSION}/{parent}")).header("content-type", HISTORY_SEGMENT).body(body)
    }

    /// `add-snapshot`, not sent yet.
    pub fn adding_snapshot(&self, version: VersionId, body: impl Into<Vec<u8>>) -> Request {
        self.request("POST", format!("{ADD_SNAPSHOT}/{version}")).header("content-type", SNAPSHOT_BODY).body(body)
    }

    /// `add-version`.
    #[track_caller]
    pub fn add_version(&self, parent: VersionId, body: impl Into<Vec<u8>>) -> Answer {
        self.adding_version(parent, body).send(self.server)
    }

    /// `get-child-version`.
    #[track_caller]
    pub fn child_of(&self, parent: VersionId) -> Answer {
        self.request("GET", format!("{GET_CHILD_VERSION}/{parent}")).send(self.server)
    }

    /// `add-snapshot`.
    #[track_caller]
    pub fn add_snapshot(&self, version: VersionId, body: impl Into<Vec<u8>>) -> Answer {
        self.adding_snapshot(version, body).send(self.server)
    }

    /// `snapshot`.
    #[track_caller]
    pub fn snapshot(&self) -> Answer {
        self.request("GET", SNAPSHOT).send(self.server)
    }

    /// Taskferry's `register`.
    #[track_caller]
    pub fn register(&self) -> Answer {
        self.request("POST", REGISTER).body([]).send(self.server)
    }

    /// Taskferry's `register`, with an invite.
    #[track_caller]
    pub fn register_with(&self, invite: &str) -> Answer {
        let body = serde_json::json!({ "invite": invite }).to_string();
        self.request("POST", REGISTER).header("content-type", "application/json").body(body).send(self.server)
    }

    /// Taskferry's `account`.
    #[track_caller]
    pub fn describe(&self) -> Answer {
        self.request("GET", ACCOUNT).send(self.server)
    }

    /// Its owner deletes it.
    #[track_caller]
    pub fn delete(&self) -> Answer {
        self.request("DELETE", ACCOUNT).send(self.server)
    }

    /// What the server knows of the account, which exists.
    #[track_caller]
    pub fn info(&self) -> AccountInfo {
        self.describe().good().json()
    }

    /// Adds a version that is accepted.
    #[track_caller]
    pub fn append(&self, parent: VersionId, body: impl Into<Vec<u8>>) -> VersionId {
        self.add_version(parent, body).good().version_id()
    }

    /// Adds as many versions to an empty account as the caller has names for: `version 1`, `version 2` and so on.
    #[track_caller]
    pub fn grow<const COUNT: usize>(&self) -> [VersionId; COUNT] {
        let mut parent = VersionId::NIL;
        std::array::from_fn(|index| {
            parent = self.append(parent, format!("version {}", index + 1));
            parent
        })
    }

    /// Walks the chain from its beginning, as a new device does.
    #[track_caller]
    pub fn chain(&self) -> Vec<Version> {
        let mut chain = Vec::new();
        let mut parent = VersionId::NIL;
        loop {
            let answer = self.child_of(parent);
            if answer.status == 404 {
                return chain;
            }
            let answer = answer.good();
            assert_eq!(answer.id_in(X_PARENT_VERSION_ID), parent, "the child of another parent");
            let id = answer.version_id();
            assert!(!chain.iter().any(|version: &Version| version.id == id), "the chain runs in a circle at {id}");
            chain.push(Version { id, parent, body: answer.body });
            parent = id;
        }
    }
}
