//! A computer with Taskwarrior's engine, the `taskchampion` crate, instead of Taskwarrior: the same sync code without the
//! program around it, fast enough for hundreds of histories.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use taskchampion::storage::AccessMode;
use taskchampion::storage::inmemory::InMemoryStorage;
use taskchampion::{Error, Operations, Server, ServerConfig, SqliteStorage, Tag, TaskData};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::server::SyncSettings;
use crate::tasks::{Task, TaskSet, task_set};

/// One device of one account. It lives on one thread; for several at once, make each on its own.
pub struct Replica {
    // Dropped in this order: the server's connections need the runtime.
    server: Box<dyn Server>,
    tasks: taskchampion::Replica<InMemoryStorage>,
    runtime: Runtime,
}

/// How a sync ended, still to be judged.
#[must_use = "judge it: `.good()` or `.fails_with(…)`"]
#[derive(Debug)]
pub struct Synced(Result<(), Error>);

impl Synced {
    /// It succeeded.
    #[track_caller]
    pub fn good(self) {
        if let Err(why) = self.0 {
            panic!("expected the sync to succeed: {why:?}");
        }
    }

    /// It failed, and said why.
    #[track_caller]
    pub fn fails_with(self, words: &str) {
        let said = self.0.map_err(|why| format!("{why:?}")).expect_err("a sync that fails");
        assert!(said.contains(words), "expected `{words}`: {said}");
    }
}

/// A task's attributes, all of them, as they are stored.
pub type Attributes = BTreeMap<String, String>;

impl Replica {
    /// A device without tasks, set up to sync.
    pub fn with(settings: &SyncSettings) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let server = connect(&runtime, settings);
        Self { server, tasks: taskchampion::Replica::new(InMemoryStorage::new()), runtime }
    }

    /// Goes on as Taskwarrior does with every sync: as a new process, with a connection of its own.
    pub fn restart(&mut self, settings: &SyncSettings) {
        self.server = connect(&self.runtime, settings);
    }

    /// Adds a task.
    pub fn add(&mut self, description: &str) -> Uuid {
        let uuid = Uuid::new_v4();
        self.create(uuid, description);
        uuid
    }

    /// Adds many tasks in one go.
    pub fn add_many(&mut self, descriptions: impl IntoIterator<Item = String>) {
        self.change(|ops| {
            for description in descriptions {
                pending_task(Uuid::new_v4(), &description, ops);
            }
        });
    }

    /// Adds a task that has this UUID, if it is not there yet.
    pub fn create(&mut self, uuid: Uuid, description: &str) {
        if self.find(uuid).is_none() {
            self.change(|ops| pending_task(uuid, description, ops));
        }
    }

    /// Sets one attribute of a task, if the task is there.
    pub fn set(&mut self, uuid: Uuid, attribute: &str, value: &str) {
        if let Some(mut task) = self.find(uuid) {
            self.change(|ops| task.update(attribute, Some(value.into()), ops));
        }
    }

    /// Marks a task as done.
    pub fn complete(&mut self, uuid: Uuid) {
        self.set(uuid, "status", "completed");
    }

    /// Marks a task as deleted.
    pub fn delete(&mut self, uuid: Uuid) {
        self.set(uuid, "status", "deleted");
    }

    /// Removes a task without a trace, if it is there.
    pub fn purge(&mut self, uuid: Uuid) {
        if let Some(mut task) = self.find(uuid) {
            self.change(|ops| task.delete(ops));
        }
    }

    /// Sends and receives changes.
    pub fn sync(&mut self) -> Synced {
        Synced(self.runtime.block_on(self.tasks.sync(&mut self.server, false)))
    }

    /// All tasks, as Taskwarrior would show them.
    pub fn tasks(&mut self) -> TaskSet {
        let tasks = self.runtime.block_on(self.tasks.all_tasks()).expect("the tasks in memory");
        task_set(tasks.into_values().map(|task| Task {
            uuid: task.get_uuid(),
            description: task.get_description().into(),
            status: task.get_value("status").unwrap_or("pending").into(),
            project: task.get_value("project").map(Into::into),
            tags: task.get_tags().filter(Tag::is_user).map(|tag| tag.to_string()).collect(),
        }))
    }

    /// All tasks with all of their attributes.
    pub fn rows(&mut self) -> BTreeMap<Uuid, Attributes> {
        let tasks = self.runtime.block_on(self.tasks.all_task_data()).expect("the tasks in memory");
        tasks
            .into_iter()
            .map(|(uuid, task)| (uuid, task.iter().map(|(key, value)| (key.clone(), value.clone())).collect()))
            .collect()
    }

    fn find(&mut self, uuid: Uuid) -> Option<TaskData> {
        self.runtime.block_on(self.tasks.get_task_data(uuid)).expect("the tasks in memory")
    }

    fn change(&mut self, make: impl FnOnce(&mut Operations)) {
        let mut operations = Operations::new();
        make(&mut operations);
        self.runtime.block_on(self.tasks.commit_operations(operations)).expect("a change in memory");
    }
}

fn connect(runtime: &Runtime, settings: &SyncSettings) -> Box<dyn Server> {
    let config = ServerConfig::Remote {
        url: settings.url.clone(),
        client_id: settings.client_id.expose(),
        encryption_secret: settings.secret.clone().into_bytes(),
    };
    runtime.block_on(config.into_server()).expect("usable settings")
}

/// Writes so many tasks into a computer's database, as Taskwarrior does: with the attributes that it gives to every task.
pub(crate) fn fill(database: &Path, count: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    fs::create_dir_all(database).expect("a folder for the tasks");
    let mut operations = Operations::new();
    for number in 0..count {
        let uuid = Uuid::new_v4();
        pending_task(uuid, &format!("task number {number}, one of many"), &mut operations);
        let mut task = TaskData::create(uuid, &mut Operations::new());
        for (attribute, value) in [("entry", "1700000000"), ("modified", "1700000000"), ("project", "moving house")] {
            task.update(attribute, Some(value.into()), &mut operations);
        }
    }
    runtime.block_on(async {
        let storage =
            SqliteStorage::new(database, AccessMode::ReadWrite, true).await.expect("a database for the tasks");
        taskchampion::Replica::new(storage).commit_operations(operations).await.expect("tasks written");
    });
}

fn pending_task(uuid: Uuid, description: &str, operations: &mut Operations) {
    let mut task = TaskData::create(uuid, operations);
    task.update("status", Some("pending".into()), operations);
    task.update("description", Some(description.into()), operations);
}
