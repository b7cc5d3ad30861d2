//! A profile for people: a line a layer, then the totals.

use super::super::times::Milliseconds;
use super::{Report, Row};
use alloc::format;
use alloc::string::String;

pub(super) fn text(report: &Report) -> String {
    let Report { isa, machine, runs, peak, clock, total, .. } = report;
    let [minimum, median] = report.whole;
    let sum = total.minimum.as_secs_f64() / minimum.as_secs_f64().max(1e-9);
    let mut text = String::from(
        "  min ms   med ms   model   share  GMAC/s   peak      bytes   GB/s  kernel, op, node\n",
    );
    for (row, layer) in report.rows.iter().zip(report.layers) {
        text += &format!("{}  {}, {}, {}\n", numbers(row, report), layer.kernel, layer.op, layer.node);
    }
    text += "\n";
    for row in report.kinds.iter().chain([total]) {
        let s = if row.layers == 1 { "" } else { "s" };
        text += &format!("{}  {}, {} layer{s}\n", numbers(row, report), row.kind, row.layers);
    }
    text += &format!(
        "
machine  {machine}
kernels  {isa}
clock    {clock:.2} GHz, from a chain of multiplications between the runs
peak     {peak:.1} GMAC/s of dot products alone, likewise
runs     {runs}
time     {} minimum, {} median of the whole, {:.1} % of the peak
layers   {} in sum of minima, {:.1} % of the whole's minimum
",
        Milliseconds(minimum),
        Milliseconds(median),
        100.0 * report.info.macs as f64 / super::nanoseconds(minimum) / peak,
        Milliseconds(total.minimum),
        100.0 * sum,
    );
    text
}

/// The columns of numbers; without MACs there is no speed to tell.
fn numbers(row: &Row, report: &Report) -> String {
    let share = row.minimum.as_secs_f64() / report.total.minimum.as_secs_f64().max(1e-9);
    let speed = match row.macs {
        0 => format!("{:>7} {:>6}", "", ""),
        _ => format!("{:7.1} {:4.1} %", row.speed(), 100.0 * row.speed() / report.peak),
    };
    let [minimum, median] = [row.minimum, row.median].map(|time| time.as_secs_f64() * 1e3);
    let (share, traffic) = (100.0 * share, row.traffic());
    let model = row.predicted as f64 / report.clock / 1e6;
    format!("{minimum:8.4} {median:8.4} {model:7.4} {share:5.1} % {speed} {:10} {traffic:6.1}", row.bytes)
}
