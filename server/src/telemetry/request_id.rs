//! A name for one request, which an answer and the log share. Never the name that a request brings along: the log would then
//! hold what strangers wrote.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// Sixteen hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Gives them out: no two alike, in no order that shows. A plain count would tell every stranger how much the server does.
#[derive(Debug)]
pub struct RequestIds(AtomicU64);

impl Default for RequestIds {
    fn default() -> Self {
        // From anywhere, so that two runs of the server are told apart in one log.
        Self(AtomicU64::new(Uuid::new_v4().as_u64_pair().0))
    }
}

impl RequestIds {
    /// The next one.
    pub fn next(&self) -> RequestId {
        RequestId(scatter(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

/// The finish of SplitMix64, which maps every number to another one and neighbours far apart.
const fn scatter(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_are_alike_and_each_has_sixteen_digits() {
        let ids = RequestIds::default();
        let texts: HashSet<String> = (0..10_000).map(|_| ids.next().to_string()).collect();
        assert_eq!(texts.len(), 10_000);
        assert!(texts.iter().all(|text| text.len() == 16));
    }
}
