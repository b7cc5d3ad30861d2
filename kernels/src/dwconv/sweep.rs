//! The loops of a depthwise convolution over the outputs of a row.
//!
//! ```text
//! slide   3x3 that overlap: an output interleaves the columns that the last one has not
//! each    any window: quads and weights pass through registers
//! ```

use super::{DwConv, Params};
use crate::epilogue::Epilogue;
use crate::isa::Isa;
use crate::pack::Weights;
use crate::team::{Along, Block, Grid, Row};
use slide::Slide;

/// One part of a group: outputs of `4 * LANES` lanes.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// The group's first lane.
    pub(super) group: usize,
    pub(super) part: usize,
    /// The part's first lane.
    pub(super) first: usize,
}

/// Outputs of rows, one below the other.
#[derive(Clone, Copy)]
struct Lines {
    /// The first row, and how many.
    first: Row,
    rows: usize,
    part: Part,
    /// Where the first window begins.
    at: usize,
    /// How many outputs of each.
    count: usize,
    /// The end of their lanes.
    lanes: usize,
}

/// What each output of a part begins and ends with. It is loaded where it is needed: registers hold weights.
#[derive(Clone, Copy)]
struct Constants<'a> {
    start: &'a [[i32; 16]; 4],
    scale: &'a [[f32; 16]; 4],
    bias: &'a [[f32; 16]; 4],
}

/// A convolution as its loops see it: copies, so that the compiler knows that stores to `y` leave them alone.
#[derive(Clone, Copy)]
pub(super) struct Sweep<'a, E: Epilogue> {
    epilogue: E,
    summand: &'a [E::Summand],
    x: &'a [u8],
    weights: Weights<'a>,
    /// The end of the channels.
    pub(super) channels: usize,
    /// Pixels that are computed as one.
    pub(super) fold: usize,
    /// Where the first window begins; from an image, a row, a pixel and an output to the next.
    at: usize,
    image: usize,
    row: usize,
    pixel: usize,
    step: usize,
    /// Columns, and quads of each.
    quads: [usize; 2],
    /// See [`Params::slides`].
    slides: Option<usize>,
    /// From a column to the next, from a quad to the next.
    pitch: [usize; 2],
    /// The taps of a quad, and of the last: absent ones meet zero weights, and repeat tap 0 to stay inside the slice.
    taps: [[usize; 4]; 2],
}

impl<'a, E: Epilogue> Sweep<'a, E> {
    #[inline(always)]
    pub(super) fn new(conv: &DwConv<'a, E>, grid: &Grid<'_, E::Out>) -> Self {
        let Params { x, y, window, epilogue, .. } = conv.params;
        let halo = window.pad[0] * x.row + window.pad[1] * x.pixel;
        let at = x.first.checked_sub(halo).expect("the planner puts the halo before the first pixel");
        let pitch = [window.dilation[0] * x.row, window.dilation[1] * x.pixel];
        let axis = conv.params.axis();
        let (tap, count) = (pitch[axis], window.kernel[axis] % 4);
        let offset = |j: usize| if count == 0 || j < count { j * tap } else { 0 };
        // A pixel alone meets the first of the repeated weights.
        let apart = !conv.summand.is_empty() && epilogue.summand().pixel != y.channels;
        let fold = if apart { 1 } else { conv.params.fold() };
        Self {
            epilogue: *epilogue,
            summand: conv.summand,
            x: conv.x,
            weights: conv.weights,
            channels: grid.channels().end,
            fold,
            at,
            image: x.image,
            row: window.stride[0] * x.row,
            pixel: window.stride[1] * x.pixel,
            step: fold * window.stride[1] * x.pixel,
            quads: conv.params.quads(),
            slides: conv.params.slides().filter(|_| fold == conv.params.fold()),
            pitch: [pitch[1 - axis], 4 * tap],
            taps: [[0, tap, 2 * tap, 3 * tap], [0, offset(1), offset(2), offset(3)]],
        }
    }

    /// A part of a block.
    #[inline(always)]
    pub(super) fn block<I: Isa>(
        &self,
        isa: I,
        grid: &mut Grid<'_, E::Out>,
        Block { mut first, rows }: Block,
        part: Part,
    ) {
        let slides = self.slides.filter(|_| I::REGISTERS >= 32);
        while first.pixels > 0 {
            // The pixels that are left over at the end of a row are one output with fewer channels.
            let whole = if self.fold == 1 { first.pixels } else { first.pixels / self.fold };
            let (count, fold) = if whole > 0 { (whole, self.fold) } else { (1, first.pixels) };
            let at =
                self.at + first.n * self.image + first.oy * self.row + first.ox * self.pixel + part.first;
            let lines = Lines { first, rows, part, at, count, lanes: fold * self.channels };
            let y = self.outputs::<I>(grid, &lines);
            match slides {
                Some(columns) => slide::run(isa, Slide { sweep: self, lines, columns, y }),
                None => self.each(isa, &lines, y),
            }
            first.ox += count * fold;
            first.pixels -= count * fold;
            first.position += count * fold;
        }
    }

