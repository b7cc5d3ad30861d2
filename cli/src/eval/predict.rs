//! Runs every model on every sample. Samples are made once for all models, in parallel; the memory in use is that of one
//! sample a thread, and of all outputs.
use super::data::Data;
use super::models::Model;
use crate::engine::{Engine, Feeds, Network, Session};
use bakelite::{TensorRef, npy};
use bakelite_codegen::calibrate::Source;
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::interpret;
use bakelite_codegen::ops::Products;
use bakelite_codegen::tensor::{Data as Elements, Tensor};
use rayon::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What one model gave.
pub(super) struct Prediction {
    /// By sample.
    pub(super) outputs: Vec<Vec<f32>>,
    /// Inferences a second, all threads together.
    pub(super) speed: f64,
}

/// Builds the networks that are to be compiled, and runs each model once; the elements of an output.
pub(super) fn prepare(models: &mut [Model], probe: &[Arc<Tensor>]) -> Result<usize, Problems> {
    let mut elements = None;
    for model in models {
        if model.engine == Engine::Compiled {
            let network = Network::build(&model.graph, &feeds(model, probe)?, &[model.output], None);
            model.network = Some(network.map_err(|mut problems| {
                let found = format!("{}: the graph cannot be compiled", model.file.display());
                let help = "give --engine reference to run the models in the interpreter";
                problems.0.extend(Problems::file(Reason::new(found).help(help)).0);
                problems
            })?);
        }
        let (y, _) = Runner::new(model).run(probe, "the first sample")?;
        let expected = *elements.get_or_insert(y.len());
        if expected != y.len() {
            let found = format!("an output of {} elements, the first model's has {expected}", y.len());
            return Err(model.problem(&found));
        }
    }
    Ok(elements.unwrap_or(0))
}

/// Every model on every sample; `step` is called for each sample.
pub(super) fn predict(
    models: &[Model],
    data: &Data,
    step: &(dyn Fn() + Sync),
) -> Result<Vec<Prediction>, Problems> {
    let runners: Vec<Runner<'_>> = models.iter().map(Runner::new).collect();
    let sample = |i: usize| {
        let x = data.get(i)?;
        let name = data.names.get(i).map_or("", String::as_str);
        let y = runners.iter().map(|r| r.run(&x, name)).collect::<Result<Vec<_>, _>>();
        step();
        y
    };
    let results: Vec<Vec<(Vec<f32>, Duration)>> =
        (0..data.count()).into_par_iter().map(sample).collect::<Result<_, _>>()?;
    let mut columns: Vec<(Vec<Vec<f32>>, Duration)> = models.iter().map(|_| Default::default()).collect();
    for row in results {
        for ((outputs, total), (y, time)) in columns.iter_mut().zip(row) {
            outputs.push(y);
            *total += time;
        }
    }
    let speed = |total: Duration| {
        (data.count() * rayon::current_num_threads()) as f64 / total.as_secs_f64().max(1e-9)
    };
    Ok(columns.into_iter().map(|(outputs, total)| Prediction { outputs, speed: speed(total) }).collect())
}

/// All outputs as an `.npy` file of shape `[models, samples, elements]`.
pub(super) fn array(predictions: &[Prediction]) -> Vec<u8> {
    let samples = || predictions.iter().flat_map(|p| &p.outputs);
    let values: Vec<f32> = samples().flatten().copied().collect();
    let count = predictions.first().map_or(0, |p| p.outputs.len());
    let elements = samples().next().map_or(0, Vec::len);
    npy::write(TensorRef::F32(&values), &[predictions.len(), count, elements])
}

fn feeds(model: &Model, x: &[Arc<Tensor>]) -> Result<Feeds, Problems> {
    if model.inputs.len() != x.len() {
        let found = format!("{} inputs, the first model has {}", model.inputs.len(), x.len());
        return Err(model.problem(&found));
    }
    Ok(model.inputs.iter().copied().zip(x.iter().cloned()).collect())
}

/// A model and the processes that wait for its samples.
struct Runner<'a> {
    model: &'a Model,
    idle: Mutex<Vec<Session<'a>>>,
}

impl<'a> Runner<'a> {
    fn new(model: &'a Model) -> Self {
        Self { model, idle: Mutex::default() }
    }
    /// The output's elements, and the time of the inference alone.
    fn run(&self, x: &[Arc<Tensor>], sample: &str) -> Result<(Vec<f32>, Duration), Problems> {
        let feeds = feeds(self.model, x)?;
        let (y, time) = match &self.model.network {
            Some(network) => self.compiled(network, &feeds)?,
            None => {
                let start = Instant::now();
                let y = interpret::run(&self.model.graph, &feeds, &[self.model.output], Products::Fast)?;
                (y.into_iter().next(), start.elapsed())
            }
        };
        let y = y.as_deref().ok_or_else(|| self.model.problem("no output"))?;
        let y = numbers(y).map_err(|found| self.model.problem(&found))?;
        if y.iter().any(|v| v.is_nan()) {
            return Err(self.model.problem(&format!("the output for {sample} holds NaN")));
        }
        Ok((y, time))
    }
    fn compiled(
        &self,
        network: &'a Network,
        feeds: &Feeds,
    ) -> Result<(Option<Arc<Tensor>>, Duration), Problems> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle().pop();
        let mut session = waiting.map_or_else(|| Session::start(network), Ok)?;
        let (y, time) = session.run(feeds)?;
        idle().push(session);
        Ok((y.into_iter().next().map(Arc::new), time))
    }
}

/// A tensor's elements as scores.
fn numbers(y: &Tensor) -> Result<Vec<f32>, String> {
    Ok(match &y.data {
        Elements::F32(v) => v.clone(),
        Elements::U8(v) => v.iter().map(|&x| f32::from(x)).collect(),
        Elements::I8(v) => v.iter().map(|&x| f32::from(x)).collect(),
        Elements::I32(v) => v.iter().map(|&x| x as f32).collect(),
        Elements::I64(v) => v.iter().map(|&x| x as f32).collect(),
        _ => return Err(format!("an output of type {y} cannot be measured")),
    })
}
