//! Instruction sets as values.
//!
//! A value of an [`Isa`] type is the proof that this CPU has the features: only `detect` makes one. [`Isa::run`]
//! enters code compiled with them. Two rules keep that code fast, and both were learned from its assembly:
//! accumulators are indexed by constants only (unrolled loops), and every function between `run` and an intrinsic
//! is `#[inline(always)]`.
//!
//! A whole model is generic over `I: Isa` and is dispatched once, outside: [`best`] or [`with`]. A new ISA is one
//! new file and one line in the list below.
//!
//! **The order of channels.** A group of `16 * NV` channels (`NV` = 4, 2, 1) lives in `NV` panels of 16. Panel `s`
//! keeps, in its 128-bit lane `q`, dword `i`, the channel `q*4*NV + s*4 + i`. In this order saturating packs of
//! the `NV` accumulators give bytes in memory order without a shuffle. An ISA with fewer than 16 lanes takes a
//! group in `16 / LANES` *parts*: part `h` reads lanes `h*LANES..` of each panel and owns the `NV * LANES`
//! channels from `h * NV * LANES`.
#![allow(unsafe_code)]

use crate::igemm::Gemm;

#[cfg(target_arch = "x86_64")]
mod pairs;
mod rows;
mod scalar;
mod sums;
pub(crate) use rows::Rows;
pub use scalar::Scalar;
pub use sums::Share;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512vnni;
#[cfg(target_arch = "x86_64")]
mod avxvnni;
#[cfg(target_arch = "x86_64")]
mod cpuid;
#[cfg(target_arch = "x86_64")]
mod ymm;
#[cfg(target_arch = "x86_64")]
pub use {avx2::Avx2, avx512vnni::Avx512Vnni, avxvnni::AvxVnni};

/// Work that is compiled for one instruction set: give it to [`Isa::run`].
pub trait Kernel {
    /// What the work returns.
    type Output;
    /// Whether it has dot products of bytes ([`Isa::dot4`]). What has none is the same on instruction sets that differ in
    /// nothing else, and is compiled for one of them.
    const DOTS: bool;
    /// The work; `#[inline(always)]`, so that it is compiled inside `run`.
    fn call<I: Isa>(self, isa: I) -> Self::Output;
}

/// Work that is generic over the ISA but chooses itself where to enter it, such as a whole model.
pub trait Program {
    /// What the work returns.
    type Output;
    /// The work, with the proof of the features.
    fn call<I: Isa>(self, isa: I) -> Self::Output;
}

