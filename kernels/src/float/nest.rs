//! Loops over tensors of any strides: broadcasting, transposing, slicing and reducing are all such nests.

/// The most loops of a nest. Neighbouring dimensions that lie alike in all tensors count as one.
pub const RANK: usize = 8;

/// A loop nest over `T` tensors at once. Index `[i_0, .., i_7]` is element `first[t] + Σ i_d * stride[t][d]` of
/// tensor t; a stride of 0 repeats an element, a negative one goes backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nest<const T: usize> {
    /// Turns of each loop, outermost first; a nest of fewer loops begins with ones.
    pub extent: [usize; RANK],
    /// Elements from turn to turn, of each tensor.
    pub stride: [[isize; RANK]; T],
    /// The element of each tensor at index zero.
    pub first: [usize; T],
}

impl<const T: usize> Nest<T> {
    /// A nest of at most [`RANK`] loops, outermost first.
    pub const fn new(extent: &[usize], stride: [&[isize]; T], first: [usize; T]) -> Self {
        assert!(extent.len() <= RANK, "a nest has at most 8 loops");
        let mut nest = Self { extent: [1; RANK], stride: [[0; RANK]; T], first };
        let skip = RANK - extent.len();
        let mut d = 0;
        while d < extent.len() {
            nest.extent[skip + d] = extent[d];
            let mut t = 0;
            while t < T {
                nest.stride[t][skip + d] = stride[t][d];
                t += 1;
            }
            d += 1;
        }
        nest
    }

    /// Turns of the innermost loop.
    #[inline(always)]
    pub const fn inner(&self) -> usize {
        self.extent[RANK - 1]
    }

    /// Elements of tensor `t` from turn to turn of the innermost loop.
    #[inline(always)]
    pub const fn step(&self, t: usize) -> isize {
        self.stride[t][RANK - 1]
    }

    /// Turns of all loops together.
    #[inline(always)]
    pub fn turns(&self) -> usize {
        if self.extent.contains(&0) { 0 } else { self.extent.iter().product() }
    }

    /// Calls `row` with the tensors' elements at the start of every run of the innermost loop, in order.
    #[inline(always)]
    pub fn rows(&self, mut row: impl FnMut([usize; T])) {
        if self.extent.contains(&0) {
            return;
        }
        let (mut index, mut at) = ([0; RANK - 1], self.first);
        loop {
            row(at);
            if !self.advance(&mut index, &mut at) {
                return;
            }
        }
    }

    /// Counts up like an odometer: the innermost wheel that is not at its end moves, those inside go back. Nothing is left
    /// where all do. Out of line: every loop of every fp32 kernel would else have a copy, 140 KB for one `Add`.
    #[inline(never)]
    fn advance(&self, index: &mut [usize; RANK - 1], at: &mut [usize; T]) -> bool {
        for d in (0..RANK - 1).rev() {
            index[d] += 1;
            let back = index[d] == self.extent[d];
            let turns = if back { 1 - self.extent[d] as isize } else { 1 };
            for t in 0..T {
                at[t] = at[t].wrapping_add_signed(self.stride[t][d].wrapping_mul(turns));
            }
            if !back {
                return true;
            }
            index[d] = 0;
        }
        false
    }

    /// Calls `each` with the tensors' elements at every turn, in order.
    #[inline(always)]
    pub fn each(&self, mut each: impl FnMut([usize; T])) {
        self.rows(|mut at| {
            for _ in 0..self.inner() {
                each(at);
                for t in 0..T {
                    at[t] = at[t].wrapping_add_signed(self.step(t));
                }
            }
        });
    }
}

impl Nest<3> {
    /// `y = f(a, b)` at every turn over (a, b, y). A row that is contiguous in y and contiguous or one element in the
    /// operands is a plain loop; other strides go element by element.
    #[inline(always)]
    pub fn zip<A: Copy, B: Copy, Y>(&self, a: &[A], b: &[B], y: &mut [Y], f: impl Fn(A, B) -> Y) {
        let n = self.inner();
        match [self.step(0), self.step(1), self.step(2)] {
            [1, 1, 1] => self.rows(|[i, j, o]| {
                let pairs = a[i..][..n].iter().zip(&b[j..][..n]);
                y[o..][..n].iter_mut().zip(pairs).for_each(|(y, (&a, &b))| *y = f(a, b));
            }),
            [1, 0, 1] => self.rows(|[i, j, o]| {
                let b = b[j];
                y[o..][..n].iter_mut().zip(&a[i..][..n]).for_each(|(y, &a)| *y = f(a, b));
            }),
            [0, 1, 1] => self.rows(|[i, j, o]| {
                let a = a[i];
                y[o..][..n].iter_mut().zip(&b[j..][..n]).for_each(|(y, &b)| *y = f(a, b));
            }),
            _ => self.each(|[i, j, o]| y[o] = f(a[i], b[j])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn visited(nest: &Nest<2>) -> Vec<[usize; 2]> {
        let mut seen = Vec::new();
        nest.each(|at| seen.push(at));
        seen
    }

    #[test]
    fn a_transpose_backwards() {
        // y[j, 2 - i] = x[i, j], 3 rows of 2.
        let nest = Nest::new(&[3, 2], [&[2, 1], &[-1, 3]], [0, 2]);
        assert_eq!(visited(&nest), [[0, 2], [1, 5], [2, 1], [3, 4], [4, 0], [5, 3]]);
    }

    #[test]
    fn a_nest_without_loops_has_one_turn_and_one_of_zero_none() {
        assert_eq!(visited(&Nest::new(&[], [&[], &[]], [5, 6])), [[5, 6]]);
        assert_eq!(visited(&Nest::new(&[3, 0], [&[1, 1], &[1, 1]], [0, 0])), [[0; 2]; 0]);
    }
}