    /// Each output by itself.
    #[inline(always)]
    fn each<I: Isa>(&self, isa: I, lines: &Lines, mut y: Along<'_, E::Out>) {
        let part = lines.part;
        let (constants, [columns, quads]) = (self.constants(part), self.quads);
        for row in 0..lines.rows {
            let (at, mut y) = (lines.at + row * self.row, y.row(row));
            for i in 0..lines.count {
                let (mut acc, mut panels) = (constants.start::<I>(isa, part.part), self.panels(part));
                for column in 0..columns {
                    let mut at = at + i * self.step + column * self.pitch[0];
                    for _ in 1..quads {
                        acc = self.add(isa, acc, self.quad::<I, 0>(isa, at), &mut panels, part);
                        at += self.pitch[1];
                    }
                    // One load instead of four.
                    let alone = self.taps[1] == [0; 4];
                    let x = if alone { self.quad::<I, 2>(isa, at) } else { self.quad::<I, 1>(isa, at) };
                    acc = self.add(isa, acc, x, &mut panels, part);
                }
                let summand = self.summand(lines, row, i);
                constants.finish(isa, &self.epilogue, part.part, acc, summand, y.output(i));
            }
        }
    }

    /// The quad at `at`; LAST is 1 for that with absent taps, 2 for one tap alone.
    #[inline(always)]
    fn quad<I: Isa, const LAST: usize>(&self, isa: I, at: usize) -> [I::X; 4] {
        let taps = if LAST == 2 { [0; 4] } else { self.taps[LAST] };
        isa.interleave4(isa.load_taps(self.x, at, taps))
    }

    /// Adds a quad's products with the next panels.
    #[inline(always)]
    fn add<I: Isa>(
        &self,
        isa: I,
        mut acc: [I::I32; 4],
        x: [I::X; 4],
        panels: &mut &[[i8; 64]],
        part: Part,
    ) -> [I::I32; 4] {
        let Some((w, rest)) = panels.split_first_chunk::<4>() else { return acc };
        for s in 0..4 {
            acc[s] = isa.dot4(acc[s], x[s], isa.load_w(&w[s], part.part));
        }
        *panels = rest;
        acc
    }

    /// The group's panels.
    #[inline(always)]
    fn panels(&self, part: Part) -> &'a [[i8; 64]] {
        let k4 = self.quads[0] * self.quads[1];
        &self.weights.panels[part.group / 16 * k4..][..4 * k4]
    }

    #[inline(always)]
    fn constants(&self, Part { group, .. }: Part) -> Constants<'a> {
        let Weights { start, scale, bias, .. } = self.weights;
        let group = group / 64;
        Constants {
            start: &start.as_chunks().0[group],
            scale: &scale.as_chunks().0[group],
            bias: &bias.as_chunks().0[group],
        }
    }

    /// The places of the outputs.
    #[inline(always)]
    fn outputs<'y, I: Isa>(&self, grid: &'y mut Grid<'_, E::Out>, lines: &Lines) -> Along<'y, E::Out> {
        let Lines { first: Row { position, .. }, rows, part: Part { first, .. }, count, lanes: end, .. } =
            *lines;
        let lanes = first.min(end)..(first + 4 * I::LANES).min(end);
        grid.along(position, [rows, count, self.fold], lanes)
    }

    /// What is added to output `i` of a row.
    #[inline(always)]
    fn summand(&self, lines: &Lines, row: usize, i: usize) -> &'a [E::Summand] {
        let Row { n, oy, ox, .. } = lines.first;
        // A part may begin behind the last pixels of a row: it has no outputs there, and no summand.
        let at = self.epilogue.summand().at(n, oy + row, ox + i * self.fold) + lines.part.first;
        self.summand.get(at..).unwrap_or(&[])
    }
}

impl Constants<'_> {
    #[inline(always)]
    fn start<I: Isa>(&self, isa: I, part: usize) -> [I::I32; 4] {
        let mut start = [isa.splat_i32(0); 4];
        for s in 0..4 {
            start[s] = isa.load_i32(&self.start[s], part);
        }
        start
    }

    #[inline(always)]
    fn finish<I: Isa, E: Epilogue>(
        &self,
        isa: I,
        epilogue: &E,
        part: usize,
        acc: [I::I32; 4],
        summand: &[E::Summand],
        y: &mut [E::Out],
    ) {
        let mut scale = [isa.splat_f32(0.0); 4];
        let mut bias = scale;
        for s in 0..4 {
            scale[s] = isa.load_f32(&self.scale[s], part);
            bias[s] = isa.load_f32(&self.bias[s], part);
        }
        epilogue.finish::<I, 4>(isa, acc, scale, bias, summand, y);
    }
}

mod slide;
