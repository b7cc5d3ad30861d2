//! What AVX2 and AVX-VNNI share: everything but the dot product.

/// The operations on ymm registers, to stand inside `impl Isa`.
macro_rules! ymm_operations {
    () => {
        const LANES: usize = 8;
        const REGISTERS: usize = 16;
        type I32 = __m256i;
        type F32 = __m256;
        type Bytes = __m256i;

        #[inline(always)]
        fn splat_i32(self, x: i32) -> __m256i {
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_set1_epi32(x) }
        }

        #[inline(always)]
        fn splat_f32(self, x: f32) -> __m256 {
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_set1_ps(x) }
        }

        #[inline(always)]
        fn load_i32(self, x: &[i32; 16], part: usize) -> __m256i {
            let x: &[i32; 8] = &x.as_chunks().0[part];
            // SAFETY: `self` proves AVX2; `x` is 32 readable bytes.
            unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
        }

        #[inline(always)]
        fn load_f32(self, x: &[f32; 16], part: usize) -> __m256 {
            let x: &[f32; 8] = &x.as_chunks().0[part];
            // SAFETY: `self` proves AVX2; `x` is 32 readable bytes.
            unsafe { _mm256_loadu_ps(x.as_ptr()) }
        }

        #[inline(always)]
        fn store_i32(self, v: __m256i, y: &mut [i32; 16], part: usize) {
            let y: &mut [i32; 8] = &mut y.as_chunks_mut().0[part];
            // SAFETY: `self` proves AVX2; `y` is 32 writable bytes.
            unsafe { _mm256_storeu_si256(y.as_mut_ptr().cast(), v) }
        }

        #[inline(always)]
        fn store_f32(self, v: __m256, y: &mut [f32; 16], part: usize) {
            let y: &mut [f32; 8] = &mut y.as_chunks_mut().0[part];
            // SAFETY: `self` proves AVX2; `y` is 32 writable bytes.
            unsafe { _mm256_storeu_ps(y.as_mut_ptr(), v) }
        }

        #[inline(always)]
        fn load_bytes(self, x: &[u8]) -> __m256i {
            let mut copy = [0; 32];
            let x = match x.first_chunk::<32>() {
                Some(x) => x,
                None => {
                    copy[..x.len()].copy_from_slice(x);
                    &copy
                }
            };
            // SAFETY: `self` proves AVX2; `x` is 32 readable bytes.
            unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
        }

        #[inline(always)]
        fn load_taps<const N: usize>(self, x: &[u8], at: usize, offsets: [usize; N]) -> [__m256i; N] {
            check_taps(x, at, offsets, 32);
            // SAFETY: `self` proves AVX2; 32 bytes at each offset from `at` are inside `x`, as checked.
            offsets.map(|offset| unsafe { _mm256_loadu_si256(x.as_ptr().add(at + offset).cast()) })
        }

        #[inline(always)]
        fn store_bytes(self, v: __m256i, y: &mut [u8]) {
            match y.first_chunk_mut::<32>() {
                // SAFETY: `self` proves AVX2; `y` is 32 writable bytes.
                Some(y) => unsafe { _mm256_storeu_si256(y.as_mut_ptr().cast(), v) },
                None => {
                    let mut copy = [0; 32];
                    // SAFETY: `self` proves AVX2; `copy` is 32 writable bytes.
                    unsafe { _mm256_storeu_si256(copy.as_mut_ptr().cast(), v) };
                    y.copy_from_slice(&copy[..y.len()]);
                }
            }
        }

        #[inline(always)]
        fn max_bytes(self, a: __m256i, b: __m256i) -> __m256i {
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_max_epu8(a, b) }
        }

        $crate::isa::sums::sum_operations! {
            __m256i: _mm256_add_epi16 _mm256_sub_epi16 _mm256_slli_epi16 _mm256_srli_epi16 _mm256_mulhrs_epi16
            _mm256_unpacklo_epi16 _mm256_unpackhi_epi16 _mm256_set1_epi16
            _mm256_sub_epi8 _mm256_set1_epi8 _mm256_and_si256 _mm256_andnot_si256 _mm256_or_si256
        }

        $crate::isa::pairs::pair_operations! {
            __m256i: _mm256_add_epi16 _mm256_sub_epi16 _mm256_slli_epi16 _mm256_srli_epi16 _mm256_srai_epi16
            _mm256_and_si256 _mm256_set1_epi16 _mm256_sub_epi32 _mm256_mullo_epi32 _mm256_sra_epi32
        }

        #[inline(always)]
        fn both_pairs_u8(self, x: __m256i) -> __m256i {
            // SAFETY: `self` proves AVX2.
            unsafe {
                let x = _mm256_permute2x128_si256::<0>(x, x);
                let [even, odd] = self.pairs_u8(x);
                _mm256_blend_epi32::<0xf0>(even, odd)
            }
        }

        #[inline(always)]
        fn store_first(self, v: __m256i, y: &mut [i32]) {
            self.store_bytes(v, bytemuck::cast_slice_mut(y));
        }

        #[inline(always)]
        fn to_f32(self, v: __m256i) -> __m256 {
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_cvtepi32_ps(v) }
        }

        #[inline(always)]
        fn round(self, v: __m256) -> __m256i {
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_cvtps_epi32(v) }
        }

        #[inline(always)]
        fn add_i32(self, a: __m256i, b: __m256i) -> __m256i {
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_add_epi32(a, b) }
        }

        #[inline(always)]
        fn add(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_add_ps(a, b) }
        }

        #[inline(always)]
        fn mul(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_mul_ps(a, b) }
        }

        #[inline(always)]
        fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
            // SAFETY: `self` proves FMA.
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        fn min(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_min_ps(a, b) }
        }

        #[inline(always)]
        fn max(self, a: __m256, b: __m256) -> __m256 {
            // SAFETY: `self` proves AVX2.
            unsafe { _mm256_max_ps(a, b) }
        }

        #[inline(always)]
        fn positive_or(self, v: __m256, otherwise: __m256) -> __m256 {
            // SAFETY: `self` proves AVX2.
            unsafe {
                let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(v, _mm256_setzero_ps());
                _mm256_blendv_ps(otherwise, v, positive)
            }
        }

        #[inline(always)]
        fn narrow<const NV: usize>(self, v: [__m256i; NV], to: Narrow, y: &mut [u8]) {
            // SAFETY: `self` proves AVX2. The packs work in each 128-bit half; for NV < 4 the repeated halves are
            // dropped by the permutation.
            let bytes = unsafe {
                let zero_point = _mm256_set1_epi16(to.zero_point.into());
                let pair = |a, b| _mm256_adds_epi16(_mm256_packs_epi32(a, b), zero_point);
                let a = pair(v[0], v[if NV > 1 { 1 } else { 0 }]);
                let b = if NV == 4 { pair(v[2], v[3]) } else { a };
                let bytes = _mm256_packus_epi16(a, b);
                let bytes = _mm256_max_epu8(bytes, _mm256_set1_epi8(to.low as i8));
                let bytes = _mm256_min_epu8(bytes, _mm256_set1_epi8(to.high as i8));
                match NV {
                    4 => bytes,
                    2 => _mm256_permute4x64_epi64::<0b10_00_10_00>(bytes),
                    _ => _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4)),
                }
            };
            match (NV, y.len()) {
                // SAFETY: `self` proves AVX2; `y` is 16 writable bytes.
                (2, 16) => unsafe { _mm_storeu_si128(y.as_mut_ptr().cast(), _mm256_castsi256_si128(bytes)) },
                // SAFETY: `self` proves AVX2; `y` is 8 writable bytes.
                (1, 8) => unsafe { _mm_storel_epi64(y.as_mut_ptr().cast(), _mm256_castsi256_si128(bytes)) },
                _ => self.store_bytes(bytes, y),
            }
        }

        #[inline(always)]
        fn widen<const NV: usize>(self, x: &[u8]) -> [__m256i; NV] {
            let x = self.load_bytes(&x[..x.len().min(8 * NV)]);
            let mut v = [x; NV];
            // SAFETY: `self` proves AVX2. Bytes of memory order go to (half q, panel s, dword i): each half gets the
            // 4*NV bytes it needs, then VPSHUFB picks 4 of them and zeroes the rest.
            unsafe {
                let x = match NV {
                    4 => x,
                    2 => _mm256_permute4x64_epi64::<0b01_01_00_00>(x),
                    _ => _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1)),
                };
                for s in 0..NV {
                    let byte = |i: i32| i32::from_le_bytes([(4 * s as i32 + i) as u8, 0x80, 0x80, 0x80]);
                    let pick = _mm_setr_epi32(byte(0), byte(1), byte(2), byte(3));
                    v[s] = _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(pick));
                }
            }
            v
        }
    };
}
pub(super) use ymm_operations;

use core::arch::x86_64::*;

/// Four rows of 32 bytes to four vectors of 4-byte columns, in the order of unpacks: vector `s`, half `q`, dword `i`
/// is column `q*16 + s*4 + i`.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
pub(super) unsafe fn interleave4([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    // SAFETY: promised by the caller.
    unsafe {
        let (ab0, ab1) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
        let (cd0, cd1) = (_mm256_unpacklo_epi8(c, d), _mm256_unpackhi_epi8(c, d));
        [
            _mm256_unpacklo_epi16(ab0, cd0),
            _mm256_unpackhi_epi16(ab0, cd0),
            _mm256_unpacklo_epi16(ab1, cd1),
            _mm256_unpackhi_epi16(ab1, cd1),
        ]
    }
}
