//! AVX-VNNI: VPDPBUSD on ymm registers, exact in 32 bits.

use super::ymm::{interleave4, ymm_operations};
use super::{Avx2, Isa, Kernel, Name, Narrow, check_taps, cpuid};
use crate::igemm::Direct;
use core::arch::x86_64::*;

/// AVX2, FMA and AVX-VNNI.
#[derive(Clone, Copy, Debug)]
pub struct AvxVnni(());

impl AvxVnni {
    /// The proof, if this CPU has the features.
    pub fn detect() -> Option<Self> {
        cpuid::features().avxvnni.then_some(Self(()))
    }
}

impl Isa for AvxVnni {
    const NAME: Name = Name::AvxVnni;
    ymm_operations!();
    // With 16 registers: 12 sums, the fewer factors, and the one that passes through.
    const ROWS: [usize; 3] = [3, 6, 6];
    type Gemm = Direct;
    type X = __m256i;
    type W = __m256i;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma,avxvnni")]
        fn enter<K: Kernel>(isa: AvxVnni, kernel: K) -> K::Output {
            kernel.call(isa)
        }
        if !K::DOTS {
            return Avx2::part_of(self).run(kernel);
        }
        // SAFETY: `self` proves AVX2, FMA and AVX-VNNI.
        unsafe { enter(self, kernel) }
    }

    #[inline(always)]
    fn splat4(self, x: [u8; 4]) -> __m256i {
        self.splat_i32(i32::from_le_bytes(x))
    }

    #[inline(always)]
    fn load_w(self, w: &[i8; 64], part: usize) -> __m256i {
        let w: &[i8; 32] = &w.as_chunks().0[part];
        // SAFETY: `self` proves AVX2; `w` is 32 readable bytes.
        unsafe { _mm256_loadu_si256(w.as_ptr().cast()) }
    }

    #[inline(always)]
    fn prefetch<T>(self, at: &T) {
        // SAFETY: a hint; every x86-64 CPU has SSE.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(at).cast()) }
    }

    #[inline(always)]
    fn dot4(self, acc: __m256i, x: __m256i, w: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX-VNNI.
        unsafe { _mm256_dpbusd_avx_epi32(acc, x, w) }
    }

    #[inline(always)]
    fn dot2(self, acc: __m256i, x: __m256i, w: __m256i) -> __m256i {
        // SAFETY: `self` proves AVX-VNNI.
        unsafe { _mm256_dpwssd_avx_epi32(acc, x, w) }
    }

    #[inline(always)]
    fn multiply(self, acc: __m256i, x: __m256i, w: __m256i) -> __m256i {
        self.dot4(acc, x, w)
    }

    #[inline(always)]
    fn interleave4(self, x: [__m256i; 4]) -> [__m256i; 4] {
        // SAFETY: `self` proves AVX2.
        unsafe { interleave4(x) }
    }
}
