//! Decisions by measurement: what may help is tried, and done if the SQNR at the last int8 results says so.
//!
//! Some samples are fitted to, others judge (`judge`). A trial calibrates on the former with a plain method: it compares
//! two graphs, and the search over methods would cost more than all trials together.
use crate::calibrate::{self, Method, Progress, Ranges, calibrate};
use crate::error::Problems;
use crate::graph::{Edge, Graph};
use crate::quantize::equalise::Chains;
use crate::quantize::judge::{Judge, Slice};
use crate::quantize::layer::{self, Layer};
use crate::quantize::{Options, Subject, bias, channels, equalise, plan};
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

/// A step that can be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// Done if it helps.
    #[default]
    Auto,
    /// Done.
    On,
    /// Left out.
    Off,
}

/// Why a step was done or left out.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// The caller said so.
    Asked,
    /// SQNR at the last int8 results, in decibels, without and with it.
    Measured {
        /// Without it.
        without: f64,
        /// With it.
        with: f64,
    },
    /// There is nothing to do, or nothing to judge by.
    Cannot(&'static str),
}

/// What was decided of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The step.
    pub what: &'static str,
    /// Whether it was done.
    pub on: bool,
    /// Why.
    pub why: Why,
    /// Names of the nodes where it was done, of a step that is chosen node by node.
    pub places: Vec<String>,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.on { "on" } else { "off" };
        write!(f, "{}: {state}, ", self.what)?;
        match self.places.len() {
            0 => {}
            1 => write!(f, "in one place, ")?,
            count => write!(f, "in {count} places, ")?,
        }
        match self.why {
            Why::Asked => f.write_str("as asked"),
            Why::Cannot(why) => f.write_str(why),
            Why::Measured { without, with } if self.on => {
                write!(f, "SQNR {without:.2} -> {with:.2} dB")
            }
            Why::Measured { without, with } => write!(f, "SQNR would go {without:.2} -> {with:.2} dB"),
        }
    }
}

/// What a step must gain, in decibels: less may be chance.
const GAIN: f64 = 0.1;

/// Samples of each kind on which chains are tried.
const FEW: usize = 8;
/// How often chains are tried.
const TRIALS: usize = 15;

impl Choice {
    fn new(what: &'static str, on: bool, why: Why) -> Self {
        Self { what, on, why, places: vec![] }
    }
    fn measured(what: &'static str, without: f64, with: f64) -> Self {
        Self::new(what, with > without + GAIN, Why::Measured { without, with })
    }
}

/// What decisions are made with.
pub struct Chooser<'a> {
    /// Samples to fit to.
    pub fit: Slice<'a>,
    /// Samples to judge by, with the fp32 results.
    pub judge: Judge<'a>,
    /// What the caller decides.
    pub options: &'a Options,
}

/// The name of that step.
pub const EQUALISATION: &str = "equalisation";
/// The name of that step.
pub const BIAS: &str = "bias correction";
/// The name of that step.
pub const CHAINS: &str = "equalisation through elementwise chains";
const NO_OUTPUT: &str = "no int8 result is ever read as float, so there is nothing to judge by";

