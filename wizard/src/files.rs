//! Files of this computer: how they get to the disk whole, and how those of ours stay private.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt};
use std::path::Path;

/// The mode of a file with a secret in it.
pub const OWNER_ONLY: u32 = 0o600;

/// Puts `bytes` at `path` in one step: whoever reads sees all of the old or all of the new, even after a power cut.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // In the same folder, so that the rename stays within one file system; made with mode 0600; gone if we fail.
    let mut new = tempfile::Builder::new().prefix(".taskferry-").tempfile_in(folder)?;
    new.write_all(bytes)?;
    new.as_file().set_permissions(PermissionsExt::from_mode(mode))?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    sync_folder(folder)
}

/// A rename lives in the folder, and the folder has to reach the disk too.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    fs_err::File::open(folder)?.sync_all()
}

/// The permissions of a file; of one that is not there, those that it gets.
pub fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).map_or(OWNER_ONLY, |metadata| metadata.permissions().mode() & 0o7777)
}

/// Makes a folder of ours, which git leaves alone: some people keep their whole home in a work tree, and push it. One that
/// was there before is somebody's decision, and stays as it is.
pub fn make_own(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs_err::write(folder.join(".gitignore"), "*\n")
}
