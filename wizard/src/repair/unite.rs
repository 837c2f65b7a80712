//! Puts a computer and an account together whose histories have parted: every task of either, and of each attribute the change
//! that was made last.
//!
//! Where both remember a change, it decides: if one side knows the other's last change of an attribute, its own came after
//! that, whatever the clocks said; else the later one stays, and of two of one moment the account's, as Taskwarrior does it.
//! Where a side does not remember, the task's `modified` tells which state came out of which. Where even that says
//! nothing, the account's value stays, since it may be somebody's newer one.
//!
//! What follows is sent with the times at which it was made. So several computers that are all ahead of a server may be
//! repaired in any order: the last one adds nothing that the first one would have decided differently.

use std::collections::BTreeSet;

use taskchampion::Operation;
use taskchampion::chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::database::{Attributes, Tasks};
use crate::proof::history::{Edit, History, Sent};

/// Tasks, and what is remembered of how they became so.
#[derive(Debug, Default)]
pub struct Side {
    /// The tasks.
    pub tasks: Tasks,
    /// The changes.
    pub history: History,
}

/// Both together.
#[derive(Debug, Default, PartialEq)]
pub struct Union {
    /// All tasks.
    pub tasks: Tasks,
    /// What leads from the account's tasks to all of them, with the times at which it was made.
    pub edits: Vec<Operation>,
    /// Tasks that only the computer had.
    pub only_here: BTreeSet<Uuid>,
    /// Tasks of both, of which the computer has something newer.
    pub newer_here: BTreeSet<Uuid>,
    /// Tasks that only the account had.
    pub only_there: BTreeSet<Uuid>,
    /// Tasks of both, of which the account has something newer.
    pub newer_there: BTreeSet<Uuid>,
    /// Tasks that were purged on one of the two after the other had last changed them.
    pub purged: BTreeSet<Uuid>,
}

/// Puts the two together.
pub fn unite(here: &Side, there: &Side) -> Union {
    let mut union = Union { tasks: there.tasks.clone(), ..Union::default() };
    for (id, mine) in &here.tasks {
        match there.tasks.get(id) {
            Some(theirs) if theirs == mine => {}
            Some(theirs) => union.merge(*id, (here, mine), (there, theirs)),
            None if there.history.purged(*id).is_some() && here.history.is_known_to(&there.history, *id) => {
                union.purged.insert(*id);
            }
            None => union.bring(*id, (here, mine), there),
        }
    }
    for (id, theirs) in there.tasks.iter().filter(|(id, _)| !here.tasks.contains_key(id)) {
        if here.history.purged(*id) == Some(Sent::No) {
            union.purge(*id, theirs);
        } else {
            union.only_there.insert(*id);
        }
    }
    union
}

impl Union {
    /// What the account remembers and this computer does not: changes that what is here has replaced since, and those that made the
    /// tasks what they are.
    pub fn news(&self, here: &History, there: &Side) -> [Vec<Operation>; 2] {
        let value = |tasks: &Tasks, id: &Uuid, attribute: &str| tasks.get(id)?.get(attribute).cloned();
        let stayed = |operation: &Operation| {
            matches!(operation, Operation::Update { uuid, property, .. }
                if value(&self.tasks, uuid, property) == value(&there.tasks, uuid, property))
        };
        let (present, past) = there.history.news_for(here, &self.tasks).into_iter().partition(stayed);
        [past, present]
    }
}

/// Whose value of an attribute stays.
enum Stays {
    /// The computer's, changed at this time.
    Here(DateTime<Utc>),
    /// The account's.
    There,
}

impl Union {
    fn merge(&mut self, id: Uuid, (here, mine): (&Side, &Attributes), (there, theirs): (&Side, &Attributes)) {
        let attributes: BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
        let mut edits = Vec::new();
        for attribute in attributes {
            let (mine, theirs) = (Of::new(id, attribute, here, mine), Of::new(id, attribute, there, theirs));
            if mine.value == theirs.value {
                continue;
            }
            match which_stays(&mine, &theirs) {
                Stays::Here(at) => edits.push(update(id, attribute, mine.value, theirs.value, at)),
                Stays::There => {
                    self.newer_there.insert(id);
                }
            }
        }
        if !edits.is_empty() {
            self.newer_here.insert(id);
            self.add(id, edits);
        }
    }

    fn bring(&mut self, id: Uuid, (here, mine): (&Side, &Attributes), there: &Side) {
        self.only_here.insert(id);
        self.tasks.insert(id, Attributes::new());
        self.edits.push(Operation::Create { uuid: id });
        // An account that was lost may have got changes of a task that it has not: they had no effect, and are somebody's all
        // the same.
        let is_purged = there.history.purged(id).is_some();
        let waiting = there.history.attributes_of(id).filter(|_| !is_purged);
        let attributes: BTreeSet<&String> = mine.keys().chain(waiting).collect();
        let edits = attributes.into_iter().filter_map(|attribute| {
            let of = Of::new(id, attribute, here, mine);
            let theirs = there.history.last(id, attribute).filter(|edit| !is_purged && of.is_older_than(edit));
            let (value, at) = theirs.map_or_else(|| (of.value, of.changed_at()), |edit| (edit.value.as_ref(), edit.at));
            Some(update(id, attribute, Some(value?), None, at))
        });
        self.add(id, edits.collect());
    }

