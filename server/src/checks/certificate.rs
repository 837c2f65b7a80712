//! Is the certificate at the public address accepted, and for how long?

use super::der::Validity;
use super::outside::Outside;
use super::{Check, Finding, World, ago};
use crate::storage::UnixSeconds;
use crate::terminal::printable;
use crate::words;

const DAY: UnixSeconds = 86_400;
/// Whoever renews by themselves does so a month before the end; what is left after that did not go well.
const SOON: UnixSeconds = 14 * DAY;
/// No time to lose.
const NOW: UnixSeconds = 3 * DAY;

/// Its end, and who vouches for it.
pub struct Certificate;

impl Check for Certificate {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["public address"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        match world.outside() {
            None => Finding::skipped("no public address is set"),
            Some(outside) if !outside.url.is_https() => Finding::skipped("the public address is plain http"),
            Some(outside) => Self::judge(outside, world.now()),
        }
    }
}

impl Certificate {
    /// By what was seen there.
    pub(super) fn judge(outside: &Outside, now: UnixSeconds) -> Finding {
        let renew = "see why whoever renews it, most likely the proxy in front, did not";
        let Some(Validity { from, until }) = outside.certificate else {
            return Finding::skipped("it was not seen from here");
        };
        let (day, left) = (words::day(until), until - now);
        if left < 0 {
            return Finding::problem(format!("it ended on {day}, and devices refuse it"), renew);
        }
        if from > now {
            return Finding::problem(
                format!("it begins on {} only", words::day(from)),
                "check this machine's clock, and the clock of the machine that made it",
            );
        }
        if let Err(why) = &outside.reply {
            return Finding::problem(
                format!("devices don't accept it: {}", printable(why)),
                "use one of a public authority, for the name in the address; Caddy does that by itself",
            );
        }
        match left {
            ..NOW => Finding::problem(format!("it ends in {}, on {day}", ago(left)), renew),
            NOW..SOON => Finding::warning(format!("it ends in {}, on {day}", ago(left)), renew),
            _ => Finding::ok(format!("good until {day}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;
    use crate::checks::outside::Reply;

    #[test]
    fn the_end_is_told_in_time_and_why_devices_refuse_it() {
        let now = 1_795_412_521;
        let judged = |from: i64, until: i64, accepted: bool| {
            let reply = if accepted { Ok(Reply { status: 200, info: None }) } else { Err("UnknownIssuer".to_owned()) };
            let certificate = Some(Validity { from: now + from * DAY, until: now + until * DAY });
            Certificate::judge(&Outside { url: "https://tasks.example.org".parse().unwrap(), reply, certificate }, now)
        };
        assert_eq!(judged(-1, 60, true), Finding::ok("good until 2027-01-22"));
        for (from, until, accepted, outcome, words) in [
            (-1, 10, true, Outcome::Warning, "it ends in 10 days"),
            (-1, 2, true, Outcome::Problem, "it ends in 2 days"),
            (-90, -1, false, Outcome::Problem, "it ended on 2026-11-22"),
            (1, 90, false, Outcome::Problem, "it begins on 2026-11-24 only"),
            (-1, 90, false, Outcome::Problem, "devices don't accept it: UnknownIssuer"),
        ] {
            let found = judged(from, until, accepted);
            assert_eq!(found.outcome, outcome, "{found:?}");
            assert!(found.sentence.contains(words), "{found:?}");
        }
    }
}
