//! What the program does beside what it says: which files it reads, what it asks of which server. Written by the layers that do
//! it, which have no screen; said by [`crate::terminal`] with `--verbose`. Never secrets: callers write paths, addresses, status
//! codes and sizes, and nothing that a person or a server gave them.

use std::sync::{Arc, Mutex, PoisonError};

/// Entries that were not said yet. Clones are the same journal, so that a server and a screen can share one.
#[derive(Debug, Clone, Default)]
pub struct Journal(Option<Arc<Mutex<Vec<String>>>>);

impl Journal {
    /// One that keeps what is written to it; the default one doesn't.
    pub fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    /// Writes an entry, if anybody is going to read it.
    pub fn write(&self, entry: impl FnOnce() -> String) {
        if let Some(entries) = &self.0 {
            entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry());
        }
    }

    /// The entries since the last call.
    pub fn take(&self) -> Vec<String> {
        let take = |entries: &Arc<Mutex<Vec<String>>>| {
            std::mem::take(&mut *entries.lock().unwrap_or_else(PoisonError::into_inner))
        };
        self.0.as_ref().map(take).unwrap_or_default()
    }
}
