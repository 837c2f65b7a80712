//! Which backups have had their time.

/// How many backups are kept, and how large they may be together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The newest so many; at least one.
    pub keep: usize,
    /// Bytes of all together; the newest is kept whatever its size.
    pub max_bytes: Option<u64>,
}

/// How many of the oldest are to go, of backups with these sizes, oldest first.
pub fn expired(sizes: &[u64], retention: Retention) -> usize {
    let mut bytes = 0_u64;
    let kept = sizes.iter().rev().enumerate().take_while(|(n, size)| {
        bytes = bytes.saturating_add(**size);
        *n == 0 || (*n < retention.keep && retention.max_bytes.is_none_or(|max| bytes <= max))
    });
    sizes.len() - kept.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_as_many_and_as_large_as_is_allowed() {
        let expired = |sizes: &[u64], keep, max_bytes| super::expired(sizes, Retention { keep, max_bytes });
        assert_eq!(expired(&[], 3, None), 0);
        assert_eq!(expired(&[1, 1, 1], 3, None), 0);
        assert_eq!(expired(&[1, 1, 1, 1, 1], 3, None), 2);
        assert_eq!(expired(&[1, 5, 5], 3, Some(10)), 1);
        assert_eq!(expired(&[1, 5, 5], 3, Some(9)), 2);
    }

    #[test]
    fn the_newest_one_stays_always() {
        assert_eq!(expired(&[5, 5, 50], Retention { keep: 0, max_bytes: Some(10) }), 2);
    }
}
