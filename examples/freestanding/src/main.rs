//! One inference without an operating system's library: no std, no allocator, no libc, no C start-up code.
//!
//! The network runs on the fixed input with the best kernels that CPUID reports, and the digest of its outputs goes to
//! standard output: the line that `baked --digest` prints. `scripts/freestanding.sh` compares the two. Of the operating
//! system it needs `bakelite_linux`: a start, a line, an end.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use bakelite::kernels::isa::{Isa, Program, best};
use bakelite::{Mismatch, Network, TensorMut, TensorRef, digest};
use bakelite_linux::system::{Stream, print};
use bakelite_linux::{Arguments, Once};

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
static STATE: Once<State> = Once::new(State { model: Model::new(), x: [0.0; INPUT], y: [0.0; OUTPUT] });

impl Program for &mut State {
    type Output = Result<u64, Mismatch>;

    fn call<I: Isa>(self, isa: I) -> Self::Output {
        digest::fill(&mut [TensorMut::F32(&mut self.x)]);
        self.model.run(isa, &[TensorRef::F32(&self.x)], &mut [TensorMut::F32(&mut self.y)])?;
        Ok(digest::digest(&[TensorRef::F32(&self.y)]))
    }
}

bakelite_linux::main!(main);

fn main(_: Arguments) -> u8 {
    let state = STATE.take().expect("a process has one main");
    let Ok(digest) = best(state) else {
        let _ = print(Stream::Error, b"error: the network has not one f32 input and one f32 output\n");
        return 1;
    };
    u8::from(print(Stream::Output, &line(digest)).is_err())
}

/// Sixteen hexadecimal digits and a newline.
fn line(digest: u64) -> [u8; 17] {
    let mut line = [b'\n'; 17];
    for (i, digit) in line[..16].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(digest >> (60 - 4 * i)) as usize % 16];
    }
    line
}
