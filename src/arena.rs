//! The memory that generated code works in: an aligned arena that layers borrow parts of, and aligned constants.

use bytemuck::{AnyBitPattern, NoUninit};
use core::ops::Range;

/// A value on a cache line of its own: weights, so that every panel lies on one line.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Aligned<T: ?Sized>(pub T);

/// The buffers of a network, side by side where they are alive at the same time.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Arena<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Arena<BYTES> {
    /// An arena of zeros; what is in it does not matter.
    pub const fn new() -> Self {
        Self([0; BYTES])
    }

    /// Borrows one buffer, which must be inside.
    ///
    /// # Panics
    /// If it is not.
    #[inline(always)]
    pub fn buffer(&mut self, buffer: Range<usize>) -> &mut [u8] {
        &mut self.0[buffer]
    }

    /// Borrows buffers, which must be apart and inside; the compiler of the network has proved that they are.
    ///
    /// # Panics
    /// If they are not. The ranges are constants, so the check costs nothing.
    #[inline(always)]
    pub fn split<const N: usize>(&mut self, buffers: [Range<usize>; N]) -> [&mut [u8]; N] {
        self.0.get_disjoint_mut(buffers).expect("a layer's buffers are apart and inside the arena")
    }
}

impl<const BYTES: usize> Default for Arena<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

/// Memory as elements.
///
/// # Panics
/// If it is not aligned for them or not a whole number of them; buffers and constants are.
#[inline(always)]
pub fn elements<T: AnyBitPattern>(memory: &[impl NoUninit]) -> &[T] {
    bytemuck::cast_slice(memory)
}

/// Memory as elements to write; see [`elements`].
#[inline(always)]
pub fn elements_mut<T: NoUninit + AnyBitPattern>(memory: &mut [impl NoUninit + AnyBitPattern]) -> &mut [T] {
    bytemuck::cast_slice_mut(memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_borrowed_together() {
        let mut arena = Arena::<256>::new();
        let [x, y] = arena.split([64..128, 192..256]);
        x.fill(1);
        elements_mut::<i32>(y)[3] = 0x0101_0101;
        let all = arena.buffer(0..256);
        assert_eq!(all.iter().filter(|&&b| b == 1).count(), 64 + 4);
        assert_eq!(elements::<i32>(&all[64..128]), [0x0101_0101; 16]);
        assert_eq!(all.as_ptr() as usize % 64, 0);
    }
}
