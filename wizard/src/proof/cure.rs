//! Gives an account back what a sync has lost: a snapshot of all tasks of this computer, at the version at which it is.
//! Computers that join start from the snapshot, so they never meet the gap in the history before it.
//!
//! Not by changing each lost task: `task import` takes an hour for ten thousand tasks, and rounds numbers.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::credentials::unseal::{Key, UnsealError};
use crate::database::{Content, Tasks};
use crate::error::{Exit, Explain};
use crate::server::{Server, ServerError};

/// The snapshot could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CureError {
    /// Not even in memory.
    #[error("could not pack the tasks")]
    Pack(#[source] io::Error),
    /// The key could not be made.
    #[error("could not seal the tasks")]
    Key(#[source] UnsealError),
    /// No randomness, for example.
    #[error("could not seal the tasks: the operating system gave no random bytes")]
    Seal,
    /// The server failed.
    #[error("could not send the tasks")]
    Send(#[source] ServerError),
}

impl Explain for CureError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Send(why) => why.hint(),
            Self::Pack(_) | Self::Key(_) | Self::Seal => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Send(why) => why.exit(),
            Self::Pack(_) | Self::Key(_) | Self::Seal => Exit::Failed,
        }
    }
}

/// Sends all tasks of this computer as a snapshot. Whether the server keeps it is seen by proving again.
pub fn send_snapshot(server: &Server, account: &Credentials, here: &Content) -> Result<(), CureError> {
    let packed = pack(&here.tasks).map_err(CureError::Pack)?;
    let key = Key::derive(&account.client_id, &account.secret).map_err(CureError::Key)?;
    let sealed = key.seal(&packed, here.base).map_err(|_| CureError::Seal)?;
    let send = |server: &Server| server.add_snapshot(&account.client_id, here.base, sealed.clone());
    server.patiently(|_, _| (), send).map_err(CureError::Send)
}

/// TaskChampion's format: a JSON object of all tasks by their UUID, with zlib.
pub(crate) fn pack(tasks: &Tasks) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut packer, tasks)?;
    packer.flush()?;
    packer.finish().map(Zeroizing::new)
}
