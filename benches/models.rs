//! A whole network through compiled code, on every ISA of this CPU but plain Rust.
//!
//! `cargo bench --bench models` runs the network in models/; `BAKELITE_MODEL=resnet50.pb cargo bench --bench models`
//! another one. Ids are `model/{name}/{isa}`; the throughput is the network's nominal MACs per second.

use bakelite::array::Elements;
use bakelite::kernels::isa::{self, Isa, Name, Program};
use bakelite::{Network, TensorInfo, TensorRef, digest};
use criterion::{Criterion, Throughput};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Generated: one function a layer. It is public, since in a library it would be.
#[expect(unreachable_pub, reason = "generated for libraries too")]
mod model {
    bakelite::include_model!();
}

/// A static, so that the arena is never on a stack.
static MODEL: Mutex<model::Model> = Mutex::new(model::Model::new());

/// The bench of one ISA; timed inside it, since asking the CPU for its features takes microseconds.
struct Bench<'a>(&'a mut Criterion);

impl Program for Bench<'_> {
    type Output = ();

    fn call<I: Isa>(self, isa: I) {
        let model = &mut *MODEL.lock().unwrap_or_else(PoisonError::into_inner);
        let info = model::Model::INFO;
        let zeros = |t: &TensorInfo| Elements::zeros(t.dtype, t.elements());
        let mut inputs: Vec<Elements> = info.inputs.iter().map(zeros).collect();
        let mut outputs: Vec<Elements> = info.outputs.iter().map(zeros).collect();
        digest::fill(&mut inputs.iter_mut().map(Elements::all_mut).collect::<Vec<_>>());
        let x: Vec<TensorRef<'_>> = inputs.iter().map(Elements::all).collect();
        let mut y: Vec<_> = outputs.iter_mut().map(Elements::all_mut).collect();
        let mut group = self.0.benchmark_group("model");
        group.throughput(Throughput::Elements(info.macs));
        group.bench_function(format!("{}/{}", info.name, I::NAME), |bencher| {
            bencher.iter(|| model.run(isa, &x, &mut y).expect("the views are made from the description"));
        });
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .configure_from_args();
    for &name in Name::ALL.iter().filter(|name| **name != Name::Scalar) {
        if isa::with(name, Bench(&mut criterion)).is_none() {
            eprintln!("skipped: {name}: this CPU has it not");
        }
    }
    criterion.final_summary();
}
