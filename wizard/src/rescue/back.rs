//! The way back: the tasks get the place in the history again from which a move, a join or a repair took them. What was changed
//! since comes along, and waits to be sent.

use std::path::PathBuf;

use taskchampion::Operation;
use uuid::Uuid;

use super::edits;
use super::fresh::{Fresh, FreshError};
use super::hold::{HoldError, Holder};
use super::whole::{Mark, Whole};
use crate::context::Context;
use crate::database::{Database, DatabaseError};
use crate::error::Explain;
use crate::taskrc::record::DatabaseTrace;

/// What would be done.
pub struct Back {
    database: Database,
    kept: Database,
    now: Mark,
    since: Vec<Operation>,
}

/// Why it was not done. The tasks are as they were.
#[derive(Debug, thiserror::Error)]
pub enum BackError {
    /// The present or the former tasks.
    #[error(transparent)]
    Read(#[from] DatabaseError),
    /// The former ones could not be prepared.
    #[error(transparent)]
    Fresh(#[from] FreshError),
    /// The present ones could not be changed.
    #[error(transparent)]
    Hold(#[from] HoldError),
}

impl Explain for BackError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Read(why) => why.hint(),
            Self::Fresh(why) => why.hint(),
            Self::Hold(why) => why.hint(),
        }
    }
}

impl Back {
    /// Looks what there is to take back; `None` = the tasks stand where they stood. Changes nothing.
    pub fn plan(trace: DatabaseTrace) -> Result<Option<Self>, BackError> {
        let DatabaseTrace { folder, kept, after } = trace;
        let (database, kept) = (Database::in_folder(&folder), Database::in_folder(&kept));
        if !database.exists() || !kept.exists() {
            return Ok(None);
        }
        let (before, now) = (kept.whole()?, database.whole()?);
        if before.content.base == now.content.base {
            return Ok(None);
        }
        let after = after.map_or_else(|| kept.clone(), |folder| Database::in_folder(&folder)).content()?;
        let since = edits::between(&after.tasks, &now.content.tasks, &now.edited);
        let since = on_top_of(&before, since);
        Ok(Some(Self { database, kept, now: now.mark, since }))
    }

    /// How many tasks were changed since.
    pub fn changed_since(&self) -> u64 {
        let tasks: std::collections::BTreeSet<_> = self.since.iter().filter_map(Operation::get_uuid).collect();
        tasks.len().try_into().unwrap_or(u64::MAX)
    }

    /// Does it. The folder with a copy of what was there.
    pub fn apply(self, context: &Context) -> Result<PathBuf, BackError> {
        let fresh = Fresh::copy_of(context, &self.kept, self.since)?;
        let mut holder = Holder::open(&self.database)?;
        let held = holder.hold(context, self.now)?;
        let kept = held.kept().to_owned();
        held.becomes(&fresh.database())?;
        Ok(kept)
    }
}

/// Those changes that make sense there: of tasks that are there, or that were made since.
fn on_top_of(before: &Whole, since: Vec<Operation>) -> Vec<Operation> {
    let made = |operation: &Operation| match operation {
        Operation::Create { uuid } => Some(*uuid),
        _ => None,
    };
    let made: std::collections::BTreeSet<Uuid> = since.iter().filter_map(made).collect();
    let there = |id: &Uuid| before.content.tasks.contains_key(id);
    since
        .into_iter()
        .filter(|operation| match operation {
            Operation::Create { uuid } => !there(uuid),
            Operation::Delete { uuid, .. } => there(uuid),
            Operation::Update { uuid, .. } => there(uuid) || made.contains(uuid),
            Operation::UndoPoint => false,
        })
        .collect()
}
