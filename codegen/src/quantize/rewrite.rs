//! The new graph, node by node of the old.
//!
//! Every old tensor is there in fp32, in int8, or in both: what one reader lacks is made once, by QuantizeV2 or
//! Dequantize. The Dequantize bears the old node's name, so that outputs keep theirs; an int8 op is `NAME/int8`.
//!
//! Ranges are constants, handed to the producer and to every reader alike. QuantizeV2 multiplies a qint8 by 127.5 / R
//! where readers divide by 127: it alone is told `R * 127.5 / 127`, so that its readers' R is true.
use crate::attributes::Attributes;
use crate::build::{add_constant, attributes, changed};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph, NodeId};
use crate::quantize::layer::{Kind, Layer};
use crate::quantize::plan::{Plan, Role};
use crate::quantize::{Options, node, weights};
use crate::tensor::{DataType, Tensor};
use std::collections::HashMap;

/// Builds what the plan says.
pub fn rewrite(old: &Graph, plan: &Plan, options: &Options) -> Result<Graph, Problems> {
    let mut rewriter =
        Rewriter { old, plan, options, new: Graph::default(), float: HashMap::new(), int8: HashMap::new() };
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
    float: HashMap<Edge, Edge>,
    int8: HashMap<Edge, Int8>,
}

