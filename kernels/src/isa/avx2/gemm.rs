//! Sums of a tile by VPMADDUBSW, where the weights are proven to allow it ([`Params::short_steps`]).
//!
//! VPMADDUBSW adds pairs of products of bytes in 16 bits; where S steps of K surely fit, their sums are added before VPMADDWD
//! by 1 widens them:
//!
//! ```text
//! sum[m] += VPMADDWD(Σ_S VPMADDUBSW(x[m], w), 1)
//! ```
//!
//! A tile's MR windows are copied, run behind run, into a buffer that all its vectors of channels read; the vectors take
//! turns over all steps of it. The loop is a function of its own: one copy for all layers and epilogues. Cost of a step of a
//! vector and a row, in multiplications, of which two start in a cycle: 1 + 1/S, where [`Direct`] takes 2 and as many operations
//! for widening and adding.
//!
//! [`Params::short_steps`]: crate::conv::Params::short_steps

use super::Avx2;
use crate::igemm::{Direct, Gemm, Meanwhile, Panels};
use crate::tile::Tile;
use core::arch::x86_64::*;
use core::mem::MaybeUninit;

/// Steps of K that the buffer holds: many, so that a loop begins seldom; few enough for the first cache.
const STEPS: usize = 256;

/// Steps that are copied at once: the last copy of a run may be too long by all but one of them.
const COPIED: usize = 8;

/// The steps of one row.
type Row = [MaybeUninit<[u8; 4]>; STEPS + COPIED];

/// By VPMADDUBSW where it is exact, and else by VPMADDWD.
pub struct Proven;

impl Gemm<Avx2> for Proven {
    #[inline(always)]
    fn sums<const MR: usize, const NV: usize>(
        isa: Avx2,
        panels: &Panels<'_>,
        mut acc: [[__m256i; NV]; MR],
        part: usize,
        tile: Tile<'_, MR>,
        meanwhile: &mut impl Meanwhile<Avx2>,
    ) -> [[__m256i; NV]; MR] {
        let add = match panels.short_steps {
            0 => return Direct::sums(isa, panels, acc, part, tile, meanwhile),
            1 => add::<1, MR>,
            2 | 3 => add::<2, MR>,
            _ => add::<4, MR>,
        };
        add(isa, panels, part, &tile.x.places(), NV, acc.as_flattened_mut());
        acc
    }
}

/// Adds a tile's products to `acc`, `vectors` sums for each of the pixels whose windows begin at `at`.
///
/// It stays out of line by having no features itself: rustc 1.95 forgets `inline(never)` where it meets `target_feature`.
#[inline(never)]
fn add<const S: usize, const MR: usize>(
    isa: Avx2,
    panels: &Panels<'_>,
    part: usize,
    at: &[usize; MR],
    vectors: usize,
    acc: &mut [__m256i],
) {
    // SAFETY: `isa` proves AVX2.
    unsafe { add_with_avx2::<S, MR>(isa, panels, part, at, vectors, acc) }
}

#[target_feature(enable = "avx2,fma")]
fn add_with_avx2<const S: usize, const MR: usize>(
    isa: Avx2,
    panels: &Panels<'_>,
    part: usize,
    at: &[usize; MR],
    vectors: usize,
    acc: &mut [__m256i],
) {
    let Panels { runs, x, panels: mut w, .. } = *panels;
    let mut rows: [Row; MR] = [[MaybeUninit::uninit(); STEPS + COPIED]; MR];
    let mut filled = 0;
    for ky in 0..runs.count[0] {
        for kx in 0..runs.count[1] {
            let mut x = &x[ky * runs.pitch[0] + kx * runs.pitch[1]..];
            let mut left = runs.k4();
            while left > 0 {
                let steps = left.min(STEPS - filled);
                copy(x, at, steps, &mut rows, filled);
                (x, left, filled) = (&x[4 * steps..], left - steps, filled + steps);
                if filled == STEPS {
                    // SAFETY: `copy` has written all steps.
                    unsafe { multiply::<S, MR>(isa, &rows, STEPS, w, vectors, part, acc) };
                    (w, filled) = (&w[STEPS * vectors..], 0);
                }
            }
        }
    }
    // SAFETY: `copy` has written so many steps.
    unsafe { multiply::<S, MR>(isa, &rows, filled, w, vectors, part, acc) };
}

