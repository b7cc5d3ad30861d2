//! Nodes that move bytes and compute nothing: they carry int8 as they carry fp32, over the same range.
//!
//! TensorFlow has kernels of some of them for quint8 and qint8; the others run on the same bytes as uint8 and int8, with
//! a Bitcast before and behind. Padding with 0 is right for both, since 0 is the code of 0.
use crate::build::floats;
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::Op;
use crate::tensor::DataType;

/// How a node carries bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carry {
    /// The input that is moved.
    pub data: usize,
    /// The attribute that holds its type.
    pub attribute: &'static str,
    /// Whether TensorFlow has a kernel for the quantized types.
    pub direct: bool,
}

/// How a node carries bytes; `None` if it does more than move them.
pub fn carry(graph: &Graph, id: NodeId) -> Option<Carry> {
    let node = graph.node(id);
    let of = |data, attribute, direct| Some(Carry { data, attribute, direct });
    match node.op.name() {
        "Reshape" | "Squeeze" | "ExpandDims" | "Pad" | "MirrorPad" | "StridedSlice" | "Slice" => {
            of(0, "T", true)
        }
        "PadV2" => floats(graph, *node.inputs.get(2)?).filter(|v| *v == [0.0]).and_then(|_| of(0, "T", true)),
        "GatherV2" | "Gather" => of(0, "Tparams", true),
        "Transpose"
        | "Tile"
        | "SpaceToDepth"
        | "DepthToSpace"
        | "SpaceToBatchND"
        | "BatchToSpaceND"
        | "ResizeNearestNeighbor"
        | "Unpack"
        | "SplitV" => of(0, "T", false),
        "Split" => of(1, "T", false),
        _ => None,
    }
}

/// The plain integers that have the bytes of a quantized type.
pub fn plain(dtype: DataType) -> DataType {
    if dtype == DataType::DtQint8 { DataType::DtInt8 } else { DataType::DtUint8 }
}

/// The outputs of a node; none of an op that is not known, since nothing is known of them either.
pub fn outputs(graph: &Graph, id: NodeId) -> impl Iterator<Item = Edge> {
    let op = &graph.node(id).op;
    let ports = if matches!(op, Op::Opaque(_)) { 0 } else { op.ports() };
    (0..ports).map(move |port| Edge { node: id, port })
}
