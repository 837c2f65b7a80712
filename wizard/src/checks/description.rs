//! What does a Taskferry server say about itself?

use super::{Check, Finding, Interrupted, Waiting, World};
use taskferry_protocol::describe::Registration;

use crate::server::probe::Kind;

/// `/.well-known/taskferry`, of servers that have it.
pub struct Description;

impl Check for Description {
    fn name(&self) -> &'static str {
        "description"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["sync server"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        Ok(match world.kind() {
            Some(Kind::Taskferry(info)) => Finding::ok(match info.registration {
                Registration::Open => "everybody may create an account there",
                Registration::Invite => "new accounts need an invite there",
                Registration::Closed => "accounts are created by its operator alone",
                Registration::Unknown => "it has a rule for new accounts that this program doesn't know",
            }),
            _ => Finding::skipped("this server has none; what only Taskferry can tell is left out"),
        })
    }
}
