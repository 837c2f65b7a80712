//! Large bodies that need no memory of their own: every device reads the same random block from another place, over and
//! over. What comes back is compared while it arrives.

use std::sync::Arc;

use crate::random::Random;

/// Not a power of two, so that a chunk that was stored in a wrong place does not match by chance.
const BLOCK_BYTES: usize = 1_048_583;

/// The block that patterns are cut from.
#[derive(Debug, Clone)]
pub(crate) struct Block(Arc<[u8]>);

impl Block {
    /// A block of random bytes.
    pub(crate) fn new(seed: u64) -> Self {
        let mut bytes = vec![0; BLOCK_BYTES];
        Random::new(seed).fill(&mut bytes);
        Self(bytes.into())
    }

    /// The body of the `number`-th device: `length` bytes.
    pub(crate) fn pattern(&self, number: usize, length: u64) -> Pattern {
        Pattern { block: self.clone(), shift: number.wrapping_mul(65_537) % BLOCK_BYTES, length }
    }
}

/// One body.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    block: Block,
    shift: usize,
    length: u64,
}

impl Pattern {
    /// Its length in bytes.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// What stands at `position`, as far as it lies in one piece; empty at the end.
    pub(crate) fn at(&self, position: u64) -> &[u8] {
        let left = usize::try_from(self.length.saturating_sub(position)).unwrap_or(usize::MAX);
        let start = usize::try_from((position + self.shift as u64) % BLOCK_BYTES as u64).unwrap_or(0);
        let piece = &self.block.0[start..];
        &piece[..piece.len().min(left)]
    }

    /// Whether `data` stands at `position`.
    pub(crate) fn matches(&self, mut position: u64, mut data: &[u8]) -> bool {
        while !data.is_empty() {
            let expected = self.at(position);
            let length = expected.len().min(data.len());
            if length == 0 || expected[..length] != data[..length] {
                return false;
            }
            position += length as u64;
            data = &data[length..];
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_matches_itself_and_no_other() {
        let block = Block::new(1);
        let (one, two) = (block.pattern(1, 3_000_000), block.pattern(2, 3_000_000));
        let mut position = 0;
        while !one.at(position).is_empty() {
            let piece = &one.at(position)[..one.at(position).len().min(70_000)];
            assert!(one.matches(position, piece));
            assert!(!two.matches(position, piece));
            position += piece.len() as u64;
        }
        assert_eq!(position, 3_000_000);
        assert!(!one.matches(2_999_999, &[0, 0]), "longer than the body");
    }
}
