//! Arithmetic modulo 2^16 and 2^32, and pairs of 16 bits in an i32: what vectors of 32 and of 64 bytes do alike.

/// The operations, to stand inside `impl Isa`: a vector type and the intrinsics on it.
macro_rules! pair_operations {
    (
        $vector:ident: $add_pairs:ident $sub_pairs:ident $shift_left:ident $shift_right:ident $keep_sign:ident
        $and:ident $splat:ident $sub:ident $multiply:ident $shift_all:ident
    ) => {
        #[inline(always)]
        fn pairs_u8(self, x: $vector) -> [$vector; 2] {
            // SAFETY: `self` proves the intrinsics.
            unsafe { [$and(x, $splat(0xff)), $shift_right::<8>(x)] }
        }

        #[inline(always)]
        fn add_pairs(self, a: $vector, b: $vector) -> $vector {
            // SAFETY: `self` proves the intrinsics.
            unsafe { $add_pairs(a, b) }
        }

        #[inline(always)]
        fn sub_pairs(self, a: $vector, b: $vector) -> $vector {
            // SAFETY: `self` proves the intrinsics.
            unsafe { $sub_pairs(a, b) }
        }

        #[inline(always)]
        fn pairs_i8(self, w: &[i8; 64], part: usize) -> [$vector; 2] {
            let w: &[i8; 4 * Self::LANES] = &w.as_chunks().0[part];
            // SAFETY: `self` proves the intrinsics; `w` is as many readable bytes as a vector has.
            unsafe {
                let w = w.as_ptr().cast::<$vector>().read_unaligned();
                [$keep_sign::<8>($shift_left::<8>(w)), $keep_sign::<8>(w)]
            }
        }

        #[inline(always)]
        fn sub_i32(self, a: $vector, b: $vector) -> $vector {
            // SAFETY: `self` proves the intrinsics.
            unsafe { $sub(a, b) }
        }

        #[inline(always)]
        fn mul_i32(self, a: $vector, b: $vector) -> $vector {
            // SAFETY: `self` proves the intrinsics.
            unsafe { $multiply(a, b) }
        }

        #[inline(always)]
        fn shift_right(self, v: $vector, by: i32) -> $vector {
            // SAFETY: `self` proves the intrinsics.
            unsafe { $shift_all(v, _mm_cvtsi32_si128(by)) }
        }
    };
}
pub(super) use pair_operations;
