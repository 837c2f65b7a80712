//! Is Taskwarrior there, and new enough?

use super::{Check, Finding, Interrupted, Waiting, World};

/// Found, and of a version that can sync.
pub struct Taskwarrior;

impl Check for Taskwarrior {
    fn name(&self) -> &'static str {
        "Taskwarrior"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        Ok(match &world.taskwarrior {
            Ok(found) => Finding::ok(format!("{} (`{}`)", found.version(), world.context.short(found.program()))),
            Err(why) => Finding::from_error(why.error()),
        })
    }
}
