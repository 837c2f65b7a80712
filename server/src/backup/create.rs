//! One backup from beginning to end: copy, prove, seal, keep, forget the oldest.
//!
//! Nothing is kept that was not proved, and nothing older is removed for it. Each place is tried by itself: one that fails, such
//! as a bucket that is away, changes nothing about the others.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;

use super::copy::{self, CopyError};
use super::digest::{Checksum, Summing, checksum};
use super::manifest::{BackupName, Encryption, FORMAT, Manifest};
use super::retention::Retention;
use super::room::Room;
use super::seal::{self, Recipient};
use super::status::{Outcome, Status};
use super::store::destination::{BucketAccess, Destination};
use super::store::folder::UNFINISHED;
use super::store::{Shelf, StoreError};
use crate::progress::Step;
use crate::remedy;
use crate::stop::{Stop, Stopped};
use crate::storage::sqlite::administrator::{AdministratorError, database_in};
use crate::storage::sqlite::directory::{new_private_file, private_file};
use crate::storage::sqlite::examine::{Examination, Finding, examine};
use crate::storage::sqlite::schema::{self, SchemaError};

/// One backup is made at a time: a second process waits for nobody, and is told so.
const LOCK_FILE: &str = "taskferry.backup.lock";

/// What backups are made of and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The server's data.
    pub data_dir: PathBuf,
    /// Where to; at least one place.
    pub destinations: Vec<Destination>,
    /// How buckets are reached.
    pub access: BucketAccess,
    /// Who can open them; nobody named: they are not encrypted.
    pub recipients: Vec<Recipient>,
    /// What is kept.
    pub retention: Retention,
    /// What is to stay free on volumes, if the operator said so (see [`Room`]).
    pub floor: Option<u64>,
}

impl Plan {
    /// The places with their backups, or why they can't be used.
    pub fn shelves(&self) -> Vec<(&Destination, Result<Shelf, StoreError>)> {
        self.destinations.iter().map(|to| (to, to.shelf(&self.access, self.floor))).collect()
    }
}

/// A backup that was made.
#[derive(Debug)]
pub struct Created {
    /// Its name.
    pub name: BackupName,
    /// What it is.
    pub manifest: Manifest,
    /// What became of it at each place.
    pub places: Vec<Place>,
}

/// What became of a backup at one place.
#[derive(Debug)]
pub struct Place {
    /// Where.
    pub destination: Destination,
    /// How many older ones were removed for it; or why it is not there.
    pub kept: Result<usize, StoreError>,
}

/// Why there is no backup. Older ones are as they were.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is nothing to back up, or nothing that this user may see.
    #[error(transparent)]
    NoData(AdministratorError),
    /// Another process makes one.
    #[error("another backup is being made")]
    Busy,
    /// The data can't be opened.
    #[error(transparent)]
    Open(#[from] SchemaError),
    /// No copy.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The copy is not sound, and so most likely the data is not.
    #[error("the data is damaged: {}", .findings.first().map(ToString::to_string).unwrap_or_default())]
    Unsound {
        /// What is wrong.
        findings: Vec<Finding>,
    },
    /// A file of ours.
    #[error("could not write `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
    /// It was made, and no place has it.
    #[error("the backup could not be kept anywhere")]
    Nowhere(#[source] StoreError),
    /// Told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl CreateError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoData(error) => error.hint(),
            Self::Busy => Some("wait for it; `taskferry-server backup list` shows it then".into()),
            Self::Open(error) => error.hint(),
            Self::Copy(CopyError::NoRoom { .. }) => {
                Some("keep fewer backups (`--backup-keep`), make room, or choose another place with `--to`".into())
            }
            Self::Unsound { .. } => Some(
                "keep a copy of the whole data directory as it is; `taskferry-server db check` shows all, and \
                 `taskferry-server restore` puts the last good backup back"
                    .into(),
            ),
            Self::Nowhere(_) => Some("check the place and its credentials; older backups are as they were".into()),
            Self::File { cause, .. } => Some(remedy::of_io(cause).unwrap_or_else(|| {
                "check its owner and its volume, or choose another place with `--to`; older backups are as they were"
                    .to_owned()
            })),
            Self::Copy(_) | Self::Stopped(_) => None,
        }
    }
}

/// Makes a backup, named after `now`.
pub fn create(plan: &Plan, now: Timestamp, stop: &Stop) -> Result<Created, CreateError> {
    let made = make(plan, now, stop);
    let outcome = match &made {
        Ok(created) => Outcome::made(created),
        Err(CreateError::Busy | CreateError::Stopped(_) | CreateError::NoData(_)) => return made,
        Err(error) => Outcome::failed(error),
    };
    // Not to know about a backup is no reason to have none.
    if let Err(error) = Status::record(&plan.data_dir, now.as_second(), outcome) {
        tracing::warn!(%error, "could not note how the backup went");
    }
    made
}

