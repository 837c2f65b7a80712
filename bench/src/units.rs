//! Numbers as people read them, and the one place where whole numbers become floating-point ones.

use std::time::Duration;

/// A count for arithmetic. Above 2^53 it would be rounded; nothing here counts that far.
#[expect(clippy::cast_precision_loss, reason = "counts and byte sizes stay far below 2^53")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// A floating-point number as a count, not below zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is what is meant")]
pub(crate) const fn whole(number: f64) -> u64 {
    number as u64
}

/// `12`, `1,234`: groups of three.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant figures: `0.95`, `12.3`, `1,234`.
pub(crate) fn figure(number: f64) -> String {
    if !number.is_finite() {
        return "–".to_owned();
    }
    match number.abs() {
        size if size >= 99.95 => grouped(whole(number.round())),
        size if size >= 9.995 => format!("{number:.1}"),
        size if size >= 0.0995 || size == 0.0 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}

/// Microseconds as milliseconds.
pub(crate) fn milliseconds(microseconds: u64) -> f64 {
    float(microseconds) / 1000.0
}

/// `7.2 ms`, `12.3 s`.
pub(crate) fn duration(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        return format!("{} ms", figure(duration.as_secs_f64() * 1000.0));
    }
    format!("{} s", figure(duration.as_secs_f64()))
}

/// A duration in whole microseconds.
pub(crate) fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// `512 B`, `1.50 KiB`, `1,234 MiB`, `2.00 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    let number = float(count);
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{} KiB", figure(number / 1024.0)),
        1_048_576..10_737_418_240 => format!("{} MiB", figure(number / 1_048_576.0)),
        _ => format!("{} GiB", figure(number / 1_073_741_824.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_rounded_to_three_figures() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(figure(0.952), "0.95");
        assert_eq!(figure(0.0213), "0.0213");
        assert_eq!(figure(12.345), "12.3");
        assert_eq!(figure(1234.6), "1,235");
        assert_eq!(figure(f64::NAN), "–");
        assert_eq!(bytes(1536), "1.50 KiB");
        assert_eq!(duration(Duration::from_micros(7200)), "7.20 ms");
        assert_eq!(duration(Duration::from_millis(12_345)), "12.3 s");
    }
}
