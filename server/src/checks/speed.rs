//! How fast is the disk? Every acknowledged version waits for one write that is durable.
//!
//! The one check that writes: a small file of its own beside the data, removed again. Small and few writes: a disk in trouble
//! must not be troubled more.

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Check, Finding, World};
use crate::storage::sqlite::directory::private_file;

/// So many writes, …
const WRITES: usize = 20;
/// … each of a database's page, …
const BYTES: usize = 8 * 1024;
/// … as long as this is not used up.
const WITHIN: Duration = Duration::from_secs(3);
/// From here on people notice.
const SLOW: Duration = Duration::from_millis(50);

const FILE: &str = "taskferry.probe";

/// The time of a durable write.
pub struct Speed;

impl Check for Speed {
    fn name(&self) -> &'static str {
        "disk speed"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["data directory", "permissions", "free space"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        let directory = match world.data_dir() {
            Ok(directory) => directory,
            Err(finding) => return finding,
        };
        match probe(directory) {
            Ok(times) => judge(times),
            Err(cause) => Finding::problem(
                format!("nothing can be written beside the data: {cause}"),
                "look at the volume and the system's log: it may be full, broken or mounted read-only",
            ),
        }
    }
}

/// Gone with this value, also when a write failed.
struct Probe(PathBuf);

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = fs_err::remove_file(&self.0);
    }
}

fn probe(directory: &Path) -> std::io::Result<Vec<Duration>> {
    let probe = Probe(directory.join(FILE));
    let mut file = private_file(&probe.0)?;
    let (page, begun, mut times) = (vec![0x5A; BYTES], Instant::now(), Vec::new());
    while times.len() < WRITES && begun.elapsed() < WITHIN {
        let start = Instant::now();
        file.rewind()?;
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    Ok(times)
}

fn judge(mut times: Vec<Duration>) -> Finding {
    times.sort_unstable();
    let (Some(median), Some(slowest)) = (times.get(times.len() / 2), times.last()) else {
        return Finding::skipped("there was no time to try");
    };
    let ms = |time: &Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let sentence = format!("a durable write takes {} ({} at most, of {})", ms(median), ms(slowest), times.len());
    if *median < SLOW {
        Finding::ok(sentence)
    } else {
        Finding::warning(
            format!("{sentence}: syncs wait for it"),
            "see what else writes to this disk, or move the data to a faster one",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn a_probe_is_bounded_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let times = probe(dir.path()).unwrap();
        assert!((1..=WRITES).contains(&times.len()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        probe(&dir.path().join("nothing")).unwrap_err();
    }

    #[test]
    fn the_usual_write_counts_and_not_the_slowest() {
        let ms = Duration::from_millis;
        let found = judge(vec![ms(900), ms(2), ms(3)]);
        assert_eq!(found, Finding::ok("a durable write takes 3.0 ms (900.0 ms at most, of 3)"));
        assert_eq!(judge(vec![ms(60); 5]).outcome, Outcome::Warning);
        assert_eq!(judge(vec![]).outcome, Outcome::Skipped);
    }
}
