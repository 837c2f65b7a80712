//! `taskferry undo`: takes the newest change of this computer's configuration back.

mod plan;

use std::path::Path;

use zeroize::Zeroizing;

use self::plan::{How, Step, Undo};
use crate::cli;
use crate::credentials::decode::decode;
use crate::error::{Explain, Failure};
use crate::flow::computer::Computer;
use crate::flow::tidying::tidy_up;
use crate::flow::{Run, Stopped, tasks};
use crate::pending::Pending;
use crate::rescue::back::Back;
use crate::rescue::steps::{Steps, has_changed_something, unfinished};
use crate::serving::{Note, holder};

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
    let interrupted = unfinished(run.context);
    // What was changed before it is another matter, for another undo.
    let nothing_yet = interrupted.is_some() && !has_changed_something(run.context);
    let undo = if nothing_yet { None } else { Undo::plan(run.context)? };
    if undo.is_none() && pending.is_none() && interrupted.is_none() {
        return Err(NothingToUndo.into());
    }
    run.terminal.say("this is going to happen:\n");
    if pending.is_some() {
        run.terminal.say("  forget the account that is not joined or registered yet");
    }
    if let Some(command) = interrupted {
        run.terminal.say(&format!("  forget that `{}` was interrupted", command.words()));
    }
    if let Some(back) = undo.as_ref().and_then(Undo::database) {
        run.terminal.say(&format!("  {}", tasks_in_words(back)));
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
    // Held until all is done, and never while the other command runs.
    let steps = interrupted.map(|_| Steps::forget(run.context)).transpose()?;
    let Some(undo) = undo else {
        run.terminal.say("done; no file of yours was touched");
        return Ok(());
    };
    let done: Vec<String> = undo.steps().iter().map(|step| in_words(run, step, Tense::Past)).collect();
    let with_tasks = undo.database().is_some();
    let kept = undo.apply(run.context)?;
    drop(steps);
    if with_tasks {
        run.terminal.say("your tasks belong to their former account again");
    }
    for line in done {
        run.terminal.say(&line);
    }
    for backup in &kept {
        run.terminal.say(&format!("what stood there is kept as `{}`", run.context.short(backup)));
    }
    run.terminal.say("your tasks stay on this computer, and the account stays on the server");
    if Note::find(run.context)?.is_some_and(|note| matches!(holder::of(&note.data), Ok(Some(_)))) {
        run.terminal.say("your server at home still runs; to end it, run `taskferry home stop`");
    }
    if with_tasks {
        tidy_up(run);
    }
    // The account of before may itself have been taken back before.
    if with_tasks && Computer::look(run).is_ok_and(|computer| computer.account.is_some()) {
        run.terminal.say("run `taskferry sync` to sync with the former account again");
        return Ok(());
    }
    run.terminal.say("to sync with it again, run `taskferry share` on another computer, and `taskferry join` here");
    // The secret was nowhere else, where there is no other one.
    if let Some(backup) = kept.iter().find(|backup| holds_account(backup)) {
        let backup = shell_word(&run.context.short(backup), backup);
        run.terminal.say(&format!(
            "without another computer: `taskferry join --yes --keep-recurrence --from-stdin < {backup}`"
        ));
    }
    Ok(())
}

/// Whether a file has all that a join takes.
fn holds_account(path: &Path) -> bool {
    std::fs::read_to_string(path).map(Zeroizing::new).is_ok_and(|text| decode(&text).is_ok())
}

/// A path as a shell takes it for one: short, if nothing in it means something else there.
fn shell_word(short: &str, path: &Path) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '~');
    if short.chars().all(is_plain) {
        short.into()
    } else {
        format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
    }
}

/// What happens to the tasks.
fn tasks_in_words(back: &Back) -> String {
    match back.changed_since() {
        0 => "let your tasks belong to their former account again; all of them stay".into(),
        count => format!(
            "let your tasks belong to their former account again; what was changed since in {} stays, and waits to be sent",
            tasks(count)
        ),
    }
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