/// Makes the enum of names and both dispatch functions from one list, best ISA first.
macro_rules! isas {
    ($($(#[$cfg:meta])? $isa:ident = $name:literal, $doc:literal;)*) => {
        /// The instruction sets of this target, best first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Name {
            $($(#[$cfg])? #[doc = $doc] $isa,)*
        }

        impl Name {
            /// Every ISA this target can have, best first.
            pub const ALL: &'static [Name] = &[$($(#[$cfg])? Name::$isa,)*];

            /// The name in kernel ids and on command lines.
            pub const fn as_str(self) -> &'static str {
                match self { $($(#[$cfg])? Name::$isa => $name,)* }
            }

            /// Whether this CPU has it and the operating system saves its registers.
            pub fn available(self) -> bool {
                match self { $($(#[$cfg])? Name::$isa => $isa::detect().is_some(),)* }
            }
        }

        /// Gives the program the best ISA of this CPU.
        pub fn best<P: Program>(program: P) -> P::Output {
            $($(#[$cfg])? if let Some(isa) = $isa::detect() { return program.call(isa); })*
            program.call(Scalar::new())
        }

        /// Gives the program the named ISA, if this CPU has it.
        pub fn with<P: Program>(name: Name, program: P) -> Option<P::Output> {
            match name { $($(#[$cfg])? Name::$isa => $isa::detect().map(|isa| program.call(isa)),)* }
        }
    };
}

isas! {
    #[cfg(target_arch = "x86_64")] Avx512Vnni = "avx512vnni", "512-bit vectors, VPDPBUSD.";
    #[cfg(target_arch = "x86_64")] AvxVnni = "avxvnni", "256-bit vectors, VPDPBUSD.";
    #[cfg(target_arch = "x86_64")] Avx2 = "avx2", "256-bit vectors; bytes are widened to 16 bits, so nothing saturates.";
    Scalar = "scalar", "Plain Rust: the meaning of the others.";
}

impl Name {
    /// The ISA of that name, whether this CPU has it or not.
    pub fn parse(name: &str) -> Option<Name> {
        Name::ALL.iter().copied().find(|isa| isa.as_str() == name)
    }
}

impl core::fmt::Display for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The vector operations that kernels are made of. Safe to call: loads and stores take slices.
///
/// It holds what the kernels need and no more; an operation that can be written with these stays outside.
pub trait Isa: Copy + Sync {
    /// This ISA's name.
    const NAME: Name;
    /// 32-bit lanes of a vector: 16, 8 or 4.
    const LANES: usize;
    /// Vector registers: 32, 16, or 1 where there are none.
    const REGISTERS: usize;
    /// The most rows of a tile of 4, of 2 and of 1 vectors.
    const ROWS: [usize; 3];
    /// How it sums a tile of a convolution.
    type Gemm: Gemm<Self>;
    /// `LANES` i32.
    type I32: Copy;
    /// `LANES` f32.
    type F32: Copy;
    /// `4 * LANES` u8.
    type Bytes: Copy;
    /// `4 * LANES` sums of bytes, 16 bits each, in an order of their own.
    type Sums: Copy;
    /// The u8 factor of [`dot4`](Isa::dot4).
    type X: Copy;
    /// The i8 factor of [`dot4`](Isa::dot4).
    type W: Copy;

    /// Enters the code compiled with this ISA's features.
    fn run<K: Kernel>(self, kernel: K) -> K::Output;

    /// The same i32 in every lane.
    fn splat_i32(self, x: i32) -> Self::I32;
    /// The same f32 in every lane.
    fn splat_f32(self, x: f32) -> Self::F32;
    /// Lanes `part * LANES..` of 16.
    fn load_i32(self, x: &[i32; 16], part: usize) -> Self::I32;
    /// Lanes `part * LANES..` of 16.
    fn load_f32(self, x: &[f32; 16], part: usize) -> Self::F32;
    /// Stores to lanes `part * LANES..` of 16.
    fn store_i32(self, v: Self::I32, y: &mut [i32; 16], part: usize);
    /// Stores to lanes `part * LANES..` of 16.
    fn store_f32(self, v: Self::F32, y: &mut [f32; 16], part: usize);

    /// Four activations, the same for every lane.
    fn splat4(self, x: [u8; 4]) -> Self::X;
    /// Lanes `part * LANES..` of a panel's 16 lanes of 4 weights.
    fn load_w(self, w: &[i8; 64], part: usize) -> Self::W;
    /// Says that the cache line of `at` will be loaded soon.
    fn prefetch<T>(self, at: &T);
    /// `acc[l] + Σ_{j<4} x[l][j] * w[l][j]`, exact in i32.
    fn dot4(self, acc: Self::I32, x: Self::X, w: Self::W) -> Self::I32;
    /// The multiplications of [`dot4`](Isa::dot4) without its additions, each waiting for the one before it in `acc`:
    /// what [`peak`](crate::peak) times. The value says nothing.
    fn multiply(self, acc: Self::I32, x: Self::X, w: Self::W) -> Self::I32;

    /// The first `4 * LANES` bytes; where `x` is shorter, zeros follow.
    fn load_bytes(self, x: &[u8]) -> Self::Bytes;
    /// `4 * LANES` bytes at each of the offsets from `at`; panics where `x` has not so many.
    fn load_taps<const N: usize>(self, x: &[u8], at: usize, offsets: [usize; N]) -> [Self::Bytes; N];
    /// Stores the first `y.len()` bytes, at most `4 * LANES`.
    fn store_bytes(self, v: Self::Bytes, y: &mut [u8]);
    /// The greater of each pair.
    fn max_bytes(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// Each byte as a sum.
    fn sums(self, x: Self::Bytes) -> Self::Sums;
    /// `a + b`, of at most 257 bytes.
    fn add_sums(self, a: Self::Sums, b: Self::Sums) -> Self::Sums;
    /// The sums in the order of a group.
    fn widen_sums(self, sums: Self::Sums) -> [Self::I32; 4];
    /// The sums divided by the number of their bytes, rounded half to even.
    fn share_sums(self, sums: Self::Sums, share: Share) -> Self::Bytes;
    /// Four pixels of `4 * LANES` channels to four vectors of (channel, pixel 0..4), in the order of a group.
    fn interleave4(self, x: [Self::Bytes; 4]) -> [Self::X; 4];

    /// Of each four bytes the even ones and the odd ones, each as a pair of 16 bits in an i32.
    fn pairs_u8(self, x: Self::Bytes) -> [Self::I32; 2];
    /// Both of the first half of the bytes: its even pairs, then its odd ones.
    fn both_pairs_u8(self, x: Self::Bytes) -> Self::I32;
    /// [`pairs_u8`](Isa::pairs_u8) of lanes `part * LANES..` of a panel's 16 lanes of 4 weights, with their signs.
    fn pairs_i8(self, w: &[i8; 64], part: usize) -> [Self::I32; 2];
    /// `a + b` of pairs of 16 bits, wrapping.
    fn add_pairs(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// `a - b` of pairs of 16 bits, wrapping.
    fn sub_pairs(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// `acc[l] + Σ_{j<2} x[l][j] * w[l][j]` of pairs of 16 bits with a sign, wrapping.
    fn dot2(self, acc: Self::I32, x: Self::I32, w: Self::I32) -> Self::I32;
    /// Stores the first `y.len()` lanes, at most `LANES`.
    fn store_first(self, v: Self::I32, y: &mut [i32]);

    /// i32 to f32, round half to even.
    fn to_f32(self, v: Self::I32) -> Self::F32;
    /// f32 to i32, round half to even. Values outside i32 become `i32::MIN`.
    fn round(self, v: Self::F32) -> Self::I32;
    /// `a + b`, wrapping.
    fn add_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// `a - b`, wrapping.
    fn sub_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// `a * b`, wrapping.
    fn mul_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// `v / 2^by`, rounded down; `by` is below 32.
    fn shift_right(self, v: Self::I32, by: i32) -> Self::I32;
    /// `a + b`.
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b`.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `if a < b { a } else { b }`.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `if a > b { a } else { b }`.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `if v > 0 { v } else { otherwise }`.
    fn positive_or(self, v: Self::F32, otherwise: Self::F32) -> Self::F32;

    /// Stores `clamp(sat_i16(v) + zero_point, low, high)` of a group's part as the first `y.len()` of `NV * LANES`
    /// bytes, in memory order. `NV` is 1, 2 or 4.
    fn narrow<const NV: usize>(self, v: [Self::I32; NV], to: Narrow, y: &mut [u8]);
    /// The inverse order of `narrow`: `NV * LANES` bytes, zero-extended; zeros where `x` is shorter.
    fn widen<const NV: usize>(self, x: &[u8]) -> [Self::I32; NV];
}

/// Panics unless `x` has `bytes` bytes at each offset from `at`. All but one comparison is the same for all pixels of
/// a tile, and leaves their loop.
#[inline(always)]
fn check_taps<const N: usize>(x: &[u8], at: usize, offsets: [usize; N], bytes: usize) {
    let last = offsets.into_iter().fold(0, usize::max);
    let places = (x.len() + 1).saturating_sub(last.saturating_add(bytes));
    assert!(at < places, "taps reach past the input's slice");
}

/// The integer end of a requantization: add, then clamp. All in the range of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrow {
    /// Added after rounding.
    pub zero_point: u8,
    /// The least byte stored.
    pub low: u8,
    /// The greatest byte stored.
    pub high: u8,
}
