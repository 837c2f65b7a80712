//! Takes the newest change back: byte for byte where nobody has edited the file since, else only our own lines.
//!
//! What is taken away is kept as a backup, too: after a setup it is the only copy of the account's secret.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::Failure;
use crate::files;
use crate::rescue::back::Back;
use crate::taskrc::edit::remove_block;
use crate::taskrc::locate::TaskrcError;
use crate::taskrc::record::{Entry, RecordError, Trace};
use crate::taskrc::write::{self, WriteError};

/// What would be done.
pub(super) struct Undo {
    entry: PathBuf,
    steps: Vec<Step>,
    database: Option<Back>,
}

/// What is done with one file.
pub(super) struct Step {
    /// The file.
    pub path: PathBuf,
    /// How.
    pub how: How,
    now: Zeroizing<Vec<u8>>,
}

/// How a file is taken back.
pub(super) enum How {
    /// To its former bytes and permissions.
    Restore {
        /// Those bytes.
        bytes: Zeroizing<Vec<u8>>,
        /// Those permissions.
        mode: u32,
    },
    /// It was not there before.
    Remove,
    /// It was edited since: only our lines go.
    TakeBlockOut {
        /// What is left.
        bytes: Zeroizing<Vec<u8>>,
    },
}

impl Undo {
    /// Looks what the newest change is that can be taken back; `None` = there is none. Changes nothing.
    pub(super) fn plan(context: &Context) -> Result<Option<Self>, Failure> {
        while let Some((entry, Entry { files, database })) = Entry::newest(context)? {
            // In the opposite order: no taskrc ever includes a file that is gone.
            let steps: Result<Vec<_>, Failure> = files.iter().rev().map(step).collect();
            let steps: Vec<Step> = steps?.into_iter().flatten().collect();
            let database = database.map(Back::plan).transpose()?.flatten();
            if !steps.is_empty() || database.is_some() {
                return Ok(Some(Self { entry, steps, database }));
            }
            // Taken back already, by hand or by a run that was killed at its very end.
            forget(&entry)?;
        }
        Ok(None)
    }

    /// What is done, file by file.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How the tasks are taken back, where they were given another place in a history.
    pub(super) fn database(&self) -> Option<&Back> {
        self.database.as_ref()
    }

    /// Does it. Where the former files are kept.
    pub(super) fn apply(self, context: &Context) -> Result<Vec<PathBuf>, Failure> {
        let backups = write::backup_dir(context);
        let mut kept = Vec::new();
        // The tasks first: they may be in use, and then everything stays as it is.
        if let Some(back) = self.database {
            kept.push(back.apply(context)?);
        }
        for Step { path, how, now } in self.steps {
            let save = |why| WriteError::Save { path: path.clone(), why };
            if read(&path).map_err(save)?.as_ref() != Some(&now) {
                return Err(WriteError::ChangedMeanwhile { path }.into());
            }
            kept.push(write::back_up(&path, &now, &backups).map_err(save)?);
            match &how {
                How::Restore { bytes, mode } => files::replace(&path, bytes, *mode),
                How::TakeBlockOut { bytes } => files::replace(&path, bytes, files::mode_of(&path)),
                How::Remove => fs_err::remove_file(&path),
            }
            .map_err(save)?;
        }
        forget(&self.entry)?;
        Ok(kept)
    }
}

/// What is to be done with a file; `None` = nothing.
fn step(trace: &Trace) -> Result<Option<Step>, Failure> {
    let Trace { path, backup, mode, .. } = trace;
    let unreadable = |path: &Path, why| TaskrcError::Unreadable { path: path.into(), why };
    let Some(now) = read(path).map_err(|why| unreadable(path, why))? else {
        return Ok(None);
    };
    let before = match backup {
        Some(backup) => Some(fs_err::read(backup).map(Zeroizing::new).map_err(|why| unreadable(backup, why))?),
        None => None,
    };
    let how = if before.as_ref() == Some(&now) {
        // Only the permissions may differ, and private ones are no harm.
        return Ok(None);
    } else if trace.is_untouched(Some(&now)) {
        before.map_or(How::Remove, |bytes| How::Restore { bytes, mode: *mode })
    } else {
        match remove_block(&now).map_err(|why| TaskrcError::Markers { path: path.clone(), why })? {
            Some(bytes) => How::TakeBlockOut { bytes },
            None => return Ok(None),
        }
    };
    Ok(Some(Step { path: path.clone(), how, now }))
}

fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

fn forget(entry: &Path) -> Result<(), RecordError> {
    fs_err::remove_file(entry).map_err(|why| RecordError::new(entry, why))
}
