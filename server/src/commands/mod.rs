//! The verbs, one per file. [`serve`] is the server; the others work on its data beside it, through the [`door`].

pub mod account;
pub mod backup;
pub mod completions;
pub mod config;
pub mod db;
pub mod deploy;
pub mod doctor;
mod door;
pub mod health;
pub mod import;
mod interrupt;
pub mod invite;
pub mod man;
pub mod prune;
mod qr;
pub mod restore;
pub mod serve;
pub mod stats;
mod table;
mod turns;

use std::path::PathBuf;

use crate::backup::create::CreateError;
use crate::backup::restore::RestoreError;
use crate::backup::store::StoreError;
use crate::backup::verify::FetchError;
use crate::config::ConfigError;
use crate::export::ExportError;
use crate::import::ImportError;
use crate::import::source::Skip;
use crate::invite::NoRandomness;
use crate::privileges::PrivilegeError;
use crate::stop::Stopped;
use crate::storage::admin::AdminError;
use crate::storage::sqlite::administrator::AdministratorError;
use crate::words;

/// Why a verb was not carried out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum VerbError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data can't be opened.
    #[error(transparent)]
    Open(#[from] AdministratorError),
    /// Started as root, and it can't become the data's owner.
    #[error("could not act as the owner of the data directory")]
    Owner(#[source] std::io::Error),
    /// Started as root, and it can't become the server's user.
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    /// The data says no.
    #[error(transparent)]
    Data(#[from] AdminError),
    /// A text that names no account. It is not repeated: it may be a mistyped credential.
    #[error("this is neither the beginning of an account's hash nor a client ID")]
    NotAnAccount,
    /// There is none of that name.
    #[error("there is no such account")]
    NoSuchAccount,
    /// There are several.
    #[error("the hashes of {count} accounts begin with `{prefix}`")]
    Ambiguous {
        /// What they begin with.
        prefix: String,
        /// How many.
        count: usize,
    },
    /// There is no invite of that number.
    #[error("there is no invite {number}")]
    NoSuchInvite {
        /// The number.
        number: i64,
    },
    /// Not a duration, or a useless one.
    #[error("`--{flag}`: `{text}` is not a time such as `7d` or `12h`, at most ten years")]
    Duration {
        /// The flag.
        flag: &'static str,
        /// What was given.
        text: String,
    },
    /// Another value that means nothing.
    #[error("`--{flag}`: `{text}` is not {expected}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// What was given.
        text: String,
        /// What would be right.
        expected: String,
    },
    /// It would have to be asked for, and nobody can be asked.
    #[error("{doing} needs a yes, and nobody can be asked here")]
    NeedsYes {
        /// What, as a noun.
        doing: &'static str,
    },
    /// The answer was no.
    #[error("stopped; nothing was changed")]
    Declined,
    /// No backup.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A backup was made, and a place did not take it. The places were shown.
    #[error("the backup was made, but not every place has it")]
    NotEverywhere,
    /// A place of backups.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A backup could not be looked at.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Nothing was restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The import did not come to its end.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// An account was not taken over. Nothing was changed.
    #[error("this account was not taken over: {0}")]
    NotTaken(Skip),
    /// An account was taken back, and not as far as it should be.
    #[error("only a part of the account's versions went; as it was before, it is kept in `{}`", .path.display())]
    PartlyTakenBack {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        cause: AdminError,
    },
    /// An account was not written into a file.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A terminal can't show what would be written to it.
    #[error("an account file is nothing for a terminal")]
    NotForATerminal,
    /// A check found something. It was shown.
    #[error("problems were found: {count}")]
    Problems {
        /// How many.
        count: usize,
    },
    /// The database, by a command that is about it as a whole.
    #[error("could not {doing} the database")]
    Database {
        /// `check`, for one.
        doing: &'static str,
        /// SQLite's reason.
        #[source]
        cause: rusqlite::Error,
    },
    /// A file.
    #[error("could not write `{}`", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
    /// Told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// No random numbers for an invite.
    #[error("could not make an invite")]
    Randomness(#[from] NoRandomness),
}

impl VerbError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Open(error) => error.hint(),
            Self::Privileges(error) => error.hint(),
            Self::Data(AdminError::UnknownAccount) | Self::NotAnAccount | Self::NoSuchAccount => {
                Some("`taskferry-server account list` shows all accounts".into())
            }
            Self::Data(AdminError::Deleted) => {
                Some("`taskferry-server account enable` brings it back while its tasks are still there".into())
            }
            Self::Data(AdminError::UnknownVersion) => Some(
                "`taskferry verify`, on a computer that is affected, names the last good one\n\
                 `taskferry-server account show` has the latest"
                    .into(),
            ),
            Self::Data(AdminError::Changed) => Some(
                "nothing was changed; a device has just sent something: run the same command again, \
                 or keep devices away meanwhile with `taskferry-server account disable`"
                    .into(),
            ),
            Self::Data(AdminError::Exists) => Some("`taskferry-server account show` tells of it".into()),
            Self::Data(AdminError::Erased) => Some("its devices can be set up with a new account".into()),
            Self::Ambiguous { .. } => Some("type more of its digits".into()),
            Self::NoSuchInvite { .. } => Some("`taskferry-server invite list` shows all invites".into()),
            Self::Create(error) => error.hint(),
            Self::NotEverywhere => Some("mend what is said above; the next backup tries all places again".into()),
            Self::Fetch(FetchError::Unseal(error)) => error.hint(),
            Self::Restore(error) => error.hint(),
            Self::Import(error) => error.hint(),
            Self::NotTaken(Skip::Another) => {
                Some("`--replace` takes the file's history instead, and keeps what is here in a file".into())
            }
            Self::NotTaken(Skip::DeletedHere) => Some("`--replace` takes it over all the same".into()),
            Self::PartlyTakenBack { .. } => Some(
                "run the same command again when this is mended: it goes on where it stopped, and lets its devices in then"
                    .into(),
            ),
            Self::Export(error) => error.hint(),
            Self::NotForATerminal => Some("name a file, or send it on with `>` or `|`".into()),
            Self::NeedsYes { .. } => Some("add `--yes`".into()),
            Self::Owner(_) => Some("run the command as the user of the server".into()),
            Self::Data(_)
            | Self::Duration { .. }
            | Self::Value { .. }
            | Self::Declined
            | Self::Randomness(_)
            | Self::Store(_)
            | Self::Fetch(_)
            | Self::Problems { .. }
            | Self::Database { .. }
            | Self::File { .. }
            | Self::NotTaken(_)
            | Self::Stopped(_) => None,
        }
    }

    /// Whether it is a matter of how the program was called.
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Config(_)
                | Self::NotAnAccount
                | Self::Duration { .. }
                | Self::Value { .. }
                | Self::NeedsYes { .. }
                | Self::NotForATerminal
        )
    }

    /// Whether it is somebody's decision, and no error.
    pub const fn is_choice(&self) -> bool {
        matches!(self, Self::Declined | Self::Stopped(_) | Self::Export(ExportError::Stopped(_)))
    }

    /// Whether the verb did what it is for, and found something.
    pub const fn is_finding(&self) -> bool {
        matches!(self, Self::Problems { .. })
    }
}
