//! Was a command interrupted that takes several steps?

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::rescue::steps::{Command, unfinished};

/// A move, a join or a repair that did not come to its end.
pub struct Unfinished;

impl Check for Unfinished {
    fn name(&self) -> &'static str {
        "unfinished"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        Ok(match unfinished(world.context) {
            None => Finding::ok("nothing was interrupted on this computer"),
            Some(command) => {
                let back = match command {
                    // Where it stopped, everything is where it was.
                    Command::Repair => "",
                    Command::Move | Command::Join => "\nor run `taskferry undo`, which takes back what it has done",
                };
                let words = command.words();
                Finding::problem(
                    format!("`{words}` was interrupted, or is at work; your tasks are all on this computer"),
                    format!("run `{words}` again: it goes on where it stopped{back}"),
                )
            }
        })
    }
}
