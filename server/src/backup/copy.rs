//! The copy of a database: of one moment, while the server goes on writing.
//!
//! With `VACUUM INTO`, which reads in one transaction: in WAL mode no writer waits for it, and memory stays at SQLite's page
//! cache for a database of any size. SQLite's backup API would begin anew whenever somebody wrote in between. A copy page by page
//! would also carry the free pages, with what deleted accounts had in them; this one has only what is there, compact.
//!
//! The price: what is written meanwhile stays in the write-ahead log until the copy is done, and that log takes room too.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::stop::{Stop, Stopped};
use crate::storage::sqlite::directory::private_file;
use crate::volume::Volume;

/// How many steps of SQLite's machine there are between two looks at room and [`Stop`]. A row of 256 KiB takes some ten steps,
/// so at most some 30 MB are written in between: less than the floor.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// Why there is no copy. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It would take what the volume keeps free.
    #[error(
        "the copy needs some {} MB in `{}`, and {} MB may be filled there",
        .needed.div_ceil(1_000_000), .directory.display(), .room / 1_000_000
    )]
    NoRoom {
        /// Where.
        directory: PathBuf,
        /// About how many bytes.
        needed: u64,
        /// Bytes that may be filled.
        room: u64,
    },
    /// Told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// SQLite failed, most likely at reading.
    #[error("could not copy the database")]
    Database(#[source] rusqlite::Error),
    /// The copy's file.
    #[error("could not write the copy `{}`", .path.display())]
    File {
        /// The copy.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
}

/// About how many bytes a copy has: free pages are not copied.
pub fn estimate(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row(
        "SELECT (page_count - freelist_count) * page_size \
         FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
        [],
        |row| row.get(0),
    )
}

/// Copies the database behind `db` into the file `into`, which must not be there, private, and synced.
pub fn copy(db: &Connection, into: &Path, stop: &Stop) -> Result<(), CopyError> {
    let directory = into.parent().unwrap_or_else(|| Path::new("."));
    let failed = |cause| CopyError::File { path: into.to_owned(), cause };
    let needed = estimate(db).map_err(CopyError::Database)?;
    let room = Volume::of(directory).map_err(failed)?.above_floor();
    let no_room = |room| CopyError::NoRoom { directory: directory.to_owned(), needed, room };
    if needed > room {
        return Err(no_room(room));
    }
    private_file(into).map_err(failed)?;
    let copied = vacuum(db, into, directory, stop).and_then(|()| {
        let synced = fs_err::File::open(into).and_then(|file| file.sync_all());
        synced.map_err(failed)
    });
    copied.inspect_err(|_| drop(fs_err::remove_file(into))).map_err(|error| match error {
        _ if stop.is_set() => Stopped.into(),
        // Others filled the volume meanwhile, or more than was estimated.
        CopyError::Database(cause) if is_interrupted_or_full(&cause) => {
            no_room(Volume::of(directory).map_or(0, Volume::above_floor))
        }
        error => error,
    })
}

fn vacuum(db: &Connection, into: &Path, directory: &Path, stop: &Stop) -> Result<(), CopyError> {
    let not_unicode = || io::Error::new(io::ErrorKind::InvalidInput, "the path is not Unicode");
    let name = into.to_str().ok_or_else(not_unicode);
    let name = name.map_err(|cause| CopyError::File { path: into.to_owned(), cause })?;
    let (stop, directory) = (stop.clone(), directory.to_owned());
    let enough = move || stop.is_set() || Volume::of(&directory).is_ok_and(|volume| volume.above_floor() == 0);
    let done =
        db.progress_handler(STEPS_BETWEEN_LOOKS, Some(enough)).and_then(|()| db.execute("VACUUM INTO ?1", [name]));
    let _ = db.progress_handler(0, None::<fn() -> bool>);
    done.map(drop).map_err(CopyError::Database)
}

fn is_interrupted_or_full(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DiskFull, OperationInterrupted};
    matches!(error.sqlite_error_code(), Some(OperationInterrupted | DiskFull))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sqlite::schema::{open_for_reading, open_for_writing};

    fn database(dir: &Path) -> (Connection, Connection) {
        let file = dir.join("db");
        fs_err::File::create(&file).unwrap();
        let writer = open_for_writing(&file).unwrap();
        (writer, open_for_reading(&file).unwrap())
    }

    const INSERT: &str = "INSERT INTO account (client_id, created_at) VALUES (randomblob(16), 0)";

    #[test]
    fn a_copy_is_whole_and_private_and_of_one_moment_while_another_writes() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, reader) = database(dir.path());
        writer.execute(INSERT, []).unwrap();
        // Not yet committed when the copy is made, and not kept waiting by it.
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        writer.execute(INSERT, []).unwrap();
        let into = dir.path().join("copy");
        copy(&reader, &into, &Stop::default()).unwrap();
        writer.execute_batch("COMMIT").unwrap();

        let count = |file: &Path| -> u32 {
            let db = Connection::open(file).unwrap();
            db.query_row("SELECT count(*) FROM account", [], |row| row.get(0)).unwrap()
        };
        assert_eq!((count(&into), count(&dir.path().join("db"))), (1, 2));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs_err::metadata(&into).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_copy_that_is_stopped_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, reader) = database(dir.path());
        for _ in 0..5000 {
            writer.execute(INSERT, []).unwrap();
        }
        let stop = Stop::default();
        stop.set();
        let into = dir.path().join("copy");
        assert!(matches!(copy(&reader, &into, &stop), Err(CopyError::Stopped(_))));
        assert!(!into.exists());
    }

    #[test]
    fn what_was_deleted_is_not_in_the_copy() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, reader) = database(dir.path());
        let secret = "of an account that is deleted";
        writer.execute("INSERT INTO meta VALUES ('x', ?1)", [secret.repeat(1000)]).unwrap();
        writer.execute("DELETE FROM meta WHERE key = 'x'", []).unwrap();
        let into = dir.path().join("copy");
        copy(&reader, &into, &Stop::default()).unwrap();
        let bytes = fs_err::read(&into).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
