//! Maximum and average pooling over the taps inside the image. Cost: one operation a tap and channel.

use crate::isa::{Isa, Kernel};
use crate::window::{Place, Window};

/// How the taps become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// The greatest.
    Max,
    /// The sum, divided by the number of taps inside the image.
    Average,
}

/// One pooling; `x` and `y` have the same channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// What to compute.
    pub function: Function,
    /// The input; it needs no halo.
    pub x: Place,
    /// The output.
    pub y: Place,
    /// The window over the input.
    pub window: Window,
}

/// The pooling with its buffers.
pub struct Pool<'a> {
    /// Function and shapes.
    pub params: &'a Params,
    /// The input's buffer.
    pub x: &'a [f32],
    /// The output's buffer.
    pub y: &'a mut [f32],
}

impl Kernel for Pool<'_> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        let at = self.params.y;
        for n in 0..at.batch {
            for oy in 0..at.height {
                for ox in 0..at.width {
                    let y = &mut self.y[at.at(n, oy, ox)..][..at.channels];
                    match self.params.function {
                        Function::Max => {
                            y.fill(f32::NEG_INFINITY);
                            let max = |y: f32, x: f32| if x > y || x.is_nan() { x } else { y };
                            taps(self.params, self.x, [n, oy, ox], y, max);
                        }
                        Function::Average => {
                            y.fill(0.0);
                            let count = taps(self.params, self.x, [n, oy, ox], y, |y, x| y + x);
                            y.iter_mut().for_each(|y| *y /= count as f32);
                        }
                    }
                }
            }
        }
    }
}

/// Folds the taps of one pixel into `y` and counts them.
#[inline(always)]
fn taps(
    params: &Params,
    x: &[f32],
    [n, oy, ox]: [usize; 3],
    y: &mut [f32],
    f: impl Fn(f32, f32) -> f32,
) -> usize {
    let Params { x: at, window, .. } = params;
    let mut count = 0;
    for ky in 0..window.kernel[0] {
        let Some(iy) = window.input(0, oy, ky, at.height) else { continue };
        for kx in 0..window.kernel[1] {
            let Some(ix) = window.input(1, ox, kx, at.width) else { continue };
            count += 1;
            let x = &x[at.at(n, iy, ix)..][..y.len()];
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(*y, x));
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_halo_does_not_count() {
        let window = Window { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [0, 0] };
        let (x, y) = (Place::dense([1, 3, 3, 1]), Place::dense([1, 2, 2, 1]));
        let image = [1.0, 2.0, -3.0, 4.0, 5.0, -6.0, 7.0, 9.0, -9.0];
        for isa in testing::isas() {
            for (function, want) in
                [(Function::Max, [5.0, -3.0, 9.0, -9.0]), (Function::Average, [3.0, -4.5, 8.0, -9.0])]
            {
                let mut pooled = [0.0; 4];
                let params = Params { function, x, y, window };
                testing::run(isa, Pool { params: &params, x: &image, y: &mut pooled });
                assert_eq!(pooled, want, "{isa} {function:?}");
            }
        }
    }
}
