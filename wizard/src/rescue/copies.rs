//! The copies of task databases in our state folder: how many there are, and which may go.
//!
//! Each move, join, repair and undo leaves one, and nobody else ever removes them. A copy goes when all of this is so:
//!
//! - ten newer ones are there, and it is older than 30 days: by then, nobody looks for what they had before;
//! - no recorded change refers to it, so no `undo` needs it, however many are taken back;
//! - nothing is under way or was interrupted, and every record of a change could be read: else nothing goes at all;
//! - it holds what we put there, and nothing else.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::keep::{TASKS_FILE, place};
use super::steps;
use crate::context::Context;
use crate::database::Database;
use crate::taskrc::record::Entry;

/// So many are there in any case.
pub const NEWEST_KEPT: usize = 10;
/// And those that are younger.
pub const KEPT_DAYS: u64 = 30;

/// What there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copies {
    /// How many.
    pub count: usize,
    /// All of them together.
    pub bytes: u64,
    /// Where.
    pub folder: PathBuf,
}

/// One of them.
#[derive(Debug)]
struct Copy {
    number: u32,
    folder: PathBuf,
    bytes: u64,
    changed: SystemTime,
    is_ours_alone: bool,
}

/// Looks; `None` = there are none.
pub fn look(context: &Context) -> Option<Copies> {
    let copies = all(context).ok()?;
    let bytes = copies.iter().map(|copy| copy.bytes).sum();
    (!copies.is_empty()).then(|| Copies { count: copies.len(), bytes, folder: place(context) })
}

/// Removes those that nobody needs any more. What went; `None` = nothing.
pub fn tidy(context: &Context) -> Option<Copies> {
    tidy_at(context, SystemTime::now())
}

fn tidy_at(context: &Context, now: SystemTime) -> Option<Copies> {
    // Whoever makes a copy holds this, too.
    let _idle: File = steps::idle(context)?;
    let mut copies = all(context).ok()?;
    let referred = referred_to(context)?;
    let newest = copies.len().saturating_sub(NEWEST_KEPT);
    let is_old = |copy: &Copy| {
        let age = now.duration_since(copy.changed).unwrap_or_default();
        age > Duration::from_hours(KEPT_DAYS * 24)
    };
    let name = |path: &Path| path.file_name().map(ToOwned::to_owned);
    copies.truncate(newest);
    copies.retain(|copy| copy.is_ours_alone && is_old(copy) && !referred.contains(&name(&copy.folder)));
    copies.retain(|copy| std::fs::remove_dir_all(&copy.folder).is_ok());
    let bytes = copies.iter().map(|copy| copy.bytes).sum();
    (!copies.is_empty()).then(|| Copies { count: copies.len(), bytes, folder: place(context) })
}

/// By their names, wherever they are: the state folder may have been another one. `None` = a record can't be read.
fn referred_to(context: &Context) -> Option<Vec<Option<std::ffi::OsString>>> {
    let traces = Entry::every(context).ok()?.into_iter().filter_map(|entry| entry.database);
    let folders = traces.flat_map(|trace| std::iter::once(trace.kept).chain(trace.after));
    Some(folders.map(|folder| folder.file_name().map(ToOwned::to_owned)).collect())
}

/// From the oldest on.
fn all(context: &Context) -> io::Result<Vec<Copy>> {
    let names = match std::fs::read_dir(place(context)) {
        Ok(names) => names,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(why),
    };
    let mut copies = Vec::new();
    for name in names {
        let name = name?;
        let number = name.file_name().to_str().and_then(|name| name.parse().ok());
        if let (Some(number), true) = (number, name.file_type()?.is_dir()) {
            copies.push(copy(number, name.path())?);
        }
    }
    copies.sort_by_key(|copy| copy.number);
    Ok(copies)
}

