//! Telling long work to stop, and hearing from it how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::progress::{Hears, Step};

/// What long work and whoever waits for it have between them. Set once, by whoever is told to end; looked at by the work
/// itself, between steps that leave nothing half-done. The other way round, the work says how far it is.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    set: Arc<AtomicBool>,
    /// Nobody, for what the server does by itself.
    listener: Option<Arc<dyn Hears>>,
}

/// The work was told to stop, and did.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("stopped before it was done")]
pub struct Stopped;

impl Stop {
    /// With somebody who wants to know how far it is.
    pub fn heard_by(listener: Arc<dyn Hears>) -> Self {
        Self { listener: Some(listener), ..Self::default() }
    }

    /// From now on, work stops.
    pub fn set(&self) {
        self.set.store(true, Ordering::Relaxed);
    }

    /// Whether to stop.
    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::Relaxed)
    }

    /// Refuses to go on if it is set.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.is_set() { Err(Stopped) } else { Ok(()) }
    }

    /// The work begins another step.
    pub fn begins(&self, step: Step) {
        if let Some(listener) = &self.listener {
            listener.begins(step);
        }
    }

    /// The step is over, and something else is about to be said.
    pub fn ends(&self) {
        if let Some(listener) = &self.listener {
            listener.ends();
        }
    }

    /// It goes on, with nothing to count.
    pub fn lives(&self) {
        if let Some(listener) = &self.listener {
            listener.lives();
        }
    }

    /// It has done so much of it.
    pub fn reached(&self, done: u64) {
        if let Some(listener) = &self.listener {
            listener.reached(done);
        }
    }
}
