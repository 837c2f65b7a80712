//! Backups that make themselves while the server runs.
//!
//! On a thread of its own with the lowest priority: the copy reads beside the writer and is in nobody's way. When the next one is
//! due is reckoned from the last one that went well, also before a restart, so that neither a server that restarts often makes
//! one after the other, nor one that restarts always has none.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use super::create::{Plan, create};
use super::status::Status;
use crate::stop::Stop;
use crate::words::in_full;

/// How long after a failure it is tried again, if the next one is not due before.
const AGAIN: Duration = Duration::from_mins(15);
/// The least that is left between the start and the first one: a server that has just started has better things to do.
const AT_FIRST: Duration = Duration::from_secs(2);

/// The thread.
#[derive(Debug)]
pub struct Schedule {
    stop: Stop,
    wake: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Schedule {
    /// Makes a backup by `plan` every so often, from now on.
    pub fn start(plan: Plan, every: Duration) -> std::io::Result<Self> {
        let (wake, woken) = mpsc::channel();
        let stop = Stop::default();
        let told = stop.clone();
        let thread = std::thread::Builder::new().name("backup".into()).spawn(move || {
            be_nice();
            let mut wait = due_in(&plan.data_dir, every).max(AT_FIRST);
            // Dropping the other end is the sign to end.
            while woken.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = if run(&plan, &told) { every } else { every.min(AGAIN) };
            }
        })?;
        Ok(Self { stop, wake: Some(wake), thread: Some(thread) })
    }

    /// Ends what is under way; nothing of it stays. To be called early, since a step takes a moment to end.
    pub fn stop(&mut self) {
        self.stop.set();
        self.wake = None;
    }

    /// Waits for the end.
    pub fn join(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.join();
    }
}

/// When the next one is due.
fn due_in(data_dir: &Path, every: Duration) -> Duration {
    let Some(last) = Status::read(data_dir).last_good_at else { return Duration::ZERO };
    let since = u64::try_from(Timestamp::now().as_second().saturating_sub(last)).unwrap_or(0);
    every.saturating_sub(Duration::from_secs(since))
}

/// Whether all went well.
fn run(plan: &Plan, stop: &Stop) -> bool {
    match create(plan, Timestamp::now(), stop) {
        Ok(created) => {
            let mut well = true;
            for place in &created.places {
                if let Err(error) = &place.kept {
                    well = false;
                    tracing::error!(place = %place.destination, error = in_full(error), "the backup could not be kept there");
                }
            }
            tracing::info!(backup = %created.name, bytes = created.manifest.bytes, "made and proved a backup");
            well
        }
        Err(_) if stop.is_set() => false,
        Err(error) => {
            tracing::error!(error = in_full(&error), "could not make a backup");
            false
        }
    }
}

/// The calling thread's share of processor time goes to whoever else wants it.
#[cfg(target_os = "linux")]
fn be_nice() {
    // On Linux this is a thread's own.
    let _ = rustix::process::nice(19);
}

#[cfg(not(target_os = "linux"))]
fn be_nice() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_is_due_after_the_last_good_one_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let hour = Duration::from_hours(1);
        assert_eq!(due_in(dir.path(), hour), Duration::ZERO, "there was none");
        let write = |last: i64| {
            let status = Status { last_good_at: Some(last), ..Status::default() };
            fs_err::write(dir.path().join("taskferry.backup.json"), serde_json::to_vec(&status).unwrap()).unwrap();
        };
        let now = Timestamp::now().as_second();
        write(now - 60);
        assert!(due_in(dir.path(), hour) > Duration::from_mins(50));
        write(now - 7200);
        assert_eq!(due_in(dir.path(), hour), Duration::ZERO);
        write(now + 7200); // a clock that was wrong
        assert!(due_in(dir.path(), hour) <= hour);
    }
}
