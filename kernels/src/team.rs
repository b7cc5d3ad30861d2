//! Work that several threads do together: a kernel is cut into pieces of its output, one a thread.
//!
//! ```text
//! Split   a kernel whose outputs are computed independently of each other: no bit depends on how it is cut
//! Cut     where it may be cut: units of pixels and of channels, chosen when the network is compiled
//! Team    who runs it: one thread (`One`), or a `Crew` of them
//! ```
//!
//! Where channels are cut, each thread reads its share of the weights and all of the input; where pixels are cut, the
//! other way round. The cut with the smallest greatest share wins. A layer that takes little longer than the fork and
//! the join (about a microsecond) is not cut at all.
//!
//! With `isa` this is the folder of this package that holds `unsafe`: a crew lends what is on its leader's stack, and a
//! grid cuts a slice along two axes.
#![allow(unsafe_code)]

use crate::isa::{Isa, Kernel};

mod crew;
mod grid;
#[cfg(test)]
pub(crate) mod tests;

pub use crew::{Crew, Leader, System};
pub(crate) use grid::{Along, Block, GridTiles, Row};
pub use grid::{Grid, Pieces};

/// A kernel that can be run in pieces of its output.
pub trait Split: Sync {
    /// Its output, a [`Grid`].
    type Y: Pieces;
    /// As in [`Kernel`].
    const DOTS: bool;

    /// Takes its output out of it, once.
    fn take(&mut self) -> Self::Y;

    /// Computes a piece of the output; `#[inline(always)]`, so that it is compiled inside [`Isa::run`].
    fn part<I: Isa>(&self, isa: I, y: Self::Y);
}

/// As a kernel it is one piece, and the same code.
impl<K: Split> Kernel for K {
    type Output = ();
    const DOTS: bool = K::DOTS;

    #[inline(always)]
    fn call<I: Isa>(mut self, isa: I) {
        let y = self.take();
        isa.run(Piece { kernel: &self, y });
    }
}

/// Where a kernel may be cut: at multiples of so many pixels and channels; 0 is nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Pixels of a unit, such as the rows of a tile.
    pub pixels: usize,
    /// Channels of a unit, such as a group.
    pub channels: usize,
    /// Which of two cuts that are equally good to take: that of the channels, where weights are more than the input.
    pub channels_first: bool,
}

/// Threads that run kernels together, one kernel after the other.
pub trait Team {
    /// Runs a kernel; all of it has happened when this returns.
    fn run<I: Isa, K: Split>(&mut self, isa: I, cut: Cut, kernel: K);
}

/// The caller's thread alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct One;

impl Team for One {
    #[inline(always)]
    fn run<I: Isa, K: Split>(&mut self, isa: I, _: Cut, mut kernel: K) {
        let y = kernel.take();
        isa.run(Piece { kernel: &kernel, y });
    }
}

/// One thread's work: the same code for all pieces, and for the whole.
struct Piece<'a, K: Split> {
    kernel: &'a K,
    y: K::Y,
}

impl<K: Split> Kernel for Piece<'_, K> {
    type Output = ();
    const DOTS: bool = K::DOTS;

    #[inline(always)]
    fn call<I: Isa>(self, isa: I) {
        self.kernel.part(isa, self.y);
    }
}
