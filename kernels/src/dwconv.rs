//! Depthwise convolution, one output channel for each input channel.
//!
//! ```text
//! acc[c] = Σ_{ky,kx} (x[oy*sh + ky*dh - top, ox*sw + kx*dw - left, c] - zero_point) * w[ky,kx,c]
//! y[c]   = epilogue(acc[c], scale[c], bias[c], summand[c])
//! ```
//!
//! A dot product wants four bytes of one output together, and NHWC keeps a channel's taps apart. Four taps of a row,
//! 64 channels each, are interleaved byte by byte; the unpacks leave channels in the very order that the epilogue
//! undoes for free. Weights are packed as `[group 64][ky][kx / 4][panel 4][lane 16][4]`, absent taps being zero.
//! Two neighbours share one interleaving where the stride is one tap and a row has at most three.
//! Cost: pixels * c * kernel_h * kernel_w MACs; bound by the unpacks, 8 for 4 taps of 64 channels.

use crate::epilogue::Epilogue;
use crate::isa::Isa;
use crate::pack::{self, PerChannel, Weights};
use crate::team::{Grid, Split};
use crate::tile::{Sums, Tile, Tiles};
use crate::walk::{Track, Walk};
use crate::window::{Place, Window};
use bytemuck::Zeroable;
use core::mem;

/// One depthwise convolution; `x` and `y` have the same channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params<E> {
    /// The input, surrounded by a halo as wide as `window.pad` and the last windows ask.
    pub x: Place,
    /// The output.
    pub y: Place,
    /// The window over the input.
    pub window: Window,
    /// What the input holds for the real value 0.
    pub zero_point: u8,
    /// From accumulators to outputs.
    pub epilogue: E,
}

impl<E> Params<E> {
    /// Channels with the padding of the last group, which is always of 64.
    #[inline(always)]
    const fn lanes(&self) -> usize {
        self.y.channels.next_multiple_of(64)
    }

    /// Groups of 4 taps.
    #[inline(always)]
    const fn k4(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1].div_ceil(4)
    }

    /// Multiply-accumulates, padding included.
    pub const fn macs(&self) -> usize {
        self.y.pixels() * self.y.channels * self.window.kernel[0] * self.window.kernel[1]
    }

    /// Bytes of the packed image.
    pub const fn packed_bytes(&self) -> usize {
        pack::image_bytes(self.lanes(), self.k4())
    }

    /// Packs weights in HWC order into `image`, which has `packed_bytes` and begins on a multiple of 64.
    pub fn pack(&self, hwc: &[i8], per_channel: PerChannel<'_>, image: &mut [u8]) {
        let [_, kernel_w] = self.window.kernel;
        let panels = per_channel.pack(self.lanes(), image);
        pack::pack_panels([self.y.channels, self.lanes()], self.k4(), panels, |c, k| {
            let row = kernel_w.next_multiple_of(4);
            let (ky, kx) = (k / row, k % row);
            if kx < kernel_w { hwc[(ky * kernel_w + kx) * self.y.channels + c] } else { 0 }
        });
    }

    /// Sees a packed image.
    #[inline(always)]
    pub fn weights<'a>(&self, image: &'a [u8]) -> Weights<'a> {
        Weights::new(image, self.lanes())
    }
}

/// The meaning of a depthwise convolution. Weights are HWC; `summand` is the epilogue's, empty when there is none.
pub fn reference<E: Epilogue>(
    params: &Params<E>,
    x: &[u8],
    hwc: &[i8],
    [scale, bias]: [&[f32]; 2],
    summand: &[E::Summand],
    y: &mut [E::Out],
) {
    let Params { x: at_x, y: at_y, window, zero_point, epilogue } = params;
    let at_summand = epilogue.summand();
    for n in 0..at_y.batch {
        for oy in 0..at_y.height {
            for ox in 0..at_y.width {
                for c in 0..at_y.channels {
                    let mut acc = 0i32;
                    for ky in 0..window.kernel[0] {
                        for kx in 0..window.kernel[1] {
                            let iy = window.input(0, oy, ky, at_x.height);
                            let ix = window.input(1, ox, kx, at_x.width);
                            let (Some(iy), Some(ix)) = (iy, ix) else { continue };
                            let x = i32::from(x[at_x.at(n, iy, ix) + c]) - i32::from(*zero_point);
                            acc += x * i32::from(hwc[(ky * window.kernel[1] + kx) * at_y.channels + c]);
                        }
                    }
                    let s = summand.get(at_summand.at(n, oy, ox) + c).copied();
                    let s = s.unwrap_or_else(E::Summand::zeroed);
                    y[at_y.at(n, oy, ox) + c] = epilogue.reference(acc, scale[c], bias[c], s);
                }
            }
        }
    }
}

/// The fast form. Kernel id: `dwconv-4x64c4-{isa}`, with one row on ISAs of 16 registers.
///
/// Output bytes between the channels of `y` and its pixel pitch are left alone. It may be cut at any pixel, and at multiples of 64 channels.
pub struct DwConv<'a, E: Epilogue> {
    /// Shapes and epilogue.
    pub params: &'a Params<E>,
    /// The packed weights.
    pub weights: Weights<'a>,
    /// The input's buffer.
    pub x: &'a [u8],
    /// The summand's buffer; empty when there is none.
    pub summand: &'a [E::Summand],
    /// The output's buffer.
    pub y: &'a mut [E::Out],
}

