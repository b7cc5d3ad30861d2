//! The most multiplications that an instruction set can make, and the clock they are made at: the yardsticks of every
//! other kernel.
//!
//! `steps` times those of twelve dot products of registers, each behind its own of the step before, so that nothing else
//! waits: VPDPBUSD, or VPMADDWD alone where products are added by other instructions. Cost: `Peak::macs` MACs, no memory.

use crate::isa::{Isa, Kernel};
use core::hint::black_box;

/// Independent chains: enough to hide the latency of a product, few enough for 16 registers.
const SUMS: usize = 12;

/// Multiplications from registers alone. The result is a sum that says nothing but keeps the work.
#[derive(Clone, Copy, Debug)]
pub struct Peak {
    /// Links of each chain.
    pub steps: usize,
}

impl Peak {
    /// Multiply-accumulates.
    pub const fn macs<I: Isa>(&self) -> usize {
        self.steps * SUMS * I::LANES * 4
    }
}

impl Kernel for Peak {
    type Output = i32;
    const DOTS: bool = true;

    #[inline(always)]
    fn call<I: Isa>(self, isa: I) -> i32 {
        let w = isa.load_w(&black_box([1; 64]), 0);
        let mut acc = [isa.splat_i32(1); SUMS];
        for _ in 0..self.steps {
            // Seen afresh in every step, or products of constants would leave the loop.
            let x = isa.splat4(*black_box(&[1, 2, 3, 4]));
            for sum in &mut acc {
                *sum = isa.multiply(*sum, x, w);
            }
        }
        let mut total = isa.splat_i32(0);
        for sum in acc {
            total = isa.add_i32(total, sum);
        }
        let mut lanes = [0; 16];
        isa.store_i32(total, &mut lanes, 0);
        lanes[0]
    }
}

/// A chain of `steps` steps, each of which waits for the one before it: [`CHAIN_CYCLES`] cycles a step. The result says
/// nothing but keeps the work.
pub fn chain(steps: usize) -> u64 {
    let mut x = black_box(1_u64);
    for _ in 0..steps {
        x = (x ^ 0x55).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    x
}

/// An exclusive or, and a multiplication: 1 and 3 cycles on every x86-64 of the last fifteen years.
pub const CHAIN_CYCLES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Name;
    use crate::testing;

    #[test]
    fn every_product_is_made() {
        for isa in testing::isas() {
            let sum = testing::run(isa, Peak { steps: 7 });
            // Dot products are added to 1; VPMADDWD of 1 and 1 is 1 again.
            let link = if isa == Name::Avx2 { 0 } else { 1 + 2 + 3 + 4 };
            assert_eq!(sum, SUMS as i32 * (1 + 7 * link), "{isa}");
        }
    }

    #[test]
    fn a_chain_has_its_steps() {
        let step = |x: u64| (x ^ 0x55).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        assert_eq!((chain(0), chain(3)), (1, step(step(step(1)))));
    }
}
