//! Random numbers out of a seed, the same ones on every machine and with every version of every library, so that a
//! simulation can be repeated. Not for secrets.

use taskferry_protocol::ClientId;
use uuid::Builder;

use crate::units::float;

/// SplitMix64 (Steele, Lea and Flood, 2014): one addition and three multiplications per number.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence for the `number`-th of many things under one seed.
    pub(crate) fn derived(seed: u64, number: u64) -> Self {
        let mut outer = Self(seed ^ 0x5851_f42d_4c95_7f2d);
        let mixed = outer.next() ^ number.wrapping_mul(0xd134_2543_de82_ef95);
        Self(Self(mixed).next())
    }

    /// 64 random bits.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 to below `bound`; 0 if that is 0. The bias of `%` is far below what is measured here.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// From 0 to below 1.
    pub(crate) const fn fraction(&mut self) -> f64 {
        float(self.next() >> 11) / 9_007_199_254_740_992.0
    }

    /// How often something happens that happens `mean` times on average (Poisson's distribution, by Knuth's product).
    pub(crate) fn times(&mut self, mean: f64) -> u32 {
        let limit = (-mean).exp();
        let mut product = self.fraction();
        let mut count = 0;
        while product > limit && count < 10_000 {
            product *= self.fraction();
            count += 1;
        }
        count
    }

    /// Random bytes, which compress as badly as ciphertext does.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            piece.copy_from_slice(&self.next().to_le_bytes()[..piece.len()]);
        }
    }
}

/// The client ID of the `number`-th account under a seed.
pub(crate) fn client_id(seed: u64, number: u64) -> ClientId {
    let mut bytes = [0; 16];
    Random::derived(seed, number).fill(&mut bytes);
    ClientId::from_uuid(Builder::from_random_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        // The published first number of SplitMix64 for the seed 1234567.
        assert_eq!(Random::new(1_234_567).next(), 6_457_827_717_110_365_317);
        assert_eq!(client_id(1, 2), client_id(1, 2));
        assert_ne!(client_id(1, 2), client_id(1, 3));
        assert_ne!(client_id(1, 2), client_id(2, 2));
    }

    #[test]
    fn events_come_as_often_as_asked_on_average() {
        let mut random = Random::new(1);
        let total: u32 = (0..10_000).map(|_| random.times(2.5)).sum();
        assert!((24_000..26_000).contains(&total), "{total}");
    }
}
