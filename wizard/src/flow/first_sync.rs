//! The first `task sync`. If it fails, the settings stay: they were checked, so the cause is likely to pass.

use super::Run;
use super::computer::Computer;
use crate::error::{Explain, Failure};
use crate::taskwarrior::{TaskwarriorError, Which};

/// The first sync failed.
#[derive(Debug, thiserror::Error)]
#[error("the settings are in place, but the sync failed")]
pub struct FirstSyncFailed(#[source] TaskwarriorError);

impl Explain for FirstSyncFailed {
    fn hint(&self) -> Option<String> {
        Some("run `task sync` to finish, once the cause is gone".into())
    }
}

/// What is on this computer after a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synced {
    /// All tasks, finished and deleted ones included.
    pub all: u64,
    /// Those of them that a plain `task` shows or will show.
    pub pending: u64,
}

/// Syncs, and counts the tasks that are on this computer afterwards.
pub fn first_sync(run: &mut Run<'_>, computer: &Computer<'_>) -> Result<Synced, Failure> {
    run.terminal.say("running `task sync` …");
    let taskwarrior = &computer.taskwarrior;
    taskwarrior.sync().map_err(FirstSyncFailed)?;
    Ok(Synced { all: taskwarrior.count(Which::All)?, pending: taskwarrior.count(Which::Pending)? })
}
