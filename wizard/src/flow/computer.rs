//! What is on this computer: Taskwarrior, its configuration, and how it syncs now, if it does. Only looks.

use super::Run;
use crate::credentials::Credentials;
use crate::database::Database;
use crate::error::{Explain, Failure};
use crate::former::Former;
use crate::sync_settings::{Present, SyncSettingsError, makes_recurring_tasks, present};
use crate::taskrc::locate::TaskrcError;
use crate::taskrc::{Besides, Change, Taskrc, keys};
use crate::taskwarrior::{Taskwarrior, Which};

/// This computer, as far as sync goes.
pub struct Computer<'a> {
    /// Its Taskwarrior.
    pub taskwarrior: Taskwarrior<'a>,
    /// Its configuration file.
    pub taskrc: Taskrc,
    /// The account that it syncs with already.
    pub account: Option<Credentials>,
    /// Tasks on it, finished and deleted ones included.
    pub tasks: u64,
    /// Whether it makes the next one of a recurring task, as every computer does unless it is told not to.
    pub makes_recurring_tasks: bool,
    /// Sync settings that are there, but are no account: what a new account would take the place of.
    pub leftover: Option<SyncSettingsError>,
}

/// A temporary file could not be made.
#[derive(Debug, thiserror::Error)]
#[error("could not make a temporary file")]
pub struct NoStandIn(#[source] std::io::Error);

impl Explain for NoStandIn {
    fn hint(&self) -> Option<String> {
        Some("make room in `/tmp`, or name another folder in the environment variable `TMPDIR`".into())
    }
}

impl<'a> Computer<'a> {
    /// Looks at a computer whose account is going to be used: settings that are none are an error.
    pub fn look(run: &Run<'a>) -> Result<Self, Failure> {
        let mut computer = Self::look_at(run)?;
        match computer.leftover.take() {
            Some(unusable) => Err(unusable.into()),
            None => Ok(computer),
        }
    }

    /// Looks at a computer that is going to get an account.
    pub fn look_to_change(run: &Run<'a>) -> Result<Self, Failure> {
        let computer = Self::look_at(run)?;
        if computer.account.is_none() {
            // Before anybody is asked for anything; with an account, only if it comes to a change.
            computer.taskrc.refuse_read_only()?;
        }
        Ok(computer)
    }

    fn look_at(run: &Run<'a>) -> Result<Self, Failure> {
        let taskwarrior = Taskwarrior::find(run.context, run.global.task.as_deref())?;
        let taskrc = Taskrc::find(run.context)?;
        let journal = run.terminal.journal();
        journal.write(|| format!("running `{}`", run.context.short(taskwarrior.program())));
        journal.write(|| format!("reading `{}`", run.context.short(taskrc.path())));
        let stand_in = taskrc.stand_in(run.context);
        let readable = stand_in.map(|bytes| taskwarrior.with_taskrc(&bytes)).transpose().map_err(NoStandIn)?;
        let looking = readable.as_ref().unwrap_or(&taskwarrior);
        let (account, leftover) = match present(looking)? {
            Present::Nothing => (None, None),
            Present::Account(account) => (Some(account), None),
            Present::Unusable(why) => (None, Some(why)),
        };
        // Tasks may be there without a taskrc, too: left behind by an older one, or brought along in a backup.
        let counts = taskrc.exists() || taskwarrior.has_default_data();
        let tasks = if counts { looking.count(Which::All)? } else { 0 };
        let makes_recurring_tasks = makes_recurring_tasks(looking)?;
        drop(readable);
        Ok(Self { taskwarrior, taskrc, account, tasks, makes_recurring_tasks, leftover })
    }

    /// Says which Taskwarrior it is, since there may be several.
    pub fn introduce(&self, run: &mut Run<'_>) {
        let program = run.context.short(self.taskwarrior.program());
        run.terminal.say(&format!("found Taskwarrior {} (`{program}`)", self.taskwarrior.version()));
    }

    /// Tasks of Taskwarrior 2 that were never imported.
    pub fn former(&self) -> Option<Former> {
        Former::look(&Database::in_folder(&self.taskwarrior.data_folder().ok()?))
    }

    /// Whether it syncs now, though with no account.
    pub fn syncs_in_another_way(&self) -> bool {
        matches!(self.leftover, Some(SyncSettingsError::OtherBackend(_)))
    }

    /// The settings whose lines go when this computer gets another account.
    fn superseded(&self) -> Vec<&'static str> {
        match &self.leftover {
            Some(SyncSettingsError::OtherBackend(_)) => [&keys::ACCOUNT[..], &keys::OTHER_BACKENDS].concat(),
            Some(_) => keys::ACCOUNT.to_vec(),
            None if self.account.is_some() => keys::ACCOUNT.to_vec(),
            None => Vec::new(),
        }
    }

    /// What would change on the disk to sync with `credentials`.
    pub fn plan(&self, credentials: &Credentials, recurrence_off: bool) -> Result<Change, TaskrcError> {
        let besides = Besides { superseded: &self.superseded(), recurrence_off };
        self.taskrc.plan(credentials, self.taskwarrior.version().url_key(), besides)
    }
}
