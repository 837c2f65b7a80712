//! Are there tasks of Taskwarrior 2 that no sync takes along?

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::former;

/// Those that were never imported.
pub struct Former;

impl Check for Former {
    fn name(&self) -> &'static str {
        "older tasks"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        Ok(match world.former() {
            None => Finding::ok("all are in Taskwarrior's database"),
            Some(former) => {
                // An import is the newest change of each task. Where another computer has made it already, what was done since
                // would be undone; and whether one has, a sync shows.
                let remedy = format!(
                    "run `taskferry sync`; if they are missing still, run `{}`, then `taskferry sync` again",
                    former::IMPORT
                );
                Finding::warning(former.sentence(world.context), remedy)
            }
        })
    }
}
