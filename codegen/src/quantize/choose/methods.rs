//! Which method gives each tensor its range (`auto`).
//!
//! ```text
//! one for all      each plain method for all tensors; the best is the base
//! of each its own  the base, but for tensors where another method does half its harm alone, or less; or any less
//! ```
//!
//! Each assignment is judged as a whole: by the int8 graph that it gives, corrected biases and all, on the samples held
//! out. Nothing less will do. Errors of tensors tried alone do not add up; and fp32 with rounded activations is not the
//! int8 graph: what stays fp32 is not rounded there, weights are, and corrected biases mend what clipping shifts.
use super::{Chooser, Form, Switch};
use crate::calibrate::{Method, Progress, Seen, Statistics, ranges};
use crate::error::Problems;
use crate::quantize::layer::Layer;

/// A tensor has its own method if that does less than this share of the harm of the base.
const SHARES: [f64; 2] = [0.5, 1.0];

impl Chooser<'_> {
    /// Chooses for every tensor. Without anything to judge by, min-max stays: it clips nothing.
    pub fn methods(&self, form: &Form, seen: Seen, progress: Progress<'_>) -> Result<Seen, Problems> {
        if !self.judge.can() {
            return Ok(seen);
        }
        let layers = match self.options.correct_bias {
            Switch::Off => form.layers.clone(),
            Switch::On | Switch::Auto => self.corrected(form, progress)?,
        };
        // Where no SQNR is a number, min-max stays too.
        let best = (f64::NEG_INFINITY, vec![Method::MinMax; seen.len()]);
        let mut search = Search { chooser: self, form, layers, seen, best };
        let (mut base, total) = (Method::MinMax, Method::PLAIN.len() + SHARES.len());
        for (done, method) in Method::PLAIN.into_iter().enumerate() {
            progress("comparing methods", done, total);
            if search.improves(|_| method)? {
                base = method;
            }
        }
        for (done, share) in SHARES.into_iter().enumerate() {
            progress("comparing methods", Method::PLAIN.len() + done, total);
            search.improves(|s| s.best(base, share))?;
        }
        progress("comparing methods", total, total);
        let Search { mut seen, best: (_, methods), .. } = search;
        seen.values_mut().zip(methods).for_each(|(s, method)| s.chosen = method);
        Ok(seen)
    }
}

/// The best assignment so far.
struct Search<'a> {
    chooser: &'a Chooser<'a>,
    form: &'a Form,
    layers: Vec<Layer>,
    seen: Seen,
    /// Its SQNR, and the methods in the edges' order.
    best: (f64, Vec<Method>),
}

impl Search<'_> {
    /// Whether an assignment is better than all before it.
    fn improves(&mut self, method: impl Fn(&Statistics) -> Method) -> Result<bool, Problems> {
        self.seen.values_mut().for_each(|s| s.chosen = method(s));
        let sqnr = self.chooser.sqnr(self.form, self.layers.clone(), &ranges(&self.seen))?;
        let better = sqnr > self.best.0;
        if better {
            self.best = (sqnr, self.seen.values().map(|s| s.chosen).collect());
        }
        Ok(better)
    }
}
