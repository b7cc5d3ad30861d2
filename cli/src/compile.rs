//! `bakelite compile`: a calibrated int8 graph becomes a cargo package, and with `--build` an executable.
use crate::names::{self, Role};
use crate::shapes::{self, Named};
use crate::{Outcome, files, package, progress};
use bakelite::preprocess::Preprocess;
use bakelite_codegen::about::About;
use bakelite_codegen::bake::{Baked, bake};
use bakelite_codegen::compile::{Options, digest};
use bakelite_codegen::cost::{CORES, GIGAHERTZ};
use bakelite_codegen::emit::Info;
use bakelite_codegen::error::{Problems, Reason};
use bakelite_codegen::tune::Tiles;
use clap::builder::NonEmptyStringValueParser;
use std::path::PathBuf;

/// Bake an int8 GraphDef into a Rust package, or one static executable
///
/// The package holds everything it needs: straight-line Rust for the network, its packed weights, the runtime, the
/// kernels, and third-party crates. It builds offline with a Rust toolchain alone. `--build` does that at once and
/// leaves the executable, static and without a C library, as FOLDER/NAME; it classifies pictures, runs .npy tensors and measures
/// itself (FOLDER/NAME --help).
///
/// The same graph gives the same bytes. A folder that this command did not write is left alone.
#[derive(clap::Args)]
#[command(after_long_help = "\
The description (--about) is JSON; every entry may be missing:
  { \"name\": \"cifar10\", \"preprocess\": \"x/127.5-1\", \"classes\": [\"airplane\", ...], \"samples\": [\"cat.png\", ...] }

Examples:
  bakelite compile net8.pb -o net8
  bakelite compile net8.pb -o net8 --about net.json --build && net8/net8 picture.jpg")]
pub(crate) struct Args {
    /// The calibrated int8 GraphDef, binary or text, or a SavedModel folder
    #[arg(value_name = "INT8.pb")]
    graph: PathBuf,
    /// Which signature of a SavedModel; without it, serving_default
    #[arg(long, value_name = "NAME")]
    signature: Option<String>,
    /// Where the package goes; absent, empty, or a package of before
    #[arg(short = 'o', long = "out", value_name = "FOLDER")]
    folder: PathBuf,
    /// The package's and the executable's name [default: the description's, or the graph file's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Build the executable too
    #[arg(long)]
    build: bool,
    /// Names of classes, arithmetic on pixels, sample pictures
    #[arg(long, value_name = "FILE.json")]
    about: Option<PathBuf>,
    /// Arithmetic on pixel bytes, in place of the description's [default: x]
    #[arg(long, value_name = "EXPR")]
    preprocess: Option<String>,
    /// Measured tiles, from `bakelite tune`, in place of the cost model's [the bits are the same]
    #[arg(long, value_name = "TUNE.txt")]
    tune: Option<PathBuf>,
    /// Compile what these outputs need [default: what no node reads]
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = NonEmptyStringValueParser::new())]
    output: Vec<String>,
    /// How many items an inference takes at once, where the graph leaves that open or says 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    batch: Option<u16>,
    /// The shape of an input that the graph leaves open
    #[arg(long, value_name = "NAME=1,224,224,3", value_parser = shapes::parse)]
    shape: Vec<Named>,
}

/// Runs the subcommand.
pub(crate) fn main(args: &Args) -> Outcome {
    let about = about(args)?;
    let name =
        args.name.clone().or_else(|| about.name.clone()).unwrap_or_else(|| package::name_of(&args.graph));
    let name = package::checked_name(&name)?;
    let (mut graph, bytes) = files::read_model(&args.graph, args.signature.as_deref())?;
    let shapes = shapes::of(&graph, &args.shape)?;
    graph.outputs = match &args.output[..] {
        [] => names::outputs(&graph),
        list => names::edges(&graph, list, Role::Output)?,
    };
    let tiles = match &args.tune {
        Some(path) => Tiles::read(path)?,
        None => Tiles::default(),
    };
    let batch = args.batch.map(usize::from);
    let options =
        Options { name: name.to_owned(), digest: digest(&bytes), shapes, tiles, batch, ..Options::default() };
    let Baked { files, info } = bake(&graph, &options, &about)?;
    package::write(&args.folder, name, &files)?;
    let mut text = format!("{}\n", args.folder.display());
    if args.build {
        let spinner = progress::spinner("building");
        let built = package::build(&args.folder, name);
        spinner.finish_and_clear();
        text = format!("{}\n", built?.display());
    }
    Ok(text + &summary(&info))
}

/// What was compiled, in four lines. The times are the cost model's, of one core at its own clock.
fn summary(info: &Info) -> String {
    let Info { products, macs, weight_bytes, arena_bytes, arena_bound, .. } = info;
    let times = CORES.iter().zip(info.cycles);
    let times: Vec<_> =
        times.map(|(core, cycles)| format!("{} {:.3}", core.isa, cycles as f64 / GIGAHERTZ / 1e6)).collect();
    format!(
        "  {} layers, {macs} multiply-accumulates, {weight_bytes} weight bytes
  {arena_bytes} arena bytes, of which {arena_bound} are needed at once
  {} products are proven to add up in 16 bits, which is faster on AVX2
  predicted milliseconds at {GIGAHERTZ} GHz: {}\n",
        products.len(),
        info.short(),
        times.join(", ")
    )
}

/// The description, with what the command line says better.
fn about(args: &Args) -> Result<About, Problems> {
    let mut about = match &args.about {
        Some(path) => About::read(path).map_err(Problems::file)?,
        None => About::default(),
    };
    if let Some(preprocess) = &args.preprocess {
        about.preprocess.clone_from(preprocess);
    }
    about.preprocess.parse::<Preprocess>().map_err(|error| Problems::file(Reason::new(error.to_string())))?;
    Ok(about)
}
