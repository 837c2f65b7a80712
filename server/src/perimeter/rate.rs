//! A rate as people write it: so many requests per period. All of them may come at once; then they come back one by
//! one, evenly over the period.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    period: Duration,
}

/// What [`Rate::parse`] takes, to end the sentence "`x` is not …".
pub const EXPECTED: &str = "a rate such as `10/1h`, `600/1m` or `50/1s`, or `off`";

const COUNT_MAX: u32 = 1_000_000;
const PERIOD_MAX: Duration = Duration::from_hours(30 * 24);

impl Rate {
    /// `count` requests, at least one, in `seconds`.
    pub(crate) const fn new(count: u32, seconds: u64) -> Self {
        let count = match NonZeroU32::new(count) {
            Some(count) => count,
            None => NonZeroU32::MIN,
        };
        Self { count, period: Duration::from_secs(seconds) }
    }

    /// `COUNT/PERIOD`, a period being seconds, minutes, hours or days: `10/1h`. At most 1,000,000 requests, at most 30
    /// days.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, period) = text.split_once('/')?;
        let count: NonZeroU32 = count.trim().parse().ok()?;
        let period = period.trim();
        let (number, unit) = period.split_at(period.find(|c: char| !c.is_ascii_digit())?);
        let number: u32 = if number.is_empty() { 1 } else { number.parse().ok()? };
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            _ => return None,
        };
        let period = Duration::from_secs(u64::from(number).checked_mul(unit)?);
        let sensible = count.get() <= COUNT_MAX && !period.is_zero() && period <= PERIOD_MAX;
        sensible.then_some(Self { count, period })
    }

    /// How many may come at once.
    pub const fn count(self) -> NonZeroU32 {
        self.count
    }

    /// In which time that many come back.
    pub const fn period(self) -> Duration {
        self.period
    }

    /// In which time one comes back. Never zero.
    pub(super) fn interval(self) -> Duration {
        (self.period / self.count.get()).max(Duration::from_nanos(1))
    }

    /// The same for a group of `factor` visitors.
    pub(super) fn times(self, factor: u32) -> Self {
        Self { count: self.count.saturating_mul(NonZeroU32::new(factor).unwrap_or(NonZeroU32::MIN)), ..self }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.period.as_secs();
        let units = [(24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm')];
        let (size, unit) = units.into_iter().find(|(size, _)| seconds.is_multiple_of(*size)).unwrap_or((1, 's'));
        write!(f, "{}/{}{unit}", self.count, seconds / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        for (text, written) in [
            ("10/1h", "10/1h"),
            ("10/h", "10/1h"),
            ("600/60s", "600/1m"),
            (" 7 / 90s ", "7/90s"),
            ("1/1d", "1/1d"),
            ("1000000/30d", "1000000/30d"),
        ] {
            let rate = Rate::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(rate.to_string(), written);
            assert_eq!(Rate::parse(written), Some(rate));
        }
        for text in [
            "",
            "10",
            "10/",
            "/1h",
            "0/1h",
            "10/0h",
            "10/1w",
            "-1/1h",
            "1000001/1h",
            "1/31d",
            "10/1h1",
            "1/99999999999d",
        ] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }
}
