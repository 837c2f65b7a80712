//! Bodies on their way in and out. Small ones are whole in memory; large ones are never, in either direction.

use std::fmt;

use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::{CommitError, StorageError};

/// The largest body that is handled whole, and the largest piece of any other, in bytes. SQLite copies a value several
/// times over, so this bounds what one request costs in memory; and a version of one `task sync` is far smaller.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// A body to be stored.
#[derive(Debug)]
pub enum Incoming {
    /// At most [`CHUNK_BYTES`].
    Whole(Bytes),
    /// Already with the backend, and linked to nothing yet.
    Staged(Staged),
}

impl Incoming {
    /// Its size.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Whole(body) => body.len() as u64,
            Self::Staged(staged) => staged.bytes,
        }
    }
}

impl<T: Into<Bytes>> From<T> for Incoming {
    fn from(body: T) -> Self {
        Self::Whole(body.into())
    }
}

/// A body that a backend holds, in pieces, until a change links it. Dropped before that, it is swept: a device that hangs up
/// in the middle, or a change that is refused, leaves nothing behind.
pub struct Staged {
    /// The backend's own number for it.
    pub(super) id: i64,
    /// How many pieces it has.
    pub(super) pieces: u32,
    /// Its size.
    pub(super) bytes: u64,
    /// What to do if no change links it.
    pub(super) sweep: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Staged {
    /// A change has linked it.
    pub(super) fn linked(&mut self) {
        self.sweep = None;
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(sweep) = self.sweep.take() {
            sweep();
        }
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// A large body that is being handed to a backend.
#[async_trait::async_trait]
pub trait Staging: Send {
    /// Takes over the next piece, 1 to [`CHUNK_BYTES`] bytes. Returns when the backend can take another.
    async fn push(&mut self, piece: Bytes) -> Result<(), CommitError>;

    /// All pieces were handed over.
    fn finish(self: Box<Self>) -> Incoming;
}

/// A stored body.
pub enum Outgoing {
    /// At most [`CHUNK_BYTES`].
    Whole(Bytes),
    /// Read piece by piece, in short transactions, while it is sent. Complete even if the body is replaced
    /// meanwhile; but of each account only one replaced body is kept for its readers.
    Pieces {
        /// Its size.
        bytes: u64,
        /// The pieces in order.
        pieces: BoxStream<'static, Result<Bytes, StorageError>>,
    },
}

impl Outgoing {
    /// Its size.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Whole(body) => body.len() as u64,
            Self::Pieces { bytes, .. } => *bytes,
        }
    }

    /// All of it in memory.
    #[cfg(test)]
    pub(crate) async fn collect(self) -> Result<Bytes, StorageError> {
        match self {
            Self::Whole(body) => Ok(body),
            Self::Pieces { mut pieces, .. } => {
                use futures_util::StreamExt as _;
                let mut whole = Vec::new();
                while let Some(piece) = pieces.next().await {
                    whole.extend_from_slice(&piece?);
                }
                Ok(whole.into())
            }
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
