//! `--from FILE`: what only a sealed backup of the account has comes to this computer first, and waits to be sent like anything that is
//! typed here. Then the repair goes on as without.

use std::path::Path;

use super::{Patient, UnderWay, accepted, plan};
use crate::error::Failure;
use crate::flow::sync::database_of;
use crate::flow::{Run, both};
use crate::repair::unite::{Side, unite};
use crate::repair::{backup, kept};
use crate::rescue::hold::{Holder, refuse_read_only};
use crate::rescue::keep;
use crate::rescue::whole::Whole;

/// What became of it.
pub(super) enum Taken {
    /// So many tasks came, whole or in part.
    In(u64),
    /// `--dry-run`: nothing more is to be done.
    OnlyPlanned,
}

pub(super) fn run(run: &mut Run<'_>, patient: &Patient<'_, '_>, file: &Path) -> Result<Taken, Failure> {
    let path = run.context.cwd().join(file);
    let theirs = backup::read(&path, patient.account)?;
    let Some(database) = database_of(&patient.computer.taskwarrior) else {
        return Ok(Taken::In(0));
    };
    refuse_read_only(&database)?;
    let Whole { content, history, mark, .. } = database.whole()?;
    let union = unite(&theirs, &Side { tasks: content.tasks, history });
    let shown = run.context.short(&path);
    if union.edits.is_empty() {
        run.terminal.say(&format!("this computer has all that is in `{shown}`"));
        return Ok(Taken::In(0));
    }
    let place = run.context.short(&keep::place(run.context));
    let (whole, parts) = (union.only_here.len(), union.newer_here.len());
    plan(
        run,
        &[
            format!("keep a copy of all tasks of this computer in `{place}`"),
            format!("bring to this computer what only `{shown}` has: {}", both(whole, parts)),
            "then look how this computer and its account stand, and go on from there".into(),
        ],
    );
    run.terminal.say_note("tasks that were purged since the backup was made come back, too");
    run.terminal.say("");
    if !accepted(run, patient, None, true)? {
        return Ok(Taken::OnlyPlanned);
    }
    patient.steps.note("take in", &UnderWay {})?;
    let copy = kept::keep(run.context, &patient.computer.taskwarrior, &database)?;
    let mut holder = Holder::open(&database)?;
    holder.hold_as_kept(mark, &copy.folder)?.adds(&union.tasks, &union.edits)?;
    run.terminal.say(&format!("all tasks as they were before are kept in `{}`\n", run.context.short(&copy.folder)));
    Ok(Taken::In((whole + parts).try_into().unwrap_or(u64::MAX)))
}
