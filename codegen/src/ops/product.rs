//! Convolutions and matrix products in f32, over all cores: each output's sum is one thread's, so the bits do not
//! depend on how many there are.
use crate::ops::Products;
use crate::ops::check::run;
use bakelite_kernels::float::{conv, dwconv, gemm};
use bakelite_kernels::{Place, Window};
use rayon::prelude::*;

/// Elements of gathered windows that a thread keeps at a time; with the weights' panel they fit a second-level cache.
const GATHERED: usize = 1 << 17;

/// `y = x * w`, of dense tensors; `w` is HWIO.
pub(super) fn conv(params: &conv::Params, x: &[f32], w: &[f32], y: &mut [f32], products: Products) {
    match products {
        Products::Contract => bands(params.x, params.y, params.window, y, |at_x, at_y, window, y| {
            run(conv::Conv { params: &conv::Params { x: at_x, y: at_y, window }, x, w, y });
        }),
        Products::Fast => fast(params, x, w, y),
    }
}

/// Depthwise `y = x * w`, of dense tensors. It has no other order than the contract's.
pub(super) fn dwconv(params: &dwconv::Params, x: &[f32], w: &[f32], y: &mut [f32]) {
    bands(params.x, params.y, params.window, y, |at_x, at_y, window, y| {
        run(dwconv::DwConv { params: &dwconv::Params { x: at_x, y: at_y, window }, x, w, y });
    });
}

/// Gathers the windows of some pixels into rows of a matrix, multiplies, goes on.
fn fast(params: &conv::Params, x: &[f32], w: &[f32], y: &mut [f32]) {
    let Window { kernel, stride, pad, .. } = params.window;
    let k = kernel[0] * kernel[1] * params.x.channels;
    let n = params.y.channels;
    if y.is_empty() || k == 0 {
        return y.fill(0.0);
    }
    let mut packed = vec![0.0; gemm::packed_len(k, n)];
    gemm::pack([k, n], w, &mut packed);
    let rows = (GATHERED / k).clamp(8, 1024) / 8 * 8;
    let point = kernel == [1, 1] && stride == [1, 1] && pad == [0, 0];
    let same = [params.x.height, params.x.width] == [params.y.height, params.y.width];
    y.par_chunks_mut(rows * n).enumerate().for_each_init(Vec::new, |gathered, (band, y)| {
        let (first, count) = (band * rows, y.len() / n);
        let x = if point && same {
            &x[first * k..][..count * k]
        } else {
            gathered.resize(count * k, 0.0);
            for (row, pixel) in gathered.chunks_exact_mut(k).zip(first..) {
                gather(params, x, pixel, row);
            }
            &gathered[..]
        };
        run(gemm::Gemm { k, n, x, packed: &packed, y });
    });
}

/// The taps of one output pixel, zeros on the halo.
fn gather(params: &conv::Params, x: &[f32], pixel: usize, row: &mut [f32]) {
    let conv::Params { x: at, y, window } = params;
    let (n, oy, ox) = (pixel / (y.height * y.width), pixel / y.width % y.height, pixel % y.width);
    let channels = at.channels;
    for (tap, row) in row.chunks_exact_mut(channels).enumerate() {
        let iy = window.input(0, oy, tap / window.kernel[1], at.height);
        let ix = window.input(1, ox, tap % window.kernel[1], at.width);
        match (iy, ix) {
            (Some(iy), Some(ix)) => row.copy_from_slice(&x[at.at(n, iy, ix)..][..channels]),
            _ => row.fill(0.0),
        }
    }
}

/// Shares the output rows of all images among threads. `each` gets the places of a band of rows, the window over it,
/// and the band of `y`.
pub(super) fn bands(
    x: Place,
    y: Place,
    window: Window,
    out: &mut [f32],
    each: impl Fn(Place, Place, Window, &mut [f32]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    // About 16 K outputs a band.
    let rows = ((1 << 14) / y.row).clamp(1, y.height);
    out.par_chunks_mut(y.image).enumerate().for_each(|(n, image)| {
        image.par_chunks_mut(rows * y.row).enumerate().for_each(|(band, out)| {
            let top = band * rows * window.stride[0];
            // The band's first window begins so many rows above (pad) or below (skip) the image's first row.
            let (pad, skip) = (window.pad[0].saturating_sub(top), top.saturating_sub(window.pad[0]));
            let at_x =
                Place { batch: 1, height: x.height.saturating_sub(skip), first: x.at(n, skip, 0), ..x };
            let at_y = Place { batch: 1, height: out.len() / y.row, first: 0, ..y };
            each(at_x, at_y, Window { pad: [pad, window.pad[1]], ..window }, out);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed) % 257) as f32 / 64.0 - 2.0).collect()
    }

    #[test]
    fn bands_are_the_whole() {
        for (stride, pad, height) in [(1, 1, 40), (2, 0, 20), (3, 5, 16)] {
            let window = Window { kernel: [3, 3], stride: [stride, 1], dilation: [2, 1], pad: [pad, 1] };
            let (x, y) = (Place::dense([2, 41, 70, 3]), Place::dense([2, height, 70, 19]));
            let params = conv::Params { x, y, window };
            let (image, w) = (values(2 * 41 * 70 * 3, 1), values(9 * 3 * 19, 2));
            let mut want = vec![0.0; 2 * y.image];
            conv::reference(&params, &image, &w, &mut want);
            let mut contract = vec![f32::NAN; want.len()];
            conv(&params, &image, &w, &mut contract, Products::Contract);
            assert_eq!(contract, want);
            let mut fast = vec![f32::NAN; want.len()];
            conv(&params, &image, &w, &mut fast, Products::Fast);
            let worst = fast.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-4, "{worst}");
        }
    }
}
