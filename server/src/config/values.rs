//! The grammar of each kind of value, the same whether it came by flag, environment or file. An error is what would have
//! been right, to end the sentence "`x` is not …".

use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use taskferry_protocol::describe::Registration;
use taskferry_protocol::{ClientId, ServerUrl};

use crate::storage::UnixSeconds;

use crate::perimeter::{Rate, rate};
use crate::privileges::User;

/// An unsigned integer of the type that is asked for.
pub(crate) fn whole_number<T: FromStr + Bounded>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("a whole number from 0 to {}", T::MAX))
}

/// For naming the largest value.
pub(crate) trait Bounded {
    type Shown: Display;
    const MAX: Self::Shown;
}

impl Bounded for u16 {
    type Shown = Self;
    const MAX: Self = Self::MAX;
}

impl Bounded for u64 {
    type Shown = Self;
    const MAX: Self = Self::MAX;
}

impl Bounded for u32 {
    type Shown = Self;
    const MAX: Self = Self::MAX;
}

/// Bytes, plain or with a unit: `K`, `KB` = 1000, `KiB` = 1024, and so on.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 11] = [
        ("", 1),
        ("b", 1),
        ("k", 1000),
        ("kb", 1000),
        ("kib", 1 << 10),
        ("m", 1_000_000),
        ("mb", 1_000_000),
        ("mib", 1 << 20),
        ("g", 1_000_000_000),
        ("gb", 1_000_000_000),
        ("gib", 1 << 30),
    ];
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    factor
        .and_then(|factor| number.parse::<u64>().ok()?.checked_mul(factor))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "a size such as `500KB` or `100MiB`, at least 1".to_owned())
}

/// `ADDRESS:PORT` or `NAME:PORT`, resolved now.
pub(super) fn addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    let resolved: Vec<SocketAddr> = text.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    if resolved.is_empty() {
        return Err("an address with a port, such as `127.0.0.1:8080` or `[::]:8080`".to_owned());
    }
    Ok(resolved)
}

/// One of them.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    addresses(text)?.first().copied().ok_or_else(String::new)
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    // What was not Unicode carries replacement characters by now.
    if text.contains('\u{FFFD}') { Err("a path in Unicode".to_owned()) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn url(text: &str) -> Result<ServerUrl, String> {
    text.parse().map_err(|error| format!("a usable address: {error}"))
}

/// Normalised to no slash at the end and one in front; the root is empty.
pub(super) fn base_path(text: &str) -> Result<String, String> {
    let segments: Vec<&str> = text.split('/').filter(|segment| !segment.is_empty()).collect();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    if segments.iter().any(|segment| !segment.chars().all(plain) || matches!(*segment, "." | "..")) {
        return Err("a path of letters, digits, `-`, `_`, `.` and `~`, such as `/sync`".to_owned());
    }
    Ok(if segments.is_empty() { String::new() } else { format!("/{}", segments.join("/")) })
}

/// A whole number that is not zero.
pub(super) fn at_least_one(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| format!("a whole number from 1 to {}", u32::MAX))
}

pub(super) fn client_id(text: &str) -> Result<ClientId, String> {
    text.parse().map_err(|_| "one client ID, or several with commas in between".to_owned())
}

/// How often something is done: `6h`, `1d`; at least a minute. Or `never`.
pub(super) fn interval(text: &str) -> Result<Option<Duration>, String> {
    if text == "never" {
        return Ok(None);
    }
    let span = text.parse::<jiff::Span>().ok();
    let seconds =
        span.and_then(|span| span.total((jiff::Unit::Second, jiff::SpanRelativeTo::days_are_24_hours())).ok());
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|interval| (60..=315_360_000).contains(&interval.as_secs()))
        .map(Some)
        .ok_or_else(|| "a time such as `6h` or `1d`, at least a minute, or `never`".to_owned())
}

/// As the reference server reads its switches.
pub(super) fn is_yes(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on")
}

pub(super) fn log_level(text: &str) -> Result<tracing::Level, String> {
    text.parse().map_err(|_| "error, warn, info, debug or trace".to_owned())
}

