//! `bakelite tune`: which tile of each product is fastest on this machine.
//!
//! The network is built once for each rank: its products with their predicted best tiles, with their second best, and so
//! on. All builds take turns, so that a machine that slows down slows all of them; a layer's time is the least of all
//! turns, and a shape's that of its layers. So tiles are measured where they will run: with their neighbours, weights
//! from where they lie, and the code that the compiler makes of them.
use crate::names::{self, Role};
use crate::shapes::{self, Named};
use crate::{Outcome, engine, files, progress};
use bakelite::host::Standard;
use bakelite::kernels::Name;
use bakelite::machine;
use bakelite_codegen::about::About;
use bakelite_codegen::bake::{Baked, bake};
use bakelite_codegen::compile::Options;
use bakelite_codegen::cost::{CORES, Shape, Tiled};
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::graph::Graph;
use bakelite_codegen::tune::{self, Tiles};
use clap::builder::NonEmptyStringValueParser;
use std::collections::BTreeMap;
use std::path::PathBuf;
use trial::Trial;

mod trial;

/// Measure which tiles are fastest on this machine
///
/// A product (convolution or matrix product) is computed in tiles of MR pixels times the channels of a group; which MR is
/// fastest depends on its shape and on the processor. `compile` predicts it with a cost model. This command measures it:
/// it builds the network with the tiles that are predicted to be best, second best and so on, lets the builds take turns,
/// and writes the fastest tile of each shape into a small text file for `compile --tune` and for BAKELITE_TUNE.
///
/// No tile changes a bit of any result, which is checked on the way. Needs a Rust toolchain, and some minutes on a machine
/// that has nothing else to do.
#[derive(clap::Args)]
#[command(after_long_help = "\
The file has a line a shape, and the measured milliseconds in its comment; it may be edited and kept beside the graph:
  pixels=196 channels=256 runs=3 k4=192 sum=no tile=6  # 6: 0.2401 ms, 5: 0.2433 ms

Examples:
  bakelite tune net8.pb -o tune.txt
  bakelite compile net8.pb --tune tune.txt -o net8 --build
  BAKELITE_MODEL=net8.pb BAKELITE_TUNE=tune.txt cargo build --release")]
pub(crate) struct Args {
    /// The calibrated int8 GraphDef, binary or text, or a SavedModel folder
    #[arg(value_name = "INT8.pb")]
    graph: PathBuf,
    /// Which signature of a SavedModel; without it, serving_default
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    /// The file to write
    #[arg(short = 'o', long = "out", value_name = "TUNE.txt")]
    o: PathBuf,
    /// How often the builds take turns; more is steadier
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    turns: u32,
    /// Try tiles that are predicted to take at most so many percent more time than the best
    #[arg(long, value_name = "PERCENT", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
    within: u32,
    /// Measure for this instruction set: scalar, avx2, ... [default: the best of this machine]
    #[arg(long, value_name = "NAME")]
    isa: Option<String>,
    /// Measure what these outputs need [default: what no node reads]
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = NonEmptyStringValueParser::new())]
    output: Vec<String>,
    /// The shape of an input that the graph leaves open
    #[arg(long, value_name = "NAME=1,224,224,3", value_parser = shapes::parse)]
    shape: Vec<Named>,
}

/// A measured tile must be faster than the predicted one by this share: less is noise, and a stable file is worth more.
const MARGIN: f64 = 0.01;

/// Runs the subcommand.
pub(crate) fn main(args: &Args) -> Outcome {
    let isa = engine::choose(args.isa.as_deref())?;
    let mut graph = files::read_graph(&args.graph, args.signature.as_deref())?;
    let shapes = shapes::of(&graph, &args.shape)?;
    graph.outputs = match &args.output[..] {
        [] => names::outputs(&graph),
        list => names::edges(&graph, list, Role::Output)?,
    };
    let options = Options { name: engine::cache::NAME.to_owned(), shapes, ..Options::default() };
    let first = bake(&graph, &options, &About::default())?;
    let products = first.info.products;
    let ranked = products.iter().flatten().map(|product| (product.shape, rank(*product, isa, args.within)));
    let ranked: Ranked = ranked.collect();
    let times = measure(args, &graph, &options, &ranked, &products, isa)?;
    let chosen: Vec<_> = times.iter().map(|(shape, times)| choose(&ranked[shape][0], times)).collect();
    let host = machine::name(&mut Standard);
    files::write(&args.o, tune::text(&format!("{host}, {isa}"), &chosen).as_bytes())?;
    let differ = chosen.iter().filter(|(tiled, _)| tiled.rows != ranked[&tiled.shape][0].rows).count();
    Ok(format!("{}: {} shapes, {differ} with another tile than predicted\n", args.o.display(), chosen.len()))
}

/// The tiles of each shape that are tried, the predicted one first.
type Ranked = BTreeMap<Shape, Vec<Tiled>>;

