//! Backups in a folder: private files, each of them whole or not there.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{Store, StoreError, StoredFile};
use crate::backup::digest::pump;
use crate::backup::room::Room;
use crate::progress::Step;
use crate::stop::Stop;
use crate::storage::sqlite::directory::{create_private_dir, new_private_file, sync_directory};

/// What a file is called until it is whole.
pub const UNFINISHED: &str = ".unfinished";

/// A folder, created (mode 0700) with its first file.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// What stays free on its volume, if the operator said so.
    floor: Option<u64>,
}

impl Folder {
    /// At `path`, on a volume where [`Room`] leaves `floor`.
    pub const fn new(path: PathBuf, floor: Option<u64>) -> Self {
        Self { path, floor }
    }

    fn error(&self, doing: &'static str) -> impl Fn(io::Error) -> StoreError {
        move |cause| StoreError::new(doing, self.path.display().to_string(), cause)
    }

    /// Under another name until it is whole and synced.
    fn write(&self, name: &str, write: impl FnOnce(&mut std::fs::File) -> io::Result<()>) -> io::Result<()> {
        create_private_dir(&self.path)?;
        let unfinished = self.path.join(format!("{name}{UNFINISHED}"));
        let written = (|| {
            let mut file = new_private_file(&unfinished)?;
            write(&mut file)?;
            file.sync_all()?;
            fs::rename(&unfinished, self.path.join(name))?;
            sync_directory(&self.path)
        })();
        written.inspect_err(|_| drop(fs::remove_file(&unfinished)))
    }

    fn copy(&self, name: &str, file: &Path, stop: &Stop) -> io::Result<()> {
        create_private_dir(&self.path)?;
        // A backup is made on the volume where it is kept: then a second name for the same bytes is all.
        if fs::hard_link(file, self.path.join(name)).is_ok() {
            return sync_directory(&self.path);
        }
        let mut from = fs::File::open(file)?;
        let room = Room::on(&self.path, self.floor).bytes()?;
        if from.metadata()?.len() > room {
            let message = format!("only {} MB may be filled there", room / 1_000_000);
            return Err(io::Error::new(io::ErrorKind::StorageFull, message));
        }
        stop.begins(Step::of_bytes("copying it to another volume", from.metadata()?.len()));
        self.write(name, |to| pump(&mut from, to, stop).map(drop))
    }
}

impl Store for Folder {
    fn files(&self) -> Result<Vec<StoredFile>, StoreError> {
        let list = || -> io::Result<Vec<StoredFile>> {
            let mut files = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                let metadata = entry.metadata()?;
                if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                    files.push(StoredFile { name, bytes: metadata.len() });
                }
            }
            Ok(files)
        };
        match list() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(self.error("list the backups in")),
        }
    }

    fn put_file(&self, name: &str, file: &Path, stop: &Stop) -> Result<(), StoreError> {
        self.copy(name, file, stop).map_err(self.error("put a backup into"))
    }

    fn put(&self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        self.write(name, |file| file.write_all(content)).map_err(self.error("put a backup into"))
    }

    fn get(&self, name: &str, into: &mut dyn Write, stop: &Stop) -> Result<(), StoreError> {
        let read = fs::File::open(self.path.join(name)).and_then(|mut file| pump(&mut file, into, stop));
        read.map(drop).map_err(self.error("read a backup in"))
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(self.error("remove a backup from")),
        }
    }
}
