//! Ranges as text, to be kept, edited and used again: one tensor a line, in the graph's order.
//!
//! ```text
//! # comment
//! STEP = on | off | on NODE
//! MIN  MAX  METHOD  TENSOR
//! ```
//!
//! Steps of the quantizer change the graph that ranges are of, so the file says which were done. One that is chosen node by
//! node has a line for each.
//!
//! Numbers are written so that reading gives the same f32, so ranges used again give the same graph. The name is last
//! and ends with the line, so it may hold blanks.
use crate::calibrate::{Range, Ranges, Statistics};
use crate::error::{Problems, Reason};
use crate::graph::{Edge, Graph};
use crate::quantize::choose::{BIAS, CHAINS, Choice, EQUALISATION};
use std::collections::{BTreeMap, BTreeSet};

const HEADER: &str = "\
# Ranges of activations, from `bakelite quantize --save-ranges`; `bakelite quantize --ranges FILE` uses them.
# A tensor is quantized over (0, R) if MIN is not negative, else over (-R, R), R the greater magnitude of MIN and MAX.
# Edit MIN and MAX as you like. METHOD says who chose them and is not read. Every tensor must be there once.
# Steps that were on are done again, for which --calibration must be given.
";

/// The ranges of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    ranges: BTreeMap<String, Range>,
    steps: BTreeMap<String, bool>,
    places: BTreeSet<String>,
}

/// The text of what was chosen, and of the steps that were done before and after.
pub fn write(statistics: &[Statistics], choices: &[Choice]) -> Result<String, Problems> {
    let (mut text, mut problems) = (HEADER.to_owned(), Problems::default());
    for choice in choices {
        let state = if choice.on { "on" } else { "off" };
        if choice.places.is_empty() {
            text.push_str(&format!("{} = {state}\n", choice.what));
        }
        for place in &choice.places {
            text.push_str(&format!("{} = {state} {place}\n", choice.what));
        }
    }
    for s in statistics {
        if s.name.trim() != s.name || s.name.chars().any(char::is_control) {
            let found = "this name begins or ends with a blank or holds a control character";
            problems.add(
                &s.name,
                "",
                Reason::new(found).supported("names that fit into a line of a ranges file"),
            );
        }
        let Range { min, max } = s.range();
        text.push_str(&format!("{min:<14} {max:<14} {:<14} {}\n", s.chosen.name(), s.name));
    }
    problems.into_result(text)
}

/// Reads such a text; `file` is what problems call it.
pub fn parse(file: &str, text: &str) -> Result<Saved, Problems> {
    let (mut saved, mut problems) = (Saved::default(), Problems::default());
    for (i, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#')) {
        let read = saved.take(line);
        if let Err(reason) = read {
            let found = format!("{file}, line {}: {}", i + 1, reason.found);
            problems.0.extend(Problems::file(Reason { found, ..reason }).0);
        }
    }
    problems.into_result(saved)
}

fn parse_line(line: &str) -> Result<(&str, Range), Reason> {
    let broken = || {
        let shown: String = line.chars().take(80).collect();
        Reason::new(format!("`{shown}`"))
            .supported("MIN MAX METHOD TENSOR, finite numbers, MIN not above MAX")
    };
    let mut rest = line.trim();
    let mut word = || {
        let (word, after) = rest.split_once(char::is_whitespace)?;
        rest = after.trim_start();
        Some(word)
    };
    let number = |word: Option<&str>| word.and_then(|w| w.parse::<f32>().ok()).filter(|v| v.is_finite());
    let (min, max, method) = (number(word()), number(word()), word());
    match (min, max, method) {
        (Some(min), Some(max), Some(_)) if min <= max && !rest.is_empty() => Ok((rest, Range { min, max })),
        _ => Err(broken()),
    }
}

