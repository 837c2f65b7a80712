//! Writes the settings and checks that Taskwarrior reads exactly them. If it doesn't, everything is as before.

use super::Run;
use super::computer::Computer;
use super::plan::Plan;
use crate::credentials::Credentials;
use crate::error::{Explain, Failure};
use crate::sync_settings::reads_back;

/// Taskwarrior reads something else than what was written.
#[derive(Debug, thiserror::Error)]
#[error("Taskwarrior does not read the sync settings as they were written; your configuration is as it was before")]
pub struct NotReadBack;

impl Explain for NotReadBack {
    fn hint(&self) -> Option<String> {
        Some("look for other lines that begin with `sync.` in your taskrc and in the files that it includes".into())
    }
}

/// Carries out what the plan says about this computer.
pub fn apply(
    run: &mut Run<'_>,
    computer: &Computer<'_>,
    plan: &Plan,
    credentials: &Credentials,
) -> Result<(), Failure> {
    let backups = plan.change.apply(run.context)?;
    match reads_back(&computer.taskwarrior, credentials) {
        Ok(true) => {}
        Ok(false) => {
            plan.change.revert()?;
            return Err(NotReadBack.into());
        }
        Err(error) => {
            plan.change.revert()?;
            return Err(error.into());
        }
    }
    for backup in backups {
        run.terminal.say(&format!("the former file is kept as `{}`", run.context.short(&backup)));
    }
    Ok(())
}
