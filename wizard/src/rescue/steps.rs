//! What is under way: one note in our state folder, written before each step, so that a run that was killed is finished by the next
//! one of the same command, and named by others. And a lock, so that two runs never do such things at once.
//!
//! What the note says beside the command's name is the command's own. It may hold credentials, so it is private, and goes when
//! all is done.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Explain;
use crate::files::make_own;
use crate::notes::{BadNote, NoteFile};
use crate::observer::Observer;
use crate::taskrc::record::newest_number;

/// Commands that take more than one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// `taskferry move`
    Move,
    /// `taskferry join` on a computer that has tasks of another account
    Join,
    /// `taskferry repair`
    Repair,
}

impl Command {
    /// As it is typed.
    pub fn words(self) -> &'static str {
        match self {
            Self::Move => "taskferry move",
            Self::Join => "taskferry join",
            Self::Repair => "taskferry repair",
        }
    }
}

/// Why nothing can be begun, noted or finished.
#[derive(Debug, thiserror::Error)]
pub enum StepsError {
    /// Another run does such a thing at this moment.
    #[error("another `taskferry` is at work on this computer's tasks")]
    AtWork,
    /// Another command was interrupted, and comes first.
    #[error("`{}` was interrupted on this computer, and comes first", .0.words())]
    Unfinished(Command),
    /// Its file, or the lock's.
    #[error(transparent)]
    Note(#[from] BadNote),
}

impl Explain for StepsError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::AtWork => "wait for it, then run the same command again; nothing was changed".into(),
            Self::Unfinished(command) => format!("run `{}` again: it goes on where it stopped", command.words()),
            Self::Note(BadNote::Unreadable { path }) => {
                format!(
                    "an interrupted run left it: remove it with `rm {}`, and run the same command again",
                    path.display()
                )
            }
            Self::Note(other) => return other.hint(),
        })
    }
}

/// Something under way, and the only such thing on this computer while this value lives.
#[derive(Debug)]
pub struct Steps {
    command: Command,
    change_before: Option<u32>,
    file: NoteFile,
    observer: Observer,
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Noted<T> {
    command: Command,
    /// The newest change of the configuration when it began: what `undo` must leave alone.
    change_before: Option<u32>,
    note: T,
}

impl Steps {
    /// Begins, or goes on: with the note of a run that was interrupted.
    pub fn begin<T: DeserializeOwned>(context: &Context, command: Command) -> Result<(Self, Option<T>), StepsError> {
        let lock = lock(&context.state_dir())?;
        let file = file(context);
        let (note, change_before) = match file.find::<Noted<serde_json::Value>>()? {
            None => (None, newest_number(context)),
            Some(Noted { command: other, .. }) if other != command => return Err(StepsError::Unfinished(other)),
            Some(Noted { note, change_before, .. }) => {
                let note = serde_json::from_value(note);
                (Some(note.map_err(|_| file.unreadable())?), change_before)
            }
        };
        Ok((Self { command, change_before, file, observer: context.observer, _lock: lock }, note))
    }

    /// Forgets what was interrupted, whatever the command and however its note reads. Nothing is begun while the value lives.
    pub fn forget(context: &Context) -> Result<File, StepsError> {
        let lock = lock(&context.state_dir())?;
        file(context).forget()?;
        Ok(lock)
    }

    /// Writes down what is to be known from here on, before the step `step` begins.
    pub fn note<T: Serialize>(&self, step: &'static str, note: &T) -> Result<(), StepsError> {
        self.file.keep(&Noted { command: self.command, change_before: self.change_before, note })?;
        self.reached(step);
        Ok(())
    }

    /// A step begins for which there is nothing new to write down.
    pub fn reached(&self, step: &'static str) {
        self.observer.reached(step);
    }

    /// All is done, or there was nothing to do: the note goes.
    pub fn done(self) -> Result<(), StepsError> {
        Ok(self.file.forget()?)
    }
}

/// The command that was interrupted on this computer, or is running; `None` = none. A note that can't be read is for the
/// command itself to complain about.
pub fn unfinished(context: &Context) -> Option<Command> {
    let note = file(context).find::<Noted<serde_json::Value>>().ok()??;
    Some(note.command)
}

/// The lock, if nothing is at work on this computer and nothing was interrupted: nothing is begun while it is held.
pub fn idle(context: &Context) -> Option<File> {
    let lock = lock(&context.state_dir()).ok()?;
    matches!(file(context).find::<Noted<serde_json::Value>>(), Ok(None)).then_some(lock)
}

/// Whether what was interrupted has changed this computer's configuration already.
pub fn has_changed_something(context: &Context) -> bool {
    let note = file(context).find::<Noted<serde_json::Value>>().ok().flatten();
    note.is_some_and(|note| note.change_before != newest_number(context))
}

fn file(context: &Context) -> NoteFile {
    NoteFile::of(context, "unfinished.json")
}

/// Held until it is dropped, also by a kill. The file stays: removing it would let two runs lock two files.
fn lock(folder: &Path) -> Result<File, StepsError> {
    let path = folder.join("at-work.lock");
    let open = || {
        make_own(folder)?;
        File::options().create(true).truncate(false).write(true).open(&path)
    };
    let lock = open().map_err(|why| BadNote::File { path: path.clone(), why })?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StepsError::AtWork),
        Err(why) => Err(BadNote::File { path, why: why.into() }.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::home;

    fn begin(context: &Context, command: Command) -> Result<(Steps, Option<String>), StepsError> {
        Steps::begin(context, command)
    }

    #[test]
    fn what_was_noted_is_found_by_the_next_run_and_named_by_others() {
        let (_home, context) = home();
        let (steps, note) = begin(&context, Command::Move).unwrap();
        assert_eq!((note, unfinished(&context)), (None, None));
        steps.note("first", &"credentials").unwrap();
        let mode = std::fs::metadata(file(&context).path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(steps);
        assert_eq!(unfinished(&context), Some(Command::Move));
        let refused = begin(&context, Command::Repair).map(drop);
        assert!(matches!(refused, Err(StepsError::Unfinished(Command::Move))), "{refused:?}");

        let (steps, note) = begin(&context, Command::Move).unwrap();
        assert_eq!(note.as_deref(), Some("credentials"));
        steps.done().unwrap();
        assert_eq!(unfinished(&context), None);
        assert_eq!(begin(&context, Command::Repair).unwrap().1, None);
    }

    #[test]
    fn of_two_runs_at_once_the_second_is_refused() {
        let (_home, context) = home();
        let (first, _) = begin(&context, Command::Move).unwrap();
        for command in [Command::Move, Command::Repair] {
            let second = begin(&context, command).map(drop);
            assert!(matches!(second, Err(StepsError::AtWork)), "{second:?}");
        }
        drop(first);
        begin(&context, Command::Repair).unwrap();
    }

    #[test]
    fn what_is_not_ours_is_reported_and_left_alone() {
        let (_home, context) = home();
        let (steps, _) = begin(&context, Command::Move).unwrap();
        steps.note("first", &"x").unwrap();
        drop(steps);
        for text in ["", "{}", "{\"command\":\"move\",\"note\":7}"] {
            std::fs::write(file(&context).path(), text).unwrap();
            assert!(
                matches!(begin(&context, Command::Move), Err(StepsError::Note(BadNote::Unreadable { .. }))),
                "{text}"
            );
            assert_eq!(std::fs::read_to_string(file(&context).path()).unwrap(), text);
        }
    }
}
