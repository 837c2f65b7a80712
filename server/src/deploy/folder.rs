//! Writes the files, and overwrites nothing: what somebody edited since is theirs.

use std::path::{Path, PathBuf};

use fs_err as fs;

use super::File;

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is a file with another content.
    #[error("`{}` exists already and says something else; nothing was written", .path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// The system's reason.
    #[error("could not write into `{}`", .folder.display())]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        #[source]
        cause: std::io::Error,
    },
}

/// Writes `files` below `folder`, which is created if need be. Files that are there already with that very content are fine.
pub fn write(folder: &Path, files: &[File]) -> Result<(), FolderError> {
    let unwritable = |cause| FolderError::Unwritable { folder: folder.to_owned(), cause };
    let mut missing = Vec::new();
    for file in files {
        let path = folder.join(file.path);
        match fs::read(&path) {
            Ok(content) if content == file.text.as_bytes() => {}
            Ok(_) => return Err(FolderError::Taken { path }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => missing.push((path, &file.text)),
            Err(cause) => return Err(unwritable(cause)),
        }
    }
    for (path, text) in missing {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(unwritable)?;
        }
        fs::write(&path, text).map_err(unwritable)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<File> {
        vec![File { path: "sub/one", text: "first".to_owned() }, File { path: "two", text: "second".to_owned() }]
    }

    #[test]
    fn writing_twice_equals_writing_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        write(&folder, &files()).unwrap();
        write(&folder, &files()).unwrap();
        assert_eq!(fs::read_to_string(folder.join("sub/one")).unwrap(), "first");
    }

    #[test]
    fn an_edited_file_is_left_alone_and_so_is_everything_else() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("two"), "edited").unwrap();
        let error = write(dir.path(), &files()).unwrap_err();
        assert!(matches!(&error, FolderError::Taken { path } if path.ends_with("two")), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join("two")).unwrap(), "edited");
        assert!(!dir.path().join("sub").exists());
    }
}
