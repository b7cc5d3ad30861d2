//! The new graph, node by node of the old.
//!
//! Every old tensor is there in fp32, in int8, or in both: what one reader lacks is made once, by QuantizeV2 or
//! Dequantize. The Dequantize of an int8 op bears the old node's name, so that outputs keep theirs; the op is `NAME/int8`.
//!
//! A chain between int8 tensors reads its inputs as they were rounded, what stays fp32 for good as they were computed.
//!
//! Ranges are constants, handed to the producer and to every reader alike. QuantizeV2 multiplies a qint8 by 127.5 / R
//! where readers divide by 127: it alone is told `R * 127.5 / 127`, so that its readers' R is true.
use crate::build::add_constant;
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::Op;
use crate::quantize::plan::{Plan, Role};
use crate::quantize::{Options, node};
use crate::tensor::{DataType, Tensor};
use std::collections::HashMap;

mod bytes;
mod layer;

/// Builds what the plan says.
pub fn rewrite(old: &Graph, plan: &Plan, options: &Options) -> Result<Graph, Problems> {
    let new = Graph::default();
    let (float, rounded, int8) = (HashMap::new(), HashMap::new(), HashMap::new());
    let mut rewriter = Rewriter { old, plan, options, new, float, rounded, int8, ports: ports_read(old) };
    let at = |id: NodeId| move |reason| Problems::at(&old.node(id).name, old.node(id).op.name(), reason);
    for id in old.order().map_err(|id| at(id)(Reason::new("this node depends on itself")))? {
        rewriter.visit(id).map_err(at(id))?;
    }
    for &edge in &old.outputs {
        let output = rewriter.float(edge).map_err(at(edge.node))?;
        rewriter.new.outputs.push(output);
    }
    let mut new = rewriter.new;
    new.prune().map_err(|_| Problems::file(Reason::new("the quantized graph has a cycle")))?;
    Ok(new)
}

/// One more than the highest output of each node that anybody may read; an op outside the list knows no number.
fn ports_read(graph: &Graph) -> HashMap<NodeId, usize> {
    let mut ports = HashMap::new();
    for edge in graph.nodes.iter().flat_map(|n| &n.inputs).chain(&graph.outputs) {
        let most = ports.entry(edge.node).or_insert(1);
        *most = edge.port.saturating_add(1).max(*most);
    }
    ports
}

/// A tensor in int8: its elements and the constants of its range.
#[derive(Clone, Copy)]
struct Int8 {
    q: Edge,
    min: Edge,
    max: Edge,
}

struct Rewriter<'a> {
    old: &'a Graph,
    plan: &'a Plan,
    options: &'a Options,
    new: Graph,
    /// What an fp32 op gave.
    float: HashMap<Edge, Edge>,
    /// What Dequantize gave.
    rounded: HashMap<Edge, Edge>,
    int8: HashMap<Edge, Int8>,
    ports: HashMap<NodeId, usize>,
}

impl Rewriter<'_> {
    fn visit(&mut self, id: NodeId) -> Result<(), Reason> {
        match self.plan.roles[id.0] {
            Role::Inside => Ok(()),
            Role::Float | Role::Elementwise => self.copy(id),
            Role::Layer(i) => self.layer(&self.plan.layers[i]),
            Role::Pool => self.pool(id),
            Role::Mean(extent) => self.mean(id, extent),
            Role::Concat => self.concat(id),
            Role::Carry => self.carry(id),
        }
    }
    /// The fp32 form of an old tensor, as exact as there is one.
    fn float(&mut self, edge: Edge) -> Result<Edge, Reason> {
        match self.float.get(&edge) {
            Some(&there) => Ok(there),
            None => self.rounded(edge),
        }
    }
    /// The fp32 form of an old tensor, rounded if the tensor is int8.
    fn rounded(&mut self, edge: Edge) -> Result<Edge, Reason> {
        if let Some(&there) = self.rounded.get(&edge) {
            return Ok(there);
        }
        let computed = self.float.get(&edge).copied();
        if let Some(there) = computed.filter(|_| !self.plan.types.contains_key(&edge)) {
            return Ok(there);
        }
        let Int8 { q, min, max } = self.int8(edge)?;
        let name = self.old.name(edge).replace(':', "_");
        let name = if computed.is_some() { format!("{name}/dequantize") } else { name };
        let name = self.new.fresh(&name);
        let made = self.new.add(name, node::dequantize(self.plan.dtype(edge))?, vec![q, min, max]).into();
        self.rounded.insert(edge, made);
        Ok(made)
    }
    /// The int8 form of an old tensor.
    fn int8(&mut self, edge: Edge) -> Result<Int8, Reason> {
        if let Some(&there) = self.int8.get(&edge) {
            return Ok(there);
        }
        let name = format!("{}/quantize", self.old.name(edge).replace(':', "_"));
        let made = self.quantize(edge, &name, self.plan.dtype(edge), self.plan.range(edge))?;
        self.int8.insert(edge, made);
        Ok(made)
    }
    /// QuantizeV2 of the fp32 form of an old tensor.
    fn quantize(&mut self, edge: Edge, name: &str, dtype: DataType, range: f32) -> Result<Int8, Reason> {
        if !self.float.contains_key(&edge) && !self.int8.contains_key(&edge) {
            return Err(Reason::new(format!("its input {} was not made", self.old.name(edge)))
                .help("this is an error in Bakelite: please report it with the graph"));
        }
        let x = self.float(edge)?;
        let wide = f64::from(range) * 127.5 / 127.0;
        let told = if dtype == DataType::DtQint8 { wide as f32 } else { range };
        let [low, high] = self.range(&format!("{name}/input"), told, dtype);
        let name = self.new.fresh(name);
        let q = self.new.add(name.clone(), node::quantize(dtype)?, vec![x, low, high]).into();
        let [min, max] = self.range(&name, range, dtype);
        Ok(Int8 { q, min, max })
    }
    /// Constants of a range.
    fn range(&mut self, name: &str, range: f32, dtype: DataType) -> [Edge; 2] {
        let min = if dtype == DataType::DtQuint8 { 0.0 } else { -range };
        [("min", min), ("max", range)]
            .map(|(end, value)| add_constant(&mut self.new, &format!("{name}/{end}"), Tensor::scalar(value)))
    }
    /// The node as it is.
    fn copy(&mut self, id: NodeId) -> Result<(), Reason> {
        let node = self.old.node(id);
        let between = self.plan.roles[id.0] == Role::Elementwise || self.plan.types.contains_key(&id.into());
        let input = |&e: &Edge| if between { self.rounded(e) } else { self.float(e) };
        let inputs = node.inputs.iter().map(input).collect::<Result<_, _>>()?;
        let new = self.new.add(node.name.clone(), node.op.clone(), inputs);
        for port in 0..node.op.ports().min(self.ports.get(&id).copied().unwrap_or(1)) {
            self.float.insert(Edge { node: id, port }, Edge { node: new, port });
        }
        Ok(())
    }
    /// Puts an int8 op in the place of node `end`.
    fn place(&mut self, end: NodeId, op: Op, inputs: Vec<Edge>, [min, max]: [Edge; 2]) {
        let name = self.new.fresh(&format!("{}/int8", self.old.node(end).name));
        let q = self.new.add(name, op, inputs).into();
        self.int8.insert(end.into(), Int8 { q, min, max });
    }
}
