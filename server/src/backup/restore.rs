//! Puts a backup in the place of the present data. The present data is kept beside it, and either of the two is there at any
//! moment, whole (see [`replace`]).
//!
//! The restored data gets a new epoch: devices may be ahead of it now, and whoever knew the former epoch can tell.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use uuid::Uuid;

use super::compare::{self, Comparison};
use super::copy::{self, CopyError};
use super::digest::pump;
use super::manifest::{BackupName, Manifest};
use super::room::Room;
use super::store::destination::{BucketAccess, Destination};
use super::store::{Kept, Shelf, StoreError};
use super::verify::{Fault, FetchError, Fetched, Flaw, fetch};
use crate::account_hash::AccountHasher;
use crate::progress::Step;
use crate::stop::{Stop, Stopped};
use crate::storage::sqlite::directory::{DATABASE_FILE, DataDirectory, DirectoryError, new_private_file};
use crate::storage::sqlite::examine::{Examination, Finding, examine};
use crate::storage::sqlite::replace;
use crate::storage::sqlite::schema::{self, SchemaError};
use crate::words::in_full;

/// Something that can be put back.
#[derive(Debug)]
pub enum Source {
    /// A backup.
    Backup {
        /// Where it is kept.
        shelf: Shelf,
        /// Which.
        kept: Kept,
        /// What it is.
        manifest: Box<Manifest>,
    },
    /// A database file that nobody has described, such as the one that a restore has moved aside.
    Database(PathBuf),
}

/// Why nothing was restored. The data is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is none at all.
    #[error("there is no backup{}", .places.iter().map(|place| format!(" in `{place}`")).collect::<Vec<_>>().join(","))]
    None {
        /// Where they would be.
        places: Vec<Destination>,
    },
    /// There is no such backup.
    #[error("there is no backup `{text}`")]
    NotFound {
        /// What was asked for.
        text: String,
    },
    /// The place, or what is in the way of getting it from there.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The backup is not sound.
    #[error("the backup is damaged, and was not restored: {0}")]
    Damaged(Flaw),
    /// It is there, and can't be read.
    #[error("could not read `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
    /// A server runs, or the directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// No room for it, or it can't be read.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// It can't be brought to this version's schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A file of ours.
    #[error("could not write to `{}`", .path.display())]
    File {
        /// The directory.
        path: PathBuf,
        /// The reason.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> Self {
        Self::Fetch(error.into())
    }
}

impl From<Fault> for RestoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Flaw(flaw) => Self::Damaged(flaw),
            Fault::Error(error) => error.into(),
        }
    }
}

impl RestoreError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::None { .. } => Some(
                "`taskferry-server backup create` makes one; `--backup-every 6h` lets the server make them by itself"
                    .into(),
            ),
            Self::NotFound { .. } => Some("`taskferry-server backup list` shows what there is".into()),
            Self::Fetch(FetchError::Unseal(error)) => error.hint(),
            Self::Directory(DirectoryError::Held { .. }) => {
                Some("stop the server, restore, and start it again: nothing may be written meanwhile".into())
            }
            Self::Directory(error) => error.hint(),
            Self::Damaged(_) => {
                Some("choose another one: `taskferry-server backup verify --all` shows which are good".into())
            }
            Self::Copy(CopyError::NoRoom { .. }) => {
                Some("nothing was changed; make room for a second copy of the data on its volume".into())
            }
            Self::Schema(error) => error.hint(),
            Self::Fetch(_) | Self::Unreadable { .. } | Self::Copy(_) | Self::File { .. } | Self::Stopped(_) => None,
        }
    }
}

