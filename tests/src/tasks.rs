//! The tasks on a computer in a form that compares, whichever program they are on.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// What a person would call the same task.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Task {
    /// Identifies it on all computers.
    pub uuid: Uuid,
    /// Its text.
    pub description: String,
    /// `pending`, `completed`, `deleted` or `recurring`.
    pub status: String,
    /// Its project, if it has one.
    #[serde(default)]
    pub project: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeSet<String>,
}

/// All tasks of a computer, finished and deleted ones too.
pub type TaskSet = BTreeMap<Uuid, Task>;

/// Orders tasks by their UUID.
pub fn task_set(tasks: impl IntoIterator<Item = Task>) -> TaskSet {
    tasks.into_iter().map(|task| (task.uuid, task)).collect()
}

/// The descriptions of those that are still to be done, sorted.
pub fn to_do(tasks: &TaskSet) -> Vec<&str> {
    let mut open: Vec<&str> =
        tasks.values().filter(|task| task.status == "pending").map(|task| task.description.as_str()).collect();
    open.sort_unstable();
    open
}
