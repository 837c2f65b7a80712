//! The changes that lead from one set of tasks to another, as Taskwarrior writes them down. Doing them, or sending them, is left to
//! others.

use taskchampion::Operation;

use super::whole::Edited;
use crate::database::{Attributes, Tasks};

/// What has to happen to `from` to become `to`. Each change has the time at which the attribute got its value, as far as it
/// is known: where another computer has changed the same attribute, the later change stays.
pub fn between(from: &Tasks, to: &Tasks, edited: &Edited) -> Vec<Operation> {
    let nothing = Attributes::new();
    let mut operations = Vec::new();
    for (id, after) in to {
        let before = from.get(id);
        if before.is_none() {
            operations.push(Operation::Create { uuid: *id });
        }
        let before = before.unwrap_or(&nothing);
        let changed = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
        let changed = changed.map(|(name, value)| (name, Some(value)));
        let removed = before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name, None));
        operations.extend(changed.chain(removed).map(|(name, value)| Operation::Update {
            uuid: *id,
            property: name.clone(),
            old_value: before.get(name).cloned(),
            value: value.cloned(),
            timestamp: edited.at_the_latest(*id, name, after),
        }));
    }
    let gone = from.iter().filter(|(id, _)| !to.contains_key(*id));
    operations.extend(gone.map(|(id, task)| Operation::Delete {
        uuid: *id,
        old_task: task.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    }));
    operations
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use taskchampion::storage::inmemory::InMemoryStorage;
    use taskchampion::{Replica, chrono};
    use uuid::Uuid;

    use super::*;

    fn tasks() -> impl Strategy<Value = Tasks> {
        let attributes = prop::collection::btree_map("[a-d]", "[x-z]{0,2}", 0..4);
        let ids = (0..6_u128).prop_map(Uuid::from_u128);
        prop::collection::btree_map(ids, attributes, 0..6)
    }

    /// What Taskwarrior's engine makes of it.
    fn after(first: Vec<Operation>, then: Vec<Operation>) -> Tasks {
        let mut replica = Replica::new(InMemoryStorage::new());
        for operations in [first, then] {
            pollster::block_on(replica.commit_operations(operations)).unwrap();
        }
        let tasks = pollster::block_on(replica.all_task_data()).unwrap();
        let attributes = |task: &taskchampion::TaskData| task.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        tasks.iter().map(|(id, task)| (*id, attributes(task))).collect()
    }

    proptest! {
        #[test]
        fn they_lead_from_the_one_to_the_other(from in tasks(), to in tasks()) {
            let nothing = Edited::default();
            let made = between(&Tasks::new(), &from, &nothing);
            prop_assert_eq!(&after(made.clone(), between(&from, &to, &nothing)), &to);
            prop_assert!(between(&to, &to, &nothing).is_empty());
        }
    }

    #[test]
    fn a_change_has_the_time_that_is_remembered_else_the_one_of_its_task() {
        let id = Uuid::from_u128(1);
        let task: Attributes = [("description", "milk"), ("project", "home"), ("modified", "200")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let mut edited = Edited::default();
        edited.note(&Operation::Update {
            uuid: id,
            property: "project".into(),
            old_value: None,
            value: Some("home".into()),
            timestamp: chrono::DateTime::from_timestamp(100, 0).unwrap(),
        });
        let times: Vec<_> = between(&Tasks::new(), &[(id, task)].into(), &edited)
            .into_iter()
            .filter_map(|operation| match operation {
                Operation::Update { property, timestamp, .. } => Some((property, timestamp.timestamp())),
                _ => None,
            })
            .collect();
        assert_eq!(times, [("description".into(), 200), ("modified".into(), 200), ("project".into(), 100)]);
    }
}
