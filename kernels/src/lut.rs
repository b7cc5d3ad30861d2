//! A table of 256 values, one for each byte: dequantization, activations between bytes, and a concatenation's inputs of
//! another range.
//!
//! ```text
//! Map         y[n, y, x, c] = table[x[n, y, x, c]]
//! PerChannel  y[n, y, x, c] = table[c][x[n, y, x, c]]
//! ```
//!
//! Whatever function of one byte TensorFlow computes, its bits are in the table. Cost: one look-up an element.

use crate::isa::Isa;
use crate::team::{Grid, Split};
use crate::window::{Place, each_element, each_run};
use core::mem;

/// One mapping; both places have the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Where the bytes are.
    pub x: Place,
    /// Where their values go.
    pub y: Place,
}

/// The meaning of a mapping.
pub fn reference<T: Copy>(params: &Params, table: &[T], x: &[u8], y: &mut [T]) {
    each_element([&params.x, &params.y], x, y, |_, x| table[usize::from(x)]);
}

/// The fast form. Elements of `y` between its runs are left alone.
pub struct Map<'a, T> {
    /// Shapes.
    pub params: &'a Params,
    /// 256 values.
    pub table: &'a [T],
    /// The input's buffer.
    pub x: &'a [u8],
    /// The output's buffer.
    pub y: &'a mut [T],
}

impl<'a, T: Copy + Send + Sync> Split for Map<'a, T> {
    type Y = Grid<'a, T>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, _isa: I, y: Self::Y) {
        let table: &[T; 256] = self.table.first_chunk().expect("a table has 256 values");
        each_run(&self.params.x, self.x, y, |x, y| {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = table[usize::from(x)]);
        });
    }
}

/// The meaning of a mapping by a table a channel.
pub fn per_channel_reference(params: &Params, table: &[u8], x: &[u8], y: &mut [u8]) {
    each_element([&params.x, &params.y], x, y, |c, x| table[256 * c + usize::from(x)]);
}

/// The fast form of [`per_channel_reference`]. Bytes of `y` between its pixels are left alone.
pub struct PerChannel<'a> {
    /// Shapes.
    pub params: &'a Params,
    /// 256 bytes a channel.
    pub table: &'a [u8],
    /// The input's buffer.
    pub x: &'a [u8],
    /// The output's buffer.
    pub y: &'a mut [u8],
}

impl<'a> Split for PerChannel<'a> {
    type Y = Grid<'a, u8>;
    const DOTS: bool = false;

    fn take(&mut self) -> Self::Y {
        Grid::new(&self.params.y, mem::take(&mut self.y))
    }

    #[inline(always)]
    fn part<I: Isa>(&self, _isa: I, y: Self::Y) {
        let tables = &self.table.as_chunks::<256>().0[y.channels()];
        each_run(&self.params.x, self.x, y, |x, y| {
            for (x, y) in x.chunks_exact(tables.len()).zip(y.chunks_exact_mut(tables.len())) {
                for c in 0..tables.len() {
                    y[c] = tables[c][usize::from(x[c])];
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Failures, Fill, Random};

    #[test]
    fn equals_the_reference() {
        let (mut random, mut failures) = (Random::new(3), Failures::default());
        let bytes: [u8; 256] = core::array::from_fn(|q| 255 - (q as u8) / 2);
        let floats: [f32; 256] = core::array::from_fn(|q| q as f32 * 0.1 - 7.0);
        for (shape, gap) in [([2, 3, 5, 7], [0, 0]), ([1, 4, 2, 33], [3, 0]), ([1, 1, 1, 200], [0, 5])] {
            let x = testing::gapped(shape, [1, 0, 2, 1], gap[0]);
            let params = Params { x, y: testing::gapped(shape, [0; 4], gap[1]) };
            let x = testing::input(&params.x, 9, Fill::Random, &mut random);
            let (mut want8, mut want32) = (testing::untouched(&params.y), testing::untouched(&params.y));
            let tables = random.bytes(Fill::Random, 256 * shape[3]);
            let mut want_c = testing::untouched(&params.y);
            per_channel_reference(&params, &tables, &x, &mut want_c);
            reference(&params, &bytes, &x, &mut want8);
            reference(&params, &floats, &x, &mut want32);
            for isa in testing::isas() {
                let mut y = testing::untouched(&params.y);
                testing::run_cut(isa, 2, Map { params: &params, table: &bytes, x: &x, y: &mut y });
                failures.check(&y, &want8, || std::format!("{isa} {shape:?} to u8"));
                let mut y = testing::untouched(&params.y);
                testing::run_cut(isa, 2, Map { params: &params, table: &floats, x: &x, y: &mut y });
                failures.check(&y, &want32, || std::format!("{isa} {shape:?} to f32"));
                let mut y = testing::untouched(&params.y);
                testing::run_cut(isa, 2, PerChannel { params: &params, table: &tables, x: &x, y: &mut y });
                failures.check(&y, &want_c, || std::format!("{isa} {shape:?} per channel"));
            }
        }
    }

    #[test]
    fn a_worked_table() {
        let mut table = [0; 256];
        (table[3], table[255]) = (7, 1);
        let place = Place::dense([1, 1, 1, 3]);
        let mut y = [9; 3];
        reference(&Params { x: place, y: place }, &table, &[3, 255, 4], &mut y);
        assert_eq!(y, [7, 1, 0]);
    }
}
