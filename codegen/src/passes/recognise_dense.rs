//! A dense layer over more than a matrix becomes the MatMul that it is, which has an int8 form:
//!
//! ```text
//! BatchMatMul(x[.., k], w[k, n])              Reshape(MatMul(Reshape(x, [-1, k]), w), [.., n])
//! Einsum("abc,cde->abde", x, w)               Reshape(MatMul(Reshape(x, [-1, c]), w[c, d * e]), [a, b, d, e])
//! ```
//!
//! for constant `w`, where x ends with what is summed over, w begins with it, and the rest follows in order. At most one
//! dimension of the result may depend on the batch: a Reshape can leave one open. Where other dimensions are open too, nothing is
//! changed: two sizes do not tell what depends on them (a stride of 2 makes one of both).
use crate::attributes::Attributes;
use crate::build::{add_constant, attributes, constant, op};
use crate::error::{Problems, Reason};
use crate::facts::{self, Facts};
use crate::graph::{Edge, Graph, NodeId};
use crate::ops::Op;
use crate::tensor::{DataType, Shape, Tensor};
use std::collections::HashMap;

/// Rewrites each such layer; the Reshape behind it keeps its name.
pub fn recognise_dense(graph: &mut Graph) -> Result<usize, Problems> {
    let found: Vec<_> = graph.ids().filter_map(|id| Some((id, dense(graph, id)?))).collect();
    let shapes = graph.nodes.iter().filter_map(|node| match &node.op {
        Op::Placeholder(op) => op.shape.as_deref(),
        _ => None,
    });
    if found.is_empty() || !shapes.into_iter().all(batch_alone) {
        return Ok(0);
    }
    // The batch, which graphs leave open, is taken for two sizes: what differs depends on it.
    let sizes = [1, 7].map(|batch| facts::infer(graph, &open_as(graph, batch)).0);
    let mut count = 0;
    for (id, dense) in found {
        let Some(shape) = shape(&sizes, id) else { continue };
        let node = graph.node(id);
        let (name, op) = (node.name.clone(), node.op.name().to_owned());
        rewrite(graph, id, dense, shape).map_err(|reason| Problems::at(&name, &op, reason))?;
        count += 1;
    }
    Ok(count)
}

/// Whether no dimension but the first is open.
fn batch_alone(shape: &[i64]) -> bool {
    shape.iter().skip(1).all(|&d| d >= 0)
}

/// The placeholders' shapes with every open dimension of one size.
fn open_as(graph: &Graph, size: usize) -> HashMap<String, Shape> {
    let placeholders = graph.nodes.iter().filter_map(|node| match &node.op {
        Op::Placeholder(op) => Some((node.name.clone(), op.shape.as_ref()?)),
        _ => None,
    });
    let shape = |of: &Vec<i64>| of.iter().map(|&d| usize::try_from(d).unwrap_or(size)).collect();
    placeholders.map(|(name, of)| (name, shape(of))).collect()
}

/// The result's shape, -1 where it depends on the batch.
fn shape(sizes: &[Facts; 2], id: NodeId) -> Option<Vec<i32>> {
    let [one, two] = sizes.each_ref().map(|facts| facts.get(id.into()));
    let (one, two) = (&one?.shape, &two?.shape);
    let known = |(&a, &b): (&usize, &usize)| if a == b { i32::try_from(a).ok() } else { Some(-1) };
    let shape: Vec<i32> = one.iter().zip(two).map(known).collect::<Option<_>>()?;
    let open = shape.iter().filter(|&&d| d == -1).count();
    (open <= 1 && !shape.contains(&0)).then_some(shape)
}

/// A dense layer: its input and its weights as a matrix, which `turned` says to be `[n, k]`.
struct Dense {
    x: Edge,
    w: Tensor,
    k: usize,
    turned: bool,
}

