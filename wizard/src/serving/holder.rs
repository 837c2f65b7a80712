//! Whether a server runs on a data directory: it holds a lock there for as long as it lives, and the system gives that back
//! however it ends. So nothing is stale, and no process is taken for it by its number alone.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use taskferry_protocol::files::SERVER_LOCK;

use super::lock::Awaited;

/// Digits of a process's number, and a line break.
const TEXT_BYTES_MAX: u64 = 32;

/// A server that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its process, as it wrote that down.
    pub process: Option<u32>,
}

/// Who holds the data; `None` = nobody.
pub fn of(data: &Path) -> io::Result<Option<Holder>> {
    let file = match File::open(data.join(SERVER_LOCK)) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why),
    };
    match file.try_lock_shared() {
        // Given back at once, as the file is closed.
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.take(TEXT_BYTES_MAX).read_to_string(&mut text)?;
            Ok(Some(Holder { process: text.trim().parse().ok() }))
        }
        Err(TryLockError::Error(why)) => Err(why),
    }
}

impl Holder {
    /// Asks it to stop, as a service manager does.
    pub fn ask_to_stop(self) -> io::Result<()> {
        let pid = self.process.and_then(|number| Pid::from_raw(i32::try_from(number).ok()?));
        let pid = pid.ok_or_else(|| io::Error::other("it did not write down which process it is"))?;
        Ok(kill_process(pid, Signal::TERM)?)
    }
}

/// Waits until nobody holds the data. Whether that came to pass in time.
pub fn wait_until_free(data: &Path, at_most: Duration) -> io::Result<bool> {
    let file = match File::open(data.join(SERVER_LOCK)) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(why) => return Err(why),
    };
    Ok(Awaited::shared(file).within(at_most)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lock_that_is_held_counts_whatever_the_file_says() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(of(data.path()).unwrap(), None);
        std::fs::write(data.path().join(SERVER_LOCK), "1\n").unwrap();
        assert_eq!(of(data.path()).unwrap(), None, "left behind by a server that was killed");
        let held = File::open(data.path().join(SERVER_LOCK)).unwrap();
        held.lock().unwrap();
        assert_eq!(of(data.path()).unwrap(), Some(Holder { process: Some(1) }));
        assert!(!wait_until_free(data.path(), Duration::ZERO).unwrap());
        drop(held);
        assert!(wait_until_free(data.path(), Duration::from_mins(1)).unwrap());
        assert!(wait_until_free(&data.path().join("none"), Duration::ZERO).unwrap());
    }

    #[test]
    fn nobody_is_asked_to_stop_who_left_no_number() {
        assert!(Holder { process: None }.ask_to_stop().is_err());
        assert!(Holder { process: Some(0) }.ask_to_stop().is_err(), "that would be this whole group of processes");
    }
}