/// The tiles of a product that are predicted to take at most `within` percent more than the best.
fn rank(product: Tiled, isa: Name, within: u32) -> Vec<Tiled> {
    let core = CORES.iter().find(|core| core.isa == isa.as_str());
    let core = core.expect("the model knows every instruction set");
    let mut tiles: Vec<Tiled> = product.candidates().collect();
    tiles.sort_by(|a, b| a.cycles(core).total_cmp(&b.cycles(core)));
    let most = tiles[0].cycles(core) * (1.0 + f64::from(within) / 100.0);
    tiles.retain(|tile| tile.cycles(core) <= most);
    tiles
}

/// The least milliseconds of each shape with each of its tiles, all its layers together.
type Times = BTreeMap<Shape, BTreeMap<usize, f64>>;

/// Builds a trial for each rank, and lets them take turns.
fn measure(
    args: &Args,
    graph: &Graph,
    options: &Options,
    ranked: &Ranked,
    products: &[Option<Tiled>],
    isa: Name,
) -> Result<Times, Problems> {
    let ranks = ranked.values().map(Vec::len).max().unwrap_or_default();
    let mut stages = progress::Stages::default();
    let mut trials: Vec<(Vec<Option<Tiled>>, Trial)> = vec![];
    for rank in 0..ranks {
        stages.at("building", rank, ranks);
        // A shape with fewer tiles repeats its best: another measurement of it does no harm.
        let tiles = ranked.values().map(|tiles| *tiles.get(rank).unwrap_or(&tiles[0]));
        let options = Options { tiles: Tiles::new(tiles), ..options.clone() };
        let Baked { files, info } = bake(graph, &options, &About::default())?;
        trials.push((info.products, Trial::start(&files, isa, products.len())?));
    }
    if trials.iter().any(|(_, trial)| trial.digest != trials[0].1.digest) {
        let found = "tiles that should give the same bits do not";
        return Err(Problems::file(Reason::new(found).help("this is a fault of Bakelite: report it")));
    }
    for turn in 0..args.turns as usize {
        for (rank, (_, trial)) in trials.iter_mut().enumerate() {
            stages.at("measuring", turn * ranks + rank, args.turns as usize * ranks);
            trial.turn()?;
        }
    }
    Ok(least(trials.iter().map(|(products, trial)| (&products[..], &trial.least[..]))))
}

/// The times of all builds by shape and tile.
fn least<'a>(builds: impl Iterator<Item = (&'a [Option<Tiled>], &'a [u64])>) -> Times {
    let mut times = Times::new();
    for (products, nanoseconds) in builds {
        let mut sums: BTreeMap<Shape, (usize, u64)> = BTreeMap::new();
        for (product, time) in
            products.iter().zip(nanoseconds).filter_map(|(p, time)| Some((p.as_ref()?, time)))
        {
            let sum = sums.entry(product.shape).or_insert((product.rows, 0));
            sum.1 = sum.1.saturating_add(*time);
        }
        for (shape, (rows, sum)) in sums {
            let least = times.entry(shape).or_default().entry(rows).or_insert(f64::INFINITY);
            *least = least.min(sum as f64 / 1e6);
        }
    }
    times
}

/// The fastest tile, with what was measured as a comment, the chosen one first.
fn choose(predicted: &Tiled, times: &BTreeMap<usize, f64>) -> (Tiled, String) {
    let mut order: Vec<(usize, f64)> = times.iter().map(|(rows, time)| (*rows, *time)).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let fastest = order[0].1;
    if let Some(place) = order.iter().position(|(rows, _)| *rows == predicted.rows)
        && order[place].1 * (1.0 - MARGIN) <= fastest
    {
        let kept = order.remove(place);
        order.insert(0, kept);
    }
    let comment: Vec<_> = order.iter().map(|(rows, time)| format!("{rows}: {time:.4} ms")).collect();
    (Tiled { rows: order[0].0, ..*predicted }, comment.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { pixels: 49, channels: 64, runs: 1, k4: 4, sum: false };

    #[test]
    fn the_least_sum_of_a_shape_counts() {
        let [five, six] =
            [5, 6].map(|rows| Some(Tiled { shape: SHAPE, padding: None, rows, short_steps: 0 }));
        let builds: [(&[_], &[u64]); 3] = [
            (&[five, None, five], &[1000, 5, 2000]),
            (&[six, None, six], &[1000, 5, 1500]),
            (&[five, None, five], &[900, 1, 2000]),
        ];
        let times = least(builds.into_iter());
        assert_eq!(times[&SHAPE], BTreeMap::from([(5, 0.0029), (6, 0.0025)]));
    }

    #[test]
    fn the_prediction_stands_unless_it_is_clearly_slower() {
        let predicted = Tiled { shape: SHAPE, padding: None, rows: 6, short_steps: 0 };
        let chosen = |five, six| choose(&predicted, &BTreeMap::from([(5, five), (6, six)]));
        assert_eq!(chosen(0.995, 1.0), (predicted, "6: 1.0000 ms, 5: 0.9950 ms".into()));
        assert_eq!(chosen(0.9, 1.0), (Tiled { rows: 5, ..predicted }, "5: 0.9000 ms, 6: 1.0000 ms".into()));
    }
}
