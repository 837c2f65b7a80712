//! `taskferry export`: everything from the server. Unsealed here, as `task import` takes it ([`mod@format`]); or sealed as it is, for
//! another server ([`sealed`]).
//!
//! Taskwarrior's database is not looked at: this is for the day on which it is gone.

pub mod format;
pub mod sealed;

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use taskferry_protocol::VersionId;

use super::share::ShareError;
use crate::cli;
use crate::error::{Explain, Failure};
use crate::files::{OWNER_ONLY, sync_folder};
use crate::flow::computer::Computer;
use crate::flow::{Run, Stopped, tasks};
use crate::proof::ProofError;
use crate::proof::rebuild::{RebuildError, Start, rebuild};

/// The file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is one already, and it may be somebody's only copy.
    #[error("`{}` is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The operating system said no. What was written of it is gone again.
    #[error("could not write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// The server has nothing of this account.
    #[error("the account is empty: nothing was sent to it yet")]
    Empty,
    /// Neither a beginning nor a snapshot, or it changed meanwhile.
    #[error("the server holds only a part of the account's history")]
    Incomplete,
}

impl Explain for ExportError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Exists { .. } => "name another file, or move that one away".into(),
            Self::Write { .. } => "make room or mend the permissions, then run the same command again".into(),
            Self::Empty => "run `task sync` on a computer that has tasks, then the same command again".into(),
            Self::Incomplete => "run `taskferry doctor` to find out why".into(),
        })
    }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Export) -> Result<(), Failure> {
    let computer = Computer::look(run)?;
    let account = computer.account.as_ref().ok_or(ShareError::NotSetUp)?;
    let target = args.file.as_ref().filter(|file| file.as_os_str() != "-").map(|file| run.context.cwd().join(file));
    if args.sealed {
        // Clap sees to it that there is a file.
        let path = target.ok_or(Stopped::MissingAnswer {
            question: "an encrypted backup needs a file to go to",
            instead: "name it: `taskferry export --sealed FILE`",
        })?;
        return sealed::run(run, account, &path);
    }
    // Before minutes are spent on the rest.
    let new = target.as_deref().map(NewFile::create).transpose()?;
    run.terminal.say(&format!("fetching the account from `{}` …", account.server));
    let server = run.server(account.server.clone())?;
    let there = match rebuild(server, account, Start::Snapshot, VersionId::NIL) {
        Err(RebuildError::Incomplete) => return Err(ExportError::Incomplete.into()),
        there => there.map_err(ProofError::from)?,
    };
    let types = format::Types::of(&computer.taskwarrior, &there.tasks)?;
    let count = tasks(there.tasks.len().try_into().unwrap_or(u64::MAX));
    let print = |to: &mut dyn Write| format::write(to, &there.tasks, &types, args.json_lines);
    if let Some(new) = new {
        let path = new.path.clone();
        new.write(print)?;
        run.terminal.say(&format!(
            "{count} written to `{0}`, which only you can read; `task import {0}` takes them",
            run.context.short(&path)
        ));
    } else {
        let mut text = Vec::new();
        print(&mut text).map_err(Stopped::Output)?;
        run.data(&String::from_utf8_lossy(&text))?;
        run.terminal.say(&format!("{count}; `task import` takes them"));
    }
    Ok(())
}

/// A file that was not there before, which only its owner can read; gone again unless it gets whole.
pub(super) struct NewFile {
    path: PathBuf,
    file: Option<std::fs::File>,
}

impl NewFile {
    fn create(path: &Path) -> Result<Self, ExportError> {
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(OWNER_ONLY).open(path) {
            Ok(file) => Ok(Self { path: path.into(), file: Some(file) }),
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Err(ExportError::Exists { path: path.into() }),
            Err(why) => Err(ExportError::Write { path: path.into(), why }),
        }
    }

    /// Writes it, to the disk.
    fn write(mut self, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), ExportError> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let write = || {
            let mut buffered = BufWriter::new(&file);
            content(&mut buffered)?;
            buffered.flush()?;
            drop(buffered);
            file.sync_all()?;
            sync_folder(self.path.parent().unwrap_or(Path::new("/")))
        };
        write().map_err(|why| {
            let _ = std::fs::remove_file(&self.path);
            ExportError::Write { path: self.path.clone(), why }
        })
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Still there: it was never filled.
        if self.file.is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
