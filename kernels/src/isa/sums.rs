//! Sums of a few bytes in 16 bits, and their means: what vectors of 32 and of 64 bytes do alike.
//!
//! ```text
//! all += x              16 bits of two bytes at once: the even byte's sum, and 256 times the odd byte's
//! odd += x >> 8
//! even = all - (odd << 8)
//!
//! mean = (sum * share + 2^14) >> 15      VPMULHRSW
//! ```
//!
//! `share` is as little above `2^15 / count` as makes halves go up and no other mean reach one. An even number has halves; with
//! a second `share` below it they go down, and the even one of both is meant.

/// The reciprocal of a number of bytes: a sum times it is their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub(super) up: i16,
    pub(super) down: Option<i16>,
}

impl Share {
    /// The most bytes for which 15 bits are exact enough.
    pub const MOST: usize = 12;

    /// Of `count` bytes; panics above `MOST`.
    #[inline(always)]
    pub const fn of(count: usize) -> Self {
        const ALL: [Share; Share::MOST + 1] = {
            let mut all = [Share { up: 0, down: None }; Share::MOST + 1];
            let mut count = 1;
            while count <= Share::MOST {
                // 2^15 is no i16; for a single byte one less does.
                let up = if count == 1 { i16::MAX } else { (1u16 << 15).div_ceil(count as u16) as i16 };
                let down = if count % 2 == 0 { Some(i16::MAX / count as i16) } else { None };
                all[count] = Share { up, down };
                count += 1;
            }
            all
        };
        ALL[count]
    }
}

/// The operations, to stand inside `impl Isa`: a vector type and the intrinsics on it.
#[cfg(target_arch = "x86_64")]
macro_rules! sum_operations {
    (
        $vector:ident: $add:ident $sub:ident $shift_left:ident $shift_right:ident $multiply:ident
        $unpack_low:ident $unpack_high:ident $splat:ident
        $sub_bytes:ident $splat_byte:ident $and:ident $and_not:ident $or:ident
    ) => {
        // All 16 bits, and the odd bytes.
        type Sums = [$vector; 2];

        #[inline(always)]
        fn sums(self, x: $vector) -> [$vector; 2] {
            // SAFETY: `self` proves the intrinsics.
            [x, unsafe { $shift_right::<8>(x) }]
        }

        #[inline(always)]
        fn add_sums(self, a: [$vector; 2], b: [$vector; 2]) -> [$vector; 2] {
            // SAFETY: `self` proves the intrinsics.
            unsafe { [$add(a[0], b[0]), $add(a[1], b[1])] }
        }

        #[inline(always)]
        fn widen_sums(self, [all, odd]: [$vector; 2]) -> [$vector; 4] {
            // SAFETY: `self` proves the intrinsics.
            unsafe {
                let (even, zero) = ($sub(all, $shift_left::<8>(odd)), $splat(0));
                let (low, high) = ($unpack_low(even, odd), $unpack_high(even, odd));
                [
                    $unpack_low(low, zero),
                    $unpack_high(low, zero),
                    $unpack_low(high, zero),
                    $unpack_high(high, zero),
                ]
            }
        }

        #[inline(always)]
        fn share_sums(self, [all, odd]: [$vector; 2], share: $crate::isa::Share) -> $vector {
            // SAFETY: `self` proves the intrinsics.
            unsafe {
                let even = $sub(all, $shift_left::<8>(odd));
                let means = |share: i16| {
                    let share = $splat(share);
                    $or($multiply(even, share), $shift_left::<8>($multiply(odd, share)))
                };
                let above = means(share.up);
                let Some(down) = share.down else { return above };
                $sub_bytes(above, $and($and_not(means(down), above), $splat_byte(1)))
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use sum_operations;
