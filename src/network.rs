//! What generated code implements: a network with its description.

use crate::tensor::{DType, TensorMut, TensorRef};
use bakelite_kernels::isa::{Isa, Name};
use bakelite_kernels::team::{One, Team};

/// A baked network. The value is its arena: make it a `static`, since it may be megabytes.
pub trait Network {
    /// What is known of it before it runs.
    const INFO: Info;

    /// Its layers in the order they run. Where nobody asks for them they are not linked.
    const LAYERS: &'static [Layer];

    /// One inference: reads `inputs` and writes `outputs`, both in the order of [`Info`].
    ///
    /// Nothing is computed, and no output is touched, unless every view fits.
    fn run<I: Isa>(
        &mut self,
        isa: I,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
    ) -> Result<(), Mismatch> {
        self.observed(isa, &mut One, inputs, outputs, &mut ())
    }

    /// [`run`](Network::run) on a team of threads, with someone who looks on; the bits are the same on any team.
    fn observed<I: Isa, T: Team, O: Observer>(
        &mut self,
        isa: I,
        team: &mut T,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
        observer: &mut O,
    ) -> Result<(), Mismatch>;
}

/// Who looks on while a network runs. `()` does not, and costs nothing.
pub trait Observer {
    /// Layer `layer` of [`Network::LAYERS`] has run, right after the one before it.
    fn ran(&mut self, layer: usize);
}

impl Observer for () {
    #[inline(always)]
    fn ran(&mut self, _: usize) {}
}

/// A layer: one kernel call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The graph's node that it computes, or a part of it.
    pub node: &'static str,
    /// The node's op, or what the call does where that is not the op itself.
    pub op: &'static str,
    /// The kernel's id without its instruction set: `igemm-6x64c4`; `igemm-6x64c4-short2` where the products of two steps
    /// are proven to add up in 16 bits, so that AVX2 has VPMADDUBSW for them.
    pub kernel: &'static str,
    /// Multiply-accumulates of the node; counted at its first layer.
    pub macs: u64,
    /// Bytes of the tensors that are read.
    pub read_bytes: usize,
    /// Bytes of packed weights and other constants that are read.
    pub weight_bytes: usize,
    /// Bytes of the tensors that are written.
    pub written_bytes: usize,
    /// Predicted cycles on AVX-512 VNNI, AVX-VNNI, AVX2, and in scalar code.
    pub cycles: [u64; 4],
}

impl Layer {
    /// What sort of kernel it is: its id up to the tile.
    pub fn kind(&self) -> &'static str {
        self.kernel.split('-').next().unwrap_or_default()
    }

    /// Predicted cycles on that instruction set.
    pub fn predicted(&self, isa: Name) -> u64 {
        let isas = ["avx512vnni", "avxvnni", "avx2", "scalar"];
        let column = isas.iter().position(|name| *name == isa.as_str());
        column.map_or(0, |column| self.cycles[column])
    }

    /// All bytes that must move.
    pub const fn bytes(&self) -> usize {
        self.read_bytes + self.weight_bytes + self.written_bytes
    }
}

/// A network's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Its name, as the package or the file is called.
    pub name: &'static str,
    /// FNV-1a 64 of the GraphDef it was baked from.
    pub digest: u64,
    /// Multiply-accumulates of one inference.
    pub macs: u64,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// Bytes of packed weights and other constants.
    pub weight_bytes: usize,
    /// Inputs, in the order that [`Network::run`] takes them.
    pub inputs: &'static [TensorInfo],
    /// Outputs, in the order that [`Network::run`] writes them.
    pub outputs: &'static [TensorInfo],
}

/// A network's input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name in the graph.
    pub name: &'static str,
    /// Its element type; `quint8` is `u8`, `qint8` is `i8`, `qint32` is `i32`.
    pub dtype: DType,
    /// Its dimensions, outermost first; pictures are NHWC.
    pub shape: &'static [usize],
}

