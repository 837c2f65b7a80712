//! Everything that is in Taskwarrior's database at one moment. Only reads; see [`crate::database`], which tells how far a computer
//! is without carrying it all.

use std::collections::HashMap;

use rusqlite::Transaction;
use taskchampion::Operation;
use taskchampion::chrono::{DateTime, Utc};
use taskferry_protocol::VersionId;
use uuid::Uuid;

use crate::database::{Attributes, Content, Database, DatabaseError, Why, base, content, id, not_sent};
use crate::proof::history::{History, Sent};

/// See the module.
pub struct Whole {
    /// The tasks, and which of them have changes that were not sent yet.
    pub content: Content,
    /// Tells later whether anything happened since.
    pub mark: Mark,
    /// Changes that were not sent yet, in their order.
    pub waiting: Vec<Operation>,
    /// The tasks by the numbers under which people see them, from number 1 on.
    pub numbers: Vec<Option<Uuid>>,
    /// When attributes were changed.
    pub edited: Edited,
    /// How the tasks became what they are, as far as that is remembered.
    pub history: History,
}

/// A state of a database. Every change of a task, every undo and every sync makes another one of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    base: VersionId,
    last_operation: Option<i64>,
    operations: u64,
    waiting: u64,
}

/// When each attribute was last changed, as far as Taskwarrior remembers: it keeps what was sent since 3.3, and begins anew
/// where a computer started from a snapshot.
#[derive(Debug, Default)]
pub struct Edited(HashMap<Uuid, HashMap<String, DateTime<Utc>>>);

impl Edited {
    /// Notes one change; later ones take the place of earlier ones.
    pub fn note(&mut self, operation: &Operation) {
        if let Operation::Update { uuid, property, timestamp, .. } = operation {
            self.0.entry(*uuid).or_default().insert(property.clone(), *timestamp);
        }
    }

    /// When it is remembered to have been changed.
    pub fn at(&self, task: Uuid, attribute: &str) -> Option<DateTime<Utc>> {
        self.0.get(&task)?.get(attribute).copied()
    }

    /// The same, else the latest moment at which it can have been: when the task was modified. Times decide which of two
    /// changes of one attribute stays, so one that is too late could take the place of another computer's newer change.
    pub fn at_the_latest(&self, id: Uuid, attribute: &str, task: &Attributes) -> DateTime<Utc> {
        let stored = |key: &str| task.get(key).and_then(|seconds| seconds.parse().ok());
        let modified = || DateTime::from_timestamp(stored("modified").or_else(|| stored("entry"))?, 0);
        self.at(id, attribute).or_else(modified).unwrap_or_default()
    }
}

impl Database {
    /// Everything, of one moment.
    pub fn whole(&self) -> Result<Whole, DatabaseError> {
        self.read(|at| {
            let (content, mark) = (content(at)?, mark(at)?);
            let (mut waiting, mut edited, mut history) = (Vec::new(), Edited::default(), History::default());
            let is_waiting = not_sent(at)?;
            let mut rows = at.prepare(&format!("SELECT data, {is_waiting} FROM operations ORDER BY id"))?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let operation: Operation = serde_json::from_str(&row.get::<_, String>(0)?)?;
                edited.note(&operation);
                let waits = row.get::<_, bool>(1)?;
                history.note(&operation, if waits { Sent::No } else { Sent::Yes });
                if waits && !operation.is_undo_point() {
                    waiting.push(operation);
                }
            }
            Ok(Whole { content, mark, waiting, numbers: numbers(at)?, edited, history })
        })
    }
}

/// The present mark.
pub(super) fn mark(at: &Transaction<'_>) -> Result<Mark, Why> {
    let waiting = not_sent(at)?;
    let sql = format!("SELECT max(id), count(*), coalesce(sum({waiting}), 0) FROM operations");
    let (last_operation, operations, waiting) =
        at.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(Mark { base: base(at)?, last_operation, operations, waiting })
}

/// From number 1 on.
fn numbers(at: &Transaction<'_>) -> Result<Vec<Option<Uuid>>, Why> {
    let mut numbers = Vec::new();
    let mut rows = at.prepare("SELECT id, uuid FROM working_set ORDER BY id")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let number: usize = row.get(0)?;
        // Gaps are numbers whose tasks were done meanwhile. One beyond all tasks would be no number of Taskwarrior's.
        if number == 0 || number > NUMBERS_MAX {
            continue;
        }
        numbers.resize(number.max(numbers.len()), None);
        numbers[number - 1] = match row.get_ref(1)? {
            rusqlite::types::ValueRef::Null => None,
            text => Some(id(text.as_str())?),
        };
    }
    Ok(numbers)
}

/// Numbers beyond are not kept: nobody types them.
const NUMBERS_MAX: usize = 1_000_000;
