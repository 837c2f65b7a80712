//! How the last backup went and which was last proved, written down beside the data: for `stats`, for checks, for metrics, and
//! so that a restart of the server doesn't forget when the next one is due. Whichever process made it.

use std::fs::TryLockError;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::create::{CreateError, Created};
use super::manifest::BackupName;
use crate::storage::UnixSeconds;
use crate::storage::sqlite::directory::private_file;
use crate::words::in_full;

const FILE: &str = "taskferry.backup.json";
/// Whoever changes it holds this meanwhile: a backup and a drill may end at the same instant, in two processes.
const LOCK_FILE: &str = "taskferry.backup.json.lock";
/// A change takes a millisecond. Who holds the lock for longer was suspended, and is not waited for.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_TRY_EVERY: Duration = Duration::from_millis(10);

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
    /// How many tries came to nothing, or not everywhere, since there is this data.
    #[serde(default)]
    pub failures: u64,
    /// When a backup was last gone through and found good: as it was made, or by `backup verify`.
    #[serde(default)]
    pub last_proved_at: Option<UnixSeconds>,
    /// Which.
    #[serde(default)]
    pub last_proved: Option<String>,
    /// Those that the last `backup verify` found damaged; the first of them.
    #[serde(default)]
    pub damaged: Vec<String>,
}

/// Damaged ones that are named.
const DAMAGED_MAX: usize = 20;

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

impl Status {
    /// What is known; nothing, if there was no backup.
    pub fn read(data_dir: &Path) -> Self {
        let json = fs::read(data_dir.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&json).unwrap_or_default()
    }

    pub(super) fn record(data_dir: &Path, at: UnixSeconds, outcome: Outcome) -> io::Result<()> {
        Self::change(data_dir, |status| {
            status.last_try_at = Some(at);
            status.failures += u64::from(!outcome.problems.is_empty());
            status.problems = outcome.problems;
            if let Some((name, bytes)) = outcome.made {
                // Nothing is kept that was not proved.
                (status.last_proved_at, status.last_proved) = (Some(at), Some(name.clone()));
                (status.last_good_at, status.last_good, status.last_good_bytes) = (Some(at), Some(name), Some(bytes));
            }
        })
    }

    /// What a drill found: the newest good one, and those that are damaged.
    pub fn drilled(
        data_dir: &Path,
        at: UnixSeconds,
        proved: Option<&BackupName>,
        mut damaged: Vec<String>,
    ) -> io::Result<()> {
        damaged.truncate(DAMAGED_MAX);
        Self::change(data_dir, |status| {
            if let Some(name) = proved {
                (status.last_proved_at, status.last_proved) = (Some(at), Some(name.to_string()));
            }
            status.damaged = damaged;
        })
    }

    /// What others wrote down meanwhile stays.
    fn change(data_dir: &Path, change: impl FnOnce(&mut Self)) -> io::Result<()> {
        let _lock = lock(data_dir)?;
        let mut status = Self::read(data_dir);
        change(&mut status);
        status.write(data_dir)
    }

    fn write(&self, data_dir: &Path) -> io::Result<()> {
        let unfinished = data_dir.join(format!("{FILE}.unfinished"));
        let written = (|| {
            let mut file = private_file(&unfinished)?;
            file.set_len(0)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&unfinished, data_dir.join(FILE))
        })();
        written.inspect_err(|_| drop(fs::remove_file(&unfinished)))
    }
}

fn lock(data_dir: &Path) -> io::Result<std::fs::File> {
    let file = private_file(&data_dir.join(LOCK_FILE))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT => {
                #[expect(clippy::disallowed_methods, reason = "the pause between two looks, and no race")]
                std::thread::sleep(LOCK_TRY_EVERY);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_add_up_and_what_a_drill_finds_is_kept_until_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let name: BackupName = "taskferry-20261123T054201.123Z".parse().unwrap();
        let made = |problems: &[&str]| Outcome {
            made: Some((name.to_string(), 7)),
            problems: problems.iter().map(ToString::to_string).collect(),
        };
        let failed = || Outcome { made: None, problems: vec!["no room".into()] };
        for (at, outcome) in [(1, failed()), (2, made(&["away"])), (3, made(&[])), (4, failed())] {
            Status::record(dir.path(), at, outcome).unwrap();
        }
        let status = Status::read(dir.path());
        assert_eq!((status.failures, status.last_good_at, status.last_proved_at), (3, Some(3), Some(3)));
        assert_eq!((status.last_try_at, status.problems.as_slice()), (Some(4), ["no room".to_owned()].as_slice()));

        Status::drilled(dir.path(), 9, Some(&name), vec!["an older one".into()]).unwrap();
        let status = Status::read(dir.path());
        assert_eq!((status.last_proved_at, status.last_good_at, status.damaged.len()), (Some(9), Some(3), 1));
        Status::drilled(dir.path(), 10, None, vec![]).unwrap();
        assert_eq!((Status::read(dir.path()).last_proved_at, Status::read(dir.path()).damaged.len()), (Some(9), 0));
    }

    #[test]
    fn backups_and_drills_that_end_at_the_same_instant_lose_none_of_their_notes() {
        const EACH: u64 = 20;
        let dir = tempfile::tempdir().unwrap();
        let name: BackupName = "taskferry-20261123T054201.123Z".parse().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        let failed = Outcome { made: None, problems: vec!["no room".into()] };
                        Status::record(dir.path(), 1, failed).unwrap();
                    }
                });
            }
            scope.spawn(|| Status::drilled(dir.path(), 9, Some(&name), vec!["an older one".into()]).unwrap());
        });
        let status = Status::read(dir.path());
        assert_eq!((status.failures, status.last_proved_at, status.damaged.len()), (4 * EACH, Some(9), 1));
    }

    #[test]
    fn what_an_earlier_version_wrote_down_is_understood() {
        let dir = tempfile::tempdir().unwrap();
        let earlier = r#"{"last_good_at":5,"last_good":"n","last_good_bytes":1,"last_try_at":5,"problems":[]}"#;
        fs::write(dir.path().join(FILE), earlier).unwrap();
        assert_eq!((Status::read(dir.path()).last_good_at, Status::read(dir.path()).failures), (Some(5), 0));
    }
}