impl Source {
    /// What `text` means: a backup's name or `latest` among `places`, a file of a backup in any folder or bucket, a folder or bucket
    /// (its newest), or a database file.
    pub fn find(text: &str, places: Vec<Shelf>, access: &BucketAccess) -> Result<Self, RestoreError> {
        let not_found = || RestoreError::NotFound { text: text.to_owned() };
        if text == "latest" {
            let none = RestoreError::None { places: places.iter().map(|shelf| shelf.destination().clone()).collect() };
            return newest(places)?.ok_or(none);
        }
        if let Ok(name) = text.parse() {
            return named(places, &name)?.ok_or_else(not_found);
        }
        let path = Path::new(text);
        let (folder, file) = text.rsplit_once('/').unwrap_or((".", text));
        if let Some(name) = BackupName::of_file(file) {
            let folder = if folder.is_empty() { "/" } else { folder };
            let destination: Destination = folder.parse().map_err(|_| not_found())?;
            return named(vec![destination.shelf(access, None)?], &name)?.ok_or_else(not_found);
        }
        let is_file = |found: std::fs::Metadata| {
            // Whether it can be read, nothing but reading it says.
            if found.is_file() { fs::File::open(path).map(|_| true) } else { Ok(false) }
        };
        match fs::metadata(path).and_then(is_file) {
            Ok(true) => return Ok(Self::Database(path.to_owned())),
            Err(cause) if cause.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(RestoreError::Unreadable { path: path.to_owned(), cause });
            }
            _ => {}
        }
        let destination: Destination = text.parse().map_err(|_| not_found())?;
        newest(vec![destination.shelf(access, None)?])?.ok_or_else(not_found)
    }

    /// How it is called.
    pub fn name(&self) -> String {
        match self {
            Self::Backup { kept, shelf, .. } => format!("{} in {}", kept.name, shelf.destination()),
            Self::Database(path) => path.display().to_string(),
        }
    }

    /// Its database as a file, which for an open backup in a folder is the backup itself.
    fn fetch(&self, identity: Option<&Path>, scratch: &Path, stop: &Stop) -> Result<Option<Fetched>, RestoreError> {
        match self {
            Self::Backup { shelf, kept, manifest } => {
                Ok(Some(fetch(shelf, kept, Some(manifest), identity, scratch, stop)?))
            }
            Self::Database(_) => Ok(None),
        }
    }
}

fn described(shelf: Shelf, kept: Kept) -> Result<Source, RestoreError> {
    let manifest = shelf.manifest(&kept.name)?.map_err(|error| RestoreError::Damaged(error.into()))?;
    Ok(Source::Backup { shelf, kept, manifest: Box::new(manifest) })
}

/// The backups at each place. One that is away is not in the way of the others; if all are, that is the error.
fn listed(places: Vec<Shelf>) -> Result<Vec<(Shelf, Vec<Kept>)>, StoreError> {
    let (mut listed, mut failed) = (Vec::new(), None);
    for shelf in places {
        match shelf.backups() {
            Ok(backups) => listed.push((shelf, backups)),
            Err(error) => {
                tracing::warn!(error = in_full(&error), "a place of backups is left out");
                failed = Some(error);
            }
        }
    }
    match failed {
        Some(error) if listed.is_empty() => Err(error),
        _ => Ok(listed),
    }
}

fn newest(places: Vec<Shelf>) -> Result<Option<Source>, RestoreError> {
    let mut newest: Option<(Shelf, Kept)> = None;
    for (shelf, mut backups) in listed(places)? {
        let Some(kept) = backups.pop() else { continue };
        // Of two places with the same backup the first one: it is most likely the nearer.
        if newest.as_ref().is_none_or(|(_, so_far)| so_far.name < kept.name) {
            newest = Some((shelf, kept));
        }
    }
    newest.map(|(shelf, kept)| described(shelf, kept)).transpose()
}

fn named(places: Vec<Shelf>, name: &BackupName) -> Result<Option<Source>, RestoreError> {
    for (shelf, backups) in listed(places)? {
        if let Some(kept) = backups.into_iter().find(|kept| kept.name == *name) {
            return described(shelf, kept).map(Some);
        }
    }
    Ok(None)
}

/// A restore that is prepared, and so far has changed nothing. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Prepared {
    staged: PathBuf,
    /// What the backup holds.
    pub examined: Examination,
    /// What it means for the accounts; `None` if there is no present data, or it can't be read.
    pub comparison: Option<Comparison>,
    directory: Option<DataDirectory>,
    path: PathBuf,
}

impl Drop for Prepared {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.staged);
    }
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where the former data lies now, if there was some.
    pub former: Option<PathBuf>,
    /// The new epoch.
    pub epoch: String,
}

