//! The interpreter: runs a graph through its ops' `eval`. It is the arbiter of what a graph means.
//!
//! Nodes run in topological order, only those that the fetches need; a tensor is dropped after its last reader, so the
//! memory in use is that of the live tensors, and it is bounded: each op first says what it will give (`infer`), which is
//! checked and charged before the op runs.
use crate::error::{Problems, Reason};
use crate::facts::{self, constant_inputs};
use crate::graph::{Edge, Graph, Node, NodeId};
use crate::limits::Budget;
use crate::ops::{Fact, Inputs, Op, Products};
use crate::tensor::{Tensor, name};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Computes `fetches` from `feeds`. Any edge may be fed, not only placeholders.
pub fn run(
    graph: &Graph,
    feeds: &HashMap<Edge, Arc<Tensor>>,
    fetches: &[Edge],
    products: Products,
) -> Result<Vec<Arc<Tensor>>, Problems> {
    run_within(graph, feeds, fetches, products, Budget::RUN)
}

/// [`run`] on a budget of the caller's.
pub fn run_within(
    graph: &Graph,
    feeds: &HashMap<Edge, Arc<Tensor>>,
    fetches: &[Edge],
    products: Products,
    budget: Budget,
) -> Result<Vec<Arc<Tensor>>, Problems> {
    let mut plan = Run::new(graph, feeds, fetches, fetches, products, budget)?;
    for id in std::mem::take(&mut plan.order) {
        plan.step(id, &mut |_, _| {})?;
    }
    fetches.iter().map(|&e| plan.value(e)).collect()
}

/// Computes what `edges` need and shows each of them as soon as it is there. No tensor lives longer than its readers
/// need it, however many are shown.
pub fn watch(
    graph: &Graph,
    feeds: &HashMap<Edge, Arc<Tensor>>,
    edges: &[Edge],
    products: Products,
    show: &mut dyn FnMut(Edge, &Arc<Tensor>),
) -> Result<(), Problems> {
    let mut plan = Run::new(graph, feeds, edges, &[], products, Budget::RUN)?;
    edges.iter().filter_map(|e| Some((*e, feeds.get(e)?))).for_each(|(edge, tensor)| show(edge, tensor));
    let watched: HashSet<Edge> = edges.iter().filter(|e| !feeds.contains_key(e)).copied().collect();
    for id in std::mem::take(&mut plan.order) {
        plan.step(id, &mut |edge, tensor| {
            if watched.contains(&edge) {
                show(edge, tensor);
            }
        })?;
    }
    Ok(())
}

struct Run<'a> {
    graph: &'a Graph,
    products: Products,
    order: Vec<NodeId>,
    values: HashMap<Edge, Arc<Tensor>>,
    /// Readers that have yet to run; an edge leaves `values` when none is left.
    pending: HashMap<Edge, usize>,
    budget: Budget,
}

