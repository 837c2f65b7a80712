//! The first `task sync`, and the proof that it did what it reported. If it fails, the settings stay: they were checked, so
//! the cause is likely to pass.

use super::Run;
use super::computer::Computer;
use super::proving::{Mend, prove_now};
use super::sync::{NoSync, NotSynced, note_seen, sync};
use crate::credentials::Credentials;
use crate::error::{Exit, Explain, Failure};
use crate::json::Tasks;
use crate::taskwarrior::Which;

/// The first sync failed.
#[derive(Debug, thiserror::Error)]
#[error("the settings are in place, but the sync failed")]
pub struct FirstSyncFailed(#[source] NoSync);

impl Explain for FirstSyncFailed {
    fn hint(&self) -> Option<String> {
        Some("run `taskferry verify` to finish, once the cause is gone".into())
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

impl From<Synced> for Tasks {
    fn from(Synced { all, pending }: Synced) -> Self {
        Self { all, pending }
    }
}

/// Syncs, proves it, and counts the tasks that are on this computer afterwards.
pub fn first_sync(run: &mut Run<'_>, computer: &Computer<'_>, account: &Credentials) -> Result<Synced, Failure> {
    let taskwarrior = &computer.taskwarrior;
    match sync(run, taskwarrior, account) {
        Ok(_) => {}
        Err(NotSynced::Stopped) => return Err(SyncStopped.into()),
        Err(NotSynced::NotCaught(why)) => return Err(NotCaught(why).into()),
        Err(NotSynced::WouldSpoil(why)) => return Err(why.into()),
        Err(NotSynced::Failed(why)) => return Err(FirstSyncFailed(why).into()),
    }
    prove_now(run, taskwarrior, account, Mend::Ask)?;
    note_seen(run, taskwarrior, account);
    Ok(Synced { all: taskwarrior.count(Which::All)?, pending: taskwarrior.count(Which::Pending)? })
}