impl Chooser<'_> {
    /// Equalises the graph, or does not.
    pub fn equalise(
        &self,
        graph: Graph,
        inputs: &[Edge],
        progress: Progress<'_>,
    ) -> Result<(Graph, Choice), Problems> {
        let choice = |on, why| Choice::new(EQUALISATION, on, why);
        match self.options.equalise {
            Switch::Off => return Ok((graph, choice(false, Why::Asked))),
            Switch::Auto if !self.judge.can() => return Ok((graph, choice(false, Why::Cannot(NO_OUTPUT)))),
            Switch::On | Switch::Auto => {}
        }
        let layers = layer::find(&graph);
        let seen = channels::see(&graph, inputs, &layers, &self.fit, progress)?;
        let Some(equal) = equalise::equalise(&graph, &layers, &seen, self.options.per_tensor)? else {
            return Ok((graph, choice(false, Why::Cannot("no layer is read by layers alone"))));
        };
        if self.options.equalise == Switch::On {
            return Ok((equal, choice(true, Why::Asked)));
        }
        let [without, with] = [&graph, &equal].map(|g| self.trial(g, inputs, progress));
        let choice = Choice::measured(EQUALISATION, without?, with?);
        Ok((if choice.on { equal } else { graph }, choice))
    }
    /// Equalises the graph where elementwise work lies between layers, or does not.
    pub fn equalise_chains(
        &self,
        graph: Graph,
        inputs: &[Edge],
        progress: Progress<'_>,
    ) -> Result<(Graph, Option<Choice>), Problems> {
        let switch = self.options.equalise_chains;
        let measures = switch == Switch::Auto;
        if switch == Switch::Off || self.options.per_tensor || measures && !self.judge.can() {
            return Ok((graph, None));
        }
        let layers = layer::find(&graph);
        let seen = Chains::see(&graph, inputs, &layers, &self.fit, progress)?;
        let Some(chains) = seen else { return Ok((graph, None)) };
        let saved = self.options.calibration.ranges.as_ref().map(|r| r.places());
        let chosen = match saved.filter(|places| !places.is_empty()) {
            _ if measures => self.gaining(&chains, &graph, inputs, progress)?,
            Some(places) => (0..chains.count()).map(|i| places.contains(chains.name(i))).collect(),
            None => vec![true; chains.count()],
        };
        let equal = chains.equalised(&chosen)?;
        let mut choice = Choice::new(CHAINS, true, Why::Asked);
        if measures {
            let without = self.trial(&graph, inputs, progress)?;
            let any = chosen.contains(&true);
            let with = if any { self.trial(&equal, inputs, progress)? } else { without };
            choice = Choice::measured(CHAINS, without, with);
        }
        let names =
            (0..chains.count()).filter(|&i| choice.on && chosen[i]).map(|i| chains.name(i).to_owned());
        choice.places = names.collect();
        Ok((if choice.on { equal } else { graph }, Some(choice)))
    }
    /// Which chains gain: all of them are tried, then either half the other way round, then either quarter, and so on.
    fn gaining(
        &self,
        chains: &Chains<'_>,
        graph: &Graph,
        inputs: &[Edge],
        progress: Progress<'_>,
    ) -> Result<Vec<bool>, Problems> {
        let options = &Options { correct_bias: Switch::Off, ..self.options.clone() };
        let few = Chooser { fit: self.fit.few(FEW), judge: self.judge.few(FEW), options };
        let quiet = &mut |_: &'static str, _: usize, _: usize| {};
        let mut best = few.trial(graph, inputs, quiet)?;
        let mut chosen = vec![false; chains.count()];
        for (done, group) in halves(chains.count()).take(TRIALS).enumerate() {
            progress("trying chains", done, TRIALS.min(2 * chains.count() - 1));
            let turned: Vec<bool> =
                chosen.iter().enumerate().map(|(i, on)| *on != group.contains(&i)).collect();
            let with = few.trial(&chains.equalised(&turned)?, inputs, quiet)?;
            if with > best + GAIN {
                (best, chosen) = (with, turned);
            }
        }
        Ok(chosen)
    }
    fn trial(&self, graph: &Graph, inputs: &[Edge], progress: Progress<'_>) -> Result<f64, Problems> {
        let layers = layer::find(graph);
        let method = match self.options.calibration.method {
            Method::Auto => Method::Mse,
            plain => plain,
        };
        let options = calibrate::Options { method, ..self.options.calibration.clone() };
        let edges = plan::observed(graph, &layers);
        let ranges = calibrate::ranges(&calibrate(graph, inputs, &edges, &options, &self.fit, progress)?);
        // Corrected biases mend much of what equal channels would, so the two are judged together.
        let (layers, _) = self.correct_bias(graph, inputs, layers, &ranges, progress)?;
        self.sqnr(graph, inputs, layers, &ranges)
    }
    fn sqnr(
        &self,
        graph: &Graph,
        inputs: &[Edge],
        layers: Vec<Layer>,
        ranges: &Ranges,
    ) -> Result<f64, Problems> {
        let kept = self.options.keep_fp32.resolve(graph, &layers)?;
        let subject = Subject::new(graph, inputs, ranges, self.options);
        self.judge.sqnr(&subject.quantize(layers, &kept)?.1)
    }
    /// Corrects the layers' biases, or does not.
    pub fn correct_bias(
        &self,
        graph: &Graph,
        inputs: &[Edge],
        layers: Vec<Layer>,
        ranges: &Ranges,
        progress: Progress<'_>,
    ) -> Result<(Vec<Layer>, Choice), Problems> {
        let choice = |on, why| Choice::new(BIAS, on, why);
        match self.options.correct_bias {
            Switch::Off => return Ok((layers, choice(false, Why::Asked))),
            Switch::Auto if !self.judge.can() => return Ok((layers, choice(false, Why::Cannot(NO_OUTPUT)))),
            Switch::On | Switch::Auto => {}
        }
        let seen = channels::see(graph, inputs, &layers, &self.fit, progress)?;
        let corrected = bias::correct(graph, &layers, &seen, self.options.per_tensor)?;
        if self.options.correct_bias == Switch::On {
            return Ok((corrected, choice(true, Why::Asked)));
        }
        let [without, with] = [&layers, &corrected].map(|l| self.sqnr(graph, inputs, l.clone(), ranges));
        let choice = Choice::measured(BIAS, without?, with?);
        Ok((if choice.on { corrected } else { layers }, choice))
    }
}

/// All of `count`, its halves, their halves, down to each by itself.
fn halves(count: usize) -> impl Iterator<Item = Range<usize>> {
    let mut groups = VecDeque::new();
    groups.push_back(0..count);
    std::iter::from_fn(move || {
        let group = groups.pop_front().filter(|g| !g.is_empty())?;
        if group.len() > 1 {
            let middle = group.start + group.len() / 2;
            groups.extend([group.start..middle, middle..group.end]);
        }
        Some(group)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_halved_down_to_each() {
        let all: Vec<_> = halves(5).collect();
        assert_eq!(all, [0..5, 0..2, 2..5, 0..1, 1..2, 2..3, 3..5, 3..4, 4..5]);
        assert_eq!(halves(0).count(), 0);
    }
}
