//! At the end of what leaves a copy of the tasks: those copies that nobody needs any more go, and it is said.

use super::Run;
use crate::rescue::copies::{Copies, KEPT_DAYS, NEWEST_KEPT, tidy};
use crate::words::size;

/// Removes them. That some can't be removed is no failure: they are tried again the next time.
pub fn tidy_up(run: &mut Run<'_>) {
    let Some(Copies { count, bytes, folder }) = tidy(run.context) else {
        return;
    };
    let copies = if count == 1 { "1 old copy".to_owned() } else { format!("{count} old copies") };
    run.terminal.say_note(&format!(
        "{copies} of your tasks ({}) went from `{}`: older than {KEPT_DAYS} days, not among the newest {NEWEST_KEPT}, and \
         of no use to any `taskferry undo`",
        size(bytes),
        run.context.short(&folder)
    ));
}
