//! A new database beside the old one, written by Taskwarrior's own engine, so that it is what Taskwarrior would have made. Nothing
//! of the person's is touched; [`super::hold`] puts it in the old one's place.

use std::io;
use std::path::{Path, PathBuf};

use taskchampion::storage::{AccessMode, Storage as _};
use taskchampion::{Error, Operation, Replica, SqliteStorage};
use taskferry_protocol::VersionId;
use uuid::Uuid;

use super::keep::make_private;
use crate::context::Context;
use crate::database::{Database, Tasks};
use crate::error::Explain;

/// What the new database holds.
pub struct Contents<'a> {
    /// Tasks as the account has them.
    pub tasks: &'a Tasks,
    /// At which of the account's versions that is.
    pub base: VersionId,
    /// What this computer changes on top of that, and still has to send, in order. A change of a task that is not there is
    /// an error.
    pub waiting: Vec<Operation>,
    /// The numbers under which people have seen their tasks, from 1 on; those that are still to be done keep theirs.
    pub numbers: &'a [Option<Uuid>],
}

/// It could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FreshError {
    /// The place for it.
    #[error("could not make the folder `{}`", path.display())]
    Folder {
        /// The place.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// Taskwarrior's engine: a full disk, for example.
    #[error("could not write a new database for your tasks")]
    Engine(#[source] Error),
}

impl Explain for FreshError {
    fn hint(&self) -> Option<String> {
        Some("make room on the disk, then run the same command again; your tasks are as they were".into())
    }
}

/// A database in a folder that goes when this is dropped. One that a killed run left behind goes with the next.
pub struct Fresh {
    folder: PathBuf,
}

impl Fresh {
    /// Writes it. Only one run at a time may, see [`super::steps`].
    pub fn write(context: &Context, contents: Contents<'_>) -> Result<Self, FreshError> {
        let fresh = Self { folder: context.state_dir().join("fresh") };
        fresh.remove();
        let made = make_private(context, &fresh.folder);
        made.map_err(|why| FreshError::Folder { path: fresh.folder.clone(), why })?;
        pollster::block_on(write(&fresh.folder, contents)).map_err(FreshError::Engine)?;
        Ok(fresh)
    }

    /// Copies another one, and changes something on top.
    pub fn copy_of(context: &Context, database: &Database, changes: Vec<Operation>) -> Result<Self, FreshError> {
        let fresh = Self { folder: context.state_dir().join("fresh") };
        fresh.remove();
        let copied =
            make_private(context, &fresh.folder).and_then(|()| std::fs::copy(database.path(), fresh.database().path()));
        copied.map_err(|why| FreshError::Folder { path: fresh.folder.clone(), why })?;
        let change = async {
            let storage = SqliteStorage::new(&fresh.folder, AccessMode::ReadWrite, false).await?;
            Replica::new(storage).commit_operations(changes).await
        };
        pollster::block_on(change).map_err(FreshError::Engine)?;
        Ok(fresh)
    }

    /// The database.
    pub fn database(&self) -> Database {
        Database::in_folder(&self.folder)
    }

    fn remove(&self) {
        // What is left behind is a copy, in a folder that only its owner can enter.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.remove();
    }
}

async fn write(folder: &Path, contents: Contents<'_>) -> Result<(), Error> {
    let Contents { tasks, base, waiting, numbers } = contents;
    let mut storage = SqliteStorage::new(folder, AccessMode::ReadWrite, true).await?;
    {
        let mut at = storage.txn().await?;
        for (id, attributes) in tasks {
            at.set_task(*id, attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect()).await?;
        }
        if !base.is_nil() {
            at.set_base_version(base.as_uuid()).await?;
        }
        at.commit().await?;
    }
    let mut replica = Replica::new(storage);
    replica.commit_operations(waiting).await?;
    drop(replica);

    // The numbers last: changes give new numbers to what they make pending.
    let mut storage = SqliteStorage::new(folder, AccessMode::ReadWrite, false).await?;
    {
        let mut at = storage.txn().await?;
        at.clear_working_set().await?;
        for (number, id) in (1..).zip(numbers) {
            let Some(id) = id else { continue };
            let task = at.get_task(*id).await?;
            if task.is_some_and(|task| task.get("status").is_some_and(|status| has_number(status))) {
                at.set_working_set_item(number, Some(*id)).await?;
            }
        }
        at.commit().await?;
    }
    // The others get numbers behind those.
    Replica::new(storage).rebuild_working_set(false).await
}

/// Whether Taskwarrior numbers tasks of this status.
fn has_number(status: &str) -> bool {
    ["pending", "recurring"].contains(&status)
}

#[cfg(test)]
mod tests {
    use taskchampion::chrono;

    use super::*;
    use crate::database::Attributes;

    fn task(status: &str) -> Attributes {
        [("description", "milk"), ("status", status), ("odd.uda", "3.50 \u{2026}\n")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn it_holds_every_attribute_the_version_what_waits_and_the_numbers() {
        let home = tempfile::tempdir().unwrap();
        let context = Context::new([("HOME".into(), home.path().into())].into(), home.path().into(), false).unwrap();
        let tasks: Tasks =
            [(id(1), task("pending")), (id(2), task("completed")), (id(3), task("pending")), (id(4), task("pending"))]
                .into();
        let done = Operation::Update {
            uuid: id(3),
            property: "status".into(),
            old_value: Some("pending".into()),
            value: Some("completed".into()),
            timestamp: chrono::DateTime::from_timestamp(100, 0).unwrap(),
        };
        let base = VersionId::from_uuid(id(9));
        // Number 1 was somebody else's, 2 was free, 3 is done meanwhile.
        let numbers = [Some(id(8)), None, Some(id(3)), Some(id(4))];
        let contents = Contents { tasks: &tasks, base, waiting: vec![done.clone()], numbers: &numbers };
        let fresh = Fresh::write(&context, contents).unwrap();

        let whole = fresh.database().whole().unwrap();
        let expected: Tasks =
            tasks.into_iter().map(|(key, value)| (key, if key == id(3) { task("completed") } else { value })).collect();
        assert_eq!(whole.content.tasks, expected);
        assert_eq!((whole.content.base, whole.waiting), (base, vec![done]));
        assert_eq!(whole.numbers, [None, None, None, Some(id(4)), Some(id(1))]);

        let folder = fresh.folder.clone();
        drop(fresh);
        assert!(!folder.exists());
    }
}
