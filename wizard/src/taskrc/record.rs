//! Remembers what was changed, so that `taskferry undo` can take it back: for each file, what it was before (the backup) and a
//! checksum of what was put there. Written before the first file is touched, so that a run that was killed can be taken
//! back, too.

use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Explain;
use crate::files::{OWNER_ONLY, make_own, replace};

/// Changes that can be taken back; older ones are forgotten.
const ENTRIES_MAX: usize = 50;
/// More than any file of ours has, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// One change of one or more files, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The files.
    pub files: Vec<Trace>,
    /// Taskwarrior's database, where that changed with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseTrace>,
}

/// What is needed to bring the tasks back to where they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseTrace {
    /// Taskwarrior's data folder.
    pub folder: PathBuf,
    /// The folder with the copy of what was there.
    pub kept: PathBuf,
    /// A copy of what came in its place; `None` = the same tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<PathBuf>,
}

/// One file of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The file.
    pub path: PathBuf,
    /// Where its former bytes are; `None` = there was no file.
    pub backup: Option<PathBuf>,
    /// Its permissions before.
    pub mode: u32,
    /// SHA-256 of what was put there, as hex digits.
    pub after: String,
}

/// Why it can't be read or written.
#[derive(Debug, thiserror::Error)]
#[error("could not use the record of changes `{}`", path.display())]
pub struct RecordError {
    path: PathBuf,
    #[source]
    why: io::Error,
}

impl RecordError {
    /// About this file.
    pub(crate) fn new(path: &Path, why: io::Error) -> Self {
        Self { path: path.into(), why }
    }
}

impl Explain for RecordError {
    fn hint(&self) -> Option<String> {
        Some("make room or mend the permissions, then run the same command again".into())
    }
}

impl Trace {
    /// Whether the file is as the change left it.
    pub fn is_untouched(&self, now: Option<&[u8]>) -> bool {
        now.is_some_and(|bytes| checksum(bytes) == self.after)
    }
}

/// SHA-256 as hex digits.
pub fn checksum(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

impl Entry {
    /// Writes it down as the newest. Where.
    pub fn write(&self, context: &Context) -> io::Result<PathBuf> {
        let folder = place(context);
        make_own(&context.state_dir())?;
        let known = numbers(&folder)?;
        let path = folder.join(format!("{:06}.json", known.last().map_or(1, |last| last + 1)));
        replace(&path, &serde_json::to_vec_pretty(self)?, OWNER_ONLY)?;
        for old in known.iter().rev().skip(ENTRIES_MAX - 1) {
            let _ = std::fs::remove_file(folder.join(format!("{old:06}.json")));
        }
        Ok(path)
    }

    /// All that can be read, from the oldest on: for what may be incomplete.
    pub fn all(context: &Context) -> Vec<Self> {
        let folder = place(context);
        let paths =
            numbers(&folder).unwrap_or_default().into_iter().map(|number| folder.join(format!("{number:06}.json")));
        paths.filter_map(|path| read(&path).ok()).collect()
    }

    /// All of them; fails if one can't be read.
    pub fn every(context: &Context) -> io::Result<Vec<Self>> {
        let folder = place(context);
        numbers(&folder)?.into_iter().map(|number| read(&folder.join(format!("{number:06}.json")))).collect()
    }

    /// The newest, and where it stands; `None` = there is nothing to take back.
    pub fn newest(context: &Context) -> Result<Option<(PathBuf, Self)>, RecordError> {
        let folder = place(context);
        let Some(newest) = numbers(&folder).map_err(|why| RecordError::new(&folder, why))?.pop() else {
            return Ok(None);
        };
        let path = folder.join(format!("{newest:06}.json"));
        let entry = read(&path).map_err(|why| RecordError::new(&path, why))?;
        Ok(Some((path, entry)))
    }
}

/// The number of the newest entry; `None` = there is none. Numbers never come again while a later one is there.
pub fn newest_number(context: &Context) -> Option<u32> {
    numbers(&place(context)).ok()?.pop()
}

fn read(path: &Path) -> io::Result<Entry> {
    if std::fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("it is too long"));
    }
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn place(context: &Context) -> PathBuf {
    context.state_dir().join("changes")
}

/// The numbers of all entries, sorted. A number rather than a time: it sorts and needs no clock.
fn numbers(folder: &Path) -> io::Result<Vec<u32>> {
    let names = match std::fs::read_dir(folder) {
        Ok(names) => names,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(why),
    };
    let number = |name: std::ffi::OsString| name.to_str()?.strip_suffix(".json")?.parse().ok();
    let mut numbers: Vec<u32> = names.filter_map(|entry| number(entry.ok()?.file_name())).collect();
    numbers.sort_unstable();
    Ok(numbers)
}
