//! Data directories that exist for one run, on a disk that really has to sync.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use fs_err as fs;
use tempfile::TempDir;

/// `TMPFS_MAGIC` of Linux: a file system in memory.
const TMPFS: i64 = 0x0102_1994;

/// Where the data of this program's servers lies.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// In `dir`, or else beside the build's output.
    pub(crate) fn new(dir: Option<&Path>) -> Result<Self> {
        let dir = match dir {
            Some(dir) => dir.to_owned(),
            None => target_dir()?.join("bench-data"),
        };
        fs::create_dir_all(&dir)?;
        ensure!(
            !is_in_memory(&dir)?,
            "`{}` lies in memory, where syncing costs nothing; choose a disk with `--dir DIR`",
            dir.display()
        );
        Ok(Self(dir))
    }

    /// A new, empty directory. It is removed with its content when it is dropped.
    pub(crate) fn data_dir(&self) -> Result<TempDir> {
        tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(&self.0)
            .with_context(|| format!("could not create a directory in `{}`", self.0.display()))
    }
}

/// The directory that this program was built into: that of `target/release/taskferry-bench` is `target`.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let program = std::env::current_exe().context("could not find this program's own file")?;
    let dir = program.parent().and_then(Path::parent);
    Ok(dir.context("this program lies in no build directory")?.to_owned())
}

/// The sizes of all files in a directory, by name.
pub(crate) fn files(dir: &Path) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_file() {
            files.push((entry.file_name().to_string_lossy().into_owned(), metadata.len()));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(target_os = "linux")]
fn is_in_memory(dir: &Path) -> Result<bool> {
    let kind = rustix::fs::statfs(dir)?.f_type;
    #[expect(clippy::allow_attributes, reason = "the field's type differs between platforms")]
    #[allow(clippy::useless_conversion)]
    Ok(i64::try_from(kind).is_ok_and(|kind| kind == TMPFS))
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &Path) -> Result<bool> {
    Ok(false)
}
