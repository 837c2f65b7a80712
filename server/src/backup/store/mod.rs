//! Where backups are kept. A store knows files; which of them make a backup, and which go, is decided here for all stores.

#[cfg(feature = "s3")]
pub mod bucket;
pub mod destination;
pub mod folder;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use self::destination::Destination;
use super::manifest::{BackupName, Encryption, MANIFEST_BYTES_MAX, Manifest, ManifestError};
use super::retention::{self, Retention};
use crate::stop::Stop;

/// A file in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name, without a path.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// A place for files.
pub trait Store {
    /// All files directly in it, whoever put them there.
    fn files(&self) -> Result<Vec<StoredFile>, StoreError>;

    /// Keeps a copy of `file` under `name`: all of it, or nothing.
    fn put_file(&self, name: &str, file: &Path, stop: &Stop) -> Result<(), StoreError>;

    /// Keeps `content` under `name`: all of it, or nothing.
    fn put(&self, name: &str, content: &[u8]) -> Result<(), StoreError>;

    /// Writes out what is kept under `name`.
    fn get(&self, name: &str, into: &mut dyn Write, stop: &Stop) -> Result<(), StoreError>;

    /// Forgets what is kept under `name`, if there is something.
    fn remove(&self, name: &str) -> Result<(), StoreError>;
}

/// A store failed. Display says what was being done and where, `source` why.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing} `{place}`")]
pub struct StoreError {
    doing: &'static str,
    place: String,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// An error while `doing` ("write") something to `place`.
    pub fn new(
        doing: &'static str,
        place: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { doing, place: place.into(), cause: cause.into() }
    }
}

/// A backup that is kept somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: BackupName,
    /// How its file is encrypted.
    pub encryption: Option<Encryption>,
    /// Size of its file.
    pub bytes: u64,
}

/// A place with backups in it.
pub struct Shelf {
    destination: Destination,
    store: Box<dyn Store>,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Shelf").field(&self.destination).finish()
    }
}

impl Shelf {
    /// At `destination`, over its `store`.
    pub fn new(destination: Destination, store: Box<dyn Store>) -> Self {
        Self { destination, store }
    }

    /// Where it is.
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The whole backups, oldest first. One without a manifest was cut short, or is about to get it, and is none.
    pub fn backups(&self) -> Result<Vec<Kept>, StoreError> {
        Ok(self.entries()?.into_iter().filter(|(_, has_manifest)| *has_manifest).map(|(kept, _)| kept).collect())
    }

    fn entries(&self) -> Result<Vec<(Kept, bool)>, StoreError> {
        let mut found: BTreeMap<BackupName, (Option<Kept>, bool)> = BTreeMap::new();
        for file in self.store.files()? {
            let Some(name) = BackupName::of_file(&file.name) else { continue };
            let entry = found.entry(name.clone()).or_default();
            if file.name == name.manifest_file() {
                entry.1 = true;
            } else {
                let sealed = file.name == name.database_file(Some(Encryption::Age));
                entry.0 = Some(Kept { name, encryption: sealed.then_some(Encryption::Age), bytes: file.bytes });
            }
        }
        Ok(found.into_values().filter_map(|(kept, has_manifest)| Some((kept?, has_manifest))).collect())
    }

    /// What stands beside a backup.
    pub fn manifest(&self, name: &BackupName) -> Result<Result<Manifest, ManifestError>, StoreError> {
        let mut json = Bounded(Vec::new());
        self.store.get(&name.manifest_file(), &mut json, &Stop::default())?;
        Ok(Manifest::from_json(&json.0))
    }

    /// Puts a backup on the shelf. Interrupted anywhere, it is none.
    pub fn add(&self, name: &BackupName, file: &Path, manifest: &Manifest, stop: &Stop) -> Result<(), StoreError> {
        let kept_as = name.database_file(manifest.encryption);
        let added = self
            .store
            .put_file(&kept_as, file, stop)
            .and_then(|()| self.store.put(&name.manifest_file(), &manifest.to_json()));
        added.inspect_err(|_| drop(self.store.remove(&kept_as)))
    }

