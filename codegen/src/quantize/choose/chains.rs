//! Which chains are equalised.
use super::{CHAINS, Choice, Chooser, Form, GAIN, Switch, Why};
use crate::calibrate::Progress;
use crate::error::Problems;
use crate::quantize::Options;
use crate::quantize::equalise::Chains;
use std::collections::VecDeque;
use std::ops::Range;

/// Samples of each kind on which chains are tried.
const FEW: usize = 8;
/// How often chains are tried.
const TRIALS: usize = 15;

impl Chooser<'_> {
    /// Equalises the graph where elementwise work lies between layers, or does not.
    pub fn equalise_chains(
        &self,
        form: Form,
        progress: Progress<'_>,
    ) -> Result<(Form, Option<Choice>), Problems> {
        let switch = self.options.equalise_chains;
        let measures = switch == Switch::Auto;
        if switch == Switch::Off || self.options.per_tensor || measures && !self.judge.can() {
            return Ok((form, None));
        }
        let seen = Chains::see(&form.graph, self.inputs, &form.layers, &self.fit, progress)?;
        let Some(chains) = seen else { return Ok((form, None)) };
        let saved = self.options.calibration.ranges.as_ref().map(|r| r.places());
        let chosen = match saved.filter(|places| !places.is_empty()) {
            _ if measures => self.gaining(&chains, &form, progress)?,
            Some(places) => (0..chains.count()).map(|i| places.contains(chains.name(i))).collect(),
            None => vec![true; chains.count()],
        };
        let equal = Form::new(chains.equalised(&chosen)?);
        let mut choice = Choice::new(CHAINS, true, Why::Asked);
        if measures {
            let without = self.trial(&form, progress)?;
            let any = chosen.contains(&true);
            let with = if any { self.trial(&equal, progress)? } else { without };
            choice = Choice::measured(CHAINS, without, with);
        }
        let names =
            (0..chains.count()).filter(|&i| choice.on && chosen[i]).map(|i| chains.name(i).to_owned());
        choice.places = names.collect();
        Ok((if choice.on { equal } else { form }, Some(choice)))
    }
    /// Which chains gain: all of them are tried, then either half the other way round, then either quarter, and so on.
    fn gaining(
        &self,
        chains: &Chains<'_>,
        form: &Form,
        progress: Progress<'_>,
    ) -> Result<Vec<bool>, Problems> {
        let options = &Options { correct_bias: Switch::Off, ..self.options.clone() };
        let (fit, judge) = (self.fit.few(FEW), self.judge.few(FEW));
        let few = Chooser { inputs: self.inputs, fit, judge, options };
        let quiet = &mut |_: &'static str, _: usize, _: usize| {};
        let mut best = few.trial(&Form::new(form.graph.clone()), quiet)?;
        let mut chosen = vec![false; chains.count()];
        for (done, group) in halves(chains.count()).take(TRIALS).enumerate() {
            progress("trying chains", done, TRIALS.min(2 * chains.count() - 1));
            let turned: Vec<bool> =
                chosen.iter().enumerate().map(|(i, on)| *on != group.contains(&i)).collect();
            let with = few.trial(&Form::new(chains.equalised(&turned)?), quiet)?;
            if with > best + GAIN {
                (best, chosen) = (with, turned);
            }
        }
        Ok(chosen)
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
