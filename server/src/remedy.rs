//! What mends the causes that any command may run into: rights, a volume that is read-only or full, a database that is held
//! by somebody else or damaged. An error that knows better has a hint of its own; this is what is left to say.

use std::error::Error;
use std::io;
use std::sync::OnceLock;

use rusqlite::ErrorCode;

/// The user as whom a command acts that root started. It is the process's own, like the user itself.
static ACTS_AS: OnceLock<u32> = OnceLock::new();

/// From now on, this process is `user`, whatever it was started as.
pub(crate) fn acts_as(user: u32) {
    let _ = ACTS_AS.set(user);
}

/// What mends the innermost cause of `error` that is known here.
pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<String> {
    let mut found = None;
    let mut cause = Some(error);
    while let Some(error) = cause {
        found = of_one(error).or(found);
        cause = error.source();
    }
    found
}

fn of_one(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return of_io(error);
    }
    match error.downcast_ref::<rusqlite::Error>()?.sqlite_error_code()? {
        ErrorCode::ReadOnly => Some(READ_ONLY.to_owned()),
        ErrorCode::DiskFull => Some(NO_ROOM.to_owned()),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Some(
            "another program has held the database for seconds, and nothing was changed: run the same command again; \
             `fuser taskferry.sqlite3` in the data directory shows who has it open"
                .to_owned(),
        ),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Some(DAMAGED.to_owned()),
        ErrorCode::SystemIoFailure => Some(
            "the disk fails, or its volume does: the system's log (`dmesg`) says more; \
             copy the data directory before anything else"
                .to_owned(),
        ),
        ErrorCode::PermissionDenied | ErrorCode::CannotOpen => Some(no_right()),
        _ => None,
    }
}

/// Of the system's own reasons.
pub(crate) fn of_io(error: &io::Error) -> Option<String> {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Some(no_right()),
        io::ErrorKind::ReadOnlyFilesystem => Some(READ_ONLY.to_owned()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(NO_ROOM.to_owned()),
        _ => None,
    }
}

const READ_ONLY: &str = "it is read-only, here or for this user: after a failure of the disk, the system's log (`dmesg`) says why; a service of systemd \
     writes only where its `ReadWritePaths=` say, and a container only on its volumes";
const NO_ROOM: &str = "no room is left there, and nothing was changed: enlarge the volume, or look what else lies on it; \
     `taskferry-server db status` shows what the data takes";
/// Of a database that SQLite can't read any more.
pub(crate) const DAMAGED: &str = "keep a copy of the whole data directory as it is, which may help to rescue more; then \
     `taskferry-server restore latest` puts the last good backup back";

fn no_right() -> String {
    ACTS_AS.get().map_or_else(
        || "run the command as the user of the server, or as root".to_owned(),
        |user| {
            format!(
                "the command acts as user {user}, whose the data is: let that user in there, \
                 or choose a place where it may go"
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::store::StoreError;
    use crate::storage::StorageError;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }

    #[test]
    fn what_lies_deepest_is_what_is_mended() {
        let busy = StorageError::new("changing an account", sqlite(rusqlite::ffi::SQLITE_BUSY));
        assert!(of(&busy).unwrap().contains("held the database"));
        let full = StoreError::new("put a backup into", "/b", io::Error::from(io::ErrorKind::StorageFull));
        assert!(of(&full).unwrap().contains("no room"));
        let read_only = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        assert!(of(&StoreError::new("put a backup into", "/b", read_only)).unwrap().contains("ReadWritePaths="));
        // `fs_err` puts a path around it.
        let missing = fs_err::File::open("/does/not/exist").unwrap_err();
        assert_eq!(of(&missing), None);
    }

    #[test]
    fn a_damaged_database_leads_to_a_backup_and_a_constraint_to_nothing() {
        assert_eq!(of(&sqlite(rusqlite::ffi::SQLITE_CORRUPT)).as_deref(), Some(DAMAGED));
        assert_eq!(of(&sqlite(rusqlite::ffi::SQLITE_CONSTRAINT)), None);
    }
}
