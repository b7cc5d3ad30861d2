//! Four lanes of plain Rust: runs everywhere, and says what each operation means.

use super::{Isa, Kernel, Name, Narrow, Share, check_taps};
use crate::igemm::Direct;
use crate::quant;

/// Plain Rust.
#[derive(Clone, Copy, Debug)]
pub struct Scalar(());

impl Scalar {
    /// Every CPU has it.
    pub const fn new() -> Self {
        Self(())
    }

    /// Always `Some`: the last of the list.
    pub const fn detect() -> Option<Self> {
        Some(Self(()))
    }
}

impl Default for Scalar {
    fn default() -> Self {
        Self::new()
    }
}

const LANES: usize = 4;

/// Lane by lane.
#[inline(always)]
fn map<A: Copy, B: Copy, C>(a: [A; LANES], b: [B; LANES], f: impl Fn(A, B) -> C) -> [C; LANES] {
    core::array::from_fn(|l| f(a[l], b[l]))
}

#[inline(always)]
fn part_of<T: Copy>(x: &[T; 16], part: usize) -> [T; LANES] {
    x.as_chunks().0[part]
}

/// Two halves of an i32, the lower one first.
#[inline(always)]
fn halves(x: i32) -> [i16; 2] {
    [x as i16, (x >> 16) as i16]
}

#[inline(always)]
fn pair([low, high]: [i16; 2]) -> i32 {
    i32::from(low) & 0xffff | i32::from(high) << 16
}

/// Half by half, in an order that a compiler sees to be that of vectors.
#[inline(always)]
fn by_halves(a: [i32; LANES], b: [i32; LANES], f: impl Fn(i16, i16) -> i16) -> [i32; LANES] {
    let (a, b): ([i16; 2 * LANES], [i16; 2 * LANES]) = (bytemuck::cast(a), bytemuck::cast(b));
    bytemuck::cast::<[i16; 2 * LANES], _>(core::array::from_fn(|l| f(a[l], b[l])))
}

#[inline(always)]
fn each<T: Copy>([a, b]: [T; 2], [c, d]: [T; 2], f: impl Fn(T, T) -> T) -> [T; 2] {
    [f(a, c), f(b, d)]
}

impl Isa for Scalar {
    const NAME: Name = Name::Scalar;
    const LANES: usize = LANES;
    const REGISTERS: usize = 1;
    // Scalar code gains nothing from rows.
    const ROWS: [usize; 3] = [1; 3];
    type Gemm = Direct;
    type I32 = [i32; LANES];
    type F32 = [f32; LANES];
    type Bytes = [u8; 16];
    type Sums = [u16; 16];
    type X = [[u8; 4]; LANES];
    type W = [[i8; 4]; LANES];

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // Out of line like the others' regions: one copy of a kernel for all the layers that call it.
        #[inline(never)]
        fn enter<K: Kernel>(isa: Scalar, kernel: K) -> K::Output {
            kernel.call(isa)
        }
        enter(self, kernel)
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> Self::I32 {
        [x; LANES]
    }

    #[inline(always)]
    fn splat_f32(self, x: f32) -> Self::F32 {
        [x; LANES]
    }

    #[inline(always)]
    fn load_i32(self, x: &[i32; 16], part: usize) -> Self::I32 {
        part_of(x, part)
    }

    #[inline(always)]
    fn load_f32(self, x: &[f32; 16], part: usize) -> Self::F32 {
        part_of(x, part)
    }

    #[inline(always)]
    fn store_i32(self, v: Self::I32, y: &mut [i32; 16], part: usize) {
        y.as_chunks_mut().0[part] = v;
    }

    #[inline(always)]
    fn store_f32(self, v: Self::F32, y: &mut [f32; 16], part: usize) {
        y.as_chunks_mut().0[part] = v;
    }

    #[inline(always)]
    fn splat4(self, x: [u8; 4]) -> Self::X {
        [x; LANES]
    }

    #[inline(always)]
    fn load_w(self, w: &[i8; 64], part: usize) -> Self::W {
        part_of(w.as_chunks().0.first_chunk().expect("64 bytes are 16 lanes of 4"), part)
    }

    #[inline(always)]
    fn prefetch<T>(self, _at: &T) {}

    #[inline(always)]
    fn dot4(self, acc: Self::I32, x: Self::X, w: Self::W) -> Self::I32 {
        let lane = |x: [u8; 4], w: [i8; 4]| map(x, w, |x, w| i32::from(x) * i32::from(w)).iter().sum::<i32>();
        map(acc, map(x, w, lane), |acc, sum| acc + sum)
    }

    #[inline(always)]
    fn multiply(self, acc: Self::I32, x: Self::X, w: Self::W) -> Self::I32 {
        self.dot4(acc, x, w)
    }

    #[inline(always)]
    fn load_bytes(self, x: &[u8]) -> Self::Bytes {
        core::array::from_fn(|i| x.get(i).copied().unwrap_or(0))
    }

