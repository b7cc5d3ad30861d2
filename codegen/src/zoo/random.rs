//! Numbers from a seed, the same on every machine: integers, exact conversions, additions and square roots only.
//!
//! SplitMix64 (Steele, Lea, Flood 2014). A normal variable is four uniform ones added up: mean 0, variance 1, and no
//! value beyond 3.5 standard deviations, so that no weight is an outlier.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Uniform in `low..high`, in steps of 2^-24 of the width.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.bits() >> 40) as f32 / (1 << 24) as f32)
    }
    /// Near to normal: mean 0, variance 1.
    pub fn normal(&mut self) -> f32 {
        let bits = self.bits();
        // Four uniform variables of 16 bits; their sum has mean 2 and variance 1/3.
        let sum: u64 = (0..4).map(|i| (bits >> (16 * i)) & 0xffff).sum();
        (sum as f32 / 65536.0 - 2.0) * 3f32.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_a_normal_variable() {
        let mut random = Random::new(7);
        let x: Vec<f64> = (0..100_000).map(|_| f64::from(random.normal())).collect();
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let square = x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64;
        assert!(mean.abs() < 0.01 && (square - 1.0).abs() < 0.01, "{mean} {square}");
    }

    #[test]
    fn the_stream_of_a_seed_is_fixed() {
        // First outputs of SplitMix64 from seed 1234567, as its authors' reference prints them.
        let mut random = Random::new(1_234_567);
        assert_eq!([random.bits(), random.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }
}
