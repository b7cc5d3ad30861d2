//! One inference without an operating system's library: no std, no allocator, no libc, no C start-up code.
//!
//! `_start` aligns the stack, the network runs on the fixed input with the best kernels that CPUID reports, and the
//! digest of its outputs goes to standard output: the line that `baked --digest` prints. `scripts/freestanding.sh`
//! compares the two.
#![no_std]
#![no_main]

mod memory;
mod system;

use bakelite::kernels::isa::{Isa, Program, best};
use bakelite::{Mismatch, Network, TensorMut, TensorRef, digest};

/// Generated: one function a layer.
mod model {
    bakelite::include_model!();
}

use model::Model;

/// Elements of the input and of the output.
const INPUT: usize = Model::INFO.inputs[0].elements();
const OUTPUT: usize = Model::INFO.outputs[0].elements();

/// Everything that a run needs: the arena and both ends.
struct State {
    model: Model,
    x: [f32; INPUT],
    y: [f32; OUTPUT],
}

/// In .bss; nothing is initialised at start-up.
static mut STATE: State = State { model: Model::new(), x: [0.0; INPUT], y: [0.0; OUTPUT] };

impl Program for &mut State {
    type Output = Result<u64, Mismatch>;

    fn call<I: Isa>(self, isa: I) -> Self::Output {
        digest::fill(&mut [TensorMut::F32(&mut self.x)]);
        self.model.run(isa, &[TensorRef::F32(&self.x)], &mut [TensorMut::F32(&mut self.y)])?;
        Ok(digest::digest(&[TensorRef::F32(&self.y)]))
    }
}

/// What `_start` calls.
extern "C" fn main() -> ! {
    // SAFETY: there is one thread, and `_start` comes here once, so this is the only reference.
    let state = unsafe { &mut *(&raw mut STATE) };
    match best(state) {
        Ok(digest) => {
            system::print(&line(digest));
            system::exit(0)
        }
        Err(_) => {
            system::print(b"error: the network has other inputs or outputs than one f32 tensor each\n");
            system::exit(1)
        }
    }
}

/// Sixteen hexadecimal digits and a newline.
fn line(digest: u64) -> [u8; 17] {
    let mut line = [b'\n'; 17];
    for (i, digit) in line[..16].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(digest >> (60 - 4 * i)) as usize % 16];
    }
    line
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    system::print(b"error: panic\n");
    system::exit(101)
}
