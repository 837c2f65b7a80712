//! How the last backup went, written down beside the data: for `stats`, for checks, and so that a restart of the server doesn't
//! forget when the next one is due.

use std::io::{self, Write as _};
use std::path::Path;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::create::{CreateError, Created};
use crate::storage::UnixSeconds;
use crate::storage::sqlite::directory::private_file;

const FILE: &str = "taskferry.backup.json";

/// What is known of the backups that were made of this data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When the last one was made that was proved and kept somewhere.
    pub last_good_at: Option<UnixSeconds>,
    /// Its name.
    pub last_good: Option<String>,
    /// Its size.
    pub last_good_bytes: Option<u64>,
    /// When one was tried last.
    pub last_try_at: Option<UnixSeconds>,
    /// What was wrong then; places that did not take it are named. Empty: nothing.
    pub problems: Vec<String>,
}

/// How one went.
#[derive(Debug)]
pub struct Outcome {
    made: Option<(String, u64)>,
    problems: Vec<String>,
}

impl Outcome {
    pub(super) fn made(created: &Created) -> Self {
        let problems = created.places.iter().filter_map(|place| Some(in_full(place.kept.as_ref().err()?)));
        Self { made: Some((created.name.to_string(), created.manifest.bytes)), problems: problems.collect() }
    }

    pub(super) fn failed(error: &CreateError) -> Self {
        Self { made: None, problems: vec![in_full(error)] }
    }
}

/// An error with its causes, in one line.
pub fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl Status {
    /// What is known; nothing, if there was no backup.
    pub fn read(data_dir: &Path) -> Self {
        let json = fs::read(data_dir.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&json).unwrap_or_default()
    }

    pub(super) fn record(data_dir: &Path, at: UnixSeconds, outcome: Outcome) -> io::Result<()> {
        let mut status = Self::read(data_dir);
        status.last_try_at = Some(at);
        status.problems = outcome.problems;
        if let Some((name, bytes)) = outcome.made {
            (status.last_good_at, status.last_good, status.last_good_bytes) = (Some(at), Some(name), Some(bytes));
        }
        let unfinished = data_dir.join(format!("{FILE}.unfinished"));
        let mut file = private_file(&unfinished)?;
        file.set_len(0)?;
        file.write_all(&serde_json::to_vec(&status)?)?;
        fs::rename(unfinished, data_dir.join(FILE))
    }
}
