//! From the sums of a tile to its outputs.

use super::Part;
use crate::epilogue::Epilogue;
use crate::igemm::Meanwhile;
use crate::isa::{Isa, Rows};
use crate::team::GridTiles;
use crate::walk::Places;

/// The end of tiles, one after the other.
pub(super) trait End<'a, I: Isa, S, const MR: usize, const NV: usize>: Meanwhile<I> {
    /// The outputs of the next tiles are at `y`.
    fn stretch(&mut self, y: Places);
    /// Tile `i` of the stretch is summed.
    fn take(&mut self, isa: I, acc: [[I::I32; NV]; MR], summand: Option<Rows<'a, S, MR>>, i: usize);
    /// It was the last one.
    fn end(&mut self, isa: I);
}

/// What the epilogue of a part's tiles needs beside their sums.
pub(super) struct Finish<'a, E: Epilogue, const MR: usize, const NV: usize> {
    pub(super) epilogue: &'a E,
    pub(super) part: &'a Part<'a, NV>,
    pub(super) y: GridTiles<'a, E::Out, MR>,
}

impl<E: Epilogue, const MR: usize, const NV: usize> Finish<'_, E, MR, NV> {
    /// Scales and biases of the part's channels.
    #[inline(always)]
    pub(super) fn per_channel<I: Isa>(&self, isa: I) -> [[I::F32; NV]; 2] {
        let Part { number, scale: scales, bias: biases, .. } = *self.part;
        let mut scale = [isa.splat_f32(0.0); NV];
        let mut bias = scale;
        for s in 0..NV {
            scale[s] = isa.load_f32(&scales[s], number);
            bias[s] = isa.load_f32(&biases[s], number);
        }
        [scale, bias]
    }

    /// Row m.
    #[inline(always)]
    pub(super) fn row<I: Isa>(
        &mut self,
        isa: I,
        acc: [I::I32; NV],
        [scale, bias]: [[I::F32; NV]; 2],
        summand: Option<Rows<'_, E::Summand, MR>>,
        m: usize,
    ) {
        let summand = summand.map_or(&[][..], |summand| summand.row(m));
        self.epilogue.finish::<I, NV>(isa, acc, scale, bias, summand, self.y.row(m));
    }
}

/// Each tile is finished before the next one begins.
pub(super) struct AtOnce<'a, E: Epilogue, const MR: usize, const NV: usize>(pub(super) Finish<'a, E, MR, NV>);

impl<I: Isa, E: Epilogue, const MR: usize, const NV: usize> Meanwhile<I> for AtOnce<'_, E, MR, NV> {
    #[inline(always)]
    fn step(&mut self, _: I) {}
}

impl<'a, I: Isa, E: Epilogue, const MR: usize, const NV: usize> End<'a, I, E::Summand, MR, NV>
    for AtOnce<'a, E, MR, NV>
{
    #[inline(always)]
    fn stretch(&mut self, y: Places) {
        self.0.y.stretch(y);
    }

    #[inline(always)]
    fn take(&mut self, isa: I, acc: [[I::I32; NV]; MR], summand: Option<Rows<'a, E::Summand, MR>>, i: usize) {
        self.0.y.tile(i);
        // Once for all rows: stores between them would make LLVM load them again.
        let per_channel = self.0.per_channel(isa);
        const { assert!(MR <= 12) };
        unrolled!(m in 0 1 2 3 4 5 6 7 8 9 10 11; if m < MR {
            self.0.row(isa, acc[m], per_channel, summand, m);
        });
    }

    #[inline(always)]
    fn end(&mut self, _: I) {}
}

/// A loop written out: LLVM keeps one with so large a body, and the sums that it indexes in memory.
macro_rules! unrolled {
    ($m:ident in $($number:literal)*; $body:expr) => {$({
        #[allow(non_upper_case_globals)]
        const $m: usize = $number;
        $body
    })*};
}
use unrolled;
