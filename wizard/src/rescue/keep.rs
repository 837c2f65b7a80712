//! A copy of Taskwarrior's database as it was, in our state folder, private, under the next free number, and in the form of a data
//! folder: `TASKDATA=… task list` shows what is in it.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::context::Context;
use crate::database::Database;
use crate::error::Explain;
use crate::files::{OWNER_ONLY, make_own, sync_folder};

/// The file in which all tasks may lie beside the database, as JSON: for whom a database is no comfort.
pub const TASKS_FILE: &str = "tasks.json";

/// The copy could not be made; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error("could not keep a copy of your tasks in `{}`", folder.display())]
pub struct NotKept {
    folder: PathBuf,
    #[source]
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error(transparent)]
    Files(#[from] io::Error),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl Explain for NotKept {
    fn hint(&self) -> Option<String> {
        Some("make room or mend the permissions, then run the same command again; nothing was changed".into())
    }
}

/// Where all copies are.
pub fn place(context: &Context) -> PathBuf {
    context.state_dir().join("databases")
}

/// Copies the database as it is at this moment. The folder of the copy.
pub fn keep(context: &Context, database: &Database) -> Result<PathBuf, NotKept> {
    let place = place(context);
    let fail = |folder: &Path| {
        let folder = folder.to_owned();
        move |why| NotKept { folder, why }
    };
    make_private(context, &place).map_err(Why::from).map_err(fail(&place))?;
    let folder = next_free(&place).map_err(Why::from).map_err(fail(&place))?;
    let copied = copy(database.path(), Database::in_folder(&folder).path());
    copied.inspect_err(|_| drop(std::fs::remove_dir_all(&folder))).map_err(fail(&folder))?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> Result<(), Why> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(from, flags)?;
    // One read transaction, as whole as any sync; no writer waits for it.
    connection.execute("VACUUM INTO ?", [to.to_string_lossy()])?;
    fs_err::set_permissions(to, PermissionsExt::from_mode(OWNER_ONLY))?;
    // A Taskwarrior that only reads, as for `task export`, can't change that.
    Connection::open(to)?.pragma_update(None, "journal_mode", "WAL")?;
    fs_err::File::open(to)?.sync_all()?;
    for folder in to.ancestors().skip(1).take(2) {
        sync_folder(folder)?;
    }
    Ok(())
}

/// Makes a folder within our state folder that only its owner can enter.
pub(super) fn make_private(context: &Context, folder: &Path) -> io::Result<()> {
    make_own(&context.state_dir())?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // It may have been there, and open to others.
    fs_err::set_permissions(folder, PermissionsExt::from_mode(0o700))
}

/// A number rather than a time, as for other backups: it sorts, needs no clock, and never collides. One higher than all that are
/// there: old ones may have gone ([`super::copies`]), and the highest is the newest.
fn next_free(place: &Path) -> io::Result<PathBuf> {
    let mut number = 1_u32;
    for name in std::fs::read_dir(place)? {
        let taken: Option<u32> = name?.file_name().to_str().and_then(|name| name.parse().ok());
        number = number.max(taken.unwrap_or(0).saturating_add(1));
    }
    loop {
        let folder = place.join(format!("{number:04}"));
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => number += 1,
            Err(why) => return Err(why),
        }
    }
}
