//! Would two computers make the same instances of recurring tasks?

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::sync_settings::makes_recurring_tasks;

/// The setting `recurrence`, where there is something that recurs.
pub struct Recurrence;

impl Check for Recurrence {
    fn name(&self) -> &'static str {
        "recurrence"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        let recurs = world.stand().is_some_and(|stand| stand.is_ok_and(|stand| stand.has_recurring));
        if !recurs {
            return Ok(Finding::ok("no task recurs"));
        }
        let Ok(taskwarrior) = &world.taskwarrior else {
            return Ok(Finding::skipped("Taskwarrior can't be asked"));
        };
        Ok(match makes_recurring_tasks(taskwarrior) {
            Ok(true) => {
                Finding::ok("recurring tasks are continued here; on every other computer, set `recurrence=off`")
            }
            Ok(false) => Finding::ok("recurring tasks are continued by another computer (`recurrence=off`)"),
            Err(why) => Finding::from_error(&why),
        })
    }
}