/// Copies `steps` of each row behind the `filled` ones, and what follows up to a multiple of [`COPIED`].
#[inline]
#[target_feature(enable = "avx2,fma")]
fn copy<const MR: usize>(x: &[u8], at: &[usize; MR], steps: usize, rows: &mut [Row; MR], filled: usize) {
    let blocks = steps.div_ceil(COPIED);
    for m in 0..MR {
        let x = &x[at[m]..];
        let y = &mut rows[m][filled..][..COPIED * blocks];
        let whole = blocks.min(x.len() / (4 * COPIED));
        for (x, y) in x.as_chunks().0[..whole].iter().zip(y.as_chunks_mut().0) {
            copy_block(x, y);
        }
        // At the end of the input: at most one block, unless `x` is too short.
        if let Some(y) = y.as_chunks_mut().0.get_mut(whole) {
            let (rest, mut block) = (&x[4 * COPIED * whole..], [0; 4 * COPIED]);
            block[..rest.len()].copy_from_slice(rest);
            copy_block(&block, y);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn copy_block(x: &[u8; 4 * COPIED], y: &mut [MaybeUninit<[u8; 4]>; COPIED]) {
    // SAFETY: 32 readable bytes, 32 writable ones.
    unsafe { _mm256_storeu_si256(y.as_mut_ptr().cast(), _mm256_loadu_si256(x.as_ptr().cast())) }
}

/// Adds the products of the first `steps` of each row with those of `w`, which has `vectors` panels a step.
///
/// # Safety
/// So many steps of each row are written.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn multiply<const S: usize, const MR: usize>(
    isa: Avx2,
    rows: &[Row; MR],
    steps: usize,
    w: &[[i8; 64]],
    vectors: usize,
    part: usize,
    acc: &mut [__m256i],
) {
    assert!(steps <= STEPS && steps * vectors <= w.len() && MR * vectors == acc.len() && part < 2);
    let whole = steps - steps % S;
    for s in 0..vectors {
        let mut sums = [_mm256_setzero_si256(); MR];
        // SAFETY: the rows are promised by the caller, the rest is asserted.
        unsafe {
            let w = w.as_ptr().wrapping_add(s);
            for k in (0..whole).step_by(S) {
                sums = short::<S, MR>(isa, sums, rows, k, w, vectors, part);
            }
            for k in whole..steps {
                sums = short::<1, MR>(isa, sums, rows, k, w, vectors, part);
            }
        }
        for m in 0..MR {
            let acc = &mut acc[m * vectors + s];
            *acc = _mm256_add_epi32(*acc, sums[m]);
        }
    }
}

/// Adds S steps from `k` on to the sums of a vector of channels.
///
/// # Safety
/// These steps are written in each row, and are at `w`, `pitch` panels apart; `part` is 0 or 1.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn short<const S: usize, const MR: usize>(
    _: Avx2,
    mut sums: [__m256i; MR],
    rows: &[Row; MR],
    k: usize,
    w: *const [i8; 64],
    pitch: usize,
    part: usize,
) -> [__m256i; MR] {
    let mut pairs = [_mm256_setzero_si256(); MR];
    for j in 0..S {
        // SAFETY: promised by the caller.
        let w = unsafe { w.add((k + j) * pitch).cast::<__m256i>().add(part).read_unaligned() };
        for m in 0..MR {
            // SAFETY: promised by the caller.
            let x = i32::from_le_bytes(unsafe { rows[m].get_unchecked(k + j).assume_init() });
            let products = _mm256_maddubs_epi16(_mm256_set1_epi32(x), w);
            pairs[m] = if j == 0 { products } else { _mm256_add_epi16(pairs[m], products) };
        }
    }
    for m in 0..MR {
        sums[m] = _mm256_add_epi32(sums[m], _mm256_madd_epi16(pairs[m], _mm256_set1_epi16(1)));
    }
    sums
}
