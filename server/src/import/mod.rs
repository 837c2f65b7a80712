//! Moving house: takes over all accounts of another server, with every ID and every byte as it was.
//!
//! | file | does |
//! |---|---|
//! | [`source`] | what an account is to an import, and where it comes from |
//! | [`mod@reference`] | the reference server's database |
//! | [`taskferry`] | another Taskferry's |
//! | [`mod@file`] | an account file: one account |
//! | [`target`] | puts an account into our database, or finds it there |
//!
//! The source is only read, also while its server runs. An account arrives in one transaction, which small ones share: a device
//! finds all of it or nothing. So an import can be interrupted anywhere and begun again: what has arrived is recognised and left alone. Nothing that
//! is there is ever changed.

pub mod file;
pub mod reference;
pub mod source;
pub mod target;
pub mod taskferry;

use std::path::{Path, PathBuf};

use taskferry_protocol::ClientId;

use self::source::{Skip, Source, SourceError};
use self::target::{Found, Target, TargetError};
use crate::account_hash::AccountHash;
use crate::progress::Step;
use crate::stop::Stop;
use crate::storage::UnixSeconds;
use crate::storage::sqlite::directory::{DATABASE_FILE, REFERENCE_FILE};

/// Skipped accounts and notes that are listed one by one; the others are counted.
const LISTED_MAX: usize = 1000;

/// Why an import did not come to its end. Accounts that arrived before are there, whole.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Neither kind of data.
    #[error("there is no data of a sync server in `{}`", .directory.display())]
    NoData {
        /// The directory.
        directory: PathBuf,
    },
    /// This user may not even see whether there is some.
    #[error("could not look into `{}`", .directory.display())]
    Unseen {
        /// The directory.
        directory: PathBuf,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
    /// What is here already.
    #[error("`{}` holds this server's own data", .directory.display())]
    Itself {
        /// The directory.
        directory: PathBuf,
    },
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The target.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl ImportError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoData { .. } => Some(format!(
                "it would be in a file `{REFERENCE_FILE}` (the reference server) or `{DATABASE_FILE}` (another Taskferry)"
            )),
            Self::Unseen { .. } => {
                Some("run the command as root: it opens the source before it acts as the data's owner".into())
            }
            Self::Itself { .. } => Some("name the other server's directory with `--from DIR`".into()),
            Self::Source(error) => error.hint(),
            Self::Target(error) => error.hint(),
        }
    }
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Report {
    /// Accounts that arrived.
    pub imported: u64,
    /// Versions in them.
    pub versions: u64,
    /// Accounts that had arrived before.
    pub present: u64,
    /// Accounts that were left out.
    pub skipped: u64,
    /// Which, and why; the first thousand.
    pub reasons: Vec<(AccountHash, Skip)>,
    /// What was left out of accounts that arrived; the first thousand.
    pub notes: Vec<(AccountHash, String)>,
    /// It was told to stop before it had seen all accounts.
    pub stopped: bool,
}

/// Opens the source in `directory`.
pub fn open(directory: &Path) -> Result<Box<dyn Source>, ImportError> {
    let (theirs, ours) = (directory.join(REFERENCE_FILE), directory.join(DATABASE_FILE));
    if is_file(&ours)? {
        Ok(Box::new(taskferry::Taskferry::open(&ours)?))
    } else if is_file(&theirs)? {
        Ok(Box::new(reference::Reference::open(&theirs)?))
    } else {
        Err(ImportError::NoData { directory: directory.to_owned() })
    }
}

/// Whether it is there. Not to be let in is another thing than to find nothing.
fn is_file(path: &Path) -> Result<bool, ImportError> {
    match std::fs::metadata(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::PermissionDenied => {
            let directory = path.parent().unwrap_or(path).to_owned();
            Err(ImportError::Unseen { directory, cause })
        }
        found => Ok(found.is_ok_and(|found| found.is_file())),
    }
}

/// Refuses to import a directory into itself, by whatever names.
pub fn refuse_itself(from: &Path, data_dir: &Path) -> Result<(), ImportError> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if real(from).is_some_and(|from| Some(from) == real(data_dir)) {
        return Err(ImportError::Itself { directory: data_dir.to_owned() });
    }
    Ok(())
}

/// Takes over every account of `source`; with `dry_run`, only looks.
pub fn import(
    source: &dyn Source,
    target: &mut Target,
    dry_run: bool,
    now: UnixSeconds,
    stop: &Stop,
) -> Result<Report, ImportError> {
    let mut report = Report::default();
    stop.begins(Step::of_unknown_length("looking for accounts"));
    let clients = source.clients()?;
    let doing = if dry_run { "looking at" } else { "taking over" };
    stop.begins(Step::of_things(doing, clients.len() as u64, "accounts"));
    for (n, client) in clients.iter().enumerate() {
        if stop.is_set() {
            report.stopped = true;
            break;
        }
        stop.reached(n as u64);
        let name = target.name(*client);
        if let Err(skip) = one(source, target, *client, dry_run, now, &mut report)? {
            report.skipped += 1;
            if report.reasons.len() < LISTED_MAX {
                report.reasons.push((name, skip));
            }
        }
    }
    target.commit().map_err(TargetError::from)?;
    Ok(report)
}

fn one(
    source: &dyn Source,
    target: &mut Target,
    client: ClientId,
    dry_run: bool,
    now: UnixSeconds,
    report: &mut Report,
) -> Result<Result<(), Skip>, ImportError> {
    let account = match source.account(client, now)? {
        Ok(account) => account,
        Err(skip) => return Ok(Err(skip)),
    };
    match target.find(&account).map_err(TargetError::from)? {
        Found::Same => report.present += 1,
        Found::Another(_) => return Ok(Err(Skip::Another)),
        Found::Deleted(_) => return Ok(Err(Skip::DeletedHere)),
        found @ (Found::Nothing | Found::Empty(_)) => {
            if let Err(skip) = target.room_for(&account) {
                return Ok(Err(skip));
            }
            if !dry_run {
                target.put(source, &account, found)?;
            }
            report.imported += 1;
            report.versions += account.links.len() as u64;
            let room = LISTED_MAX.saturating_sub(report.notes.len());
            let name = target.name(client);
            report.notes.extend(account.notes.iter().take(room).map(|note| (name, note.clone())));
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests;
