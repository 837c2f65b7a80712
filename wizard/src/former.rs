//! Tasks of Taskwarrior 2. Since 3.0 they have to be imported with a command of its own; until somebody has run that, no task of
//! those years takes part in a sync, and to whoever sets one up it looks as if they were lost.
//!
//! Its files stay where they are after the import, so that they are there says nothing: what counts is whether the database has
//! any of their tasks.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::context::Context;
use crate::database::{Database, DatabaseError};
use crate::words::tasks;

/// Files of tasks, one a line.
const FILES: [&str; 2] = ["pending.data", "completed.data"];
/// Bytes of each that are looked at; more than years of tasks have.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What imports them.
pub const IMPORT: &str = "task import-v2";

/// Those that were not imported.
#[derive(Debug, PartialEq, Eq)]
pub struct Former {
    folder: PathBuf,
    tasks: u64,
}

impl Former {
    /// Looks beside Taskwarrior's database, which may not be there yet; `None` = there are none, or nobody knows.
    pub fn look(database: &Database) -> Option<Self> {
        let folder = database.path().parent()?;
        let ids: BTreeSet<Uuid> = FILES.iter().flat_map(|name| ids_in(&folder.join(name))).collect();
        let are_imported = ids.is_empty() || (database.exists() && has_any(database, &ids).unwrap_or(true));
        (!are_imported).then(|| Self { folder: folder.into(), tasks: ids.len() as u64 })
    }

    /// What is the case.
    pub fn sentence(&self, context: &Context) -> String {
        let (tasks, folder) = (tasks(self.tasks), context.short(&self.folder));
        format!("not imported yet: {tasks} of Taskwarrior 2 in `{folder}`, which no sync takes along")
    }
}

fn ids_in(path: &Path) -> Vec<Uuid> {
    let Ok(file) = std::fs::File::open(path) else {
        return Vec::new();
    };
    // As it may be written in any encoding; what follows the first line that can't be read is not counted.
    let lines = BufReader::new(file.take(FILE_BYTES_MAX)).split(b'\n').map_while(Result::ok);
    lines.filter_map(|line| id_of(&String::from_utf8_lossy(&line))).collect()
}

/// `[… uuid:"…" …]`. A quotation mark within a value is written in another way, so this is the attribute.
fn id_of(line: &str) -> Option<Uuid> {
    let attributes = line.trim_end().strip_prefix('[')?.strip_suffix(']')?;
    let (before, rest) = attributes.split_once("uuid:\"")?;
    if !before.is_empty() && !before.ends_with(' ') {
        return None;
    }
    Uuid::try_parse(rest.split_once('"')?.0).ok()
}

fn has_any(database: &Database, ids: &BTreeSet<Uuid>) -> Result<bool, DatabaseError> {
    database.read(|at| {
        let mut is_there = at.prepare("SELECT EXISTS (SELECT 1 FROM tasks WHERE uuid = ?)")?;
        for id in ids {
            if is_there.query_row([id.to_string()], |row| row.get(0))? {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "[annotation_1:\"a uuid:&dquot;b\" depends:\"x\" description:\"milk\" \
                        uuid:\"00000000-0000-0000-0000-000000000007\"]";

    #[test]
    fn the_id_of_a_line_is_that_of_its_attribute() {
        assert_eq!(id_of(LINE), Some(Uuid::from_u128(7)));
        assert_eq!(id_of("[uuid:\"00000000-0000-0000-0000-000000000007\"]\r"), Some(Uuid::from_u128(7)));
        for line in ["", "[]", "{\"uuid\":\"x\"}", "[uuid:\"x\"]", "[puuid:\"00000000-0000-0000-0000-000000000007\"]"] {
            assert_eq!(id_of(line), None, "{line}");
        }
    }

    #[test]
    fn without_files_of_taskwarrior_2_or_with_empty_ones_there_is_nothing_to_say() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::in_folder(folder.path());
        assert_eq!(Former::look(&database), None);
        std::fs::write(folder.path().join("pending.data"), "").unwrap();
        assert_eq!(Former::look(&database), None);
        std::fs::write(folder.path().join("completed.data"), format!("{LINE}\n{LINE}\n")).unwrap();
        assert_eq!(Former::look(&database).map(|former| former.tasks), Some(1), "a task counts once");
    }
}
