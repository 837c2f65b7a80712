//! What a verb takes out of the data it first keeps: the whole account as it was, as a file in a private folder of the data
//! directory, from which `account import --replace` brings it back.

use std::fs;
use std::path::{Path, PathBuf};

use taskferry_protocol::ClientId;

use super::super::VerbError;
use super::super::door::Door;
use crate::account_hash::AccountHash;
use crate::clock::now;
use crate::export::{Export, ExportError};
use crate::stop::Stop;
use crate::storage::sqlite::directory::{DATABASE_FILE, create_private_dir};

/// The folder.
const FOLDER: &str = "kept-accounts";
/// What the files are called behind the account's hash and the moment.
pub(super) const ENDING: &str = ".account";

/// A file that goes again unless it was needed.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    /// What is in it.
    pub(super) export: Export,
    needed: bool,
}

impl Kept {
    /// It was needed, and stays. Returns where it lies.
    pub(super) fn stays(mut self) -> PathBuf {
        self.needed = true;
        self.path.clone()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.needed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Keeps the account as it is now.
pub(super) fn keep(door: &Door, client: ClientId, stop: &Stop) -> Result<Kept, VerbError> {
    let folder = door.directory.join(FOLDER);
    create_private_dir(&folder).map_err(|cause| ExportError::File { path: folder.clone(), cause: cause.into() })?;
    let path = folder.join(format!("{}-{}{ENDING}", door.hasher.of(client), moment()));
    let export = Export::of(client, &door.directory.join(DATABASE_FILE), now())?;
    export.write_to(&path, stop)?;
    Ok(Kept { path, export, needed: false })
}

/// To the millisecond, so that no two have one name.
fn moment() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S.%3fZ").to_string()
}

/// Removes what was kept of an account. Returns how many files.
pub(super) fn remove(directory: &Path, account: AccountHash) -> std::io::Result<u64> {
    let mut removed = 0;
    let entries = match fs::read_dir(directory.join(FOLDER)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let prefix = format!("{account}-");
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}
