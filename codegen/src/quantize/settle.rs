//! Steps that need samples, and ranges that were saved.
//!
//! Ranges belong to the graph that they were measured on: what was done to it then is done again, with the samples
//! that it takes.
use crate::error::{Problems, Reason};
use crate::quantize::choose::{BIAS, CHAINS, EQUALISATION};
use crate::quantize::{Options, Switch};

/// The options with what the ranges were saved with.
pub(super) fn settle(options: &Options, samples: usize) -> Result<Options, Problems> {
    let mut settled = options.clone();
    let mut problems = Problems::default();
    let saved = |step| options.calibration.ranges.as_ref()?.step(step);
    let steps = [
        (CHAINS, &mut settled.equalise_chains),
        (EQUALISATION, &mut settled.equalise),
        (BIAS, &mut settled.correct_bias),
    ];
    for (step, switch) in steps {
        match switched(step, *switch, saved(step), samples) {
            Ok(state) => *switch = state,
            Err(reason) => problems.0.extend(Problems::file(reason).0),
        }
    }
    problems.into_result(settled)
}

fn switched(step: &str, asked: Switch, saved: Option<bool>, samples: usize) -> Result<Switch, Reason> {
    let state = match (asked, saved) {
        (Switch::On, Some(false)) | (Switch::Off, Some(true)) => {
            let asked = if asked == Switch::On { "on" } else { "off" };
            let found = format!("{step} is to be {asked}, and the ranges are of a graph where it is not");
            return Err(Reason::new(found).help("leave it to the file, or measure the ranges anew"));
        }
        (Switch::Auto, Some(true)) => Switch::On,
        (Switch::Auto, Some(false)) => Switch::Off,
        (asked, _) => asked,
    };
    if state == Switch::On && samples == 0 {
        let found = format!("{step} is on, and there are no samples for it");
        let help = "give --calibration, with the samples that the ranges were measured on; or turn it off and measure";
        return Err(Reason::new(found).help(help));
    }
    Ok(state)
}