impl Rewriter<'_> {
    fn visit(&mut self, id: NodeId) -> Result<(), Reason> {
        match self.plan.roles[id.0] {
            Role::Inside => Ok(()),
            Role::Float => self.copy(id),
            Role::Layer(i) => self.layer(&self.plan.layers[i]),
            Role::Pool => self.pool(id),
            Role::Mean(extent) => self.mean(id, extent),
            Role::Concat => self.concat(id),
            Role::Carry => self.carry(id),
        }
    }
    /// The fp32 form of an old tensor.
    fn float(&mut self, edge: Edge) -> Result<Edge, Reason> {
        if let Some(&there) = self.float.get(&edge) {
            return Ok(there);
        }
        let Int8 { q, min, max } = *self.int8.get(&edge).ok_or_else(|| unmade(self.old, edge))?;
        let name = self.new.fresh(&self.old.node(edge.node).name);
        let made = self.new.add(name, node::dequantize(self.plan.dtype(edge))?, vec![q, min, max]).into();
        self.float.insert(edge, made);
        Ok(made)
    }
    /// The int8 form of an old tensor.
    fn int8(&mut self, edge: Edge) -> Result<Int8, Reason> {
        if let Some(&there) = self.int8.get(&edge) {
            return Ok(there);
        }
        let x = self.float(edge)?;
        let dtype = self.plan.dtype(edge);
        let name = format!("{}/quantize", self.old.name(edge).replace(':', "_"));
        let range = self.plan.range(edge);
        let wide = f64::from(range) * 127.5 / 127.0;
        let told = if dtype == DataType::DtQint8 { wide as f32 } else { range };
        let [low, high] = self.range(&format!("{name}/input"), told, dtype);
        let name = self.new.fresh(&name);
        let q = self.new.add(name.clone(), node::quantize(dtype)?, vec![x, low, high]).into();
        let [min, max] = self.range(&name, range, dtype);
        let made = Int8 { q, min, max };
        self.int8.insert(edge, made);
        Ok(made)
    }
    /// Constants of a range.
    fn range(&mut self, name: &str, range: f32, dtype: DataType) -> [Edge; 2] {
        let min = if dtype == DataType::DtQint8 { -range } else { 0.0 };
        [("min", min), ("max", range)]
            .map(|(end, value)| add_constant(&mut self.new, &format!("{name}/{end}"), Tensor::scalar(value)))
    }
    fn copy(&mut self, id: NodeId) -> Result<(), Reason> {
        let node = self.old.node(id);
        let inputs = node.inputs.iter().map(|&e| self.float(e)).collect::<Result<_, _>>()?;
        let new = self.new.add(node.name.clone(), node.op.clone(), inputs);
        for port in 0..node.op.ports().min(self.ports_read(id)) {
            self.float.insert(Edge { node: id, port }, Edge { node: new, port });
        }
        Ok(())
    }
    /// One more than the highest output of a node that anybody may read; an op outside the list knows no number.
    fn ports_read(&self, id: NodeId) -> usize {
        let edges = self.old.nodes.iter().flat_map(|n| &n.inputs).chain(&self.old.outputs);
        edges.filter(|e| e.node == id).map(|e| e.port + 1).max().unwrap_or(1)
    }
    /// Puts an int8 op in the place of node `end`.
    fn place(&mut self, end: NodeId, op: crate::ops::Op, inputs: Vec<Edge>, range: [Edge; 2]) {
        let name = self.new.fresh(&format!("{}/int8", self.old.node(end).name));
        let q = self.new.add(name, op, inputs).into();
        self.int8.insert(end.into(), Int8 { q, min: range[0], max: range[1] });
    }
    fn layer(&mut self, layer: &Layer) -> Result<(), Reason> {
        let x = self.int8(layer.x)?;
        let name = format!("{}/int8", self.old.node(layer.end).name);
        let parameters = self.parameters(layer, &name)?;
        let y = layer.end.into();
        let Some(&dtype) = self.plan.types.get(&y) else {
            return self.float_product(layer, x, parameters);
        };
        let out = self.range(&name, self.plan.range(y), dtype);
        let [w, bias, min_w, max_w] = parameters;
        let ranges = [x.min, x.max, min_w, max_w];
        let input_type = self.plan.dtype(layer.x);
        if layer.kind == Kind::MatMul {
            let inputs = [&[x.q, w, bias][..], &ranges, &out].concat();
            self.place(layer.end, node::matmul(layer, input_type, dtype)?, inputs, out);
            return Ok(());
        }
        let old = &self.old.node(layer.core).op;
        let conv = node::conv(layer, old, input_type, self.options.op_set)?;
        let (summand, of) = match layer.sum {
            Some(sum) => {
                let s = self.int8(sum.summand)?;
                (vec![s.q], vec![s.min, s.max])
            }
            None => (vec![], vec![]),
        };
        let inputs = if conv.summand_fourth {
            [&[x.q, w, bias][..], &summand, &ranges, &of, &out].concat()
        } else {
            [&[x.q, w, bias][..], &ranges, &out, &summand, &of].concat()
        };
        self.place(layer.end, conv.op, inputs, out);
        Ok(())
    }
    /// A product that gives fp32, under the old node's own name.
    fn float_product(
        &mut self,
        layer: &Layer,
        x: Int8,
        [w, bias, min_w, max_w]: [Edge; 4],
    ) -> Result<(), Reason> {
        let op = node::matmul(layer, self.plan.dtype(layer.x), DataType::DtFloat)?;
        let name = self.new.fresh(&self.old.node(layer.end).name);
        let y = self.new.add(name, op, vec![x.q, w, bias, x.min, x.max, min_w, max_w]);
        self.float.insert(layer.end.into(), y.into());
        Ok(())
    }
    /// Weights, bias, and the ranges of the weights. Every op fuses a bias, so a layer without one has zeros.
    fn parameters(&mut self, layer: &Layer, name: &str) -> Result<[Edge; 4], Reason> {
        let w = weights::quantize(&layer.weights, layer.channels, self.options.per_tensor)?;
        let zeros = || Tensor::f32(vec![layer.channels], vec![0.0; layer.channels]);
        let bias = layer.bias.as_ref().map_or_else(zeros, |b| Ok(Tensor::clone(b)))?;
        let parts = [("weights", w.q), ("bias", bias), ("weights_min", w.min), ("weights_max", w.max)];
        Ok(parts.map(|(part, value)| add_constant(&mut self.new, &format!("{name}/{part}"), value)))
    }
    fn input(&self, id: NodeId) -> Result<Edge, Reason> {
        self.old.node(id).inputs.first().copied().ok_or_else(|| Reason::new("no input"))
    }
    fn pool(&mut self, id: NodeId) -> Result<(), Reason> {
        let Int8 { q, min, max } = self.int8(self.input(id)?)?;
        let op = node::pool(&self.old.node(id).op, self.plan.dtype(id.into()))?;
        self.place(id, op, vec![q, min, max], [min, max]);
        Ok(())
    }
    /// An average pool of the whole image, and a Reshape that drops the two dimensions of one.
    fn mean(&mut self, id: NodeId, extent: [usize; 2]) -> Result<(), Reason> {
        let Int8 { q, min, max } = self.int8(self.input(id)?)?;
        let (old, dtype) = (self.old.node(id), self.plan.dtype(id.into()));
        let from = attributes(&old.op);
        if Attributes::new("Mean", &from.0).bool_or("keep_dims", false)? {
            self.place(id, node::mean(extent, dtype)?, vec![q, min, max], [min, max]);
            return Ok(());
        }
        let pooled = self.new.fresh(&format!("{}/pool", old.name));
        let pooled = self.new.add(pooled, node::mean(extent, dtype)?, vec![q, min, max]);
        let axes = crate::build::op("Squeeze", |a| {
            a.dtype("T", dtype);
            a.ints("squeeze_dims", &[1, 2]);
        })?;
        self.place(id, axes, vec![pooled.into()], [min, max]);
        Ok(())
    }
    fn concat(&mut self, id: NodeId) -> Result<(), Reason> {
        let inputs = &self.old.node(id).inputs;
        let (&axis, values) = inputs.split_last().ok_or_else(|| Reason::new("no input"))?;
        let parts: Vec<Int8> = values.iter().map(|&e| self.int8(e)).collect::<Result<_, _>>()?;
        let dtype = self.plan.dtype(id.into());
        let name = format!("{}/int8", self.old.node(id).name);
        // One pair of constants for all: the op copies bytes where the ranges are equal.
        let [min, max] = self.range(&name, self.plan.range(id.into()), dtype);
        let mut all: Vec<Edge> = parts.iter().map(|p| p.q).collect();
        all.push(self.axis(axis, &name)?);
        all.extend(vec![min; parts.len()]);
        all.extend(vec![max; parts.len()]);
        self.place(id, node::concat(parts.len(), dtype)?, all, [min, max]);
        Ok(())
    }
    /// The axis as int32, whatever it was.
    fn axis(&mut self, axis: Edge, name: &str) -> Result<Edge, Reason> {
        let value = crate::build::constant(self.old, axis).map(|t| t.to_i64()).transpose()?;
        match value.as_deref() {
            Some(&[axis]) => {
                let scalar = Tensor { shape: vec![], ..Tensor::ints(&[axis as i32]) };
                Ok(add_constant(&mut self.new, &format!("{name}/axis"), scalar))
            }
            _ => Err(Reason::new("the axis is not one constant")),
        }
    }
    fn carry(&mut self, id: NodeId) -> Result<(), Reason> {
        let node = self.old.node(id);
        let Int8 { q, min, max } = self.int8(self.input(id)?)?;
        let rest = node.inputs.iter().skip(1).map(|&e| self.float(e)).collect::<Result<Vec<_>, _>>()?;
        let op = changed(&node.op, |a| a.dtype("T", self.plan.dtype(id.into())))?;
        self.place(id, op, [&[q][..], &rest].concat(), [min, max]);
        Ok(())
    }
}

fn unmade(graph: &Graph, edge: Edge) -> Reason {
    Reason::new(format!("its input {} was not made", graph.name(edge)))
        .help("this is an error in Bakelite: please report it with the graph")
}
