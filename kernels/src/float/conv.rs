//! Convolution in f32, and matrix products, which are convolutions of one tap over a row of pixels.
//!
//! ```text
//! y[oc] = Σ_{ky,kx,ic} x[oy*sh + ky*dh - top, ox*sw + kx*dw - left, ic] * w[ky,kx,ic,oc]
//! ```
//!
//! Weights are HWIO as TensorFlow has them; neighbouring output channels are computed side by side. Cost: pixels *
//! oc * kernel_h * kernel_w * ic MACs, a product and a sum each.

use crate::isa::{Isa, Kernel};
use crate::window::{Place, Window};

/// One convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// The input; it needs no halo.
    pub x: Place,
    /// The output.
    pub y: Place,
    /// The window over the input.
    pub window: Window,
}

impl Params {
    /// `[m, k] × [k, n]`, dense.
    pub const fn matmul([m, k, n]: [usize; 3]) -> Self {
        Self { x: Place::dense([1, 1, m, k]), y: Place::dense([1, 1, m, n]), window: Window::POINT }
    }
}

/// The meaning of a convolution: one sum after the other.
pub fn reference(params: &Params, x: &[f32], hwio: &[f32], y: &mut [f32]) {
    let Params { x: at_x, y: at_y, window } = params;
    for n in 0..at_y.batch {
        for oy in 0..at_y.height {
            for ox in 0..at_y.width {
                for oc in 0..at_y.channels {
                    let mut acc = 0.0;
                    for ky in 0..window.kernel[0] {
                        for kx in 0..window.kernel[1] {
                            let iy = window.input(0, oy, ky, at_x.height);
                            let ix = window.input(1, ox, kx, at_x.width);
                            let (Some(iy), Some(ix)) = (iy, ix) else { continue };
                            for ic in 0..at_x.channels {
                                let tap = ky * window.kernel[1] + kx;
                                let w = hwio[(tap * at_x.channels + ic) * at_y.channels + oc];
                                acc += x[at_x.at(n, iy, ix) + ic] * w;
                            }
                        }
                    }
                    y[at_y.at(n, oy, ox) + oc] = acc;
                }
            }
        }
    }
}

/// The fast form.
pub struct Conv<'a> {
    /// Shapes.
    pub params: &'a Params,
    /// The input's buffer.
    pub x: &'a [f32],
    /// HWIO.
    pub w: &'a [f32],
    /// The output's buffer.
    pub y: &'a mut [f32],
}

impl Kernel for Conv<'_> {
    type Output = ();
    const DOTS: bool = false;

    /// Blocks of 64, 16 and single channels: four, one and no whole vectors of the widest ISA.
    #[inline(always)]
    fn call<I: Isa>(mut self, _: I) {
        let at = self.params.y;
        let mut oc = 0;
        while oc < at.channels {
            oc += match at.channels - oc {
                64.. => self.block::<64>(oc),
                16.. => self.block::<16>(oc),
                4.. => self.block::<4>(oc),
                _ => self.block::<1>(oc),
            };
        }
    }
}

impl Conv<'_> {
    /// All pixels of `N` channels. Weights of one block stay in the cache while the pixels pass.
    #[inline(always)]
    fn block<const N: usize>(&mut self, oc: usize) -> usize {
        let Params { x: at_x, y: at, window } = self.params;
        for n in 0..at.batch {
            for oy in 0..at.height {
                for ox in 0..at.width {
                    let mut acc = [0.0; N];
                    for ky in 0..window.kernel[0] {
                        let Some(iy) = window.input(0, oy, ky, at_x.height) else { continue };
                        for kx in 0..window.kernel[1] {
                            let Some(ix) = window.input(1, ox, kx, at_x.width) else { continue };
                            let tap = (ky * window.kernel[1] + kx) * at_x.channels;
                            let x = &self.x[at_x.at(n, iy, ix)..][..at_x.channels];
                            let w = self.w.get(tap * at.channels + oc..).unwrap_or_default();
                            acc = sum(acc, x, w, at.channels);
                        }
                    }
                    self.y[at.at(n, oy, ox) + oc..][..N].copy_from_slice(&acc);
                }
            }
        }
        N
    }
}

/// `acc[l] + Σ_k x[k] * w[k * pitch + l]`; of no k, `w` may be empty.
#[inline(always)]
fn sum<const N: usize>(mut acc: [f32; N], x: &[f32], w: &[f32], pitch: usize) -> [f32; N] {
    for (k, &x) in x.iter().enumerate() {
        let w = &w[k * pitch..][..N];
        for l in 0..N {
            acc[l] += x * w[l];
        }
    }
    acc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Failures, Random};
    use std::{format, vec, vec::Vec};

    #[test]
    fn every_isa_sums_as_the_reference() {
        let (mut failures, mut random) = (Failures::default(), Random::new(2));
        for (kernel, stride, dilation, pad) in [
            ([1, 1], [1, 1], [1, 1], [0, 0]),
            ([3, 3], [2, 1], [1, 2], [1, 2]),
            ([2, 5], [1, 3], [3, 1], [2, 0]),
        ] {
            for channels in [1, 3, 17, 85, 130] {
                let window = Window { kernel, stride, dilation, pad };
                let (x, y) = (Place::dense([2, 6, 7, 5]), Place::dense([2, 3, 2, channels]));
                let params = Params { x, y, window };
                let image = random.floats(-1.0, 1.0, 2 * 6 * 7 * 5);
                let w = random.floats(-1.0, 1.0, kernel[0] * kernel[1] * 5 * channels);
                let mut want = vec![0.0; 12 * channels];
                reference(&params, &image, &w, &mut want);
                for isa in testing::isas() {
                    let mut got: Vec<f32> = vec![f32::NAN; want.len()];
                    testing::run(isa, Conv { params: &params, x: &image, w: &w, y: &mut got });
                    failures.check(&got, &want, || format!("{window:?} {channels} {isa}"));
                }
            }
        }
    }

    #[test]
    fn a_worked_product() {
        let mut y = [0.0; 4];
        let params = Params::matmul([2, 3, 2]);
        let (x, w) = (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[1.0, -1.0, 0.5, 0.0, 2.0, 1.0]);
        reference(&params, x, w, &mut y);
        assert_eq!(y, [8.0, 2.0, 18.5, 2.0]);
    }
}