/// Gets the backup beside the present data, examines it, and compares. With `hold`, the directory is held from now on, which a
/// running server does not allow; without, nothing more than looking can follow.
pub fn prepare(
    source: &Source,
    data_dir: &Path,
    identity: Option<&Path>,
    hold: bool,
    stop: &Stop,
) -> Result<Prepared, RestoreError> {
    let directory = if hold { Some(DataDirectory::hold(data_dir)?) } else { None };
    // Its own volume: renaming across volumes is copying, and copying is not one stroke. Who only looks may have none.
    let scratch = if hold { data_dir.to_owned() } else { std::env::temp_dir() };
    let staged = if hold { replace::staging(data_dir) } else { scratch.join(format!("taskferry-{}", Uuid::new_v4())) };
    let mut prepared =
        Prepared { staged, examined: Examination::default(), comparison: None, directory, path: data_dir.to_owned() };
    let fetched = source.fetch(identity, &scratch, stop)?;
    match (source, fetched) {
        (Source::Database(path), _) => {
            let db = schema::open_to_look(path)?;
            copy::copy(&db, &prepared.staged, &Room::on(&scratch, Some(0)), stop)?;
        }
        (Source::Backup { .. }, Some(fetched)) => copy_file(&fetched.path, &prepared.staged, &scratch, stop)?,
        (Source::Backup { .. }, None) => {}
    }
    let staged = schema::open_to_look(&prepared.staged)?;
    prepared.examined = examine(&staged, stop)?;
    if let Some(finding) = prepared.examined.findings.first() {
        return Err(RestoreError::Damaged(Flaw::Data(Finding::clone(finding))));
    }
    prepared.comparison = compare_with_present(data_dir, &staged);
    Ok(prepared)
}

fn copy_file(from: &Path, to: &Path, directory: &Path, stop: &Stop) -> Result<(), RestoreError> {
    let failed = |cause: io::Error| RestoreError::File { path: directory.to_owned(), cause: cause.into() };
    let mut from = fs::File::open(from).map_err(failed)?;
    let needed = from.metadata().map_err(failed)?.len();
    let room = Room::on(directory, Some(0)).bytes().map_err(failed)?;
    if needed > room {
        return Err(CopyError::NoRoom { directory: directory.to_owned(), needed, room }.into());
    }
    let mut to = new_private_file(to).map_err(failed)?;
    stop.begins(Step::of_bytes("laying the backup beside the data", needed));
    let copied = pump(&mut from, &mut to, stop);
    stop.check()?;
    copied.map(drop).map_err(failed)
}

/// Data that can't be read is the usual reason for a restore, and no reason against it.
fn compare_with_present(data_dir: &Path, staged: &rusqlite::Connection) -> Option<Comparison> {
    let present = data_dir.join(DATABASE_FILE);
    let present = present.is_file().then(|| schema::open_to_look(&present))?.ok()?;
    // Named as the operator knows them: by the present data's salt.
    let hasher = AccountHasher::new(&schema::salt(&present).ok()?);
    compare::compare(&present, staged, &hasher).ok()
}

impl Prepared {
    /// Puts it in place. The former data is kept under a name that carries `stamp`.
    pub fn carry_out(self, stamp: &str) -> Result<Restored, RestoreError> {
        let epoch = Uuid::new_v4().to_string();
        self.finish(&epoch)?;
        let failed = |cause: io::Error| RestoreError::File { path: self.path.clone(), cause: cause.into() };
        if self.directory.is_none() {
            return Err(failed(io::Error::other("the data directory is not held")));
        }
        replace::replace(&self.path, &self.staged, stamp).map_err(failed)?;
        let former = replace::former(&self.path, stamp);
        Ok(Restored { former: former.exists().then_some(former), epoch })
    }

    /// What is done to the staged database before it takes its place.
    fn finish(&self, epoch: &str) -> Result<(), RestoreError> {
        replace::make_ready(&self.staged, epoch)?;
        let synced = fs::File::open(&self.staged).and_then(|file| file.sync_all());
        synced.map_err(|cause| RestoreError::File { path: self.path.clone(), cause: cause.into() })
    }
}
