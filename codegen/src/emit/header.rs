//! The comment at the head of a generated file.
use crate::cost::CORES;
use crate::emit::{Info, TensorInfo};
use crate::lower::Program;
use crate::plan::{Plan, draw};
use crate::tensor::name;

/// Name, digest, sizes, inputs and outputs, and the arena drawn.
pub(super) fn header(program: &Program, plan: &Plan, info: &Info) -> String {
    let mut lines = vec![
        format!("`{}`, baked by bakelite-codegen {}.", info.name, env!("CARGO_PKG_VERSION")),
        "Do not edit: it is written again from the graph.".into(),
        String::new(),
        format!("digest   {:#018x} (FNV-1a 64 of the GraphDef)", info.digest),
        format!("work     {} MAC", info.macs),
        format!("arena    {} bytes, of which {} are needed at once", info.arena_bytes, info.arena_bound),
        format!("weights  {} bytes", info.weight_bytes),
        format!("cycles   {} predicted on AVX-512 VNNI", info.cycles[0]),
        format!("short    {} products add up in 16 bits on AVX2", info.short()),
    ];
    let tensor =
        |kind: &str, t: &TensorInfo| format!("{kind:8} `{}`: {} {:?}", t.name, name(t.dtype), t.shape);
    lines.extend(info.inputs.iter().map(|t| tensor("input", t)));
    lines.extend(info.outputs.iter().map(|t| tensor("output", t)));
    let drawing = draw(program, plan);
    if plan.bytes > 0 {
        let column = plan.bytes.div_ceil(64);
        lines.push(String::new());
        lines.push(format!(
            "The arena, a line a layer, {column} bytes a column; upper case where a buffer begins:"
        ));
        lines.push(String::new());
        lines.extend(drawing.iter().enumerate().map(|(t, line)| format!("{t:4} {line}")));
    }
    lines.push(String::new());
    lines.push("Layers, predicted cycles on AVX-512 VNNI, kernels with their tiles:".into());
    lines.push(String::new());
    lines.extend(program.layers.iter().enumerate().map(|(t, layer)| {
        let cycles = layer.cycles(&CORES[0], info.weight_bytes);
        format!("{t:4} {cycles:10}  {}, {}", layer.call.id, layer.node)
    }));
    let comment = |line: String| if line.is_empty() { "//\n".to_owned() } else { format!("// {line}\n") };
    lines.into_iter().map(comment).collect::<String>() + "\n"
}
