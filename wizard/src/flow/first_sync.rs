//! The first `task sync`. If it fails, the settings stay: they were checked, so the cause is likely to pass.

use super::Run;
use super::computer::Computer;
use crate::error::{Exit, Explain, Failure};
use crate::interrupts::Interrupts;
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

/// Signals could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the settings are in place, but the sync could not be started")]
pub struct NotCaught(#[source] std::io::Error);

impl Explain for NotCaught {
    fn hint(&self) -> Option<String> {
        Some("run `task sync` to finish".into())
    }
}

/// Ctrl-C while it ran: a decision, not a failure, but something has changed before.
#[derive(Debug, thiserror::Error)]
#[error("stopped; the settings are in place: run `task sync` to finish")]
pub struct SyncStopped;

impl Explain for SyncStopped {
    fn is_choice(&self) -> bool {
        true
    }

    fn exit(&self) -> Exit {
        Exit::Interrupted
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
    // Caught before anything is said of it: from here on, the settings are in place.
    let interrupts = Interrupts::catch().map_err(NotCaught)?;
    run.terminal.say("running `task sync` …");
    let taskwarrior = &computer.taskwarrior;
    match taskwarrior.sync(interrupts) {
        Ok(()) => {}
        Err(TaskwarriorError::Interrupted) => return Err(SyncStopped.into()),
        Err(why) => return Err(FirstSyncFailed(why).into()),
    }
    Ok(Synced { all: taskwarrior.count(Which::All)?, pending: taskwarrior.count(Which::Pending)? })
}
