//! How long anything may take. A bound, not a pause: a wait ends as soon as its condition holds.

use std::thread;
use std::time::{Duration, Instant};

/// Far more than anything here takes, on a busy machine too; what exceeds it hangs.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Asks until `condition` holds, for conditions that announce themselves in no other way.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {LIMIT:?} in vain until {what}");
        // Leaves the processor to whom we wait for; nothing depends on how long.
        thread::park_timeout(Duration::from_millis(2));
    }
}
