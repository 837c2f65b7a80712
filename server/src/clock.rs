//! What time it is, as everything here counts it. Decisions get the time handed in; only whoever begins something asks.

/// Seconds since 1970-01-01 UTC.
pub type UnixSeconds = i64;

/// Now, by the system's clock: it may stand still, or be set back.
pub(crate) fn now() -> UnixSeconds {
    jiff::Timestamp::now().as_second()
}
