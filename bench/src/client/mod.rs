//! A device: speaks the sync protocol over one keep-alive connection and keeps its place in its account's chain.
//!
//! | module | holds |
//! |---|---|
//! | `connection` | requests and answers over TCP |
//! | `head`, `body` | the parts of an answer |
//! | `pattern` | large bodies that need no memory |

mod body;
mod connection;
mod head;
mod pattern;

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use taskferry_protocol::wire::{
    ADD_SNAPSHOT, ADD_VERSION, GET_CHILD_VERSION, HISTORY_SEGMENT, SNAPSHOT, SNAPSHOT_BODY,
};
use taskferry_protocol::{ClientId, VersionId};

pub(crate) use self::connection::{Body, Connection, Traffic};
pub(crate) use self::pattern::{Block, Pattern};

/// What the server said to `add-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// Stored; the device's version is now this one.
    Stored {
        /// Whether the server wants a snapshot.
        snapshot_wanted: bool,
    },
    /// Another device was faster. The device's version is now the one that the server named.
    Conflict,
}

/// What the server said to `get-child-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Child {
    /// The next version.
    Version(VersionId),
    /// There is none.
    UpToDate,
}

/// A device of an account.
#[derive(Debug)]
pub(crate) struct Device {
    connection: Connection,
    client: ClientId,
    version: VersionId,
}

impl Device {
    /// A device without a history.
    pub(crate) async fn connect(server: SocketAddr, client: ClientId) -> Result<Self> {
        Ok(Self { connection: Connection::open(server).await?, client, version: VersionId::NIL })
    }

    /// The version that it is at.
    pub(crate) const fn version(&self) -> VersionId {
        self.version
    }

    /// Becomes another device: the connection stays.
    pub(crate) const fn become_device(&mut self, client: ClientId, version: VersionId) {
        self.client = client;
        self.version = version;
    }

    /// Is at this version from now on.
    pub(crate) const fn move_to(&mut self, version: VersionId) {
        self.version = version;
    }

    /// A new connection in place of one that was cut.
    pub(crate) async fn reconnect(&mut self) -> Result<()> {
        self.connection.reopen().await
    }

    /// What went over its connection.
    pub(crate) const fn traffic(&self) -> Traffic {
        self.connection.traffic()
    }

    /// `add-version` after the version that the device is at.
    pub(crate) async fn add_version(&mut self, body: &[u8]) -> Result<Added> {
        let path = format_args!("{ADD_VERSION}/{}", self.version);
        let answer = self.connection.exchange(path, self.client, Body::Bytes(HISTORY_SEGMENT, body), None).await?;
        match answer.head.status {
            200 => {
                self.version = answer.head.version.context("a stored version came back without its ID")?;
                Ok(Added::Stored { snapshot_wanted: answer.head.snapshot_wanted })
            }
            409 => {
                self.version = answer.head.parent.context("a conflict came without the latest version")?;
                Ok(Added::Conflict)
            }
            status => bail!("add-version was answered with {status}"),
        }
    }

    /// `add-version`, which must be accepted; whether the server wants a snapshot.
    pub(crate) async fn append(&mut self, body: &[u8]) -> Result<bool> {
        match self.add_version(body).await? {
            Added::Stored { snapshot_wanted } => Ok(snapshot_wanted),
            Added::Conflict => bail!("add-version was answered with 409"),
        }
    }

    /// `get-child-version` of the version that the device is at. The device stays where it is.
    pub(crate) async fn child(&mut self) -> Result<Child> {
        let path = format_args!("{GET_CHILD_VERSION}/{}", self.version);
        let answer = self.connection.exchange(path, self.client, Body::None, None).await?;
        match answer.head.status {
            200 => Ok(Child::Version(answer.head.version.context("a version came without its ID")?)),
            404 => Ok(Child::UpToDate),
            status => bail!("get-child-version was answered with {status}"),
        }
    }

    /// `get-child-version` of a version that has no child.
    pub(crate) async fn expect_up_to_date(&mut self) -> Result<()> {
        ensure!(self.child().await? == Child::UpToDate, "there is a version that nobody wrote");
        Ok(())
    }

    /// `add-snapshot` of the version that the device is at.
    pub(crate) async fn add_snapshot(&mut self, body: &Pattern) -> Result<()> {
        let path = format_args!("{ADD_SNAPSHOT}/{}", self.version);
        let answer = self.connection.exchange(path, self.client, Body::Pattern(SNAPSHOT_BODY, body), None).await?;
        ensure!(answer.head.status == 200, "add-snapshot was answered with {}", answer.head.status);
        Ok(())
    }

    /// `snapshot`, which must be there and, where it is known, the same. The device is at its version then.
    pub(crate) async fn get_snapshot(&mut self, expected: Option<&Pattern>) -> Result<u64> {
        match self.try_get_snapshot(expected).await? {
            Some(bytes) => Ok(bytes),
            None => bail!("there is no snapshot"),
        }
    }

    /// `snapshot`: its length, if there is one. The device is at its version then.
    pub(crate) async fn try_get_snapshot(&mut self, expected: Option<&Pattern>) -> Result<Option<u64>> {
        let path = format_args!("{SNAPSHOT}");
        let answer = self.connection.exchange(path, self.client, Body::None, expected).await?;
        match answer.head.status {
            200 => {
                ensure!(answer.intact, "the snapshot is not the one that was stored");
                self.version = answer.head.version.context("a snapshot came without its version")?;
                Ok(Some(answer.bytes))
            }
            404 => Ok(None),
            status => bail!("snapshot was answered with {status}"),
        }
    }
}
