//! Would Taskwarrior sync in another way, and never contact the server?

use super::Fix;
use super::{Check, Finding, Interrupted, Waiting, World};
use crate::taskrc::{Taskrc, keys};

/// Settings of other ways to sync, which win silently.
pub struct Backends;

impl Check for Backends {
    fn name(&self) -> &'static str {
        "other ways to sync"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["Taskwarrior"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        let (Ok(taskwarrior), true) = (&world.taskwarrior, world.taskrc.as_ref().is_ok_and(Taskrc::exists)) else {
            return Ok(Finding::ok("none is configured"));
        };
        let mut left = Vec::new();
        for key in keys::OTHER_BACKENDS {
            match taskwarrior.get(key) {
                Ok(Some(_)) => left.push(key),
                Ok(None) => {}
                // Then nobody can tell, and that is said once.
                Err(_) if world.account.is_err() => return Ok(Finding::waiting_for("settings")),
                Err(why) => return Ok(Finding::from_error(&why)),
            }
        }
        let Some(first) = left.first() else {
            return Ok(Finding::ok("none is configured"));
        };
        // Without an account nobody says that this is wrong: it may be the way that was chosen.
        if !matches!(world.account, Ok(Some(_))) {
            return Ok(Finding::warning(
                format!("this computer syncs in another way: `{first}` is set"),
                "to give it up, run `taskferry setup --replace`, or `taskferry join --replace`",
            ));
        }
        let sentence =
            format!("`{first}` is set: Taskwarrior may sync there, and report success without asking the server");
        Ok(Finding::problem(
            sentence,
            "run `taskferry doctor --fix` to remove such lines from your taskrc; a backup is kept",
        )
        .fixed_by(Fix::RemoveSettings(left)))
    }
}
