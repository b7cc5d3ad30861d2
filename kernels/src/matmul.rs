//! `y[m, n] = epilogue(Σ_k (x[m, k] - zero_point) * w[k, n])`: a convolution of one tap over a row of M pixels.
//!
//! Weights come as [K, N], which is HWIO of a 1x1 kernel. Cost: M * K * N MACs; with one row, the speed at which
//! memory gives the weights.

use crate::conv;
use crate::window::{Place, Window};

/// The parameters of `[m, k] × [k, n]`, dense.
pub const fn params<E: Copy>([m, k, n]: [usize; 3], zero_point: u8, epilogue: E) -> conv::Params<E> {
    conv::Params {
        x: Place::dense([1, 1, m, k]),
        y: Place::dense([1, 1, m, n]),
        window: Window::POINT,
        zero_point,
        widest: 4,
        short_steps: 0,
        epilogue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epilogue::{Finish, Linear, NoSum, ToF32};
    use crate::pack::{PerChannel, Weights};
    use crate::testing;

    #[test]
    fn a_worked_product() {
        let epilogue = Finish { sum: NoSum, activation: Linear, output: ToF32 };
        let params = params([2, 3, 2], 1, epilogue);
        let w = [1, -1, 2, -2, 3, -3];
        let mut start = [0; 2];
        conv::start(&w, 1, &mut start);
        let mut image = [0u64; 24 + 8];
        let image: &mut [u8] = bytemuck::cast_slice_mut(&mut image);
        let image = &mut image[..params.packed_bytes()];
        params.pack(&w, PerChannel { start: &start, scale: &[1.0, 0.5], bias: &[0.0, 100.0] }, image);
        for isa in testing::isas() {
            let mut x = [1; 6 + 63];
            x[..6].copy_from_slice(&[2, 3, 4, 255, 1, 1]);
            let (weights, mut y) = (params.weights(image), [0.0; 4]);
            testing::run_cut(
                isa,
                64,
                conv::Conv::<2, 1, _> {
                    params: &params,
                    weights,
                    next: Weights::NONE,
                    x: &x,
                    summand: &[],
                    y: &mut y,
                },
            );
            // Less the zero point: rows 1 2 3 and 254 0 0; columns 1 2 3 and -1 -2 -3.
            assert_eq!(y, [14.0, 93.0, 254.0, -27.0], "{isa}");
        }
    }
}
