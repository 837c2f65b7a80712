//! What an account is to an import, and where it comes from.

use std::path::PathBuf;

use taskferry_protocol::account_file::AccountFileError;
use taskferry_protocol::{ClientId, VersionId};

use crate::remedy;
use crate::storage::UnixSeconds;
use crate::storage::sqlite::schema::SchemaError;

/// An account whose age is not known must not be taken for one of today: newcomers have less.
pub(super) const SURELY_OLDER: UnixSeconds = 2 * 24 * 60 * 60;

/// A version, and where its body lies.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The version that it follows.
    pub parent: VersionId,
    /// Its ID.
    pub version: VersionId,
    /// When it was stored, or came here.
    pub stored_at: UnixSeconds,
    /// Size of its body.
    pub bytes: u64,
    /// The source's row, or whatever it calls the place.
    pub row: i64,
}

/// A snapshot, and where its body lies.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotLink {
    /// The version at which it was made.
    pub version: VersionId,
    /// When it was stored.
    pub stored_at: UnixSeconds,
    /// Versions added since.
    pub versions_since: u64,
    /// Size of its body.
    pub bytes: u64,
    /// The source's row, or whatever it calls the place.
    pub row: i64,
}

/// An account to take over. Its chain was checked.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its ID.
    pub client: ClientId,
    /// As in `account.state`.
    pub state: i64,
    /// Why it is disabled.
    pub reason: Option<String>,
    /// When it was created, as far as that is known.
    pub created_at: UnixSeconds,
    /// When its newest version was added, if that is known.
    pub last_version_at: Option<UnixSeconds>,
    /// Quotas of its own: bytes and versions.
    pub quota: (Option<u64>, Option<u64>),
    /// Its chain, oldest first.
    pub links: Vec<Link>,
    /// Its snapshot.
    pub snapshot: Option<SnapshotLink>,
    /// What is left out, in words.
    pub notes: Vec<String>,
}

impl Account {
    /// Its newest version; nil if there is none. Of an account whose versions are all gone, it is the snapshot's.
    pub fn latest(&self) -> VersionId {
        let snapshot = self.snapshot.map_or(VersionId::NIL, |snapshot| snapshot.version);
        self.links.last().map_or(snapshot, |link| link.version)
    }

    /// Bytes of its versions.
    pub fn version_bytes(&self) -> u64 {
        self.links.iter().map(|link| link.bytes).sum()
    }
}

/// Why an account was left out. The others are not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Skip {
    /// The chain does not hold together.
    #[error("its chain is broken: {0}")]
    Broken(&'static str),
    /// A version without content.
    #[error("one of its versions is empty")]
    EmptyBody,
    /// It is deleted there.
    #[error("it was deleted")]
    Deleted,
    /// It was deleted here.
    #[error("there was an account with this ID, and it was deleted")]
    DeletedHere,
    /// There is such an account here, with another history.
    #[error("there is an account with this ID already, and its history is another one")]
    Another,
    /// It would keep a running server from writing for too long.
    #[error("it is too large to come in beside a running server: stop the server and import again")]
    TooLargeBeside,
}

/// The source failed.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It can't be opened or read.
    #[error("could not read `{}`", .path.display())]
    Read {
        /// The database.
        path: PathBuf,
        /// SQLite's reason.
        #[source]
        cause: rusqlite::Error,
    },
    /// It is not what it seems.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// An account file that can't be used.
    #[error("could not take an account from `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        cause: AccountFileError,
    },
}

impl SourceError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        let cause = match self {
            Self::Read { cause, .. } => return remedy::of(cause),
            Self::Schema(error) => return error.hint(),
            Self::File { cause, .. } => cause,
        };
        Some(match cause {
            AccountFileError::NotOne => {
                "`taskferry-server account export` and `taskferry export --sealed` make account files".into()
            }
            AccountFileError::UnknownFormat => "it was made by a later version: take over with that one".into(),
            AccountFileError::CutOff | AccountFileError::Damaged => {
                "nothing was changed; copy the file again from where it was made, or export the account again".into()
            }
            AccountFileError::Flaw(_) => "nothing was changed; export the account again".into(),
            AccountFileError::Io(_) => "nothing was changed; check the path, and who may read the file".into(),
        })
    }
}

/// Takes a piece of a body.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> rusqlite::Result<()>;

/// Another server's data.
pub trait Source {
    /// What it is, in words.
    fn kind(&self) -> &'static str;

    /// All accounts.
    fn clients(&self) -> Result<Vec<ClientId>, SourceError>;

    /// One account, checked. `now` stands for times that the source doesn't know.
    fn account(&self, client: ClientId, now: UnixSeconds) -> Result<Result<Account, Skip>, SourceError>;

    /// The body of a version, piece by piece, each but the last of [`CHUNK_BYTES`](crate::storage::body::CHUNK_BYTES).
    fn version_body(&self, link: &Link, into: Sink<'_>) -> rusqlite::Result<()>;

    /// The body of a snapshot, in the same way.
    fn snapshot_body(&self, snapshot: &SnapshotLink, into: Sink<'_>) -> rusqlite::Result<()>;
}
