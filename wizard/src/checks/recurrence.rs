//! Would two computers make the same instances of recurring tasks?

use super::{Check, Finding, Interrupted, Waiting, World};

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
        let setting =
            world.taskwarrior.as_ref().ok().and_then(|taskwarrior| taskwarrior.get("recurrence").ok().flatten());
        let is_off = setting.is_some_and(|value| OFF.contains(&value.to_ascii_lowercase().as_str()));
        Ok(Finding::ok(if is_off {
            "recurring tasks are continued by another computer (`recurrence=off`)"
        } else {
            "recurring tasks are continued here; on every other computer, set `recurrence=off`"
        }))
    }
}

/// What Taskwarrior takes for a no.
const OFF: [&str; 4] = ["off", "no", "0", "false"];
