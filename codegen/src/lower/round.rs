//! One pass over the graph: lowers each node, knows where every tensor is, and collects what the next pass should know.
use crate::error::{Problems, Reason};
use crate::facts::Facts;
use crate::graph::{Edge, Graph, NodeId};
use crate::lower::fusion::Fusions;
use crate::lower::{
    Buffer, BufferId, Call, Demands, Element, Halo, Layer, Memory, Operand, Program, Site, check_halo, nhwc,
};
use crate::ops::Op;
use crate::tensor::{Data, Tensor};
use crate::tune::Tiles;
use bakelite_kernels::{Place, copy};
use std::collections::HashMap;

/// What every pass begins with.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) graph: &'a Graph,
    pub(super) facts: &'a Facts,
    /// All nodes, producers first.
    pub(super) order: &'a [NodeId],
    pub(super) fusions: &'a Fusions,
    /// Measured tiles.
    pub(super) tiles: &'a Tiles,
}

/// One pass over the graph.
pub(super) struct Round<'a> {
    pub(super) graph: &'a Graph,
    pub(super) facts: &'a Facts,
    order: &'a [NodeId],
    fusions: &'a Fusions,
    pub(super) tiles: &'a Tiles,
    demands: &'a Demands,
    pub(super) asks: Demands,
    /// Whether constants are packed.
    pub(super) packing: bool,
    pub(super) program: Program,
    pub(super) values: HashMap<Edge, Operand>,
    buffers: HashMap<Edge, BufferId>,
}

impl<'a> Round<'a> {
    pub(super) fn new(source: Source<'a>, demands: &'a Demands, packing: bool) -> Self {
        let Source { graph, facts, order, fusions, tiles } = source;
        let (asks, program) = (Demands::default(), Program::default());
        let (values, buffers) = (HashMap::new(), HashMap::new());
        Self { graph, facts, order, fusions, tiles, demands, asks, packing, program, values, buffers }
    }

    pub(super) fn run(&mut self) -> Result<(), Problems> {
        let is_input = |id: &NodeId| matches!(self.graph.node(*id).op, Op::Placeholder(_));
        self.program.inputs = self.graph.ids().filter(is_input).collect();
        let mut problems = Problems::default();
        for &id in self.order {
            let node = self.graph.node(id);
            if self.is_known(id) || !self.fusions.needs(id) {
                continue;
            }
            match self.missing_input(id) {
                None => {
                    let result = self.node(id);
                    result.unwrap_or_else(|reason| problems.add(&node.name, node.op.name(), reason));
                }
                // Behind a problem there is nothing new to say.
                Some(_) if !problems.0.is_empty() => {}
                Some(edge) => {
                    let found =
                        format!("its input `{}` is not computed in compiled code", self.graph.name(edge));
                    problems.add(&node.name, node.op.name(), Reason::new(found));
                }
            }
        }
        problems.into_result(())?;
        for (k, &edge) in self.graph.outputs.iter().enumerate() {
            let node = self.graph.node(edge.node);
            self.output(k, edge).map_err(|reason| Problems::at(&node.name, node.op.name(), reason))?;
        }
        Ok(())
    }

    fn node(&mut self, id: NodeId) -> Result<(), Reason> {
        let (node, fusions) = (self.graph.node(id), self.fusions);
        if let Some(region) = fusions.region(id) {
            let mut site = Site::new(self, id, &region.inputs, &region.ops)?;
            region.lower(&mut site)?;
            return site.finish();
        }
        let mut site = Site::new(self, id, &node.inputs, node.op.name())?;
        node.op.lower(&mut site)?;
        site.finish()
    }

    /// Whether all outputs are constants, so that nothing runs.
    fn is_known(&self, id: NodeId) -> bool {
        self.facts.outputs(id).is_some_and(|y| y.iter().all(|y| y.value.is_some()))
    }

    /// An input that is neither lowered nor known.
    fn missing_input(&self, id: NodeId) -> Option<Edge> {
        let there = |edge: &Edge| {
            self.values.contains_key(edge) || self.facts.get(*edge).is_some_and(|x| x.value.is_some())
        };
        let inputs = self.fusions.region(id).map_or(&self.graph.node(id).inputs, |region| &region.inputs);
        inputs.iter().copied().find(|edge| !there(edge))
    }
}

