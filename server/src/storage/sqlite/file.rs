//! Where the database file lies.
//!
//! Usually in a directory of this machine. SQLite can also be given a file system of one's own (a VFS, found by its name), and
//! the reliability tests do so: one that fails, fills up and loses its power when they say so.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

/// A database file, and the file system it lies in. Every connection to it is made here.
#[derive(Debug, Clone)]
pub struct DatabaseFile {
    path: PathBuf,
    /// `None`: the system's.
    vfs: Option<String>,
}

impl DatabaseFile {
    /// A file in the file system that SQLite knows as `vfs`.
    #[cfg(test)]
    pub(super) fn on(vfs: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), vfs: Some(vfs.into()) }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A connection, with no settings yet.
    pub fn connect(&self, flags: OpenFlags) -> rusqlite::Result<Connection> {
        match &self.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(&self.path, flags, vfs.as_str()),
            None => Connection::open_with_flags(&self.path, flags),
        }
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for DatabaseFile {
    fn from(path: &P) -> Self {
        Self { path: path.as_ref().to_owned(), vfs: None }
    }
}
