//! A profile for programs: one object, a line a layer. Times are milliseconds, speeds GMAC/s and GB/s.

use super::{Report, Row};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub(super) fn json(report: &Report) -> String {
    let Report { info, isa, machine, runs, peak, clock, total, .. } = report;
    let [minimum, median] = report.whole.map(milliseconds);
    let layers = report.rows.iter().zip(report.layers).map(|(row, layer)| {
        let (node, op, kernel) = (quoted(layer.node), quoted(layer.op), quoted(layer.kernel));
        format!("{{\"node\": {node}, \"op\": {op}, \"kernel\": {kernel}, {}}}", numbers(row, *peak))
    });
    let kinds = report.kinds.iter().map(|row| {
        format!("{{\"kind\": {}, \"layers\": {}, {}}}", quoted(row.kind), row.layers, numbers(row, *peak))
    });
    format!(
        "{{
\"network\": {},
\"digest\": \"{:016x}\",
\"machine\": {},
\"isa\": {},
\"clock_ghz\": {clock:.4},
\"peak_gmacs\": {peak:.3},
\"runs\": {runs},
\"macs\": {},
\"whole\": {{\"minimum_ms\": {minimum}, \"median_ms\": {median}}},
\"sum\": {{{}}},
\"layers\": [
{}
],
\"kinds\": [
{}
]
}}
",
        quoted(info.name),
        info.digest,
        quoted(machine),
        quoted(isa.as_str()),
        info.macs,
        numbers(total, *peak),
        layers.collect::<Vec<_>>().join(",\n"),
        kinds.collect::<Vec<_>>().join(",\n"),
    )
}

fn milliseconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64() * 1e3)
}

fn numbers(row: &Row, peak: f64) -> String {
    let (minimum, median) = (milliseconds(row.minimum), milliseconds(row.median));
    let (speed, traffic) = (row.speed(), row.traffic());
    format!(
        "\"minimum_ms\": {minimum}, \"median_ms\": {median}, \"predicted_cycles\": {}, \"macs\": {}, \"gmacs\": {speed:.3}, \
         \"peak_share\": {:.4}, \"bytes\": {}, \"gb_per_s\": {traffic:.3}",
        row.predicted,
        row.macs,
        speed / peak,
        row.bytes
    )
}

/// A string as JSON has it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quoted("a\"b\\c\n\u{e9}"), "\"a\\\"b\\\\c\\u000a\u{e9}\"");
    }
}
