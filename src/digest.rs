//! The digest of a network's outputs on a fixed input: one number that is the same on every ISA and without `std`.
//!
//! ```text
//! input   SplitMix64 from state 0, one draw r an element, through all inputs in order
//!           f32  (r >> 40) / 2^23 - 1, exact, in [-1, 1)
//!           u8, i8  r >> 56        i32, i64  r >> 57, in 0..128        bool  r >> 63
//! digest  FNV-1a 64 over the little-endian bytes of all outputs in order
//! ```

use crate::tensor::{TensorMut, TensorRef};

/// FNV-1a with 64 bits.
#[derive(Clone, Copy, Debug)]
pub struct Fnv(u64);

impl Fnv {
    /// The digest of nothing.
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The digest of what was added.
    pub const fn finish(self) -> u64 {
        self.0
    }
}

impl Default for Fnv {
    fn default() -> Self {
        Self::new()
    }
}

/// The digest of tensors' bytes.
pub fn digest(tensors: &[TensorRef<'_>]) -> u64 {
    let mut fnv = Fnv::new();
    for tensor in tensors {
        match tensor {
            TensorRef::F32(x) => x.iter().for_each(|x| fnv.update(&x.to_le_bytes())),
            TensorRef::U8(x) => fnv.update(x),
            TensorRef::I8(x) => x.iter().for_each(|x| fnv.update(&x.to_le_bytes())),
            TensorRef::I32(x) => x.iter().for_each(|x| fnv.update(&x.to_le_bytes())),
            TensorRef::I64(x) => x.iter().for_each(|x| fnv.update(&x.to_le_bytes())),
            TensorRef::Bool(x) => x.iter().for_each(|x| fnv.update(&[u8::from(*x)])),
        }
    }
    fnv.finish()
}

/// Fills tensors with the fixed input.
pub fn fill(tensors: &mut [TensorMut<'_>]) {
    let mut state = 0;
    for tensor in tensors {
        match tensor {
            TensorMut::F32(y) => {
                y.fill_with(|| (draw(&mut state) >> 40) as f32 / 8_388_608.0 - 1.0);
            }
            TensorMut::U8(y) => y.fill_with(|| (draw(&mut state) >> 56) as u8),
            TensorMut::I8(y) => y.fill_with(|| (draw(&mut state) >> 56) as i8),
            TensorMut::I32(y) => y.fill_with(|| (draw(&mut state) >> 57) as i32),
            TensorMut::I64(y) => y.fill_with(|| (draw(&mut state) >> 57) as i64),
            TensorMut::Bool(y) => y.fill_with(|| draw(&mut state) >> 63 == 1),
        }
    }
}

/// SplitMix64: a Weyl sequence through a finalizer.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let r = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let r = (r ^ (r >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    r ^ (r >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_has_the_published_values() {
        let of = |bytes: &[u8]| digest(&[TensorRef::U8(bytes)]);
        assert_eq!(of(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(of(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn splitmix_has_the_published_values() {
        let mut state = 0;
        assert_eq!(draw(&mut state), 0xe220_a839_7b1d_cdaf);
        assert_eq!(draw(&mut state), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn the_input_continues_from_one_tensor_to_the_next() {
        let (mut whole, mut head, mut tail) = ([0_f32; 5], [0_f32; 2], [0_f32; 3]);
        fill(&mut [TensorMut::F32(&mut whole)]);
        fill(&mut [TensorMut::F32(&mut head), TensorMut::F32(&mut tail)]);
        assert_eq!((&whole[..2], &whole[2..]), (&head[..], &tail[..]));
        assert!(whole.iter().all(|x| (-1.0..1.0).contains(x)));
    }
}
