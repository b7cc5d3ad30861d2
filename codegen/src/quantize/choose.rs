//! Decisions by measurement: what may help is tried, and done if the SQNR at the last int8 results says so.
//!
//! Some samples are fitted to, others judge (`judge`). A trial calibrates on the former with a plain method: it compares
//! two graphs, and the search over methods would cost more than all trials together. What is measured of a graph is
//! measured once ([`Form`]).
use crate::calibrate::{self, Method, Progress, Ranges, Seen, Source};
use crate::error::Problems;
use crate::graph::{Edge, Graph};
use crate::quantize::channels::{self, Channels};
use crate::quantize::judge::{Judge, Slice};
use crate::quantize::layer::{self, Layer};
use crate::quantize::{Options, Subject, bias, equalise, plan};
use std::cell::OnceCell;
use std::fmt;

mod chains;
mod methods;

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

impl Choice {
    fn new(what: &'static str, on: bool, why: Why) -> Self {
        Self { what, on, why, places: vec![] }
    }
    fn measured(what: &'static str, without: f64, with: f64) -> Self {
        Self::new(what, with > without + GAIN, Why::Measured { without, with })
    }
}

/// A graph on its way to int8, and what was measured of it.
pub struct Form {
    /// The graph.
    pub graph: Graph,
    /// Its layers.
    pub layers: Vec<Layer>,
    channels: OnceCell<Vec<Channels>>,
    /// What a trial of it gave.
    sqnr: OnceCell<f64>,
}

impl Form {
    /// Nothing is measured yet.
    pub fn new(graph: Graph) -> Self {
        let layers = layer::find(&graph);
        Self { graph, layers, channels: OnceCell::new(), sqnr: OnceCell::new() }
    }
}

/// What decisions are made with.
pub struct Chooser<'a> {
    /// What samples are fed to.
    pub inputs: &'a [Edge],
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
    pub fn equalise(&self, form: Form, progress: Progress<'_>) -> Result<(Form, Choice), Problems> {
        let choice = |on, why| Choice::new(EQUALISATION, on, why);
        match self.options.equalise {
            Switch::Off => return Ok((form, choice(false, Why::Asked))),
            Switch::Auto if !self.judge.can() => return Ok((form, choice(false, Why::Cannot(NO_OUTPUT)))),
            Switch::On | Switch::Auto => {}
        }
        let seen = self.channels(&form, progress)?;
        let equal = equalise::equalise(&form.graph, &form.layers, seen, self.options.per_tensor)?;
        let Some(equal) = equal.map(Form::new) else {
            return Ok((form, choice(false, Why::Cannot("no layer is read by layers alone"))));
        };
        if self.options.equalise == Switch::On {
            return Ok((equal, choice(true, Why::Asked)));
        }
        let [without, with] = [&form, &equal].map(|form| self.trial(form, progress));
        let choice = Choice::measured(EQUALISATION, without?, with?);
        Ok((if choice.on { equal } else { form }, choice))
    }
    /// What the channels of a graph carry.
    fn channels<'f>(&self, form: &'f Form, progress: Progress<'_>) -> Result<&'f [Channels], Problems> {
        if let Some(known) = form.channels.get() {
            return Ok(known);
        }
        let seen = channels::see(&form.graph, self.inputs, &form.layers, &self.fit, progress)?;
        Ok(form.channels.get_or_init(|| seen))
    }
    /// The SQNR of a graph with ranges of a plain method.
    fn trial(&self, form: &Form, progress: Progress<'_>) -> Result<f64, Problems> {
        if let Some(&known) = form.sqnr.get() {
            return Ok(known);
        }
        let method = match self.options.calibration.method {
            Method::Auto => Method::Mse,
            plain => plain,
        };
        let options = calibrate::Options { method, ..self.options.calibration.clone() };
        let edges = plan::observed(&form.graph, &form.layers);
        let ranges = calibrate::plain(&form.graph, self.inputs, &edges, &options, &self.fit, progress)?;
        // Corrected biases mend much of what equal channels would, so the two are judged together.
        let (layers, choice) = self.correct_bias(form, &ranges, progress)?;
        let sqnr = match choice.why {
            Why::Measured { with, .. } if choice.on => with,
            Why::Measured { without, .. } => without,
            Why::Asked | Why::Cannot(_) => self.sqnr(form, layers, &ranges)?,
        };
        Ok(*form.sqnr.get_or_init(|| sqnr))
    }
    /// The range of every edge that may be int8, and, where they were measured, what was seen on all samples.
    pub fn ranges(
        &self,
        form: &Form,
        samples: &dyn Source,
        progress: Progress<'_>,
    ) -> Result<(Ranges, Seen), Problems> {
        let options = &self.options.calibration;
        let edges = plan::observed(&form.graph, &form.layers);
        if let Some(saved) = &options.ranges {
            return Ok((saved.resolve(&form.graph, &edges)?, Seen::new()));
        }
        let mut seen = calibrate::calibrate(&form.graph, self.inputs, &edges, options, samples, progress)?;
        if options.method == Method::Auto {
            seen = self.methods(form, seen, progress)?;
        }
        Ok((calibrate::ranges(&seen), seen))
    }
    fn sqnr(&self, form: &Form, layers: Vec<Layer>, ranges: &Ranges) -> Result<f64, Problems> {
        let kept = self.options.keep_fp32.resolve(&form.graph, &layers)?;
        let subject = Subject::new(&form.graph, self.inputs, ranges, self.options);
        self.judge.sqnr(&subject.quantize(layers, &kept)?.1)
    }
    /// The layers with corrected biases.
    fn corrected(&self, form: &Form, progress: Progress<'_>) -> Result<Vec<Layer>, Problems> {
        let seen = self.channels(form, progress)?;
        bias::correct(&form.graph, &form.layers, seen, self.options.per_tensor)
    }
    /// Corrects the layers' biases, or does not.
    pub fn correct_bias(
        &self,
        form: &Form,
        ranges: &Ranges,
        progress: Progress<'_>,
    ) -> Result<(Vec<Layer>, Choice), Problems> {
        let plain = || form.layers.clone();
        let choice = |on, why| Choice::new(BIAS, on, why);
        match self.options.correct_bias {
            Switch::Off => return Ok((plain(), choice(false, Why::Asked))),
            Switch::Auto if !self.judge.can() => {
                return Ok((plain(), choice(false, Why::Cannot(NO_OUTPUT))));
            }
            Switch::On | Switch::Auto => {}
        }
        let corrected = self.corrected(form, progress)?;
        if self.options.correct_bias == Switch::On {
            return Ok((corrected, choice(true, Why::Asked)));
        }
        let [without, with] = [plain(), corrected.clone()].map(|l| self.sqnr(form, l, ranges));
        let choice = Choice::measured(BIAS, without?, with?);
        Ok((if choice.on { corrected } else { plain() }, choice))
    }
}
