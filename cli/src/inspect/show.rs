//! The two forms of `inspect`: for people, and JSON.
use super::summary::{Port, Summary, Unsupported};
use bakelite_codegen::error::Problem;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;

/// Of a long list, this many lines are shown.
const LINES: usize = 30;

/// The JSON form; keys as `--help` says.
pub(crate) fn json(s: &Summary, file: &str, bytes: u64) -> String {
    let ports = |ports: &[Port]| -> Vec<Value> {
        let one = |p: &Port| {
            let (dtype, shape) = p.fact.clone().unzip();
            json!({ "name": p.name, "op": p.op, "dtype": dtype, "shape": shape })
        };
        ports.iter().map(one).collect()
    };
    let op = |(op, count, supported): &(String, usize, bool)| json!({ "op": op, "count": count, "supported": supported });
    let unsupported = |u: &Unsupported| {
        let r = &u.reason;
        json!({ "node": u.node, "op": u.op, "found": r.found, "supported": r.supported, "help": r.help, "needed": u.needed })
    };
    let value = json!({
        "file": file,
        "bytes": bytes,
        "nodes": s.nodes,
        "inputs": ports(&s.inputs),
        "outputs": ports(&s.outputs),
        "ops": s.ops.iter().map(op).collect::<Vec<_>>(),
        "parameters": s.parameters,
        "parameter_bytes": s.parameter_bytes,
        "macs": s.macs,
        "int8_macs": s.int8_macs,
        "int8_share": share(s),
        "macs_complete": s.complete,
        "unsupported": s.unsupported.iter().map(unsupported).collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}

fn share(s: &Summary) -> Option<f64> {
    (s.macs > 0).then(|| s.int8_macs as f64 / s.macs as f64)
}

/// The form for people.
pub(crate) fn text(s: &Summary, file: &str, bytes: u64) -> String {
    let mut out = format!("{file}: {} in {} nodes\n", amount(bytes, "B"), s.nodes);
    ports(&mut out, "inputs", &s.inputs);
    ports(&mut out, "outputs", &s.outputs);
    let rows: Vec<Vec<String>> = s
        .ops
        .iter()
        .map(|(op, n, known)| {
            vec![op.clone(), n.to_string(), if *known { String::new() } else { "not supported".into() }]
        })
        .collect();
    table(&mut out, "ops", &rows);
    let parameters = vec!["parameters".into(), amount(s.parameters, ""), amount(s.parameter_bytes, "B")];
    let least = if s.complete { "" } else { "at least " };
    let macs = vec!["MACs".into(), format!("{least}{}", amount(s.macs, "")), int8(s)];
    table(&mut out, "work", &[parameters, macs]);
    not_supported(&mut out, &s.unsupported);
    out
}

fn int8(s: &Summary) -> String {
    share(s).map_or(String::new(), |share| format!("{:.1} % of them int8", 100.0 * share))
}

fn ports(out: &mut String, title: &str, ports: &[Port]) {
    let row = |p: &Port| match &p.fact {
        Some((dtype, shape)) => vec![p.name.clone(), p.op.clone(), format!("{dtype} {shape:?}")],
        None => vec![p.name.clone(), p.op.clone(), "type and shape unknown".into()],
    };
    table(out, title, &ports.iter().map(row).collect::<Vec<_>>());
}

/// What cannot be done, the needed first, with reasons; of what is not needed only a count by op.
fn not_supported(out: &mut String, list: &[Unsupported]) {
    let (needed, idle): (Vec<_>, Vec<_>) = list.iter().partition(|u| u.needed);
    if needed.is_empty() {
        out.push_str("everything that the outputs need is supported\n");
    } else {
        let _ = writeln!(out, "not supported, and the outputs need it");
    }
    let groups = alike(&needed);
    for (u, more) in groups.iter().take(LINES) {
        let (node, op, reason) = (u.node.clone(), u.op.clone(), u.reason.clone());
        let text = Problem { node, op, reason }.to_string().replace('\n', "\n  ");
        let others = if *more > 0 { format!(" (and {more} more nodes)") } else { String::new() };
        let (first, help) = text.split_once('\n').map_or((&text[..], ""), |(a, b)| (a, b));
        let _ = writeln!(out, "  {first}{others}");
        if !help.is_empty() {
            let _ = writeln!(out, "{help}");
        }
    }
    more(out, groups.len());
    if !idle.is_empty() {
        let mut ops: Vec<&str> = idle.iter().map(|u| u.op.as_str()).collect();
        ops.sort_unstable();
        ops.dedup();
        let _ = writeln!(out, "not supported, not needed: {} nodes ({})", idle.len(), ops.join(", "));
    }
}

/// The first node of each op and reason, and how many others have the same.
fn alike<'a>(list: &[&'a Unsupported]) -> Vec<(&'a Unsupported, usize)> {
    let mut index: HashMap<(&str, &str), usize> = HashMap::new();
    let mut groups: Vec<(&Unsupported, usize)> = vec![];
    for &u in list {
        match index.get(&(u.op.as_str(), u.reason.found.as_str())).and_then(|&i| groups.get_mut(i)) {
            Some(group) => group.1 += 1,
            None => {
                index.insert((&u.op, &u.reason.found), groups.len());
                groups.push((u, 0));
            }
        }
    }
    groups
}

/// A title and rows in columns; numbers to the right.
fn table(out: &mut String, title: &str, rows: &[Vec<String>]) {
    if rows.is_empty() {
        let _ = writeln!(out, "{title}: none");
        return;
    }
    let _ = writeln!(out, "{title}");
    let cell = |row: &Vec<String>, i: usize| row.get(i).map_or(0, |c| c.chars().count());
    let widths: Vec<usize> =
        (0..3).map(|i| rows.iter().take(LINES).map(|r| cell(r, i)).max().unwrap_or(0)).collect();
    for row in rows.iter().take(LINES) {
        let mut line = String::from(" ");
        for (text, &width) in row.iter().zip(&widths) {
            let number = text.starts_with(|c: char| c.is_ascii_digit());
            let _ = if number { write!(line, " {text:>width$} ") } else { write!(line, " {text:<width$} ") };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    more(out, rows.len());
}

fn more(out: &mut String, count: usize) {
    if count > LINES {
        let _ = writeln!(out, "  and {} more", count - LINES);
    }
}

/// A count in three digits and a decimal prefix: 568 M, 17.1 MB.
fn amount(n: u64, unit: &str) -> String {
    let steps = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let x = n as f64;
    match steps.iter().find(|(step, _)| x >= *step) {
        None if unit.is_empty() => n.to_string(),
        None => format!("{n} {unit}"),
        Some((step, prefix)) => {
            let digits = if x / step >= 100.0 { 0 } else { 1 };
            format!("{:.digits$} {prefix}{unit}", x / step)
        }
    }
}