/// Where tensors are.
impl Round<'_> {
    pub(super) fn buffer(&mut self, buffer: Buffer) -> Memory {
        self.program.buffers.push(buffer);
        Memory::Arena(BufferId(self.program.buffers.len() - 1))
    }

    /// Where the tensor of an edge is written: its own buffer, or a slice of another's.
    pub(super) fn home(&mut self, edge: Edge) -> Result<Operand, Reason> {
        let missing = || Reason::new(format!("output {} is not known", edge.port));
        let fact = self.facts.get(edge).ok_or_else(missing)?;
        let (element, shape) = (Element::of(fact.dtype)?, nhwc(&fact.shape));
        if let Some((whole, from)) = self.parent(edge) {
            let y = self.home(whole)?.channels(from, shape[3]);
            return Ok(Operand { edge: Some(edge), ..y });
        }
        let halo = self.demands.halo.get(&edge).copied().unwrap_or_default();
        check_halo(shape, halo)?;
        let memory = match self.buffers.get(&edge) {
            Some(&id) => Memory::Arena(id),
            None => {
                let (name, zero_point) = (self.graph.name(edge), Element::zero_point(fact.dtype));
                let memory = self.buffer(Buffer { name, element, shape, zero_point, halo });
                self.buffers.insert(edge, BufferId(self.program.buffers.len() - 1));
                memory
            }
        };
        let place = Place::with_halo(shape, halo);
        Ok(Operand { memory, place, element, exact: false, edge: Some(edge) })
    }

    /// The buffer's edge and first channel, for a tensor that lives in another's buffer.
    fn parent(&self, edge: Edge) -> Option<(Edge, usize)> {
        let inside = !self.demands.apart.contains(&edge);
        self.demands.inside.get(&edge).copied().filter(|_| inside)
    }

    /// The halo of the buffer in which `x` is a whole tensor, and the edge to ask for more.
    pub(super) fn own_halo(&self, x: &Operand) -> Option<(Halo, Edge)> {
        let (Memory::Arena(id), Some(mut edge), Element::U8) = (x.memory, x.edge, x.element) else {
            return None;
        };
        while let Some((whole, _)) = self.parent(edge) {
            edge = whole;
        }
        Some((self.program.buffers.get(id.0)?.halo, edge))
    }

    /// Asks that `x` be written straight to channels `from..` of `y`.
    pub(super) fn ask_inside(&mut self, x: Operand, y: Edge, from: usize) {
        let Some(edge) = x.edge else { return };
        let free = !self.demands.inside.contains_key(&edge) && !self.demands.apart.contains(&edge);
        if free && x.element == Element::U8 && edge != y {
            self.asks.inside.entry(edge).or_insert((y, from));
        }
    }

    /// A call cannot read and write one buffer: what it writes there must live apart, or if that does already, what
    /// it reads.
    pub(super) fn avoid_self_reads(&mut self, call: &Call) {
        for y in call.writes() {
            for x in call.reads().filter(|x| x.memory == y.memory) {
                let lives_inside = |o: &Operand| o.edge.filter(|e| self.parent(*e).is_some());
                if let Some(edge) = lives_inside(y).or_else(|| lives_inside(x)) {
                    self.asks.apart.insert(edge);
                }
            }
        }
    }

    /// A constant tensor in the blob.
    pub(super) fn constant(&mut self, value: &Tensor) -> Result<Operand, Reason> {
        let (element, place) = (Element::of(value.dtype)?, Place::dense(nhwc(&value.shape)));
        let bytes = match &value.data {
            Data::U8(v) => v.clone(),
            Data::I8(v) => v.iter().map(|&v| (v as u8) ^ 128).collect(),
            Data::Bool(v) => v.iter().map(|&v| u8::from(v)).collect(),
            Data::I32(v) => bytemuck::cast_slice(v).to_vec(),
            Data::I64(v) => bytemuck::cast_slice(v).to_vec(),
            Data::F32(v) => bytemuck::cast_slice(v).to_vec(),
            _ => return Err(Reason::new(format!("a constant tensor {value}"))),
        };
        let memory = Memory::Blob(self.program.blob.add(bytes));
        Ok(Operand { memory, place, element, exact: true, edge: None })
    }

    /// Copies what `edge` is to the caller's output `k`.
    fn output(&mut self, k: usize, edge: Edge) -> Result<(), Reason> {
        let fact =
            self.facts.get(edge).ok_or_else(|| Reason::new("the shape of this output is not known"))?;
        let x = match (self.values.get(&edge), &fact.value) {
            (Some(&x), _) => x,
            (None, Some(value)) => self.constant(value)?,
            (None, None) => return Err(Reason::new(format!("output {} was not lowered", edge.port))),
        };
        let place = Place::dense(x.shape());
        let y = Operand { memory: Memory::Output(k), place, element: x.element, exact: true, edge: None };
        let call = match x.element {
            Element::Bool => Call::bare("copy::Truth").read("x", x).write("y", y),
            _ => copy_call(x, y, Element::zero_point(fact.dtype)),
        };
        let signature = format!("{:?} {}", fact.shape, crate::tensor::name(fact.dtype));
        let node = self.graph.name(edge);
        self.program.layers.push(Layer { node, op: "output".into(), signature, macs: 0, call });
        Ok(())
    }
}

/// The call of the copy kernel, which sees bytes.
pub(super) fn copy_call(x: Operand, y: Operand, flip: u8) -> Call {
    let bytes = x.element.bytes();
    let params = copy::Params { x: x.place.bytes(bytes), y: y.place.bytes(bytes), flip };
    // The fields are byte slices, whatever the elements.
    let as_bytes = |o: Operand| Operand { element: Element::U8, place: o.place.bytes(bytes), ..o };
    Call::new("copy::Copy", &params).read("x", as_bytes(x)).write("y", as_bytes(y))
}
