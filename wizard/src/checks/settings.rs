//! Are the three settings there, and such that they can be used?

use super::{Check, Finding, Fix, Interrupted, Waiting, World, home};

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
            (_, Ok(Some(account))) => match home::moved_to(world, account) {
                Some(now) => Finding::problem(
                    format!(
                        "this computer is set up for `{}`, and your server at home has moved to `{now}`",
                        account.server
                    ),
                    "run `taskferry doctor --fix`, which changes the address in your taskrc",
                )
                .fixed_by(Fix::ServerMoved(Box::new(now))),
                None => Finding::ok(format!("sync with `{}`, account `{}`", account.server, account.client_id.short())),
            },
            (_, Ok(None)) => Finding::problem(
                "sync is not set up on this computer",
                "run `taskferry setup`, or `taskferry join` if another computer has it already",
            ),
        })
    }
}