pub(super) fn registration(text: &str) -> Result<Registration, String> {
    match text {
        "open" => Ok(Registration::Open),
        "invite" => Ok(Registration::Invite),
        "closed" => Ok(Registration::Closed),
        _ => Err("open, invite or closed".to_owned()),
    }
}

/// Also what becomes of these words on the way: YAML makes `true` of an `on` without quotes, and TOML has words of its own.
pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        text if is_off(text) => Ok(false),
        _ => Err("on or off".to_owned()),
    }
}

fn is_off(text: &str) -> bool {
    matches!(text, "off" | "false")
}

/// How long versions are kept at least, in seconds. As long as people stay away from a computer, and not longer than it is
/// remembered where devices stand ([`crate::storage::stands`]).
pub(crate) fn retention(text: &str) -> Result<UnixSeconds, String> {
    const DAY: UnixSeconds = 24 * 60 * 60;
    let days = text.strip_suffix('d').and_then(|days| days.parse::<UnixSeconds>().ok());
    days.filter(|days| (30..=730).contains(days))
        .map(|days| days * DAY)
        .ok_or_else(|| "a number of days from `30d` to `730d`".to_owned())
}

/// Whether it is JSON.
pub(super) fn log_format(text: &str) -> Result<bool, String> {
    match text {
        "human" => Ok(false),
        "json" => Ok(true),
        _ => Err("human or json".to_owned()),
    }
}

/// `COUNT/PERIOD` or `off`.
pub(super) fn rate(text: &str) -> Result<Option<Rate>, String> {
    if is_off(text) {
        return Ok(None);
    }
    Rate::parse(text).map(Some).ok_or_else(|| rate::EXPECTED.to_owned())
}

/// At least one.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "a whole number, at least 1".to_owned())
}

pub(super) fn count_or_off(text: &str) -> Result<Option<usize>, String> {
    if is_off(text) {
        return Ok(None);
    }
    count(text).map(Some).map_err(|expected| format!("{expected}, or `off`"))
}

/// In lower case.
pub(super) fn header_name(text: &str) -> Result<String, String> {
    let token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.is_empty() || !text.chars().all(token) {
        return Err("the name of a header, such as `X-Forwarded-For`".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

/// `SCHEME://HOST[:PORT]`, as browsers write it: nothing behind it, in lower case.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let expected = || "an origin such as `https://tasks.example.org`, without a path".to_owned();
    let origin = text.to_ascii_lowercase();
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).ok_or_else(expected)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(plain) {
        return Err(expected());
    }
    Ok(origin)
}

pub(super) fn user(text: &str) -> Result<User, String> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, size) in [("1", 1), ("10k", 10_000), ("10 KiB", 10_240), ("2MB", 2_000_000), ("1GiB", 1 << 30)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "0", "MB", "-1", "1.5MB", "1TB!", "99999999999999999999", "99999999999999GiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_switch_survives_what_other_formats_make_of_it() {
        assert_eq!(["on", "true", "off", "false"].map(on_or_off), [Ok(true), Ok(true), Ok(false), Ok(false)]);
        assert_eq!((rate("false"), count_or_off("false"), count_or_off("off")), (Ok(None), Ok(None), Ok(None)));
        assert!(on_or_off("").is_err() && on_or_off("never").is_err() && count_or_off("true").is_err());
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        assert_eq!(origin("https://Tasks.Example.org").as_deref(), Ok("https://tasks.example.org"));
        assert_eq!(origin("http://localhost:5173").as_deref(), Ok("http://localhost:5173"));
        for text in
            ["", "*", "null", "tasks.example.org", "https://", "https://a.example/", "https://a b", "ftp://a.example"]
        {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_base_path_has_one_spelling() {
        for text in ["sync", "/sync", "sync/", "//sync//"] {
            assert_eq!(base_path(text).as_deref(), Ok("/sync"), "{text}");
        }
        assert_eq!(base_path("/").as_deref(), Ok(""));
        assert!(base_path("/a/../b").is_err() && base_path("/{x}").is_err());
    }
}
