//! The sums of a product of bytes, in one of two ways that give the same integers. Where no sum can leave the integers that
//! f32 holds exactly, and so no order of summing matters, they are the fp32 product's; elsewhere the innermost loop runs
//! over output channels, and rows of the output run in parallel.
use crate::lower::Product;
use crate::ops::{Products, check, product};
use bakelite_kernels::float::{conv, dwconv};
use bakelite_kernels::{Isa, Kernel, Place};
use rayon::prelude::*;

/// Sums that f32 holds exactly.
pub(super) fn float_sums(product: &Product<'_>, x: &[f32], [at_x, at_y]: [Place; 2]) -> Vec<i32> {
    let w: Vec<f32> = product.weights.iter().map(|&w| f32::from(w)).collect();
    let mut sums = vec![0.0; at_y.batch * at_y.image];
    let window = product.window;
    if product.depthwise {
        product::dwconv(&dwconv::Params { x: at_x, y: at_y, window }, x, &w, &mut sums);
    } else {
        product::conv(&conv::Params { x: at_x, y: at_y, window }, x, &w, &mut sums, Products::Fast);
    }
    sums.into_iter().map(|v| v as i32).collect()
}

/// Sums of any magnitude.
pub(super) fn integer_sums(product: &Product<'_>, x: &[i16], [at_x, at_y]: [Place; 2]) -> Vec<i32> {
    let weights: Vec<i16> = product.weights.iter().map(|&w| i16::from(w)).collect();
    let sums = Sums { product, x, weights: &weights, at_x, at_y };
    let mut acc = vec![0; at_y.batch * at_y.image];
    let rows = acc.par_chunks_mut(at_y.row.max(1)).enumerate();
    rows.for_each(|(row, acc)| check::run(Row { sums, row, acc }));
    acc
}

/// Where the sums of a product come from.
#[derive(Clone, Copy)]
struct Sums<'a> {
    product: &'a Product<'a>,
    x: &'a [i16],
    weights: &'a [i16],
    at_x: Place,
    at_y: Place,
}

/// The accumulators of one row of pixels. Plain Rust: it is entered through an [`Isa`] so that the compiler may use
/// wide vectors, which changes no bit of an integer sum.
struct Row<'a> {
    sums: Sums<'a>,
    row: usize,
    acc: &'a mut [i32],
}

impl Kernel for Row<'_> {
    type Output = ();
    const DOTS: bool = false;
    #[inline(always)]
    fn call<I: Isa>(self, _isa: I) {
        let Sums { product: Product { window, depthwise, .. }, x, weights, at_x, at_y } = self.sums;
        let (n, oy) = (self.row / at_y.height, self.row % at_y.height);
        let (ic, oc) = (at_x.channels, at_y.channels);
        let inputs = if *depthwise { 1 } else { ic };
        for (ox, acc) in self.acc.chunks_exact_mut(oc.max(1)).enumerate() {
            for ky in 0..window.kernel[0] {
                for kx in 0..window.kernel[1] {
                    let (iy, ix) =
                        (window.input(0, oy, ky, at_x.height), window.input(1, ox, kx, at_x.width));
                    let (Some(iy), Some(ix)) = (iy, ix) else { continue };
                    let x = &x[at_x.at(n, iy, ix)..][..ic];
                    let w = &weights[(ky * window.kernel[1] + kx) * inputs * oc..][..inputs * oc];
                    if *depthwise { one_each(acc, x, w) } else { all_to_all(acc, x, w) }
                }
            }
        }
    }
}

/// `acc[oc] += Σ_ic x[ic] * w[ic, oc]`.
#[inline(always)]
fn all_to_all(acc: &mut [i32], x: &[i16], w: &[i16]) {
    for (&x, w) in x.iter().zip(w.chunks_exact(acc.len())) {
        for (acc, &w) in acc.iter_mut().zip(w) {
            *acc += i32::from(x) * i32::from(w);
        }
    }
}

/// `acc[c * multiplier + m] += x[c] * w[c * multiplier + m]`.
#[inline(always)]
fn one_each(acc: &mut [i32], x: &[i16], w: &[i16]) {
    let multiplier = (acc.len() / x.len().max(1)).max(1);
    for ((acc, w), &x) in acc.chunks_exact_mut(multiplier).zip(w.chunks_exact(multiplier)).zip(x) {
        for (acc, &w) in acc.iter_mut().zip(w) {
            *acc += i32::from(x) * i32::from(w);
        }
    }
}