impl TensorInfo {
    /// The number of elements.
    pub const fn elements(&self) -> usize {
        let (mut elements, mut axis) = (1, 0);
        while axis < self.shape.len() {
            elements *= self.shape[axis];
            axis += 1;
        }
        elements
    }
}

/// Why views do not fit a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// Another number of inputs.
    Inputs {
        /// What the network has.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// Another number of outputs.
    Outputs {
        /// What the network has.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// Another element type or number of elements.
    Tensor {
        /// The network's tensor.
        tensor: &'static TensorInfo,
        /// The view's element type.
        dtype: DType,
        /// The view's number of elements.
        elements: usize,
    },
}

/// Whether every view fits, and if not, which first.
pub fn check(info: &Info, inputs: &[TensorRef<'_>], outputs: &[TensorMut<'_>]) -> Result<(), Mismatch> {
    if inputs.len() != info.inputs.len() {
        return Err(Mismatch::Inputs { expected: info.inputs.len(), found: inputs.len() });
    }
    if outputs.len() != info.outputs.len() {
        return Err(Mismatch::Outputs { expected: info.outputs.len(), found: outputs.len() });
    }
    let inputs = info.inputs.iter().zip(inputs.iter().copied());
    let outputs = info.outputs.iter().zip(outputs.iter().map(TensorMut::as_ref));
    for (tensor, view) in inputs.chain(outputs) {
        let (dtype, elements) = (view.dtype(), view.elements());
        if (dtype, elements) != (tensor.dtype, tensor.elements()) {
            return Err(Mismatch::Tensor { tensor, dtype, elements });
        }
    }
    Ok(())
}

impl core::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Mismatch::Inputs { expected, found } => {
                write!(f, "{found} inputs were given, the network takes {expected}")
            }
            Mismatch::Outputs { expected, found } => {
                write!(f, "{found} outputs were given, the network writes {expected}")
            }
            Mismatch::Tensor { tensor, dtype, elements } => write!(
                f,
                "tensor `{}`: found {elements} elements of {dtype}, the network has {} of {} in shape {:?}",
                tensor.name,
                tensor.elements(),
                tensor.dtype,
                tensor.shape
            ),
        }
    }
}

impl core::error::Error for Mismatch {}

#[cfg(test)]
mod tests {
    use super::*;

    static X: [TensorInfo; 1] = [TensorInfo { name: "x", dtype: DType::U8, shape: &[1, 2, 2, 3] }];
    static Y: [TensorInfo; 1] = [TensorInfo { name: "y", dtype: DType::F32, shape: &[1, 10] }];
    const INFO: Info =
        Info { name: "test", digest: 0, macs: 0, arena_bytes: 0, weight_bytes: 0, inputs: &X, outputs: &Y };

    #[test]
    fn check_names_the_first_view_that_does_not_fit() {
        let (x, mut y) = ([0_u8; 12], [0_f32; 10]);
        assert_eq!(check(&INFO, &[TensorRef::U8(&x)], &[TensorMut::F32(&mut y)]), Ok(()));
        let found = check(&INFO, &[], &[TensorMut::F32(&mut y)]);
        assert_eq!(found, Err(Mismatch::Inputs { expected: 1, found: 0 }));
        let found = check(&INFO, &[TensorRef::U8(&x)], &[]);
        assert_eq!(found, Err(Mismatch::Outputs { expected: 1, found: 0 }));
        let found = check(&INFO, &[TensorRef::U8(&x[1..])], &[TensorMut::F32(&mut y)]);
        assert_eq!(found, Err(Mismatch::Tensor { tensor: &X[0], dtype: DType::U8, elements: 11 }));
        let found = check(&INFO, &[TensorRef::U8(&x)], &[TensorMut::F32(&mut y[1..])]);
        assert_eq!(found, Err(Mismatch::Tensor { tensor: &Y[0], dtype: DType::F32, elements: 9 }));
    }
}
