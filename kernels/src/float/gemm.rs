//! `y[m, n] = Σ_k x[m, k] * w[k, n]` with fused products: for calibration, where speed counts and the last bits do not.
//!
//! It is not the order of the [contract](super): each product is fused into its sum. The sum of one output still goes
//! over k in order, so results do not depend on how rows are shared out, nor on the instruction set. Weights are
//! packed as `[n / 32][k][32]`, zeros behind the last. Cost: M * K * N MACs, at 70-90 % of the FMA peak.

use crate::isa::{Isa, Kernel};

/// Columns of a panel.
pub const COLUMNS: usize = 32;

/// Length of the packed weights of `[k, n]`.
pub const fn packed_len(k: usize, n: usize) -> usize {
    n.next_multiple_of(COLUMNS) * k
}

/// Packs `w`, in order `[k, n]`.
pub fn pack([k, n]: [usize; 2], w: &[f32], packed: &mut [f32]) {
    for (panel, packed) in packed.chunks_exact_mut((k * COLUMNS).max(1)).enumerate() {
        let first = panel * COLUMNS;
        let columns = COLUMNS.min(n - first);
        for (row, packed) in packed.chunks_exact_mut(COLUMNS).enumerate() {
            packed.fill(0.0);
            packed[..columns].copy_from_slice(&w[row * n + first..][..columns]);
        }
    }
}

/// Rows of x times packed weights.
pub struct Gemm<'a> {
    /// Length of a row of x.
    pub k: usize,
    /// Length of a row of y.
    pub n: usize,
    /// `[m, k]`, dense.
    pub x: &'a [f32],
    /// What [`pack`] made.
    pub packed: &'a [f32],
    /// `[m, n]`, dense.
    pub y: &'a mut [f32],
}

impl Kernel for Gemm<'_> {
    type Output = ();
    const DOTS: bool = false;

    /// A tile has 32 columns: two registers of 16 lanes, four of 8, eight of 4. Sums fill the registers but a few.
    #[inline(always)]
    fn call<I: Isa>(mut self, isa: I) {
        match (I::LANES, I::REGISTERS) {
            (16, _) => self.tiles::<I, 8, 2, 1>(isa),
            (8, _) => self.tiles::<I, 6, 2, 2>(isa),
            _ => self.tiles::<I, 2, 2, 4>(isa),
        }
    }
}

impl Gemm<'_> {
    /// Tiles of MR rows, and NV vectors in each of PARTS parts of a panel.
    #[inline(always)]
    fn tiles<I: Isa, const MR: usize, const NV: usize, const PARTS: usize>(&mut self, isa: I) {
        let (k, n) = (self.k, self.n);
        if k == 0 || n == 0 {
            return self.y.fill(0.0);
        }
        let rows = self.y.len() / n;
        let panels = self.packed.as_chunks::<16>().0;
        for (panel, w) in panels.chunks_exact(2 * k).enumerate() {
            let first = panel * COLUMNS;
            let columns = COLUMNS.min(n - first);
            let w = w.as_chunks::<2>().0;
            let mut m = 0;
            while m < rows {
                // The last tile goes over rows again rather than over fewer.
                let step = if rows - m >= MR || rows < MR { m } else { rows - MR };
                if rows < MR {
                    self.tile::<I, 1, NV, PARTS>(isa, w, m, first, columns);
                    m += 1;
                } else {
                    self.tile::<I, MR, NV, PARTS>(isa, w, step, first, columns);
                    m = step + MR;
                }
            }
        }
    }

    /// One tile, part by part.
    #[inline(always)]
    fn tile<I: Isa, const MR: usize, const NV: usize, const PARTS: usize>(
        &mut self,
        isa: I,
        w: &[[[f32; 16]; 2]],
        m: usize,
        first: usize,
        columns: usize,
    ) {
        let mut x: [&[f32]; MR] = [&[]; MR];
        for i in 0..MR {
            x[i] = &self.x[(m + i) * self.k..][..w.len()];
        }
        let mut sums = [[[0.0; 16]; 2]; MR];
        for part in 0..PARTS {
            let mut acc = [[isa.splat_f32(0.0); NV]; MR];
            for (k, w) in w.iter().enumerate() {
                let mut wv = [isa.splat_f32(0.0); NV];
                for s in 0..NV {
                    wv[s] = isa.load_f32(&w[s], part);
                }
                for i in 0..MR {
                    let x = isa.splat_f32(x[i][k]);
                    for s in 0..NV {
                        acc[i][s] = isa.fma(x, wv[s], acc[i][s]);
                    }
                }
            }
            for i in 0..MR {
                for s in 0..NV {
                    isa.store_f32(acc[i][s], &mut sums[i][s], part);
                }
            }
        }
        for i in 0..MR {
            let y = &mut self.y[(m + i) * self.n + first..][..columns];
            y.copy_from_slice(&sums[i].as_flattened()[..columns]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant;
    use crate::testing::{self, Failures, Random};
    use std::{format, vec};

    #[test]
    fn every_isa_sums_in_order() {
        let (mut failures, mut random) = (Failures::default(), Random::new(4));
        for (m, k, n) in [(1, 1, 1), (7, 5, 33), (8, 19, 32), (9, 3, 64), (23, 8, 70), (2, 0, 3)] {
            let (x, w) = (random.floats(-1.0, 1.0, m * k), random.floats(-1.0, 1.0, k * n));
            let mut packed = vec![f32::NAN; packed_len(k, n)];
            pack([k, n], &w, &mut packed);
            let mut want = vec![0.0; m * n];
            for (i, y) in want.iter_mut().enumerate() {
                *y = (0..k).fold(0.0, |acc, k_| quant::fma(x[i / n * k + k_], w[k_ * n + i % n], acc));
            }
            for isa in testing::isas() {
                let mut got = vec![f32::NAN; m * n];
                testing::run(isa, Gemm { k, n, x: &x, packed: &packed, y: &mut got });
                failures.check(&got, &want, || format!("{m}x{k}x{n} {isa}"));
            }
        }
    }
}
