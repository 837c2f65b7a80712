//! Copies of the tasks from before changes: how many there are, and how much room they take.

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::rescue::copies::{self, KEPT_DAYS, NEWEST_KEPT};
use crate::words::size;

/// Those that moves, joins, repairs and undos have left.
pub struct Copies;

impl Check for Copies {
    fn name(&self) -> &'static str {
        "copies"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        Ok(Finding::ok(match copies::look(world.context) {
            None => "there are none of your tasks from before a change".into(),
            Some(copies) => format!(
                "{} in `{}`; each goes by itself after {KEPT_DAYS} days, unless it is among the newest {NEWEST_KEPT} or \
                 `taskferry undo` needs it",
                in_words(&copies),
                world.context.short(&copies.folder)
            ),
        }))
    }
}

/// `3 copies of your tasks from before changes (1.2 MB)`.
pub fn in_words(copies: &copies::Copies) -> String {
    let bytes = size(copies.bytes);
    match copies.count {
        1 => format!("1 copy of your tasks from before a change ({bytes})"),
        count => format!("{count} copies of your tasks from before changes ({bytes})"),
    }
}
