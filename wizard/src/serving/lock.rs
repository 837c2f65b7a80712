//! Waiting for a lock on a file, but not for ever. The system wakes whoever waits; what it has not is a way to wait only so long, so
//! a thread waits, and is left behind if it takes too long.

use std::fs::File;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A lock that somebody waits for.
pub struct Awaited(mpsc::Receiver<io::Result<File>>);

impl Awaited {
    /// Alone on the file.
    pub fn exclusive(file: File) -> Self {
        Self::begin(file, File::lock)
    }

    /// Together with others who only look, once nobody is alone on it.
    pub fn shared(file: File) -> Self {
        Self::begin(file, File::lock_shared)
    }

    fn begin(file: File, lock: impl FnOnce(&File) -> io::Result<()> + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            // Whoever waited may be gone; then the file is closed, and with it the lock is given back.
            let _ = sender.send(lock(&file).map(|()| file));
        });
        Self(receiver)
    }

    /// The locked file; `None` = not within this time. It may be waited for again.
    pub fn within(&self, at_most: Duration) -> io::Result<Option<File>> {
        match self.0.recv_timeout(at_most) {
            Ok(locked) => locked.map(Some),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(io::Error::other("nobody waits for the lock any more")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_had_as_soon_as_it_is_free_and_not_before() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let held = file.reopen().unwrap();
        held.lock().unwrap();
        let awaited = Awaited::exclusive(file.reopen().unwrap());
        assert!(awaited.within(Duration::ZERO).unwrap().is_none());
        drop(held);
        assert!(awaited.within(Duration::from_mins(1)).unwrap().is_some());
    }

    #[test]
    fn those_who_only_look_do_not_wait_for_each_other() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let one = Awaited::shared(file.reopen().unwrap()).within(Duration::from_mins(1)).unwrap();
        let other = Awaited::shared(file.reopen().unwrap()).within(Duration::from_mins(1)).unwrap();
        assert!(one.is_some() && other.is_some());
    }
}
