//! What one server's turn at a workload showed.

use crate::load::Load;
use crate::process::Memory;

/// Numbers of one turn; absent is what the workload does not measure.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Rate, latencies and failures.
    pub(crate) load: Option<Load>,
    /// Of so many devices, so many reached the end.
    pub(crate) arrived: Option<Arrived>,
    /// The server's memory at the end.
    pub(crate) memory: Option<Memory>,
}

/// How many devices were served to the end.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    /// These.
    pub(crate) devices: usize,
    /// Of these.
    pub(crate) of: usize,
    /// What went wrong first.
    pub(crate) first_failure: Option<String>,
}

impl Turn {
    /// A turn that measured a load.
    pub(crate) fn of(load: Load) -> Self {
        Self { load: Some(load), ..Self::default() }
    }

    /// What went wrong in it, in words.
    pub(crate) fn failure(&self) -> Option<String> {
        if let Some(load) = &self.load
            && let Some(first) = &load.first_failure
        {
            return Some(format!("{} steps failed, the first with: {first}", load.failures));
        }
        let arrived = self.arrived.as_ref()?;
        let first = arrived.first_failure.as_ref()?;
        Some(format!("{} of {} devices failed, the first with: {first}", arrived.of - arrived.devices, arrived.of))
    }
}