    /// Takes a backup off the shelf; its manifest first, so that half of it is none.
    pub fn remove(&self, kept: &Kept) -> Result<(), StoreError> {
        self.store.remove(&kept.name.manifest_file())?;
        self.store.remove(&kept.name.database_file(kept.encryption))
    }

    /// Removes the backups that have had their time, and what older ones that were cut short left behind. Returns the removed
    /// backups.
    pub fn prune(&self, retention: Retention) -> Result<Vec<Kept>, StoreError> {
        let expired = self.expired(retention)?;
        for kept in &expired {
            self.remove(kept)?;
        }
        let newest = self.backups()?.pop();
        for (kept, has_manifest) in self.entries()? {
            // A younger one may be on its way.
            if !has_manifest && newest.as_ref().is_some_and(|newest| kept.name < newest.name) {
                self.store.remove(&kept.name.database_file(kept.encryption))?;
            }
        }
        Ok(expired)
    }

    /// The backups that [`Shelf::prune`] would remove.
    pub fn expired(&self, retention: Retention) -> Result<Vec<Kept>, StoreError> {
        let mut backups = self.backups()?;
        let sizes: Vec<u64> = backups.iter().map(|kept| kept.bytes).collect();
        backups.truncate(retention::expired(&sizes, retention));
        Ok(backups)
    }

    /// Writes out a backup's file, as it is kept.
    pub fn fetch(&self, kept: &Kept, into: &mut dyn Write, stop: &Stop) -> Result<(), StoreError> {
        self.store.get(&kept.name.database_file(kept.encryption), into, stop)
    }
}

/// No store makes us keep more than a manifest can be.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + data.len() > MANIFEST_BYTES_MAX {
            return Err(std::io::Error::other("it is too long for a manifest"));
        }
        self.0.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::folder::Folder;
    use super::*;
    use crate::backup::manifest::tests::manifest;

    fn shelf(dir: &Path) -> Shelf {
        Shelf::new(Destination::Folder(dir.to_owned()), Box::new(Folder::new(dir.to_owned(), Some(0))))
    }

    fn name(n: u32) -> BackupName {
        format!("taskferry-20261123T0542{n:02}.000Z").parse().unwrap()
    }

    fn add(dir: &Path, n: u32) {
        let file = dir.join("made");
        fs_err::write(&file, "test").unwrap();
        shelf(dir).add(&name(n), &file, &manifest(), &Stop::default()).unwrap();
        fs_err::remove_file(file).unwrap();
    }

    fn names(dir: &Path) -> Vec<BackupName> {
        shelf(dir).backups().unwrap().into_iter().map(|kept| kept.name).collect()
    }

    #[test]
    fn the_newest_are_kept_and_what_was_cut_short_goes_with_the_oldest() {
        let dir = tempfile::tempdir().unwrap();
        for n in [1, 2, 4, 5] {
            add(dir.path(), n);
        }
        for n in [3, 6] {
            fs_err::write(dir.path().join(name(n).database_file(None)), "half").unwrap();
        }
        fs_err::write(dir.path().join("notes.txt"), "mine").unwrap();
        let removed = shelf(dir.path()).prune(Retention { keep: 2, max_bytes: None }).unwrap();
        assert_eq!(removed.into_iter().map(|kept| kept.name).collect::<Vec<_>>(), [name(1), name(2)]);
        assert_eq!(names(dir.path()), [name(4), name(5)]);
        assert!(!dir.path().join(name(3).database_file(None)).exists());
        assert!(dir.path().join(name(6).database_file(None)).exists(), "it may be on its way");
        assert!(dir.path().join("notes.txt").exists());
    }

    #[test]
    fn a_backup_without_its_manifest_is_none() {
        let dir = tempfile::tempdir().unwrap();
        add(dir.path(), 1);
        fs_err::remove_file(dir.path().join(name(1).manifest_file())).unwrap();
        assert_eq!(names(dir.path()), []);
    }

    #[test]
    fn a_manifest_of_any_length_takes_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        add(dir.path(), 1);
        fs_err::write(dir.path().join(name(1).manifest_file()), vec![b' '; 1_000_000]).unwrap();
        shelf(dir.path()).manifest(&name(1)).unwrap_err();
    }
}
