//! `--help` and `--version`.

use super::About;
use crate::kernels::Name;
use crate::network::{Info, TensorInfo};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What the executable is and what can be done with it.
pub(super) fn help(info: &Info, about: &About) -> String {
    let (name, preprocess) = (info.name, about.preprocess);
    let classes = match about.classes.len() {
        0 => "without names: indices are printed".to_owned(),
        count => format!("{count} names"),
    };
    let isas: Vec<_> = Name::ALL.iter().filter(|isa| isa.available()).map(|isa| isa.as_str()).collect();
    format!(
        "\
{version}One quantized network, baked into one executable.

{inputs}{outputs}classes  {classes}
samples  {samples}

usage
  {name}                        classifies the sample pictures it carries
  {name} PICTURE...             classifies PNG, JPEG or PPM files
  {name} --npy IN --out OUT     runs raw tensors, .npy in and .npy out
  {name} --bench                measures: two seconds of runs on a fixed input
  {name} --profile [json]       measures layer by layer: time, GMAC/s, share of the peak, bytes moved
  {name} --digest               a digest of the outputs on the fixed input, the same on every machine

options
  --isa NAME            use these kernels; here: {isas}
  --threads N           share each inference among N threads; 0 or auto: one a processor that is free to use
  --streams N           with --bench: N instances at the same time, a thread each; how many inferences a second
  --preprocess EXPR     arithmetic from pixel bytes `x` to the input; baked in: {preprocess}
                        + - * / ( ) and [a,b,c] for one number a channel: (x-[124,117,104])/58
  --npy [NAME=]IN.npy   an input; once for each. A file of n items runs item by item
  --out [NAME=]OUT.npy  an output to keep; once for each wanted
  -h, --help            this
  -V, --version         name, digest of the graph, version

Pictures are resized as a whole to the input's height and width (bilinear, antialiased) before `--preprocess`.
Errors are one sentence and exit code 1.

examples
  {name} cat.jpg dog.png
  {name} --isa scalar --digest
  {name} --npy {input}=x.npy --out {output}=y.npy
",
        version = version(info),
        inputs = tensors("input", info.inputs),
        outputs = tensors("output", info.outputs),
        samples = about.samples.len(),
        isas = isas.join(", "),
        input = info.inputs.first().map_or("x", |tensor| tensor.name),
        output = info.outputs.first().map_or("y", |tensor| tensor.name),
    )
}

/// Name, the graph's digest, and the version of the runtime.
pub(super) fn version(info: &Info) -> String {
    let (name, digest) = (info.name, info.digest);
    format!("{name} (graph {digest:016x}), baked by bakelite {}\n", env!("CARGO_PKG_VERSION"))
}

fn tensors(kind: &str, tensors: &[TensorInfo]) -> String {
    let line =
        |tensor: &TensorInfo| format!("{kind:<8} {} {} {:?}\n", tensor.name, tensor.dtype, tensor.shape);
    tensors.iter().map(line).collect()
}
