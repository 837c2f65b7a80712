//! The plan: everything that is going to happen, as a value that shows itself before any of it does.

use super::computer::Computer;
use super::{Run, Stopped, replace};
use crate::error::Failure;
use crate::taskrc::{Change, Home};

/// What is going to happen, in this order.
pub struct Plan {
    /// On the server, before anything changes here.
    pub at_server: Option<String>,
    /// On this computer's disk.
    pub change: Change,
    /// What is not as people would expect it, and why; each line is a note of its own.
    pub notes: Vec<String>,
    /// What the first sync does, unless it is left out.
    pub first_sync: Option<String>,
    /// What Enter alone means: no, where the plan carries somebody's tasks to other people's computers.
    pub enter_means: bool,
}

impl Plan {
    /// What there is to know about changing this computer.
    pub fn notes(computer: &Computer<'_>) -> Vec<String> {
        let private = match &computer.taskrc.home {
            Home::Taskrc => None,
            Home::Private { shown, since, .. } => Some(format!(
                "the settings get a private file, since {since}\n\
                 where the same taskrc is used without that file, every `task` fails; there, run `taskferry join`, or `touch {shown}`"
            )),
        };
        computer.leftover.as_ref().map(replace::note).into_iter().chain(private).collect()
    }

    /// Shows the plan.
    pub fn show(&self, run: &mut Run<'_>) {
        let backups = run.context.short(&crate::taskrc::write::backup_dir(run.context));
        run.terminal.say("\nthis is going to happen:\n");
        if let Some(at_server) = &self.at_server {
            run.terminal.say(&format!("  {at_server}"));
        }
        for file in self.change.files() {
            let path = run.context.short(file.path());
            if file.replaces_a_file() {
                run.terminal.say(&format!("  change `{path}` (the former one is kept in `{backups}`)"));
            } else {
                run.terminal.say(&format!("  create `{path}`"));
            }
            run.terminal.say_diff(&file.diff());
        }
        if let Some(first_sync) = &self.first_sync {
            run.terminal.say(&format!("  {first_sync}"));
        }
        if !self.notes.is_empty() {
            run.terminal.say("");
            self.notes.iter().for_each(|note| run.terminal.say_note(note));
        }
        run.terminal.say("");
    }

    /// Asks whether to go on, unless `yes` says so already.
    pub fn confirm(&self, run: &mut Run<'_>, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        run.must_be_able_to_ask("the plan has to be accepted", "add `--yes` to accept it unasked")?;
        if run.prompter.confirm("go on?", self.enter_means)? { Ok(()) } else { Err(Stopped::Declined.into()) }
    }
}
