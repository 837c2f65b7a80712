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

use super::room::Room;
use crate::progress::Step;
use crate::stop::{Stop, Stopped};
use crate::storage::sqlite::directory::new_private_file;

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

/// Copies the database behind `db` into the file `into`, which must not be there: private, synced, and
/// at the cost of no more than `room`.
pub fn copy(db: &Connection, into: &Path, room: &Room, stop: &Stop) -> Result<(), CopyError> {
    let directory = into.parent().unwrap_or_else(|| Path::new("."));
    let failed = |cause| CopyError::File { path: into.to_owned(), cause };
    let needed = estimate(db).map_err(CopyError::Database)?;
    let bytes = room.bytes().map_err(failed)?;
    let no_room = |room| CopyError::NoRoom { directory: directory.to_owned(), needed, room };
    if needed > bytes {
        return Err(no_room(bytes));
    }
    new_private_file(into).map_err(failed)?;
    stop.begins(Step::of_bytes("copying the data", needed));
    let copied = vacuum(db, into, room, stop).and_then(|()| {
        let synced = fs_err::File::open(into).and_then(|file| file.sync_all());
        synced.map_err(failed)
    });
    copied.inspect_err(|_| drop(fs_err::remove_file(into))).map_err(|error| match error {
        _ if stop.is_set() => Stopped.into(),
        // Others filled the volume meanwhile, or more than was estimated.
        CopyError::Database(cause) if is_interrupted_or_full(&cause) => no_room(room.bytes().unwrap_or(0)),
        error => error,
    })
}

fn vacuum(db: &Connection, into: &Path, room: &Room, stop: &Stop) -> Result<(), CopyError> {
    let not_unicode = || io::Error::new(io::ErrorKind::InvalidInput, "the path is not Unicode");
    let name = into.to_str().ok_or_else(not_unicode);
    let name = name.map_err(|cause| CopyError::File { path: into.to_owned(), cause })?;
    let (stop, room) = (stop.clone(), room.clone());
    let growing = into.to_owned();
    let enough = move || {
        stop.reached(std::fs::metadata(&growing).map_or(0, |file| file.len()));
        stop.is_set() || room.bytes().is_ok_and(|bytes| bytes == 0)
    };
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::room::tests::Fixed;
    use super::*;
    use crate::storage::sqlite::schema::{open_for_reading, open_for_writing};
    use crate::volume::{Measured, Volume};

    fn database(dir: &Path) -> (Connection, Connection) {
        let file = dir.join("db");
        fs_err::File::create(&file).unwrap();
        let writer = open_for_writing(&file).unwrap();
        (writer, open_for_reading(&file).unwrap())
    }

    /// Enough rows for many looks.
    fn fill(writer: &Connection) {
        let numbers = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)";
        let sql = format!("{numbers} INSERT INTO account (client_id, created_at) SELECT randomblob(16), 0 FROM n");
        writer.execute(&sql, []).unwrap();
    }

    fn room(dir: &Path) -> Room {
        Room::on(dir, Some(0))
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
        copy(&reader, &into, &room(dir.path()), &Stop::default()).unwrap();
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
        fill(&writer);
        let stop = Stop::default();
        stop.set();
        let into = dir.path().join("copy");
        assert!(matches!(copy(&reader, &into, &room(dir.path()), &stop), Err(CopyError::Stopped(_))));
        assert!(!into.exists());
    }

    #[test]
    fn a_copy_for_which_there_is_no_room_is_not_begun() {
        let dir = tempfile::tempdir().unwrap();
        let (_writer, reader) = database(dir.path());
        let (into, full) = (dir.path().join("copy"), Measured { free: 400 << 20, total: 1000 << 20 });
        let refused = copy(&reader, &into, &Room::of(Arc::new(Fixed(full)), None), &Stop::default()).unwrap_err();
        assert!(matches!(refused, CopyError::NoRoom { room: 0, .. }));
        assert!(!into.exists());
    }

    #[test]
    fn a_volume_that_fills_up_meanwhile_ends_the_copy_and_leaves_nothing() {
        /// Room at the first look, none at the second.
        #[derive(Debug, Default)]
        struct FillsUp(AtomicBool);
        impl Volume for FillsUp {
            fn measure(&self) -> io::Result<Measured> {
                let free = if self.0.swap(true, Ordering::Relaxed) { 0 } else { u64::MAX };
                Ok(Measured { free, total: 0 })
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let (writer, reader) = database(dir.path());
        fill(&writer);
        let into = dir.path().join("copy");
        let room = Room::of(Arc::new(FillsUp::default()), None);
        assert!(matches!(copy(&reader, &into, &room, &Stop::default()), Err(CopyError::NoRoom { room: 0, .. })));
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
        copy(&reader, &into, &room(dir.path()), &Stop::default()).unwrap();
        let bytes = fs_err::read(&into).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
