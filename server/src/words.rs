//! Sizes, times and errors as people read them.

use std::error::Error;

use crate::clock::UnixSeconds;

/// `734 B`, `1.2 MB`: three digits at most before the unit.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mut number = bytes as f64;
    let mut unit = 0;
    // 999.95 would be shown as 1000.0.
    while number >= 999.95 && unit + 1 < UNITS.len() {
        number /= 1000.0;
        unit += 1;
    }
    format!("{number:.1} {}", UNITS[unit])
}

/// `1 account`, `2 accounts`.
pub(crate) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// A time that has passed: `5 minutes`, `3 days`; the largest unit that is not 0.
pub(super) fn age(seconds: UnixSeconds) -> String {
    const UNITS: [(UnixSeconds, &str); 4] = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let seconds = seconds.max(0);
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| seconds >= *unit).unwrap_or((1, "second"));
    count((seconds / unit).unsigned_abs(), name)
}

/// The day, in UTC: `2026-11-23`.
pub(crate) fn day(time: UnixSeconds) -> String {
    moment(time).chars().take(10).collect()
}

/// The moment, in UTC: `2026-11-23T05:25:29Z`.
pub(crate) fn moment(time: UnixSeconds) -> String {
    jiff::Timestamp::from_second(time).map_or_else(|_| "?".to_owned(), |time| time.to_string())
}

/// Why, from the outermost reason to the innermost. What only repeats the one before, with a number in front, is left out.
pub(crate) fn causes(error: &dyn Error) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if causes.last().is_none_or(|last| !text.ends_with(last.as_str())) {
            causes.push(text);
        }
        cause = error.source();
    }
    causes
}

/// An error with all of its causes, on one line.
pub(crate) fn in_full(error: &dyn Error) -> String {
    std::iter::once(error.to_string()).chain(causes(error)).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_few_digits() {
        let shown = [0, 999, 1000, 999_949, 999_950, 1_234_567, 64 << 20, u64::MAX].map(size);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.2 MB", "67.1 MB", "18446744.1 TB"]);
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        let told = [-5, 0, 1, 59, 60, 7199, 7200, 86_399, 86_400, 200_000].map(age);
        assert_eq!(
            told,
            [
                "0 seconds",
                "0 seconds",
                "1 second",
                "59 seconds",
                "1 minute",
                "1 hour",
                "2 hours",
                "23 hours",
                "1 day",
                "2 days"
            ]
        );
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!((day(1_795_411_529), moment(1_795_411_529)), ("2026-11-23".into(), "2026-11-23T05:25:29Z".into()));
    }
}
