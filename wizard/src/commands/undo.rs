//! `taskferry undo`: takes the newest change of this computer's configuration back.

use crate::cli;
use crate::error::{Explain, Failure};
use crate::flow::{Run, Stopped};
use crate::pending::Pending;
use crate::serving::{Note, holder};
use crate::taskrc::undo::{How, Step, Undo};

/// Nothing was changed by this program, or all of it was taken back.
#[derive(Debug, thiserror::Error)]
#[error("there is nothing to undo: no change of taskferry is in place on this computer")]
pub struct NothingToUndo;

impl Explain for NothingToUndo {
    fn hint(&self) -> Option<String> {
        Some(
            "sync settings that were written by hand stay: remove the lines that begin with `sync.` from your taskrc"
                .into(),
        )
    }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Undo) -> Result<(), Failure> {
    let pending = Pending::find(run.context)?;
    let undo = Undo::plan(run.context)?;
    if undo.is_none() && pending.is_none() {
        return Err(NothingToUndo.into());
    }
    run.terminal.say("this is going to happen:\n");
    if pending.is_some() {
        run.terminal.say("  forget the account that is not joined or registered yet");
    }
    for step in undo.iter().flat_map(Undo::steps) {
        run.terminal.say(&format!("  {}", in_words(run, step, Tense::Future)));
    }
    run.terminal.say("");
    if !args.yes {
        run.must_be_able_to_ask("undo has to be accepted", "add `--yes` to accept it unasked")?;
        if !run.prompter.confirm("go on?", true)? {
            return Err(Stopped::Declined.into());
        }
    }
    Pending::forget(run.context)?;
    let Some(undo) = undo else {
        run.terminal.say("done; no file of yours was touched");
        return Ok(());
    };
    let done: Vec<String> = undo.steps().iter().map(|step| in_words(run, step, Tense::Past)).collect();
    let kept = undo.apply(run.context)?;
    for line in done {
        run.terminal.say(&line);
    }
    for backup in kept {
        run.terminal.say(&format!("what stood there is kept as `{}`", run.context.short(&backup)));
    }
    run.terminal.say("your tasks stay on this computer, and the account stays on the server");
    if Note::find(run.context)?.is_some_and(|note| matches!(holder::of(&note.data), Ok(Some(_)))) {
        run.terminal.say("your server at home still runs; to end it, run `taskferry home stop`");
    }
    run.terminal.say("to sync with it again, run `taskferry share` on another computer, and `taskferry join` here");
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tense {
    Future,
    Past,
}

fn in_words(run: &Run<'_>, step: &Step, tense: Tense) -> String {
    let path = run.context.short(&step.path);
    let is_past = tense == Tense::Past;
    match &step.how {
        How::Restore { .. } => {
            format!("{} `{path}`, byte for byte as it was before", if is_past { "restored" } else { "restore" })
        }
        How::Remove => {
            format!("{} `{path}`, which was not there before", if is_past { "removed" } else { "remove" })
        }
        How::TakeBlockOut { .. } => format!(
            "{} taskferry's lines out of `{path}`; what was edited since stays",
            if is_past { "took" } else { "take" }
        ),
    }
}

#[cfg(test)]
mod tests;
