//! Depthwise convolution, one output channel for each input channel.
//!
//! ```text
//! acc[c] = Σ_{ky,kx} (x[oy*sh + ky*dh - top, ox*sw + kx*dw - left, c] - zero_point) * w[ky,kx,c]
//! y[c]   = epilogue(acc[c], scale[c], bias[c], summand[c])
//! ```
//!
//! A dot product wants four bytes of one output together, and NHWC keeps a channel's taps apart. A *quad* is four taps of a
//! column (or of a row, where that makes fewer), 64 channels each, interleaved byte by byte; the unpacks leave channels in
//! the very order that the epilogue undoes for free. Weights are packed as `[group 64][column][quad][panel 4][lane 16][4]`,
//! absent taps being zero. Along a row, outputs have columns in common: where there are registers for it, the quads of a
//! 3x3 window slide along (`sweep.rs`).
//!
//! Few channels are *folded*: two pixels of 32 channels that touch are a vector of 64, and so are their outputs.
//! Cost: pixels * c * kernel_h * kernel_w MACs; bound by unpacks and epilogue, which are 8 for a quad and 23 for an output
//! of 64 channels.

use crate::epilogue::Epilogue;
use crate::isa::Isa;
use crate::pack::{self, Lanes, PerChannel, Weights};
use crate::team::{Grid, Split};
use crate::window::{Place, Window};
use bytemuck::Zeroable;
use core::mem;
use sweep::{Part, Sweep};

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

/// Bytes that the first cache keeps beside weights and outputs.
const FIRST_CACHE: usize = 40 << 10;

impl<E> Params<E> {
    /// Pixels that are computed as one, of so many times the channels: neighbours touch, and so do those under each tap.
    #[inline(always)]
    pub const fn fold(&self) -> usize {
        let channels = self.y.channels;
        let touching = self.x.pixel == channels && self.y.pixel == channels && self.window.stride[1] == 1;
        if touching && channels > 0 && channels <= 32 { 64 / channels } else { 1 }
    }

    /// Channels with the padding of the last group, which is always of 64.
    #[inline(always)]
    const fn lanes(&self) -> usize {
        self.y.channels.next_multiple_of(64)
    }

    /// The axis of a quad's four taps: 1, those of a row, where that makes fewer quads.
    #[inline(always)]
    const fn axis(&self) -> usize {
        let [kernel_h, kernel_w] = self.window.kernel;
        if kernel_h * kernel_w.div_ceil(4) < kernel_w * kernel_h.div_ceil(4) { 1 } else { 0 }
    }

    /// Columns (rows, where quads are along rows), and quads of each.
    #[inline(always)]
    const fn quads(&self) -> [usize; 2] {
        let axis = self.axis();
        [self.window.kernel[1 - axis], self.window.kernel[axis].div_ceil(4)]
    }

    /// Quads of an output.
    #[inline(always)]
    pub const fn k4(&self) -> usize {
        let [columns, quads] = self.quads();
        columns * quads
    }

    /// How many of an output's quads are not the last one's, where windows of 3x3 slide along a row.
    #[inline(always)]
    pub const fn slides(&self) -> Option<usize> {
        let Window { kernel: [kernel_h, kernel_w], stride, dilation, .. } = self.window;
        if kernel_h != 3 || kernel_w != 3 {
            return None;
        }
        match self.fold() * stride[1] {
            step if step == dilation[1] => Some(1),
            step if step == 2 * dilation[1] => Some(2),
            _ => None,
        }
    }

    /// Rows of outputs that a group computes before the next group's turn. They are all, unless groups have cache lines of the
    /// input in common: then what they read should stay in the first cache until all groups have read it.
    #[inline(always)]
    const fn together(&self) -> usize {
        let Self { x, window: Window { kernel, stride, dilation, .. }, .. } = self;
        if x.pixel.is_multiple_of(64) || self.y.channels * self.fold() <= 64 {
            return usize::MAX;
        }
        // An image without columns has rows without bytes.
        let Some(rows) = FIRST_CACHE.checked_div(x.row) else { return usize::MAX };
        let rows = rows.saturating_sub(dilation[0] * (kernel[0] - 1)) / stride[0];
        if rows > 1 { rows } else { 1 }
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
        let Self { y, window, .. } = self;
        let (axis, channels) = (self.axis(), y.channels * self.fold());
        let lanes = Lanes { channels, padded: self.lanes(), widest: 4 };
        let along = 4 * self.quads()[1];
        let panels = per_channel.pack(lanes, image);
        pack::pack_panels(lanes, self.k4(), panels, |c, k| {
            let (across, along) = (k / along, k % along);
            let [ky, kx] = if axis == 0 { [along, across] } else { [across, along] };
            let inside = along < window.kernel[axis];
            if inside { hwc[(ky * window.kernel[1] + kx) * y.channels + c % y.channels] } else { 0 }
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

/// The fast form. Kernel id: `dwconv-1x64c4-{isa}`.
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
    const DOTS: bool = true;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, isa: I, mut grid: Self::Y) {
        let (channels, sweep) = (grid.channels(), Sweep::new(self, &grid));
        for block in grid.blocks(self.params.together()) {
            for group in channels.clone().step_by(64) {
                for part in 0..16 / I::LANES {
                    let first = group + part * 4 * I::LANES;
                    if first < sweep.channels * sweep.fold {
                        sweep.block(isa, &mut grid, block, Part { group, part, first });
                    }
                }
            }
        }
    }
}

mod sweep;
#[cfg(test)]
mod tests;
