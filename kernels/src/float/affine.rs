//! Batch normalisation with known statistics: `y = (x - mean[c]) * factor[c] + offset[c]`, channels last.
//!
//! `factor = gamma / sqrt(variance + epsilon)` is computed by whoever knows them: once, at build time. Cost: memory bound.

use crate::isa::{Isa, Kernel};

/// One value of each a channel.
pub struct Affine<'a> {
    /// Subtracted first.
    pub mean: &'a [f32],
    /// Multiplied then.
    pub factor: &'a [f32],
    /// Added last.
    pub offset: &'a [f32],
    /// The input, as many pixels as it holds.
    pub x: &'a [f32],
    /// The output.
    pub y: &'a mut [f32],
}

impl Kernel for Affine<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let channels = self.mean.len();
        let pixels = self.y.chunks_exact_mut(channels.max(1)).zip(self.x.chunks_exact(channels.max(1)));
        for (y, x) in pixels {
            let (factor, offset) = (&self.factor[..channels], &self.offset[..channels]);
            for c in 0..channels {
                y[c] = (x[c] - self.mean[c]) * factor[c] + offset[c];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn two_pixels() {
        for isa in testing::isas() {
            let mut y = [0.0; 4];
            let (mean, factor, offset) = (&[1.0, 2.0], &[0.5, -1.0], &[10.0, 0.0]);
            testing::run(isa, Affine { mean, factor, offset, x: &[3.0, 3.0, 1.0, 1.0], y: &mut y });
            assert_eq!(y, [11.0, -1.0, 10.0, 1.0], "{isa}");
        }
    }
}
