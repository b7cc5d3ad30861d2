//! Depthwise convolution in f32: `multiplier` outputs of each input channel.
//!
//! ```text
//! y[ic*multiplier + q] = Σ_{ky,kx} x[oy*sh + ky*dh - top, ox*sw + kx*dw - left, ic] * w[ky,kx,ic,q]
//! ```
//!
//! Weights are `[ky][kx][ic][q]` as TensorFlow has them. Cost: pixels * ic * multiplier * kernel_h * kernel_w MACs.

use crate::isa::{Isa, Kernel};
use crate::window::{Place, Window};

/// One depthwise convolution; `y.channels` is a multiple of `x.channels`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// The input; it needs no halo.
    pub x: Place,
    /// The output.
    pub y: Place,
    /// The window over the input.
    pub window: Window,
}

/// The meaning of a depthwise convolution: one sum after the other.
pub fn reference(params: &Params, x: &[f32], w: &[f32], y: &mut [f32]) {
    let Params { x: at_x, y: at_y, window } = params;
    let multiplier = at_y.channels / at_x.channels.max(1);
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
                            let w = w[(ky * window.kernel[1] + kx) * at_y.channels + oc];
                            acc += x[at_x.at(n, iy, ix) + oc / multiplier] * w;
                        }
                    }
                    y[at_y.at(n, oy, ox) + oc] = acc;
                }
            }
        }
    }
}

/// The fast form.
pub struct DwConv<'a> {
    /// Shapes.
    pub params: &'a Params,
    /// The input's buffer.
    pub x: &'a [f32],
    /// `[ky][kx][ic][q]`.
    pub w: &'a [f32],
    /// The output's buffer.
    pub y: &'a mut [f32],
}

impl Kernel for DwConv<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let Params { x: at_x, y: at, .. } = self.params;
        let multiplier = at.channels / at_x.channels.max(1);
        for n in 0..at.batch {
            for oy in 0..at.height {
                for ox in 0..at.width {
                    let y = &mut self.y[at.at(n, oy, ox)..][..at.channels];
                    match multiplier {
                        1 => pixel(self.params, self.x, self.w, [n, oy, ox], y),
                        _ => spread(self.params, self.x, self.w, [n, oy, ox], y, multiplier),
                    }
                }
            }
        }
    }
}

/// One output a channel: sums of 32 channels in registers.
#[inline(always)]
fn pixel(params: &Params, x: &[f32], w: &[f32], at: [usize; 3], y: &mut [f32]) {
    const LANES: usize = 32;
    let channels = y.len();
    let mut blocks = y.chunks_exact_mut(LANES);
    let mut c = 0;
    for y in &mut blocks {
        let mut acc = [0.0; LANES];
        taps(params, at, |from, tap| {
            let (x, w) = (&x[from + c..][..LANES], &w[tap * channels + c..][..LANES]);
            (0..LANES).for_each(|l| acc[l] += x[l] * w[l]);
        });
        y.copy_from_slice(&acc);
        c += LANES;
    }
    let y = blocks.into_remainder();
    y.fill(0.0);
    taps(params, at, |from, tap| {
        let (x, w) = (&x[from + c..][..y.len()], &w[tap * channels + c..][..y.len()]);
        (0..y.len()).for_each(|l| y[l] += x[l] * w[l]);
    });
}

/// Several outputs a channel.
#[inline(always)]
fn spread(params: &Params, x: &[f32], w: &[f32], at: [usize; 3], y: &mut [f32], multiplier: usize) {
    y.fill(0.0);
    let channels = y.len();
    taps(params, at, |from, tap| {
        let w = &w[tap * channels..][..channels];
        for (oc, y) in y.iter_mut().enumerate() {
            *y += x[from + oc / multiplier] * w[oc];
        }
    });
}

/// Calls `tap` with the input pixel's element and the number of every tap inside the image, in order.
#[inline(always)]
fn taps(params: &Params, [n, oy, ox]: [usize; 3], mut tap: impl FnMut(usize, usize)) {
    let Params { x: at, window, .. } = params;
    for ky in 0..window.kernel[0] {
        let Some(iy) = window.input(0, oy, ky, at.height) else { continue };
        for kx in 0..window.kernel[1] {
            let Some(ix) = window.input(1, ox, kx, at.width) else { continue };
            tap(at.at(n, iy, ix), ky * window.kernel[1] + kx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Failures, Random};
    use std::{format, vec, vec::Vec};

    #[test]
    fn every_isa_sums_as_the_reference() {
        let (mut failures, mut random) = (Failures::default(), Random::new(3));
        for (channels, multiplier) in [(1, 1), (5, 3), (32, 1), (77, 1), (64, 2)] {
            let window = Window { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], pad: [1, 1] };
            let (x, y) = (Place::dense([2, 5, 6, channels]), Place::dense([2, 3, 4, channels * multiplier]));
            let params = Params { x, y, window };
            let image = random.floats(-1.0, 1.0, 60 * channels);
            let w = random.floats(-1.0, 1.0, 6 * channels * multiplier);
            let mut want = vec![0.0; 24 * channels * multiplier];
            reference(&params, &image, &w, &mut want);
            for isa in testing::isas() {
                let mut got: Vec<f32> = vec![f32::NAN; want.len()];
                testing::run(isa, DwConv { params: &params, x: &image, w: &w, y: &mut got });
                failures.check(&got, &want, || format!("{channels} x {multiplier} {isa}"));
            }
        }
    }

    #[test]
    fn a_worked_pixel() {
        let window = Window { kernel: [1, 2], ..Window::POINT };
        let params = Params { x: Place::dense([1, 1, 2, 2]), y: Place::dense([1, 1, 1, 4]), window };
        let (x, w) = (&[1.0, 2.0, 3.0, 4.0], &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0]);
        let mut y = [0.0; 4];
        reference(&params, x, w, &mut y);
        assert_eq!(y, [10.0, 100.0, 20.0, 200.0]);
    }
}