fn dense(graph: &Graph, id: NodeId) -> Option<Dense> {
    let node = graph.node(id);
    let &[x, w] = &node.inputs[..] else { return None };
    let w = constant(graph, w).filter(|_| constant(graph, x).is_none())?;
    let old = attributes(&node.op);
    let old = Attributes::new(node.op.name(), &old.0);
    let (summed, turned) = match node.op.name() {
        "BatchMatMulV2" if !old.bool_or("adj_x", true).ok()? && w.shape.len() == 2 => {
            (1, old.bool_or("adj_y", false).ok()?)
        }
        "Einsum" => (summed(&old.string("equation").ok()?)?, false),
        _ => return None,
    };
    let (rows, columns) = w.shape.split_at_checked(summed)?;
    let [rows, columns] = [rows, columns].map(|part| part.iter().product::<usize>());
    let matrix = Tensor::f32(vec![rows, columns], w.as_f32().ok()?.to_vec()).ok()?;
    let k = if turned { columns } else { rows };
    (rows > 0 && columns > 0).then_some(Dense { x, w: matrix, k, turned })
}

/// How many labels `front + summed, summed + back -> front + back` sums over.
fn summed(equation: &str) -> Option<usize> {
    let equation = equation.replace(' ', "");
    let (operands, y) = equation.split_once("->")?;
    let (x, w) = operands.split_once(',')?;
    let summed = (1..=w.len().min(x.len())).find(|&n| w.is_char_boundary(n) && x.ends_with(&w[..n]))?;
    let (front, back) = (x.strip_suffix(&w[..summed])?, &w[summed..]);
    let once = |text: &str| text.chars().enumerate().all(|(i, c)| text.chars().take(i).all(|b| b != c));
    let apart = once(x) && once(w) && once(y) && y.chars().all(|label| label.is_ascii_alphabetic());
    (apart && y.strip_prefix(front) == Some(back)).then_some(summed)
}

fn rewrite(graph: &mut Graph, id: NodeId, dense: Dense, shape: Vec<i32>) -> Result<(), Reason> {
    let Dense { x, w, k, turned } = dense;
    let name = graph.node(id).name.clone();
    let reshape = || {
        op("Reshape", |a| {
            a.dtype("T", DataType::DtFloat);
            a.dtype("Tshape", DataType::DtInt32);
        })
    };
    let rows = i32::try_from(k).map_err(|_| Reason::new(format!("rows of {k} numbers")))?;
    let rows = add_constant(graph, &format!("{name}/rows"), Tensor::ints(&[-1, rows]));
    let shape = add_constant(graph, &format!("{name}/shape"), Tensor::ints(&shape));
    let w = add_constant(graph, &format!("{name}/weights"), w);
    let product = op("MatMul", |a| {
        a.dtype("T", DataType::DtFloat);
        a.bool("transpose_a", false);
        a.bool("transpose_b", turned);
    })?;
    let matrix = graph.fresh(&format!("{name}/matrix"));
    let matrix = graph.add(matrix, reshape()?, vec![x, rows]);
    let product_name = graph.fresh(&format!("{name}/product"));
    let product = graph.add(product_name, product, vec![matrix.into(), w]);
    let node = graph.node_mut(id);
    (node.op, node.inputs) = (reshape()?, vec![product.into(), shape]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{batch_alone, summed};

    #[test]
    fn open_dimensions_behind_the_batch_are_told() {
        assert!(batch_alone(&[-1, 9, 8]) && batch_alone(&[2]) && batch_alone(&[]));
        assert!(!batch_alone(&[-1, -1, 8]) && !batch_alone(&[1, -1, 8]));
    }

    #[test]
    fn equations_of_dense_layers() {
        assert_eq!(summed("abc,cde->abde"), Some(1));
        assert_eq!(summed("abcd,cde->abe"), Some(2));
        for other in
            ["acbe,aecd->abcd", "abc,dc->abd", "abc,cd->adb", "...x,xy->...y", "ab,b->a,", "aa,ab->ab"]
        {
            assert_eq!(summed(other), None, "{other}");
        }
        assert_eq!(summed("ab,b->a"), Some(1));
    }
}
