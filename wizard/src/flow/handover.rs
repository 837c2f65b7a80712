//! The moment in which a computer changes its account: settings and tasks together. The database is held meanwhile, so no `task`
//! comes between the two; if one of them fails, both are as they were.

use std::path::PathBuf;

use super::Run;
use super::apply::NotReadBack;
use super::computer::Computer;
use crate::credentials::Credentials;
use crate::database::Database;
use crate::error::Failure;
use crate::rescue::hold::{Held, HoldError, Holder};
use crate::rescue::steps::Steps;
use crate::rescue::whole::Mark;
use crate::sync_settings::reads_back;
use crate::taskrc::Change;
use crate::taskrc::record::DatabaseTrace;

/// Who changes what.
pub struct Handover<'a> {
    /// The computer.
    pub computer: &'a Computer<'a>,
    /// Its database.
    pub database: &'a Database,
    /// As it was when it was read.
    pub mark: Mark,
    /// The new account.
    pub account: &'a Credentials,
    /// What happens to the configuration.
    pub change: &'a Change,
    /// A copy of what the database is about to become, if those are other tasks.
    pub after: Option<PathBuf>,
    /// Told before each step.
    pub steps: &'a Steps,
}

impl Handover<'_> {
    /// Does it; `become_it` changes the database. The folder with a copy of the tasks as they were. Fails with
    /// [`HoldError::ChangedMeanwhile`] if a `task` was faster.
    pub fn carry_out(
        &self,
        run: &mut Run<'_>,
        become_it: impl FnOnce(Held<'_>) -> Result<(), HoldError>,
    ) -> Result<Result<PathBuf, HoldError>, Failure> {
        let mut holder = Holder::open(self.database)?;
        let held = match holder.hold(run.context, self.mark) {
            Ok(held) => held,
            Err(why) => return Ok(Err(why)),
        };
        let kept = held.kept().to_owned();
        let folder = self.database.path().parent().map(Into::into).unwrap_or_default();
        let trace = DatabaseTrace { folder, kept: kept.clone(), after: self.after.clone() };
        self.steps.reached("kept");
        // A run before may have written the settings already, and this together with it.
        let trace = (!self.change.files().is_empty()).then_some(trace);
        let backups = self.change.apply_with(run.context, trace)?;
        self.steps.reached("configured");
        match reads_back(&self.computer.taskwarrior, self.account) {
            Ok(true) => {}
            Ok(false) => {
                self.change.revert()?;
                return Err(NotReadBack.into());
            }
            Err(why) => {
                self.change.revert()?;
                return Err(why.into());
            }
        }
        if let Err(why) = become_it(held) {
            self.change.revert()?;
            return Ok(Err(why));
        }
        self.steps.reached("switched");
        for backup in backups {
            run.terminal.say(&format!("the former settings are kept as `{}`", run.context.short(&backup)));
        }
        Ok(Ok(kept))
    }
}
