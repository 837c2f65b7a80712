//! Is the clock right, as far as that can be told from here? What was written down before can't be from the future.

use std::path::Path;
use std::time::UNIX_EPOCH;

use super::{Check, Finding, World, ago};
use crate::backup::status::Status;
use crate::storage::UnixSeconds;

/// Seconds that nobody needs to care about.
const TOLERATED: UnixSeconds = 60;

/// The clock against the times that the data carries.
pub struct Clock;

impl Check for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["data directory"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        match world.open_data_dir() {
            Ok(directory) => judge(world.now(), newest(directory), program()),
            Err(finding) => finding,
        }
    }
}

/// When the data, or what is known of it, was last written.
fn newest(directory: &Path) -> Option<UnixSeconds> {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let changed = files.filter_map(|file| seconds(&file.metadata().ok()?));
    changed.chain(Status::read(directory).last_try_at).max()
}

/// When this program was put here.
fn program() -> Option<UnixSeconds> {
    seconds(&std::fs::metadata(std::env::current_exe().ok()?).ok()?)
}

fn seconds(file: &std::fs::Metadata) -> Option<UnixSeconds> {
    i64::try_from(file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

fn judge(now: UnixSeconds, newest: Option<UnixSeconds>, program: Option<UnixSeconds>) -> Finding {
    let remedy = "set the clock by the network, for example with `timedatectl set-ntp true`";
    let behind = |then: Option<UnixSeconds>| then.map(|then| then - now).filter(|behind| *behind > TOLERATED);
    if let Some(behind) = behind(newest) {
        let much = ago(behind);
        return Finding::warning(format!("it is {much} behind what was written last: it was wrong, or is"), remedy);
    }
    if let Some(behind) = behind(program) {
        return Finding::warning(
            format!("it is {} behind the time when this program was put here", ago(behind)),
            remedy,
        );
    }
    Finding::ok("nothing here is from the future")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn only_what_is_from_the_future_tells_of_a_wrong_clock() {
        assert_eq!(judge(1000, Some(999), Some(5)).outcome, Outcome::Ok);
        assert_eq!(judge(1000, Some(1060), None).outcome, Outcome::Ok);
        assert!(judge(1000, Some(1000 + 3 * 3600), None).sentence.contains("3 hours behind what was written last"));
        assert_eq!(judge(1000, None, Some(90_000)).outcome, Outcome::Warning);
    }
}