impl<'a> Run<'a> {
    /// A run that computes `wanted`, and keeps what of it is in `kept`.
    fn new(
        graph: &'a Graph,
        feeds: &HashMap<Edge, Arc<Tensor>>,
        wanted: &[Edge],
        kept: &[Edge],
        products: Products,
        mut budget: Budget,
    ) -> Result<Self, Problems> {
        let cycle = |id| Problems::at(&graph.node(id).name, "", Reason::new("this node depends on itself"));
        let needed = needed(graph, feeds, wanted);
        let order: Vec<_> = graph.order().map_err(cycle)?.into_iter().filter(|id| needed[id.0]).collect();
        let mut pending = HashMap::new();
        let reads = order.iter().flat_map(|&id| &graph.node(id).inputs).chain(kept);
        reads.for_each(|&e| *pending.entry(e).or_insert(0) += 1);
        let values = feeds.iter().map(|(&e, t)| (e, Arc::clone(t))).collect();
        for (edge, tensor) in feeds {
            let node = graph.node(edge.node);
            let charged = budget.take(tensor.data.bytes() as u64);
            charged.map_err(|reason| Problems::at(&node.name, node.op.name(), reason))?;
        }
        let run = Self { graph, products, order, values, pending, budget };
        run.check_feeds(feeds)?;
        Ok(run)
    }
    /// A fed placeholder must be of the declared type and fit the declared shape.
    fn check_feeds(&self, feeds: &HashMap<Edge, Arc<Tensor>>) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let mut sorted: Vec<_> = feeds.iter().collect();
        sorted.sort_by_key(|(edge, _)| **edge);
        for (edge, fed) in sorted {
            let node = self.graph.node(edge.node);
            let Op::Placeholder(op) = &node.op else { continue };
            let fits = |s: &Vec<i64>| {
                s.len() == fed.shape.len() && s.iter().zip(&fed.shape).all(|(&d, &n)| d < 0 || d == n as i64)
            };
            if op.dtype != fed.dtype || !op.shape.as_ref().is_none_or(fits) {
                let wanted = format!("{}{:?}", name(op.dtype), op.shape.clone().unwrap_or_default());
                problems.add(
                    &node.name,
                    "Placeholder",
                    Reason::new(format!("fed with {fed}")).supported(wanted),
                );
            }
        }
        problems.into_result(())
    }
    fn step(&mut self, id: NodeId, show: &mut dyn FnMut(Edge, &Arc<Tensor>)) -> Result<(), Problems> {
        let node = self.graph.node(id);
        let x: Vec<_> = node.inputs.iter().map(|&e| self.value(e)).collect::<Result<_, _>>()?;
        let y = self.eval(id, &x).map_err(|reason| Problems::at(&node.name, node.op.name(), reason))?;
        for (port, tensor) in y.into_iter().enumerate() {
            let edge = Edge { node: id, port };
            show(edge, &tensor);
            if self.pending.contains_key(&edge) && !self.values.contains_key(&edge) {
                // An output that was fed keeps the fed value.
                self.values.insert(edge, tensor);
            } else {
                self.budget.give(tensor.data.bytes() as u64);
            }
        }
        Ok(())
    }
    /// Outputs of one node, charged to the budget.
    fn eval(&mut self, id: NodeId, x: &[Arc<Tensor>]) -> Result<Vec<Arc<Tensor>>, Reason> {
        let node = self.graph.node(id);
        if let Op::Const(c) = &node.op {
            self.budget.take(c.value.data.bytes() as u64)?;
            return Ok(vec![Arc::clone(&c.value)]);
        }
        let expected = self.expect(node, x)?;
        let tensors: Vec<&Tensor> = x.iter().map(Arc::as_ref).collect();
        let constant = constant_inputs(self.graph, id);
        let y = node.op.eval(Inputs { tensors: &tensors, constant: &constant, products: self.products })?;
        let agrees = |(y, f): (&Tensor, &Fact)| y.dtype == f.dtype && y.shape == f.shape;
        if y.len() != expected.len() || !y.iter().zip(&expected).all(agrees) {
            let y: Vec<_> = y.iter().map(Tensor::to_string).collect();
            return Err(Reason::new(format!(
                "the outputs are {}, which is not what was inferred",
                y.join(", ")
            ))
            .help("this is an error in Bakelite: please report it with the graph"));
        }
        Ok(y.into_iter().map(Arc::new).collect())
    }
    /// What a node will give, once it is sure that there is room and time for it.
    fn expect(&mut self, node: &Node, x: &[Arc<Tensor>]) -> Result<Vec<Fact>, Reason> {
        let x: Vec<_> = x.iter().map(|t| Fact::constant(Arc::clone(t))).collect();
        let y = node.op.infer(&x)?;
        facts::check(&y)?;
        self.budget.work(node.op.macs(&x, &y))?;
        y.iter().try_for_each(|y| self.budget.take(facts::bytes(y)))?;
        Ok(y)
    }
    /// Takes one reader's share of an edge.
    fn value(&mut self, edge: Edge) -> Result<Arc<Tensor>, Problems> {
        let left = self.pending.get_mut(&edge).map(|n| {
            *n -= 1;
            *n
        });
        let value = if left == Some(0) { self.values.remove(&edge) } else { self.values.get(&edge).cloned() };
        if let (Some(0), Some(tensor)) = (left, &value) {
            self.budget.give(tensor.data.bytes() as u64);
        }
        value.ok_or_else(|| {
            let node = self.graph.node(edge.node);
            Problems::at(&node.name, node.op.name(), Reason::new(format!("there is no output {}", edge.port)))
        })
    }
}

/// Marks the nodes that the fetches need, stopping at fed edges.
fn needed(graph: &Graph, feeds: &HashMap<Edge, Arc<Tensor>>, fetches: &[Edge]) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes.len()];
    let mut stack: Vec<Edge> = fetches.to_vec();
    while let Some(edge) = stack.pop() {
        if !feeds.contains_key(&edge) && !std::mem::replace(&mut needed[edge.node.0], true) {
            stack.extend(&graph.node(edge.node).inputs);
        }
    }
    needed
}