    fn purge(&mut self, id: Uuid, theirs: &Attributes) {
        self.purged.insert(id);
        self.tasks.remove(&id);
        let old_task = theirs.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        self.edits.push(Operation::Delete { uuid: id, old_task });
    }

    /// In the order in which they were made.
    fn add(&mut self, id: Uuid, mut edits: Vec<Operation>) {
        edits.sort_by_key(|edit| match edit {
            Operation::Update { timestamp, .. } => Some(*timestamp),
            _ => None,
        });
        let task = self.tasks.entry(id).or_default();
        for edit in &edits {
            if let Operation::Update { property, value, .. } = edit {
                match value {
                    Some(value) => task.insert(property.clone(), value.clone()),
                    None => task.remove(property),
                };
            }
        }
        self.edits.append(&mut edits);
    }
}

fn update(
    uuid: Uuid,
    property: &str,
    value: Option<&String>,
    old_value: Option<&String>,
    timestamp: DateTime<Utc>,
) -> Operation {
    Operation::Update {
        uuid,
        property: property.into(),
        old_value: old_value.cloned(),
        value: value.cloned(),
        timestamp,
    }
}

/// One attribute of one task on one side.
struct Of<'a> {
    id: Uuid,
    attribute: &'a str,
    value: Option<&'a String>,
    /// The change that made it so, if it is remembered.
    last: Option<&'a Edit>,
    task: &'a Attributes,
    history: &'a History,
}

impl<'a> Of<'a> {
    fn new(id: Uuid, attribute: &'a str, side: &'a Side, task: &'a Attributes) -> Self {
        let value = task.get(attribute);
        // A snapshot may say something else than the versions before it: then they don't tell how it became so.
        let last = side.history.last(id, attribute).filter(|edit| edit.value.as_ref() == value);
        Self { id, attribute, value, last, task, history: &side.history }
    }

    /// When the task as a whole was changed last.
    fn modified(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.task.get("modified")?.parse().ok()?, 0)
    }

    /// When it was changed; where nobody remembers, the latest moment at which it can have been.
    fn changed_at(&self) -> DateTime<Utc> {
        let entry = || DateTime::from_timestamp(self.task.get("entry")?.parse().ok()?, 0);
        self.last.map(|edit| edit.at).or_else(|| self.modified()).or_else(entry).unwrap_or_default()
    }

    /// Whether it knows this change of the same attribute.
    fn knows(&self, edit: &Edit) -> bool {
        self.history.knows(self.id, self.attribute, edit)
    }

    /// Whether this change of the same attribute came later, and it does not know it.
    fn is_older_than(&self, edit: &Edit) -> bool {
        let never_had_it = self.value.is_none() && self.history.last(self.id, self.attribute).is_none();
        !self.knows(edit) && (never_had_it || edit.at > self.changed_at())
    }

    /// Whether it remembers the task from its beginning, and never any value of the attribute.
    fn never_had_it(&self) -> bool {
        // A snapshot may have what no version brought.
        self.value.is_none()
            && self.history.has_beginning_of(self.id)
            && self.history.last(self.id, self.attribute).is_none()
    }

    /// Whether it knows the other side's state of the task as an earlier one of its own.
    fn came_out_of(&self, other: &Self) -> bool {
        let modified = other.task.get("modified");
        modified.is_some() && modified != self.task.get("modified") && self.history.had(self.id, "modified", modified)
    }
}

fn which_stays(mine: &Of<'_>, theirs: &Of<'_>) -> Stays {
    let here = Stays::Here(mine.changed_at());
    match (mine.last, theirs.last) {
        (Some(_), Some(theirs)) if mine.knows(theirs) => here,
        (Some(last), _) if theirs.knows(last) => Stays::There,
        (Some(mine), Some(theirs)) => {
            if mine.at > theirs.at {
                here
            } else {
                Stays::There
            }
        }
        // Of a task that arrived in part, what did not arrive: no newer value can be hidden there.
        _ if theirs.never_had_it() => here,
        _ if mine.never_had_it() => Stays::There,
        _ if theirs.came_out_of(mine) => Stays::There,
        _ if mine.came_out_of(theirs) => here,
        (Some(last), None) => {
            let is_later = theirs.modified().is_some_and(|modified| last.at.timestamp() >= modified.timestamp());
            // Nobody can have touched it meanwhile, or somebody came back to the same value.
            let is_on_top = mine.history.before_unsent(mine.id, mine.attribute) == Some(theirs.value);
            let is_all_that_is_known =
                theirs.modified().is_none() && mine.history.had(mine.id, mine.attribute, theirs.value);
            if is_later || is_on_top || is_all_that_is_known { here } else { Stays::There }
        }
        (None, Some(last)) => {
            if mine.modified().is_some_and(|modified| modified.timestamp() > last.at.timestamp()) {
                here
            } else {
                Stays::There
            }
        }
        (None, None) => {
            if mine.modified() > theirs.modified() {
                here
            } else {
                Stays::There
            }
        }
    }
}

#[cfg(test)]
mod tests;
