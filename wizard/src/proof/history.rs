//! What is remembered of how tasks became what they are: the changes that a computer or an account knows of, in their order.
//!
//! Neither side knows all: a computer that started from a snapshot has nothing from before it, and an account whose old versions
//! were pruned neither. What is not remembered is never guessed here; [`crate::repair::unite`] says what it means.

use std::collections::HashMap;

use taskchampion::Operation;
use taskchampion::chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::database::Tasks;

/// Changes, by task and attribute.
#[derive(Debug, Default)]
pub struct History(HashMap<Uuid, TaskHistory>);

/// Those of one task.
#[derive(Debug, Default)]
struct TaskHistory {
    attributes: HashMap<String, Vec<Edit>>,
    /// Whether it is remembered how it was made, and so everything since.
    has_beginning: bool,
    /// Whether it was purged last, and if so, whether that was sent already.
    purged: Option<Sent>,
}

/// One change of one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What it became; `None` = the attribute went.
    pub value: Option<String>,
    /// What it was, if that is remembered: only the computer where it was changed does.
    pub before: Option<String>,
    /// When, by the clock of that computer.
    pub at: DateTime<Utc>,
    /// Whether it was sent, or came from elsewhere.
    pub sent: Sent,
}

/// Whether a change is one that others may know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was sent, or came from elsewhere.
    Yes,
    /// It waits.
    No,
}

impl Edit {
    /// Whether it is the same one, as the other side has it. Times are of a nanosecond, so they name a change.
    fn is(&self, other: &Self) -> bool {
        self.at == other.at && self.value == other.value
    }
}

impl History {
    /// Adds the next change.
    pub fn note(&mut self, operation: &Operation, sent: Sent) {
        match operation {
            Operation::Create { uuid } => {
                let task = self.0.entry(*uuid).or_default();
                (task.has_beginning, task.purged) = (true, None);
            }
            Operation::Delete { uuid, .. } => self.0.entry(*uuid).or_default().purged = Some(sent),
            Operation::Update { uuid, property, old_value, value, timestamp } => {
                let edit = Edit { value: value.clone(), before: old_value.clone(), at: *timestamp, sent };
                self.0.entry(*uuid).or_default().attributes.entry(property.clone()).or_default().push(edit);
            }
            Operation::UndoPoint => {}
        }
    }

    /// Adds the next change that an account has. What it has of a task from before the task was made is of no task that is there: of
    /// an earlier one, or it was sent after the account was lost, by somebody who took the task for known.
    pub fn note_in_account(&mut self, operation: &Operation) {
        if let Operation::Create { uuid } = operation
            && let Some(task) = self.0.get_mut(uuid)
            && (task.purged.is_some() || !task.has_beginning)
        {
            task.attributes.clear();
        }
        self.note(operation, Sent::Yes);
    }

    /// All attributes of which a change is remembered.
    pub fn attributes_of(&self, task: Uuid) -> impl Iterator<Item = &String> {
        self.0.get(&task).into_iter().flat_map(|history| history.attributes.keys())
    }

    /// The change that made the attribute what it is, if it is remembered.
    pub fn last(&self, task: Uuid, attribute: &str) -> Option<&Edit> {
        self.edits(task, attribute).last()
    }

    /// Whether this change is remembered here.
    pub fn knows(&self, task: Uuid, attribute: &str, edit: &Edit) -> bool {
        self.edits(task, attribute).iter().any(|known| known.is(edit))
    }

    /// Whether the attribute is remembered to have had this value.
    pub fn had(&self, task: Uuid, attribute: &str, value: Option<&String>) -> bool {
        self.edits(task, attribute).iter().any(|edit| edit.value.as_ref() == value || edit.before.as_ref() == value)
    }

    /// What the attribute was before the changes that were not sent; `None` = there are none. Inside, `None` = it was not
    /// set.
    pub fn before_unsent(&self, task: Uuid, attribute: &str) -> Option<Option<&String>> {
        let first = self.edits(task, attribute).iter().find(|edit| edit.sent == Sent::No)?;
        Some(first.before.as_ref())
    }

    /// Whether the task is remembered from its beginning.
    pub fn has_beginning_of(&self, task: Uuid) -> bool {
        self.0.get(&task).is_some_and(|history| history.has_beginning)
    }

    /// Whether the task was purged last.
    pub fn purged(&self, task: Uuid) -> Option<Sent> {
        self.0.get(&task).and_then(|history| history.purged)
    }

    /// Whether every change of the task is remembered by `other`, too.
    pub fn is_known_to(&self, other: &Self, task: Uuid) -> bool {
        let Some(history) = self.0.get(&task) else {
            return true;
        };
        history.attributes.iter().all(|(attribute, edits)| edits.iter().all(|edit| other.knows(task, attribute, edit)))
    }

    /// Changes that `other` does not remember, of tasks that are in `tasks`, in the order in which they were made.
    pub fn news_for(&self, other: &Self, tasks: &Tasks) -> Vec<Operation> {
        let mut news = Vec::new();
        for (task, history) in self.0.iter().filter(|(task, _)| tasks.contains_key(*task)) {
            for (attribute, edits) in &history.attributes {
                let unknown = edits.iter().filter(|edit| !other.knows(*task, attribute, edit));
                news.extend(unknown.map(|edit| (edit.at, *task, attribute, edit)));
            }
        }
        news.sort_by_key(|(at, task, attribute, _)| (*at, *task, *attribute));
        let operation = |(at, uuid, property, edit): (DateTime<Utc>, Uuid, &String, &Edit)| Operation::Update {
            uuid,
            property: property.clone(),
            old_value: edit.before.clone(),
            value: edit.value.clone(),
            timestamp: at,
        };
        news.into_iter().map(operation).collect()
    }

    fn edits(&self, task: Uuid, attribute: &str) -> &[Edit] {
        self.0.get(&task).and_then(|history| history.attributes.get(attribute)).map_or(&[], Vec::as_slice)
    }
}
