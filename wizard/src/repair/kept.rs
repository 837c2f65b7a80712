//! What is kept before anything changes: the whole database, as a data folder that Taskwarrior opens, and beside it all tasks as JSON
//! that `task import` reads, for whom a database is no comfort.

use std::io;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::database::Database;
use crate::error::{Explain, Failure};
use crate::files::{OWNER_ONLY, replace};
use crate::rescue::keep::{self, TASKS_FILE};
use crate::rescue::whole::Mark;
use crate::taskwarrior::Taskwarrior;

/// A copy of everything.
pub struct Kept {
    /// The folder that holds it.
    pub folder: PathBuf,
    /// Of which state it is.
    pub mark: Mark,
}

/// The tasks could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write your tasks to `{}`", path.display())]
pub struct NotWritten {
    path: PathBuf,
    #[source]
    why: io::Error,
}

impl Explain for NotWritten {
    fn hint(&self) -> Option<String> {
        Some("make room or mend the permissions, then run the same command again; nothing was changed".into())
    }
}

/// Makes the copy.
pub fn keep(context: &Context, taskwarrior: &Taskwarrior<'_>, database: &Database) -> Result<Kept, Failure> {
    let folder = keep::keep(context, database)?;
    write_tasks(&folder, taskwarrior).inspect_err(|_| drop(std::fs::remove_dir_all(&folder)))?;
    let mark = Database::in_folder(&folder).whole()?.mark;
    Ok(Kept { folder, mark })
}

fn write_tasks(folder: &Path, taskwarrior: &Taskwarrior<'_>) -> Result<(), Failure> {
    let path = folder.join(TASKS_FILE);
    let tasks = taskwarrior.export()?;
    replace(&path, &tasks, OWNER_ONLY).map_err(|why| NotWritten { path, why })?;
    Ok(())
}
