//! The executable of the network that the build script baked, over the standard library.
#![forbid(unsafe_code)]

use bakelite::host::Standard;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// Generated: one function a layer. It is public, since in a library it would be.
#[expect(unreachable_pub, reason = "generated for libraries too")]
mod model {
    bakelite::include_model!();
}

include!(concat!(env!("OUT_DIR"), "/about.rs"));

/// A static, so that the arena is never on a stack.
static MODEL: Mutex<model::Model> = Mutex::new(model::Model::new());

fn main() -> ExitCode {
    // Nobody else locks it.
    let model = &mut *MODEL.lock().unwrap_or_else(PoisonError::into_inner);
    ExitCode::from(bakelite::app::main(model, &ABOUT, &mut Standard))
}
