//! The three transforms along one axis; each is done for rows and then for columns.
//!
//! ```text
//!      4  0 -5  0  1  0          6  0  0
//!      0 -4 -4  1  1  0          1  1  1            1 -4 -4  1  1  0  / 24
//! Bᵀ = 0  4 -4 -1  1  0      G = 1 -1  1       Aᵀ = 0 -2  2  1 -1  0  / 12
//!      0 -2 -1  2  1  0          1  2  4            0 -1 -1  1  1  0  / 6
//!      0  2 -1 -2  1  0          1 -2  4            0 -1  1  2 -2  1  / 6
//!      0  4  0 -5  0  1          0  0  6
//! ```
//!
//! The points are 0, 1, -1, 2, -2 and infinity.

use crate::isa::Isa;

/// What divides the outputs beside 3, as a power of two.
pub(super) const SHIFT: [i32; 4] = [3, 2, 1, 1];
/// The inverse of 9 modulo 2^32.
pub(super) const NINTH: i32 = 0x38e3_8e39;

/// Six inputs, by pairs of 16 bits.
#[inline(always)]
pub(super) fn input<I: Isa>(isa: I, d: [I::I32; 6]) -> [I::I32; 6] {
    if I::REGISTERS == 1 { out_of_line(|| input_lanes(isa, d)) } else { input_lanes(isa, d) }
}

/// Without vectors a transform is hundreds of instructions: one copy of it is enough.
#[inline(never)]
fn out_of_line<T>(transform: impl FnOnce() -> T) -> T {
    transform()
}

#[inline(always)]
fn input_lanes<I: Isa>(isa: I, d: [I::I32; 6]) -> [I::I32; 6] {
    let (add, sub) = (|a, b| isa.add_pairs(a, b), |a, b| isa.sub_pairs(a, b));
    let four = |x| isa.add_pairs(isa.add_pairs(x, x), isa.add_pairs(x, x));
    let (a, b) = (sub(d[4], four(d[2])), sub(d[3], four(d[1])));
    let (c, e) = (sub(d[4], d[2]), sub(d[3], d[1]));
    let e = add(e, e);
    [add(sub(four(d[0]), d[2]), a), add(a, b), sub(a, b), add(c, e), sub(c, e), sub(sub(d[5], four(d[3])), b)]
}

/// Three weights, by pairs of 16 bits.
#[inline(always)]
pub(super) fn filter<I: Isa>(isa: I, g: [I::I32; 3]) -> [I::I32; 6] {
    if I::REGISTERS == 1 { out_of_line(|| filter_lanes(isa, g)) } else { filter_lanes(isa, g) }
}

#[inline(always)]
fn filter_lanes<I: Isa>(isa: I, g: [I::I32; 3]) -> [I::I32; 6] {
    let (add, sub) = (|a, b| isa.add_pairs(a, b), |a, b| isa.sub_pairs(a, b));
    let two = |x| isa.add_pairs(x, x);
    let six = |x| isa.add_pairs(two(x), two(two(x)));
    let (e, f, h) = (add(g[0], g[2]), add(g[0], two(two(g[2]))), two(g[1]));
    [six(g[0]), add(e, g[1]), sub(e, g[1]), add(f, h), sub(f, h), six(g[2])]
}

/// Six sums to four outputs, which are too great by 3 and [`SHIFT`].
#[inline(always)]
pub(super) fn output<I: Isa>(isa: I, m: [I::I32; 6]) -> [I::I32; 4] {
    let (add, sub) = (|a, b| isa.add_i32(a, b), |a, b| isa.sub_i32(a, b));
    let two = |x| isa.add_i32(x, x);
    let (p, q, r, s) = (add(m[1], m[2]), sub(m[1], m[2]), add(m[3], m[4]), sub(m[3], m[4]));
    [add(sub(m[0], two(two(p))), r), sub(s, two(q)), sub(r, p), add(sub(two(s), q), m[5])]
}
