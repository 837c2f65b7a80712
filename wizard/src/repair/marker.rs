//! A change that changes nothing: what is sent where a version has to be, and nothing waits.

use taskchampion::Operation;
use uuid::Uuid;

use crate::rescue::whole::Whole;

/// A value that a task has, once more, with the time at which it got it. Without any task: one that comes and goes.
pub fn marker(whole: &Whole) -> Vec<Operation> {
    let mut values = whole.content.tasks.iter().flat_map(|(id, task)| task.iter().map(move |value| (*id, task, value)));
    if let Some((uuid, task, (property, value))) = values.next() {
        return vec![Operation::Update {
            uuid,
            property: property.clone(),
            old_value: Some(value.clone()),
            value: Some(value.clone()),
            timestamp: whole.edited.at_the_latest(uuid, property, task),
        }];
    }
    let uuid = Uuid::new_v4();
    vec![Operation::Create { uuid }, Operation::Delete { uuid, old_task: [].into() }]
}
