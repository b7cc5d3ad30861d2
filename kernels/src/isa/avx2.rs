//! AVX2 and FMA. VPMADDUBSW would add pairs of products in saturating 16 bits; instead bytes are widened, even and
//! odd ones apart, and VPMADDWD adds exactly in 32 bits.

use super::ymm::{interleave4, ymm_operations};
use super::{AvxVnni, Isa, Kernel, Name, Narrow, check_taps, cpuid};
use core::arch::x86_64::*;

mod gemm;

/// AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// The proof, if this CPU has the features.
    pub fn detect() -> Option<Self> {
        cpuid::features().avx2.then_some(Self(()))
    }

    /// What AVX-VNNI has beside its dot products.
    #[inline(always)]
    pub(super) fn part_of(_: AvxVnni) -> Self {
        Self(())
    }
}

/// Even and odd bytes, zero-extended to 16 bits.
#[inline(always)]
fn widen_x(x: __m256i) -> [__m256i; 2] {
    // SAFETY: called only by methods of `Avx2`, which proves AVX2.
    unsafe { [_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(x)] }
}

impl Isa for Avx2 {
    const NAME: Name = Name::Avx2;
    ymm_operations!();
    // As with VPDPBUSD; x that has no register is read from the stack.
    const ROWS: [usize; 3] = [3, 6, 6];
    type Gemm = gemm::Proven;
    type X = [__m256i; 2];
    type W = [__m256i; 2];

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn enter<K: Kernel>(isa: Avx2, kernel: K) -> K::Output {
            kernel.call(isa)
        }
        // SAFETY: `self` proves AVX2 and FMA.
        unsafe { enter(self, kernel) }
    }

    #[inline(always)]
    fn splat4(self, x: [u8; 4]) -> Self::X {
        widen_x(self.splat_i32(i32::from_le_bytes(x)))
    }

    #[inline(always)]
    fn load_w(self, w: &[i8; 64], part: usize) -> Self::W {
        let w: &[i8; 32] = &w.as_chunks().0[part];
        // SAFETY: `self` proves AVX2; `w` is 32 readable bytes.
        unsafe {
            let w = _mm256_loadu_si256(w.as_ptr().cast());
            [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(w)), _mm256_srai_epi16::<8>(w)]
        }
    }

    #[inline(always)]
    fn prefetch<T>(self, at: &T) {
        // SAFETY: a hint; every x86-64 CPU has SSE.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(at).cast()) }
    }

    #[inline(always)]
    fn dot4(self, acc: __m256i, x: Self::X, w: Self::W) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe {
            let sum = _mm256_add_epi32(_mm256_madd_epi16(x[0], w[0]), _mm256_madd_epi16(x[1], w[1]));
            _mm256_add_epi32(acc, sum)
        }
    }

    #[inline(always)]
    fn dot2(self, acc: __m256i, x: __m256i, w: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_add_epi32(acc, _mm256_madd_epi16(x, w)) }
    }

    #[inline(always)]
    fn multiply(self, acc: __m256i, _x: Self::X, w: Self::W) -> __m256i {
        // SAFETY: `self` proves AVX2.
        unsafe { _mm256_madd_epi16(_mm256_madd_epi16(acc, w[0]), w[1]) }
    }

    #[inline(always)]
    fn interleave4(self, x: [__m256i; 4]) -> [Self::X; 4] {
        // SAFETY: `self` proves AVX2.
        let [a, b, c, d] = unsafe { interleave4(x) };
        [widen_x(a), widen_x(b), widen_x(c), widen_x(d)]
    }
}
