//! Puts another database in the place of the one in a data directory, at one stroke.
//!
//! A database is up to three files: itself, its write-ahead log, and the log's index. No file system renames three files at
//! once, and a log that stays behind would be played into a database that it doesn't belong to. So the stroke is one rename:
//! the new database, complete and synced, gets the name [`READY_PREFIX`]`STAMP`. Up to that moment nothing has changed. From
//! then on the replacement is decided: [`finish`] moves the old files aside and the new one into their place, and whoever next
//! holds the directory does what is left of that. Every step may be the last one before a loss of power, and can be repeated.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::directory::{DATABASE_FILE, sync_directory};
use super::file::DatabaseFile;
use super::schema::{self, SchemaError};

/// A database that is about to take its place; what follows is the stamp.
const READY_PREFIX: &str = "taskferry.ready-";
/// The database that was there before.
const FORMER_PREFIX: &str = "taskferry.before-";
const SUFFIX: &str = ".sqlite3";
/// What a database that is still being prepared begins with, and whatever it is made of.
const STAGED_PREFIX: &str = "taskferry.restoring.";
/// The database itself comes first: without it, nobody opens the others.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// Where a database is prepared that is to be put in place. What was left there by somebody who was killed is removed by the next
/// who holds the directory, together with what it was made of.
pub fn staging(directory: &Path) -> PathBuf {
    directory.join(format!("{STAGED_PREFIX}sqlite3"))
}

/// Where the former database lies after a replacement with this stamp.
pub fn former(directory: &Path, stamp: &str) -> PathBuf {
    directory.join(format!("{FORMER_PREFIX}{stamp}{SUFFIX}"))
}

/// Puts `new`, a closed and synced database in the same directory, in the place of the present one, which is kept as
/// [`former`]. `stamp` is of letters and digits. The directory must be held.
pub fn replace(directory: &Path, new: &Path, stamp: &str) -> io::Result<()> {
    let names = OnDisk(directory);
    decide(&names, &new.file_name().unwrap_or_default().to_string_lossy(), stamp)?;
    finish_in(&names).map(drop)
}

/// Does what is left of a replacement that was decided. Returns where the former database lies, if there was one to finish. The
/// directory must be held.
pub fn finish(directory: &Path) -> io::Result<Option<PathBuf>> {
    Ok(finish_in(&OnDisk(directory))?.map(|former| directory.join(former)))
}

/// The names in a directory, and all that a replacement does to them: for tests, also in one that loses its power.
pub(super) trait Names {
    fn all(&self) -> io::Result<Vec<String>>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes all that was done durable.
    fn sync(&self) -> io::Result<()>;
}

/// A directory of this machine.
struct OnDisk<'a>(&'a Path);

impl Names for OnDisk<'_> {
    fn all(&self) -> io::Result<Vec<String>> {
        // What is not Unicode is not ours.
        let names = fs::read_dir(self.0)?
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose());
        names.collect()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(self.0)
    }
}

/// The stroke.
pub(super) fn decide(names: &dyn Names, new: &str, stamp: &str) -> io::Result<()> {
    names.rename(new, &format!("{READY_PREFIX}{stamp}{SUFFIX}"))?;
    names.sync()
}

/// [`finish`], wherever the names are.
pub(super) fn finish_in(names: &dyn Names) -> io::Result<Option<String>> {
    let all = names.all()?;
    // What nobody prepares any more.
    for staged in all.iter().filter(|name| name.starts_with(STAGED_PREFIX)) {
        names.remove(staged)?;
    }
    let decided = all.iter().find_map(|name| Some((name, name.strip_prefix(READY_PREFIX)?.strip_suffix(SUFFIX)?)));
    let Some((ready, stamp)) = decided else { return Ok(None) };
    let former = format!("{FORMER_PREFIX}{stamp}{SUFFIX}");
    for part in PARTS {
        // What was moved already is not there any more. An empty file is what holding an empty directory left.
        match names.rename(&format!("{DATABASE_FILE}{part}"), &format!("{former}{part}")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved?,
        }
    }
    // The old names must be gone for good before the new database gets one of them.
    names.sync()?;
    names.rename(ready, DATABASE_FILE)?;
    names.sync()?;
    Ok(Some(former))
}