fn make(plan: &Plan, now: Timestamp, stop: &Stop) -> Result<Created, CreateError> {
    let database = database_in(&plan.data_dir).map_err(CreateError::NoData)?;
    let _lock = lock(&plan.data_dir)?;
    let name = BackupName::at(now);
    let source = schema::open_to_look(&database)?;

    // Made where it will stay: then keeping it costs nothing more. What is to be encrypted is never there in the open.
    let folder = plan.destinations.iter().find_map(Destination::folder).unwrap_or(&plan.data_dir);
    let workplace = if plan.recipients.is_empty() { folder } else { &plan.data_dir };
    for directory in [folder, workplace] {
        prepare(directory)?;
    }
    let room = Room::on(workplace, plan.floor);
    make_room(plan, &source, &room, workplace);
    let copied = Scratch::new(workplace, &name.database_file(None));
    copy::copy(&source, &copied.0, &room, stop)?;
    drop(source);
    let examined = prove(&copied.0, stop)?;
    let database_bytes = length(&copied.0)?;
    let (file, sum, encryption) = if plan.recipients.is_empty() {
        let sum = sum(&copied.0, stop)?;
        (copied, sum, None)
    } else {
        let sealed = Scratch::new(folder, &name.database_file(Some(Encryption::Age)));
        let sum = seal_file(plan, &copied.0, &sealed.0, stop)?;
        (sealed, sum, Some(Encryption::Age))
    };
    let manifest = Manifest {
        format: FORMAT,
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: now.as_second(),
        schema: examined.schema,
        epoch: examined.epoch,
        accounts: examined.accounts,
        versions: examined.versions,
        snapshots: examined.snapshots,
        database_bytes,
        bytes: sum.bytes,
        sha256: sum.sha256,
        encryption,
    };
    keep(plan, name, &file.0, manifest, stop)
}

fn lock(data_dir: &Path) -> Result<std::fs::File, CreateError> {
    let path = data_dir.join(LOCK_FILE);
    let failed = |cause| CreateError::File { path: path.clone(), cause };
    let file = private_file(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(CreateError::Busy),
        Err(std::fs::TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Creates the folder, and removes what a backup that was killed left in it.
fn prepare(folder: &Path) -> Result<(), CreateError> {
    let failed = |cause| CreateError::File { path: folder.to_owned(), cause };
    crate::storage::sqlite::directory::create_private_dir(folder).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let ours = name.to_str().and_then(|name| BackupName::of_file(name.split(UNFINISHED).next()?));
        if ours.is_some() && name.to_string_lossy().contains(UNFINISHED) {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Where the next one would not fit, the oldest ones go first; never the newest.
fn make_room(plan: &Plan, source: &rusqlite::Connection, room: &Room, workplace: &Path) {
    let Some(destination) = plan.destinations.iter().find(|to| to.folder() == Some(workplace)) else { return };
    let (Ok(needed), Ok(shelf)) = (copy::estimate(source), destination.shelf(&plan.access, plan.floor)) else { return };
    let mut backups = shelf.backups().unwrap_or_default();
    backups.pop();
    for oldest in backups {
        // If it does not fit anyway, the copy says so.
        if room.bytes().is_ok_and(|bytes| bytes >= needed) || shelf.remove(&oldest).is_err() {
            return;
        }
        tracing::warn!(backup = %oldest.name, "removed an old backup, to have room for a new one");
    }
}

fn prove(file: &Path, stop: &Stop) -> Result<Examination, CreateError> {
    let examined = examine(&schema::open_to_look(file)?, stop)?;
    if examined.is_sound() { Ok(examined) } else { Err(CreateError::Unsound { findings: examined.findings }) }
}

fn length(path: &Path) -> Result<u64, CreateError> {
    let failed = |cause| CreateError::File { path: path.to_owned(), cause };
    Ok(fs::metadata(path).map_err(failed)?.len())
}

fn sum(path: &Path, stop: &Stop) -> Result<Checksum, CreateError> {
    let failed = |cause| CreateError::File { path: path.to_owned(), cause };
    stop.begins(Step::of_bytes("summing up the copy", length(path)?));
    let mut file = fs::File::open(path).map_err(failed)?;
    let sum = checksum(&mut file, stop);
    stop.check()?;
    sum.map_err(failed)
}

fn seal_file(plan: &Plan, from: &Path, to: &Path, stop: &Stop) -> Result<Checksum, CreateError> {
    stop.begins(Step::of_bytes("encrypting the copy", length(from)?));
    let sealed = (|| -> io::Result<Checksum> {
        let mut from = fs::File::open(from)?;
        let mut to = Summing::new(new_private_file(to)?);
        seal::seal(&plan.recipients, &mut from, &mut to, stop)?;
        let (file, sum) = to.finish();
        file.sync_all()?;
        Ok(sum)
    })();
    stop.check()?;
    sealed.map_err(|cause| CreateError::File { path: to.to_owned(), cause })
}

/// Puts it into every place, and lets each place forget what has had its time.
fn keep(plan: &Plan, name: BackupName, file: &Path, manifest: Manifest, stop: &Stop) -> Result<Created, CreateError> {
    let keep = |shelf: Shelf| {
        shelf.add(&name, file, &manifest, stop)?;
        shelf.prune(plan.retention).map(|removed| removed.len())
    };
    let mut places: Vec<Place> = plan
        .shelves()
        .into_iter()
        .map(|(to, shelf)| Place { destination: to.clone(), kept: shelf.and_then(keep) })
        .collect();
    stop.check()?;
    if places.iter().all(|place| place.kept.is_err())
        && let Some(Place { kept: Err(error), .. }) = places.pop()
    {
        return Err(CreateError::Nowhere(error));
    }
    Ok(Created { name, manifest, places })
}

/// A file that is gone when it is not needed any more.
struct Scratch(PathBuf);

impl Scratch {
    fn new(folder: &Path, name: &str) -> Self {
        Self(folder.join(format!("{name}{UNFINISHED}")))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The copy may have left a journal if it was killed; one that failed has removed it.
        let _ = fs::remove_file(&self.0);
    }
}
