//! Does an active context bring sync settings of its own? Sync uses them, and nothing shows it.

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::sync_settings::overriding_context;
use crate::taskrc::Taskrc;

/// Sync settings of an active context.
pub struct Overrides;

impl Check for Overrides {
    fn name(&self) -> &'static str {
        "context"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["Taskwarrior"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        let (Ok(taskwarrior), true) = (&world.taskwarrior, world.taskrc.as_ref().is_ok_and(Taskrc::exists)) else {
            return Ok(Finding::ok("none overrides the sync settings"));
        };
        Ok(match overriding_context(taskwarrior) {
            Ok(()) => Finding::ok("none overrides the sync settings"),
            Err(why)
                if world.account.as_ref().is_err_and(|first| first.error().to_string() == why.error().to_string()) =>
            {
                Finding::waiting_for("settings")
            }
            Err(why) => Finding::from_error(why.error()),
        })
    }
}
