//! Do both clocks agree? Of two edits the later one wins, by the clock of the computer where it was made.

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::server::Server;

/// This computer's clock against the server's.
pub struct Clock;

impl Check for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["sync server"]
    }

    fn look(&self, world: &World<'_>, waiting: Waiting<'_>) -> Result<Finding, Interrupted> {
        Ok(match world.ask(waiting, Server::clocks)? {
            Ok(Some(clocks)) => judge(clocks.ahead_seconds()),
            Ok(None) => Finding::skipped("the server does not tell the time"),
            Err(finding) => finding,
        })
    }
}

/// Seconds of difference that hurt nobody.
const TOLERATED_SECONDS: u64 = 60;

fn judge(ahead_seconds: i64) -> Finding {
    let seconds = ahead_seconds.unsigned_abs();
    if seconds <= TOLERATED_SECONDS {
        return Finding::ok("agrees with the server's");
    }
    let way = if ahead_seconds > 0 { "ahead of" } else { "behind" };
    let much = match seconds {
        0..=119 => format!("{seconds} seconds"),
        120..=7199 => format!("{} minutes", seconds / 60),
        _ => format!("{} hours", seconds / 3600),
    };
    Finding::warning(
        format!("this computer's clock is {much} {way} the server's: of two edits of a task, the wrong one may win"),
        "set the clock by the network, for example with `timedatectl set-ntp true`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn only_a_difference_that_matters_is_a_warning() {
        assert_eq!([judge(0), judge(60), judge(-60)].map(|finding| finding.outcome), [Outcome::Ok; 3]);
        assert!(judge(61).sentence.contains("61 seconds ahead of"));
        assert!(judge(-240).sentence.contains("4 minutes behind"));
        assert!(judge(90_000).sentence.contains("25 hours ahead of"));
    }
}