    #[inline(always)]
    fn load_taps<const N: usize>(self, x: &[u8], at: usize, offsets: [usize; N]) -> [Self::Bytes; N] {
        check_taps(x, at, offsets, 16);
        offsets.map(|offset| *x[at + offset..].first_chunk().expect("checked"))
    }

    #[inline(always)]
    fn store_bytes(self, v: Self::Bytes, y: &mut [u8]) {
        y.copy_from_slice(&v[..y.len()]);
    }

    #[inline(always)]
    fn max_bytes(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
        core::array::from_fn(|i| a[i].max(b[i]))
    }

    #[inline(always)]
    fn sums(self, x: Self::Bytes) -> Self::Sums {
        x.map(u16::from)
    }

    #[inline(always)]
    fn add_sums(self, a: Self::Sums, b: Self::Sums) -> Self::Sums {
        core::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn widen_sums(self, sums: Self::Sums) -> [Self::I32; 4] {
        core::array::from_fn(|s| core::array::from_fn(|i| sums[s * 4 + i].into()))
    }

    #[inline(always)]
    fn share_sums(self, sums: Self::Sums, Share { up, down }: Share) -> Self::Bytes {
        let share = |sum: u16, share: i16| (((i32::from(sum) * i32::from(share)) + (1 << 14)) >> 15) as u8;
        sums.map(|sum| {
            let above = share(sum, up);
            above - (above & !down.map_or(above, |down| share(sum, down)) & 1)
        })
    }

    #[inline(always)]
    fn interleave4(self, x: [Self::Bytes; 4]) -> [Self::X; 4] {
        core::array::from_fn(|s| core::array::from_fn(|i| core::array::from_fn(|pixel| x[pixel][s * 4 + i])))
    }

    #[inline(always)]
    fn pairs_u8(self, x: Self::Bytes) -> [Self::I32; 2] {
        [0, 1].map(|odd| core::array::from_fn(|l| pair([x[4 * l + odd], x[4 * l + odd + 2]].map(i16::from))))
    }

    #[inline(always)]
    fn both_pairs_u8(self, x: Self::Bytes) -> Self::I32 {
        let [even, odd] = self.pairs_u8(x);
        [even[0], even[1], odd[0], odd[1]]
    }

    #[inline(always)]
    fn pairs_i8(self, w: &[i8; 64], part: usize) -> [Self::I32; 2] {
        let w: [[i8; 4]; LANES] = self.load_w(w, part);
        [0, 1].map(|odd| w.map(|w| pair([w[odd], w[odd + 2]].map(i16::from))))
    }

    #[inline(always)]
    fn add_pairs(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        by_halves(a, b, i16::wrapping_add)
    }

    #[inline(always)]
    fn sub_pairs(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        by_halves(a, b, i16::wrapping_sub)
    }

    #[inline(always)]
    fn dot2(self, acc: Self::I32, x: Self::I32, w: Self::I32) -> Self::I32 {
        let products =
            map(x, w, |x, w| each(halves(x).map(i32::from), halves(w).map(i32::from), i32::wrapping_mul));
        map(acc, products, |acc, [a, b]| acc.wrapping_add(a).wrapping_add(b))
    }

    #[inline(always)]
    fn store_first(self, v: Self::I32, y: &mut [i32]) {
        y.copy_from_slice(&v[..y.len()]);
    }

    #[inline(always)]
    fn to_f32(self, v: Self::I32) -> Self::F32 {
        v.map(|v| v as f32)
    }

    #[inline(always)]
    fn round(self, v: Self::F32) -> Self::I32 {
        v.map(|v| {
            let inside = (-2147483648.0..2147483648.0).contains(&v);
            if inside { quant::round_half_even(v) as i32 } else { i32::MIN }
        })
    }

    #[inline(always)]
    fn add_i32(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        map(a, b, i32::wrapping_add)
    }

    #[inline(always)]
    fn sub_i32(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        map(a, b, i32::wrapping_sub)
    }

    #[inline(always)]
    fn mul_i32(self, a: Self::I32, b: Self::I32) -> Self::I32 {
        map(a, b, i32::wrapping_mul)
    }

    #[inline(always)]
    fn shift_right(self, v: Self::I32, by: i32) -> Self::I32 {
        v.map(|v| v >> by)
    }

    #[inline(always)]
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        map(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        map(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
        core::array::from_fn(|l| quant::fma(a[l], b[l], c[l]))
    }

    #[inline(always)]
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        map(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32 {
        map(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn positive_or(self, v: Self::F32, otherwise: Self::F32) -> Self::F32 {
        map(v, otherwise, |v, otherwise| if v > 0.0 { v } else { otherwise })
    }

    #[inline(always)]
    fn narrow<const NV: usize>(self, v: [Self::I32; NV], to: Narrow, y: &mut [u8]) {
        for (y, &v) in y.iter_mut().zip(v.as_flattened()) {
            *y = quant::narrow(v, to);
        }
    }

    #[inline(always)]
    fn widen<const NV: usize>(self, x: &[u8]) -> [Self::I32; NV] {
        core::array::from_fn(|s| core::array::from_fn(|i| x.get(s * 4 + i).copied().map_or(0, i32::from)))
    }
}
