//! What is remembered from one run to the next, each in a small file of its own in our state folder: private, since it may hold
//! credentials, replaced whole, and of a bounded size. What stands in it is its owner's business.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::Explain;
use crate::files::{OWNER_ONLY, make_own, replace};

/// More than any of them has, in bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// Why a note can't be kept, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum BadNote {
    /// The operating system said no.
    #[error("could not use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// Not written by us, or damaged. What to do about it depends on what was in it.
    #[error("`{}` can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
    },
}

impl Explain for BadNote {
    fn hint(&self) -> Option<String> {
        match self {
            Self::File { .. } => Some("make room or mend the permissions, then run the same command again".into()),
            Self::Unreadable { .. } => None,
        }
    }
}

/// The file of one note.
#[derive(Debug)]
pub struct NoteFile {
    path: PathBuf,
}

impl NoteFile {
    /// The note of this name.
    pub fn of(context: &Context, name: &str) -> Self {
        Self { path: context.state_dir().join(name) }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a note in the place of the former one.
    pub fn keep(&self, note: &impl Serialize) -> Result<(), BadNote> {
        let keep = || {
            let text = Zeroizing::new(serde_json::to_vec(note)?);
            self.path.parent().map_or(Ok(()), make_own)?;
            replace(&self.path, &text, OWNER_ONLY)
        };
        keep().map_err(|why| self.bad(why))
    }

    /// What was kept; `None` = nothing is.
    pub fn find<T: DeserializeOwned>(&self) -> Result<Option<T>, BadNote> {
        let read = || {
            if std::fs::metadata(&self.path)?.len() > BYTES_MAX {
                return Err(io::Error::other("it is too long"));
            }
            std::fs::read(&self.path).map(Zeroizing::new)
        };
        match read() {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|_| self.unreadable()),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(self.bad(why)),
        }
    }

    /// Removes it; fine if there is none.
    pub fn forget(&self) -> Result<(), BadNote> {
        match fs_err::remove_file(&self.path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(self.bad(why)),
            _ => Ok(()),
        }
    }

    /// What stands in it makes no sense to whoever reads it.
    pub fn unreadable(&self) -> BadNote {
        BadNote::Unreadable { path: self.path.clone() }
    }

    fn bad(&self, why: io::Error) -> BadNote {
        BadNote::File { path: self.path.clone(), why }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::home;

    #[test]
    fn a_note_is_private_and_there_until_it_is_forgotten() {
        let (_home, context) = home();
        let file = NoteFile::of(&context, "note.json");
        assert_eq!(file.find::<String>().unwrap(), None);
        for note in ["first", "second"] {
            file.keep(&note).unwrap();
            assert_eq!(file.find().unwrap(), Some(note.to_owned()));
        }
        assert_eq!(std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        for _ in 0..2 {
            file.forget().unwrap();
            assert!(!file.path().exists());
        }
    }

    #[test]
    fn what_is_damaged_or_of_no_sensible_size_is_told() {
        let (_home, context) = home();
        let file = NoteFile::of(&context, "note.json");
        file.keep(&"note").unwrap();
        std::fs::write(file.path(), "{").unwrap();
        assert!(matches!(file.find::<String>(), Err(BadNote::Unreadable { .. })));
        let too_long = usize::try_from(BYTES_MAX).unwrap();
        std::fs::write(file.path(), format!("\"{}\"", "x".repeat(too_long))).unwrap();
        assert!(matches!(file.find::<String>(), Err(BadNote::File { .. })));
    }
}