impl<'a, E: Epilogue> Split for DwConv<'a, E> {
    type Y = Grid<'a, E::Out>;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let Params { x, y, window, epilogue, .. } = self.params;
        let (pixels, channels) = (grid.pixels(), grid.channels());
        let tracks = [Track::under(x, window), Track::positions(&grid), Track::plain(&epilogue.summand())];
        let walk = Walk::new([y.height, y.width], tracks, &pixels);
        let mut panels = self.weights.panels;
        for group in pack::groups(self.params.lanes()) {
            let (now, rest) = panels.split_at(4 * self.params.k4());
            panels = rest;
            if !channels.contains(&group.first) {
                continue;
            }
            let pitch = [window.dilation[0] * x.row, window.dilation[1] * x.pixel];
            let mut tiles = Tiles {
                sums: Taps { kernel: window.kernel, pitch, x: self.x, panels: now },
                epilogue: *epilogue,
                weights: self.weights,
                ahead: &[],
                group,
                channels: channels.end,
                walk,
                pixels: pixels.len(),
                summand: self.summand,
                y: grid.again(),
            };
            // Four pixels are 16 sums; 4 weights and the interleaving take the other half of 32 registers.
            if I::REGISTERS >= 32 {
                tiles.run::<I, 4, 4>(isa);
            } else {
                tiles.run::<I, 1, 4>(isa);
            }
        }
    }
}

/// The taps of one group of 64 channels.
struct Taps<'a> {
    kernel: [usize; 2],
    /// From a tap to the next, along rows and along columns.
    pitch: [usize; 2],
    x: &'a [u8],
    panels: &'a [[i8; 64]],
}

impl Sums for Taps<'_> {
    #[inline(always)]
    fn sums<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        mut acc: [[I::I32; NV]; MR],
        part: usize,
        Tile { first, x: places, .. }: Tile<'_>,
    ) -> [[I::I32; NV]; MR] {
        let at = places.all::<MR>();
        let [kernel_h, kernel_w] = self.kernel;
        if MR == 4
            && kernel_w < 4
            && at[1].wrapping_sub(at[0]) == self.pitch[1]
            && at[3].wrapping_sub(at[2]) == self.pitch[1]
        {
            return self.sums_of_pairs(isa, acc, part, first, at);
        }
        let mut panels = self.panels.chunks_exact(4);
        for ky in 0..kernel_h {
            for kx in (0..kernel_w).step_by(4) {
                let Some(w) = panels.next() else { return acc };
                let mut wv = [isa.load_w(&w[0], part); NV];
                for s in 1..NV {
                    wv[s] = isa.load_w(&w[s], part);
                }
                // Absent taps meet zero weights; repeating tap 0 keeps their reads inside the slice.
                let offset = |j: usize| if kx + j < kernel_w { j * self.pitch[1] } else { 0 };
                let offsets = [0, offset(1), offset(2), offset(3)];
                let tap = ky * self.pitch[0] + kx * self.pitch[1] + first;
                // By hand: the body is too large for LLVM to unroll, and a sum indexed by a variable lives in memory.
                const { assert!(MR == 1 || MR == 4) };
                acc[0] = four_taps(isa, acc[0], wv, self.x, at[0] + tap, offsets);
                if MR == 4 {
                    acc[1] = four_taps(isa, acc[1], wv, self.x, at[1] + tap, offsets);
                    acc[2] = four_taps(isa, acc[2], wv, self.x, at[2] + tap, offsets);
                    acc[3] = four_taps(isa, acc[3], wv, self.x, at[3] + tap, offsets);
                }
            }
        }
        acc
    }
}

impl Taps<'_> {
    /// Two pixels, one tap apart, share the interleaving: the second meets the weights one place on. For four pixels
    /// and rows of at most three taps.
    #[inline(always)]
    fn sums_of_pairs<I: Isa, const MR: usize, const NV: usize>(
        &self,
        isa: I,
        mut acc: [[I::I32; NV]; MR],
        part: usize,
        first: usize,
        at: [usize; MR],
    ) -> [[I::I32; NV]; MR] {
        let [kernel_h, kernel_w] = self.kernel;
        let offset = |j: usize| if j <= kernel_w { j * self.pitch[1] } else { 0 };
        let offsets = [0, offset(1), offset(2), offset(3)];
        for (ky, w) in self.panels.chunks_exact(4).take(kernel_h).enumerate() {
            let row = ky * self.pitch[0] + first;
            let x0 = isa.interleave4(isa.load_taps(self.x, at[0] + row, offsets));
            let x2 = isa.interleave4(isa.load_taps(self.x, at[2] + row, offsets));
            for s in 0..NV {
                let w = isa.load_w(&w[s], part);
                let shifted = isa.shift_w(w);
                acc[0][s] = isa.dot4(acc[0][s], x0[s], w);
                acc[1][s] = isa.dot4(acc[1][s], x0[s], shifted);
                acc[2][s] = isa.dot4(acc[2][s], x2[s], w);
                acc[3][s] = isa.dot4(acc[3][s], x2[s], shifted);
            }
        }
        acc
    }
}

/// Adds four taps of a row to the sums of one pixel.
#[inline(always)]
fn four_taps<I: Isa, const NV: usize>(
    isa: I,
    mut acc: [I::I32; NV],
    w: [I::W; NV],
    x: &[u8],
    at: usize,
    offsets: [usize; 4],
) -> [I::I32; NV] {
    let x = isa.interleave4(isa.load_taps(x, at, offsets));
    for s in 0..NV {
        acc[s] = isa.dot4(acc[s], x[s], w[s]);
    }
    acc
}

#[cfg(test)]
mod tests;
