//! AVX-512 with VNNI: VPDPBUSD on zmm registers, tails by mask.

use super::pairs::pair_operations;
use super::sums::sum_operations;
use super::{Isa, Kernel, Name, Narrow, check_taps, cpuid};
use crate::igemm::Direct;
use core::arch::x86_64::*;

/// AVX-512 F, BW, DQ, VL and VNNI.
#[derive(Clone, Copy, Debug)]
pub struct Avx512Vnni(());

impl Avx512Vnni {
    /// The proof, if this CPU has the features.
    pub fn detect() -> Option<Self> {
        cpuid::features().avx512vnni.then_some(Self(()))
    }
}

/// The lowest `count` of 64 bits.
#[inline(always)]
fn mask(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

impl Isa for Avx512Vnni {
    const NAME: Name = Name::Avx512Vnni;
    const LANES: usize = 16;
    const REGISTERS: usize = 32;
    // With 32 registers: at most 24 sums, 6 factors held, and the one that passes through.
    const ROWS: [usize; 3] = [6, 12, 12];
    type Gemm = Direct;
    type I32 = __m512i;
    type F32 = __m512;
    type Bytes = __m512i;
    type X = __m512i;
    type W = __m512i;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
        fn enter<K: Kernel>(isa: Avx512Vnni, kernel: K) -> K::Output {
            kernel.call(isa)
        }
        // SAFETY: `self` proves the features.
        unsafe { enter(self, kernel) }
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_set1_epi32(x) }
    }

    #[inline(always)]
    fn splat_f32(self, x: f32) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn load_i32(self, x: &[i32; 16], _part: usize) -> __m512i {
        // SAFETY: `self` proves AVX-512; `x` is 64 readable bytes.
        unsafe { _mm512_loadu_si512(x.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_f32(self, x: &[f32; 16], _part: usize) -> __m512 {
        // SAFETY: `self` proves AVX-512; `x` is 64 readable bytes.
        unsafe { _mm512_loadu_ps(x.as_ptr()) }
    }

    #[inline(always)]
    fn store_i32(self, v: __m512i, y: &mut [i32; 16], _part: usize) {
        // SAFETY: `self` proves AVX-512; `y` is 64 writable bytes.
        unsafe { _mm512_storeu_si512(y.as_mut_ptr().cast(), v) }
    }

    #[inline(always)]
    fn store_f32(self, v: __m512, y: &mut [f32; 16], _part: usize) {
        // SAFETY: `self` proves AVX-512; `y` is 64 writable bytes.
        unsafe { _mm512_storeu_ps(y.as_mut_ptr(), v) }
    }

    #[inline(always)]
    fn splat4(self, x: [u8; 4]) -> __m512i {
        self.splat_i32(i32::from_le_bytes(x))
    }

    #[inline(always)]
    fn load_w(self, w: &[i8; 64], _part: usize) -> __m512i {
        // SAFETY: `self` proves AVX-512; `w` is 64 readable bytes.
        unsafe { _mm512_loadu_si512(w.as_ptr().cast()) }
    }

    #[inline(always)]
    fn prefetch<T>(self, at: &T) {
        // SAFETY: a hint; every x86-64 CPU has SSE.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(at).cast()) }
    }

    #[inline(always)]
    fn dot4(self, acc: __m512i, x: __m512i, w: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 VNNI.
        unsafe { _mm512_dpbusd_epi32(acc, x, w) }
    }

    #[inline(always)]
    fn multiply(self, acc: __m512i, x: __m512i, w: __m512i) -> __m512i {
        self.dot4(acc, x, w)
    }

    #[inline(always)]
    fn load_bytes(self, x: &[u8]) -> __m512i {
        match x.first_chunk::<64>() {
            // SAFETY: `self` proves AVX-512; `x` is 64 readable bytes.
            Some(x) => unsafe { _mm512_loadu_si512(x.as_ptr().cast()) },
            // SAFETY: `self` proves AVX-512; the mask keeps the load inside `x`.
            None => unsafe { _mm512_maskz_loadu_epi8(mask(x.len()), x.as_ptr().cast()) },
        }
    }

    #[inline(always)]
    fn load_taps<const N: usize>(self, x: &[u8], at: usize, offsets: [usize; N]) -> [__m512i; N] {
        check_taps(x, at, offsets, 64);
        // SAFETY: `self` proves AVX-512; 64 bytes at each offset from `at` are inside `x`, as checked.
        offsets.map(|offset| unsafe { _mm512_loadu_si512(x.as_ptr().add(at + offset).cast()) })
    }

    #[inline(always)]
    fn store_bytes(self, v: __m512i, y: &mut [u8]) {
        match y.first_chunk_mut::<64>() {
            // SAFETY: `self` proves AVX-512; `y` is 64 writable bytes.
            Some(y) => unsafe { _mm512_storeu_si512(y.as_mut_ptr().cast(), v) },
            // SAFETY: `self` proves AVX-512; the mask keeps the store inside `y`.
            None => unsafe { _mm512_mask_storeu_epi8(y.as_mut_ptr().cast(), mask(y.len()), v) },
        }
    }

    #[inline(always)]
    fn max_bytes(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_max_epu8(a, b) }
    }

    sum_operations! {
        __m512i: _mm512_add_epi16 _mm512_sub_epi16 _mm512_slli_epi16 _mm512_srli_epi16 _mm512_mulhrs_epi16
        _mm512_unpacklo_epi16 _mm512_unpackhi_epi16 _mm512_set1_epi16
        _mm512_sub_epi8 _mm512_set1_epi8 _mm512_and_si512 _mm512_andnot_si512 _mm512_or_si512
    }

    pair_operations! {
        __m512i: _mm512_add_epi16 _mm512_sub_epi16 _mm512_slli_epi16 _mm512_srli_epi16 _mm512_srai_epi16
        _mm512_and_si512 _mm512_set1_epi16 _mm512_sub_epi32 _mm512_mullo_epi32 _mm512_sra_epi32
    }

    #[inline(always)]
    fn both_pairs_u8(self, x: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe {
            let x = _mm512_shuffle_i64x2::<0b01_00_01_00>(x, x);
            let [even, odd] = self.pairs_u8(x);
            _mm512_mask_mov_epi32(even, 0xff00, odd)
        }
    }

    #[inline(always)]
    fn dot2(self, acc: __m512i, x: __m512i, w: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 VNNI.
        unsafe { _mm512_dpwssd_epi32(acc, x, w) }
    }

    #[inline(always)]
    fn store_first(self, v: __m512i, y: &mut [i32]) {
        match y.first_chunk_mut::<16>() {
            // SAFETY: `self` proves AVX-512; `y` is 64 writable bytes.
            Some(y) => unsafe { _mm512_storeu_si512(y.as_mut_ptr().cast(), v) },
            // SAFETY: `self` proves AVX-512; the mask keeps the store inside `y`.
            None => unsafe { _mm512_mask_storeu_epi32(y.as_mut_ptr(), mask(y.len()) as u16, v) },
        }
    }

    #[inline(always)]
    fn interleave4(self, [a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
        // SAFETY: `self` proves AVX-512.
        unsafe {
            let (ab0, ab1) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
            let (cd0, cd1) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
            [
                _mm512_unpacklo_epi16(ab0, cd0),
                _mm512_unpackhi_epi16(ab0, cd0),
                _mm512_unpacklo_epi16(ab1, cd1),
                _mm512_unpackhi_epi16(ab1, cd1),
            ]
        }
    }

    #[inline(always)]
    fn to_f32(self, v: __m512i) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_cvtepi32_ps(v) }
    }

    #[inline(always)]
    fn round(self, v: __m512) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_cvtps_epi32(v) }
    }

    #[inline(always)]
    fn add_i32(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn positive_or(self, v: __m512, otherwise: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(v, _mm512_setzero_ps());
            _mm512_mask_mov_ps(otherwise, positive, v)
        }
    }

    #[inline(always)]
    fn narrow<const NV: usize>(self, v: [__m512i; NV], to: Narrow, y: &mut [u8]) {
        // SAFETY: `self` proves AVX-512. The packs work in each 128-bit lane; for NV < 4 the repeated parts are
        // dropped by the permutation.
        let bytes = unsafe {
            let zero_point = _mm512_set1_epi16(to.zero_point.into());
            let pair = |a, b| _mm512_adds_epi16(_mm512_packs_epi32(a, b), zero_point);
            let a = pair(v[0], v[if NV > 1 { 1 } else { 0 }]);
            let b = if NV == 4 { pair(v[2], v[3]) } else { a };
            let bytes = _mm512_packus_epi16(a, b);
            let bytes = _mm512_max_epu8(bytes, _mm512_set1_epi8(to.low as i8));
            let bytes = _mm512_min_epu8(bytes, _mm512_set1_epi8(to.high as i8));
            match NV {
                4 => bytes,
                2 => _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 0, 2, 4, 6), bytes),
                _ => {
                    let first = _mm512_setr_epi32(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12);
                    _mm512_permutexvar_epi32(first, bytes)
                }
            }
        };
        match (NV, y.len()) {
            // SAFETY: `self` proves AVX-512 VL; `y` is 32 writable bytes.
            (2, 32) => unsafe { _mm256_storeu_si256(y.as_mut_ptr().cast(), _mm512_castsi512_si256(bytes)) },
            // SAFETY: `self` proves AVX-512 VL; `y` is 16 writable bytes.
            (1, 16) => unsafe { _mm_storeu_si128(y.as_mut_ptr().cast(), _mm512_castsi512_si128(bytes)) },
            _ => self.store_bytes(bytes, y),
        }
    }

    #[inline(always)]
    fn widen<const NV: usize>(self, x: &[u8]) -> [__m512i; NV] {
        let x = match (NV, x.first_chunk::<16>(), x.first_chunk::<32>()) {
            // SAFETY: `self` proves AVX-512; `x` is 32 readable bytes.
            (2, _, Some(x)) => unsafe { _mm512_castsi256_si512(_mm256_loadu_si256(x.as_ptr().cast())) },
            // SAFETY: `self` proves AVX-512; `x` is 16 readable bytes.
            (1, Some(x), _) => unsafe { _mm512_castsi128_si512(_mm_loadu_si128(x.as_ptr().cast())) },
            _ => self.load_bytes(x),
        };
        let mut v = [x; NV];
        // SAFETY: `self` proves AVX-512. Bytes of memory order go to (lane q, panel s, dword i): each lane gets the
        // 4*NV bytes it needs, then VPSHUFB picks 4 of them and zeroes the rest.
        unsafe {
            let x = match NV {
                4 => x,
                2 => _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), x),
                _ => {
                    let spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
                    _mm512_permutexvar_epi32(spread, x)
                }
            };
            for s in 0..NV {
                let byte = |i: i32| i32::from_le_bytes([(4 * s as i32 + i) as u8, 0x80, 0x80, 0x80]);
                let pick = _mm_setr_epi32(byte(0), byte(1), byte(2), byte(3));
                v[s] = _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(pick));
            }
        }
        v
    }
}