impl Saved {
    /// Whether a step was done; `None` if the file does not say.
    pub fn step(&self, name: &str) -> Option<bool> {
        self.steps.get(name).copied()
    }
    /// Where chains were equalised; empty if the file does not say.
    pub fn places(&self) -> &BTreeSet<String> {
        &self.places
    }
    /// Takes in one line.
    fn take(&mut self, line: &str) -> Result<(), Reason> {
        let step = line.split_once('=').map(|(step, state)| (step.trim(), state.trim()));
        let place = step.filter(|(step, _)| *step == CHAINS).and_then(|(_, state)| state.strip_prefix("on "));
        if let Some(place) = place {
            self.steps.insert(CHAINS.to_owned(), true);
            let new = self.places.insert(place.to_owned());
            return if new { Ok(()) } else { Err(Reason::new(format!("`{place}` is there twice"))) };
        }
        let (name, new) = match step {
            Some((step @ (CHAINS | EQUALISATION | BIAS), state @ ("on" | "off"))) => {
                (step, self.steps.insert(step.to_owned(), state == "on").is_none())
            }
            _ => {
                let (name, range) = parse_line(line)?;
                (name, self.ranges.insert(name.to_owned(), range).is_none())
            }
        };
        if new { Ok(()) } else { Err(Reason::new(format!("`{name}` is there twice"))) }
    }
    /// The ranges of `edges`, which must all be there, and nothing else.
    pub fn resolve(&self, graph: &Graph, edges: &[Edge]) -> Result<Ranges, Problems> {
        let (mut ranges, mut problems) = (Ranges::new(), Problems::default());
        for &edge in edges {
            let node = graph.node(edge.node);
            match self.ranges.get(&graph.name(edge)) {
                Some(&range) => drop(ranges.insert(edge, range)),
                None => {
                    let found = format!("the ranges have no line for `{}`", graph.name(edge));
                    let help = "add one, or save the ranges of this graph anew with --save-ranges";
                    problems.add(&node.name, node.op.name(), Reason::new(found).help(help));
                }
            }
        }
        for name in self.ranges.keys().filter(|n| !graph.edge(n).is_some_and(|e| ranges.contains_key(&e))) {
            let found = format!("the ranges have a line for `{name}`, whose range this graph does not need");
            let help = "take the line out, or save the ranges of this graph anew with --save-ranges";
            problems.0.extend(Problems::file(Reason::new(found).help(help)).0);
        }
        problems.into_result(ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_come_back() {
        let chain = format!("{CHAINS} = on a b\n");
        let text = "# c\n\nequalisation = on\n-1.5 0.1 kl a/b:1\n 0\t3.4028235e38  minmax\ta b \n";
        let saved = parse("r", &(chain + text)).unwrap();
        assert_eq!(
            (saved.step(CHAINS), saved.places().iter().map(String::as_str).collect::<Vec<_>>()),
            (Some(true), vec!["a b"])
        );
        let ranges: Vec<_> = saved.ranges.iter().map(|(n, r)| (n.as_str(), r.min, r.max)).collect();
        assert_eq!((saved.step(EQUALISATION), saved.step(BIAS)), (Some(true), None));
        assert_eq!(ranges, [("a b", 0.0, f32::MAX), ("a/b:1", -1.5, 0.1)]);
    }

    #[test]
    fn every_broken_line_is_named() {
        let lines = ["1 2", "0 NaN mse a", "0 inf mse a", "2 1 mse a", "x 1 mse a", "0 1 mse a", "0 1 mse a"];
        let problems = parse("r", &lines.join("\n")).unwrap_err();
        let found: Vec<_> = problems.0.iter().map(|p| p.reason.found.as_str()).collect();
        assert_eq!(
            found,
            [
                "r, line 1: `1 2`",
                "r, line 2: `0 NaN mse a`",
                "r, line 3: `0 inf mse a`",
                "r, line 4: `2 1 mse a`",
                "r, line 5: `x 1 mse a`",
                "r, line 7: `a` is there twice"
            ]
        );
    }
}
