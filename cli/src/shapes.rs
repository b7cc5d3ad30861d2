//! `--shape NAME=1,224,224,3`: shapes that the caller knows better than the graph.
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::Graph;
use bakelite_codegen::ops::Op;
use bakelite_codegen::passes::strip_unused;
use bakelite_codegen::tensor::Shape;
use std::collections::HashMap;

/// One shape of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    name: String,
    shape: Shape,
}

/// Parses `NAME=1,224,224,3`; `NAME=` is a scalar.
pub(crate) fn parse(text: &str) -> Result<Named, String> {
    let (name, shape) = text.split_once('=').ok_or("expected NAME=1,224,224,3")?;
    let sizes = shape.split(',').map(str::trim).filter(|s| !s.is_empty());
    let shape =
        sizes.map(|s| s.parse().map_err(|_| format!("`{s}` is no dimension"))).collect::<Result<_, _>>()?;
    Ok(Named { name: name.to_owned(), shape })
}

/// By placeholder, as inference takes them.
pub(crate) fn of(graph: &Graph, named: &[Named]) -> Result<HashMap<String, Shape>, Problems> {
    let mut problems = Problems::default();
    for Named { name, .. } in named {
        let id = graph.find(name);
        if !id.is_some_and(|id| matches!(graph.node(id).op, Op::Placeholder(_))) {
            let known: Vec<String> = crate::names::inputs(graph).map(|e| graph.name(e)).collect();
            let reason = Reason::new(format!("--shape: the graph has no input `{name}`"));
            problems.add("", "", reason.help(format!("its inputs: {}", known.join(", "))));
        }
    }
    problems.into_result(named.iter().map(|n| (n.name.clone(), n.shape.clone())).collect())
}

/// Makes placeholders of the inner nodes among `inputs` whose shapes are named. What else is cut keeps its node for now:
/// the graph knows its shape.
pub(crate) fn cut(graph: &mut Graph, named: &[Named], inputs: &[String]) -> Result<(), Problems> {
    let is_named = |input: &&String| named.iter().any(|n| n.name == **input);
    let names: Vec<String> = inputs.iter().filter(is_named).cloned().collect();
    strip_unused::cut_at(graph, &names)
}

/// Writes the shapes into the graph's placeholders. A batch that was open and is 1 here stays open.
pub(crate) fn declare(graph: &mut Graph, named: &[Named]) -> Result<(), Problems> {
    of(graph, named)?;
    for Named { name, shape } in named {
        let Some(id) = graph.find(name) else { continue };
        let Op::Placeholder(op) = &mut graph.node_mut(id).op else { continue };
        let open = |s: &Vec<i64>| s.first().is_none_or(|&d| d == -1);
        let open = op.shape.as_ref().is_none_or(open);
        let sizes = shape.iter().enumerate();
        op.shape = Some(sizes.map(|(i, &d)| if i == 0 && open && d == 1 { -1 } else { d as i64 }).collect());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakelite_codegen::build::op;
    use bakelite_codegen::tensor::DataType;

    #[test]
    fn an_inner_input_takes_its_shape() {
        let mut graph = Graph::default();
        let x = graph.add("x", op("Placeholder", |a| a.dtype("dtype", DataType::DtFloat)).unwrap(), vec![]);
        let relu = || op("Relu", |a| a.dtype("T", DataType::DtFloat)).unwrap();
        let inner = graph.add("inner", relu(), vec![x.into()]);
        let y = graph.add("y", relu(), vec![inner.into()]);
        let named = [parse("inner=1,2,3").unwrap()];
        assert!(declare(&mut graph, &named).is_err(), "it is no input yet");
        cut(&mut graph, &named, &["y".into()]).unwrap();
        assert!(declare(&mut graph, &named).is_err(), "another is the input");
        cut(&mut graph, &named, &["inner".into()]).unwrap();
        declare(&mut graph, &named).unwrap();
        let Op::Placeholder(placeholder) = &graph.node(inner).op else { panic!("{:?}", graph.node(inner)) };
        assert_eq!(placeholder.shape, Some(vec![-1, 2, 3]));
        assert_eq!(graph.node(y).inputs, [inner.into()]);
    }
}