/// Brings a database that is about to take its place to this version's schema and to another epoch, and folds its log into it.
pub fn make_ready(file: impl Into<DatabaseFile>, epoch: &str) -> Result<(), SchemaError> {
    let file = file.into();
    let failed = |cause| SchemaError::Open { path: file.path().to_owned(), cause };
    let db = schema::open_for_writing(file.clone())?;
    db.execute("UPDATE meta SET value = ?1 WHERE key = 'epoch'", [epoch]).map_err(failed)?;
    // Asked for by name: closing does it too, and says nothing if it fails.
    let is_left: bool = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(failed)?;
    if is_left {
        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(failed(rusqlite::Error::SqliteFailure(busy, None)));
    }
    db.close().map_err(|(_, cause)| failed(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }

    /// A directory with an old database in three files, and a new one that waits.
    fn directory() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        for part in PARTS {
            fs::write(with_suffix(&dir.path().join(DATABASE_FILE), part), format!("old{part}")).unwrap();
        }
        let new = dir.path().join("new");
        fs::write(&new, "new").unwrap();
        (dir, new)
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn assert_replaced(dir: &Path) {
        let former = ["taskferry.before-7.sqlite3", "taskferry.before-7.sqlite3-shm", "taskferry.before-7.sqlite3-wal"];
        assert_eq!(names(dir), [former.as_slice(), &[DATABASE_FILE]].concat());
        assert_eq!(fs::read_to_string(dir.join(DATABASE_FILE)).unwrap(), "new");
        for part in PARTS {
            assert_eq!(fs::read_to_string(with_suffix(&former_of(dir), part)).unwrap(), format!("old{part}"));
        }
    }

    fn former_of(dir: &Path) -> PathBuf {
        super::former(dir, "7")
    }

    #[test]
    fn the_new_database_takes_the_place_and_the_old_one_is_kept_whole() {
        let (dir, new) = directory();
        replace(dir.path(), &new, "7").unwrap();
        assert_replaced(dir.path());
        assert_eq!(finish(dir.path()).unwrap(), None, "nothing is left to do");
        assert_replaced(dir.path());
    }

    #[test]
    fn a_replacement_that_was_cut_short_anywhere_is_finished_by_the_next_who_holds_the_directory() {
        for moved in 0..=PARTS.len() {
            let (dir, new) = directory();
            decide(&OnDisk(dir.path()), new.file_name().unwrap().to_str().unwrap(), "7").unwrap();
            for part in &PARTS[..moved] {
                let from = with_suffix(&dir.path().join(DATABASE_FILE), part);
                fs::rename(from, with_suffix(&former_of(dir.path()), part)).unwrap();
            }
            assert_eq!(finish(dir.path()).unwrap(), Some(former_of(dir.path())), "{moved} moved");
            assert_replaced(dir.path());
        }
    }

    #[test]
    fn before_it_is_decided_nothing_changes() {
        let (dir, new) = directory();
        fs::rename(new, staging(dir.path())).unwrap();
        assert_eq!(finish(dir.path()).unwrap(), None);
        assert_eq!(fs::read_to_string(dir.path().join(DATABASE_FILE)).unwrap(), "old");
        assert_eq!(names(dir.path()).len(), PARTS.len(), "what was being prepared is gone");
    }

    #[test]
    fn an_empty_directory_gets_its_first_database() {
        let dir = tempfile::tempdir().unwrap();
        let new = dir.path().join("new");
        fs::write(&new, "new").unwrap();
        replace(dir.path(), &new, "7").unwrap();
        assert_eq!(names(dir.path()), [DATABASE_FILE]);
    }
}
