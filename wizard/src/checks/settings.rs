//! Are the three settings there, and such that they can be used?

use super::{Check, Finding, Interrupted, Waiting, World};

/// Server, account and secret, as Taskwarrior reads them.
pub struct Settings;

impl Check for Settings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["Taskwarrior"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        Ok(match (&world.taskrc, &world.account) {
            (Err(why), _) | (_, Err(why)) => Finding::from_error(why.error()),
            (_, Ok(Some(account))) => {
                Finding::ok(format!("sync with `{}`, account `{}`", account.server, account.client_id.short()))
            }
            (_, Ok(None)) => Finding::problem(
                "sync is not set up on this computer",
                "run `taskferry setup`, or `taskferry join` if another computer has it already",
            ),
        })
    }
}
