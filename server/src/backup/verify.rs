//! The drill: takes a backup out of its place as if it were needed, opens it, and goes through all of it.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::digest::{Summing, checksum};
use super::manifest::{Encryption, Manifest, ManifestError};
use super::seal::{self, UnsealError};
use super::store::{Kept, Shelf, StoreError};
use crate::progress::Step;
use crate::stop::{Stop, Stopped};
use crate::storage::sqlite::directory::new_private_file;
use crate::storage::sqlite::examine::{Examination, Finding, examine};
use crate::storage::sqlite::schema::{self, SchemaError};

/// Why a backup could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Its place.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its encryption.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    /// A file of ours.
    #[error("could not write `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
    /// Told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What is wrong with a backup.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// Its manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Not the bytes that were kept.
    #[error(
        "its file has {bytes} bytes with the checksum {sha256}, and not what its manifest says: it was cut short or changed"
    )]
    Checksum {
        /// Bytes found.
        bytes: u64,
        /// Checksum found.
        sha256: String,
    },
    /// It can't be opened.
    #[error("it can't be opened: {0}")]
    Open(SchemaError),
    /// Its data.
    #[error(transparent)]
    Data(#[from] Finding),
    /// Sound, and another one than its manifest says.
    #[error("its manifest tells of other data")]
    Other,
}

/// A backup's database, as a file that can be opened.
#[derive(Debug)]
pub struct Fetched {
    /// The file.
    pub path: PathBuf,
    /// Whether it is ours to remove.
    ours: bool,
}

impl Drop for Fetched {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What a drill found.
#[derive(Debug, Default)]
pub struct Drill {
    /// What the database holds, if it could be opened.
    pub examined: Option<Examination>,
    /// What is wrong.
    pub flaws: Vec<Flaw>,
}

/// Verifies one backup. `scratch` is a private folder for what has to be fetched or decrypted first. The encrypted ones' contents
/// are seen only with `identity`, the file of a key.
pub fn verify(
    shelf: &Shelf,
    kept: &Kept,
    identity: Option<&Path>,
    scratch: &Path,
    stop: &Stop,
) -> Result<Drill, FetchError> {
    let mut drill = Drill::default();
    let manifest = shelf.manifest(&kept.name)?.map_err(|flaw| drill.flaws.push(flaw.into())).ok();
    let fetched = match fetch(shelf, kept, manifest.as_ref(), identity, scratch, stop) {
        Ok(fetched) => fetched,
        Err(Fault::Flaw(flaw)) => {
            drill.flaws.push(flaw);
            return Ok(drill);
        }
        Err(Fault::Error(error)) => return Err(error),
    };
    match schema::open_to_look(&fetched.path) {
        Err(error) => drill.flaws.push(Flaw::Open(error)),
        Ok(db) => {
            let mut examined = examine(&db, stop)?;
            drill.flaws.extend(examined.findings.drain(..).map(Flaw::Data));
            if drill.flaws.is_empty() && manifest.is_some_and(|told| !tells_of(&told, &examined)) {
                drill.flaws.push(Flaw::Other);
            }
            drill.examined = Some(examined);
        }
    }
    Ok(drill)
}

fn tells_of(told: &Manifest, found: &Examination) -> bool {
    (told.schema, &told.epoch, told.accounts, told.versions, told.snapshots)
        == (found.schema, &found.epoch, found.accounts, found.versions, found.snapshots)
}

/// Why there is no file to open.
#[derive(Debug)]
pub enum Fault {
    /// The backup is not what it should be.
    Flaw(Flaw),
    /// Something else failed.
    Error(FetchError),
}

impl<E: Into<FetchError>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Gets a backup's database into a file: fetched, held against its manifest's checksum, and decrypted. One that lies open in a
/// folder stays where it is.
pub fn fetch(
    shelf: &Shelf,
    kept: &Kept,
    manifest: Option<&Manifest>,
    identity: Option<&Path>,
    scratch: &Path,
    stop: &Stop,
) -> Result<Fetched, Fault> {
    let fetched = match shelf.destination().folder() {
        Some(folder) => Fetched { path: folder.join(kept.name.database_file(kept.encryption)), ours: false },
        None => Fetched { path: scratch.join("taskferry.restoring.fetched"), ours: true },
    };
    let failed = |path: &Path, cause| FetchError::File { path: path.to_owned(), cause };
    let doing = if fetched.ours { "fetching the backup" } else { "reading the backup" };
    stop.begins(Step::of_bytes(doing, kept.bytes));
    let found = if fetched.ours {
        let file = new_private_file(&fetched.path).map_err(|cause| failed(&fetched.path, cause))?;
        let mut file = Summing::new(file);
        shelf.fetch(kept, &mut file, stop)?;
        file.finish().1
    } else {
        let sum = fs::File::open(&fetched.path).and_then(|mut file| checksum(&mut file, stop));
        stop.check()?;
        sum.map_err(|cause| failed(&fetched.path, cause))?
    };
    if manifest.is_some_and(|told| (told.bytes, &told.sha256) != (found.bytes, &found.sha256)) {
        return Err(Fault::Flaw(Flaw::Checksum { bytes: found.bytes, sha256: found.sha256 }));
    }
    match kept.encryption {
        None => Ok(fetched),
        Some(Encryption::Age) => {
            let opened = Fetched { path: scratch.join("taskferry.restoring.opened"), ours: true };
            let mut from = fs::File::open(&fetched.path).map_err(|cause| failed(&fetched.path, cause))?;
            let mut to = new_private_file(&opened.path).map_err(|cause| failed(&opened.path, cause))?;
            stop.begins(Step::of_bytes("decrypting the backup", kept.bytes));
            seal::unseal(identity, &mut from, &mut to, stop)?;
            Ok(opened)
        }
    }
}