fn copy(number: u32, folder: PathBuf) -> io::Result<Copy> {
    let database = Database::in_folder(&folder).path().to_owned();
    let ours = ["", "-wal", "-shm"].map(|suffix| {
        let mut name = database.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        name
    });
    // What Taskwarrior did with it later counts, too.
    let mut copy =
        Copy { number, bytes: 0, changed: std::fs::metadata(&folder)?.modified()?, is_ours_alone: true, folder };
    for file in std::fs::read_dir(&copy.folder)? {
        let file = file?;
        let metadata = file.metadata()?;
        copy.bytes += metadata.len();
        copy.changed = copy.changed.max(metadata.modified()?);
        let name = file.file_name();
        copy.is_ours_alone &= metadata.is_file() && (ours.contains(&name) || name == TASKS_FILE);
    }
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::taskrc::record::DatabaseTrace;

    struct World {
        _home: tempfile::TempDir,
        context: Context,
        now: SystemTime,
    }

    /// With so many copies, all of them very old.
    fn with_old(count: u32) -> World {
        let home = tempfile::tempdir().unwrap();
        let env = [("HOME".into(), home.path().into())].into();
        let context = Context::new(env, home.path().into(), false).unwrap();
        let now = SystemTime::now() + Duration::from_hours(40 * 24);
        let world = World { _home: home, context, now };
        for number in 1..=count {
            world.add(number);
        }
        world
    }

    impl World {
        fn add(&self, number: u32) -> PathBuf {
            let folder = place(&self.context).join(format!("{number:04}"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(Database::in_folder(&folder).path(), "12345").unwrap();
            std::fs::write(folder.join(TASKS_FILE), "[]").unwrap();
            folder
        }

        fn refer_to(&self, kept: u32, after: u32) {
            let folder = |number: u32| place(&self.context).join(format!("{number:04}"));
            let trace = DatabaseTrace { folder: "/x".into(), kept: folder(kept), after: Some(folder(after)) };
            Entry { files: vec![], database: Some(trace) }.write(&self.context).unwrap();
        }

        fn tidy(&self) -> usize {
            tidy_at(&self.context, self.now).map_or(0, |gone| gone.count)
        }

        fn numbers(&self) -> Vec<u32> {
            all(&self.context).unwrap().iter().map(|copy| copy.number).collect()
        }
    }

    #[test]
    fn the_newest_ten_stay_and_so_does_everything_of_the_last_thirty_days() {
        let world = with_old(12);
        assert_eq!(look(&world.context).unwrap(), Copies { count: 12, bytes: 12 * 7, folder: place(&world.context) });
        assert_eq!(tidy(&world.context), None, "they are of today");
        assert_eq!((world.tidy(), world.numbers()), (2, (3..=12).collect()));
        assert_eq!((world.tidy(), world.numbers().len()), (0, 10));
    }

    #[test]
    fn what_an_undo_refers_to_stays_however_old_it_is() {
        let world = with_old(14);
        world.refer_to(1, 3);
        assert_eq!((world.tidy(), world.numbers()), (2, [1, 3].into_iter().chain(5..=14).collect()));
    }

    #[test]
    fn nothing_goes_while_something_is_unfinished_at_work_or_not_known() {
        let world = with_old(12);
        let state = world.context.state_dir();
        let (steps, _) = steps::Steps::begin::<u8>(&world.context, steps::Command::Move).unwrap();
        assert_eq!(world.tidy(), 0, "at work");
        steps.note("begun", &7_u8).unwrap();
        drop(steps);
        assert_eq!(world.tidy(), 0, "interrupted");
        std::fs::write(state.join("unfinished.json"), "{").unwrap();
        assert_eq!(world.tidy(), 0, "damaged");
        std::fs::remove_file(state.join("unfinished.json")).unwrap();
        world.refer_to(11, 12);
        std::fs::write(state.join("changes/000001.json"), "{").unwrap();
        assert_eq!(world.tidy(), 0, "nobody knows what it refers to");
        std::fs::remove_file(state.join("changes/000001.json")).unwrap();
        assert_eq!(world.tidy(), 2);
    }

    #[test]
    fn what_somebody_put_there_stays() {
        let world = with_old(13);
        std::fs::write(place(&world.context).join("0001/notes.txt"), "mine").unwrap();
        std::fs::create_dir(place(&world.context).join("0002/hooks")).unwrap();
        std::fs::create_dir(place(&world.context).join("mine")).unwrap();
        assert_eq!((world.tidy(), world.numbers()), (1, [1, 2].into_iter().chain(4..=13).collect()));
        assert!(place(&world.context).join("mine").exists());
    }

    #[test]
    fn a_number_never_comes_again() {
        let world = with_old(12);
        assert_eq!(world.tidy(), 2);
        let source = world.add(90);
        let database = Database::in_folder(&source);
        std::fs::remove_file(database.path()).unwrap();
        rusqlite::Connection::open(database.path()).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
        let kept = super::super::keep::keep(&world.context, &database).unwrap();
        assert_eq!(kept, place(&world.context).join("0091"));
    }
}
