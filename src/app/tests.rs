//! The command line with a network small enough to compute by hand: the mean of each channel.

use super::*;
use crate::array::{Array, Elements};
use crate::host::Standard;
use crate::kernels::isa::{Isa, Name};
use crate::kernels::team::{System, Team};
use crate::network::{Info, Layer, Mismatch, Observer, TensorInfo, check};
use crate::npy;
use crate::tensor::{DType, TensorMut, TensorRef};
use std::borrow::ToOwned;
use std::boxed::Box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::time::Duration;
use std::vec;

#[derive(Default)]
struct Mean;

impl Network for Mean {
    const INFO: Info = Info {
        name: "mean",
        digest: 0xabc,
        macs: 12,
        arena_bytes: 0,
        weight_bytes: 0,
        inputs: &[TensorInfo { name: "x", dtype: DType::F32, shape: &[1, 2, 2, 3] }],
        outputs: &[
            TensorInfo { name: "mean", dtype: DType::F32, shape: &[1, 3] },
            TensorInfo { name: "count", dtype: DType::I32, shape: &[1] },
        ],
    };

    const LAYERS: &'static [Layer] = &[
        Layer {
            node: "mean/\"sum\"",
            op: "Mean",
            kernel: "float-1x1",
            macs: 12,
            read_bytes: 48,
            weight_bytes: 0,
            written_bytes: 12,
            cycles: [40, 30, 20, 10],
        },
        Layer {
            node: "count",
            op: "Size",
            kernel: "copy",
            macs: 0,
            read_bytes: 0,
            weight_bytes: 4,
            written_bytes: 4,
            cycles: [40, 30, 20, 10],
        },
    ];

    fn observed<I: Isa, T: Team, O: Observer>(
        &mut self,
        _: I,
        _: &mut T,
        inputs: &[TensorRef<'_>],
        outputs: &mut [TensorMut<'_>],
        observer: &mut O,
    ) -> Result<(), Mismatch> {
        check(&Self::INFO, inputs, outputs)?;
        let [x] = inputs else { unreachable!("checked") };
        let [mean, count] = outputs else { unreachable!("checked") };
        let x = x.array::<f32, 12>(&Self::INFO.inputs[0])?;
        let mean = mean.array::<f32, 3>(&Self::INFO.outputs[0])?;
        *mean = std::array::from_fn(|c| x.iter().skip(c).step_by(3).sum::<f32>() / 4.0);
        observer.ran(0);
        *count.array::<i32, 1>(&Self::INFO.outputs[1])? = [4];
        observer.ran(1);
        Ok(())
    }
}

const ABOUT: About = About {
    classes: &["red", "green", "blue"],
    preprocess: "x/255",
    samples: &[Sample { name: "blue.ppm", bytes: b"P6 1 1 255\n\x00\x00\xff" }],
};

/// The standard library with arguments and streams of the test's own.
#[derive(Default)]
struct Recorder {
    arguments: Vec<Vec<u8>>,
    printed: String,
    complaints: String,
}

impl Host for Recorder {
    fn arguments(&self) -> Vec<Vec<u8>> {
        self.arguments.clone()
    }

    fn read(&mut self, path: &[u8]) -> Result<Vec<u8>, Failure> {
        Standard.read(path)
    }

    fn write(&mut self, path: &[u8], bytes: &[u8]) -> Result<(), Failure> {
        Standard.write(path, bytes)
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.printed += text;
        Ok(())
    }

    fn complain(&mut self, text: &str) {
        self.complaints += text;
    }

    fn now(&self) -> Duration {
        Standard.now()
    }

    fn processors(&mut self) -> usize {
        Standard.processors()
    }

    fn spawn(&mut self, stack_bytes: usize, work: Box<dyn FnOnce() + Send>) -> Result<(), Failure> {
        Standard.spawn(stack_bytes, work)
    }

    fn system(&self) -> &'static dyn System {
        Standard.system()
    }
}

fn run_with(about: &About, arguments: &[&str]) -> Result<String, String> {
    let arguments = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
    let mut host = Recorder { arguments, ..Recorder::default() };
    match (main(&mut Mean, about, &mut host), host.complaints.strip_prefix("error: ")) {
        (0, None) => Ok(host.printed),
        (1, Some(complaint)) => Err(complaint.trim_end().to_owned()),
        (code, complaint) => panic!("exit code {code} with {complaint:?}"),
    }
}

fn mean(arguments: &[&str]) -> Result<String, String> {
    run_with(&ABOUT, arguments)
}

/// A folder of this test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("bakelite-app-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn save(path: &Path, shape: &[usize], elements: &Elements) -> String {
    std::fs::write(path, npy::write(elements.all(), shape)).unwrap();
    path.display().to_string()
}

#[test]
fn samples_and_pictures_are_classified() {
    let printed = mean(&["--isa", "scalar"]).unwrap();
    assert!(printed.starts_with("blue.ppm\n  100.00 %  blue\n    0.00 %  red\n"), "{printed}");
    assert!(printed.contains("kernels  scalar\ntime     "), "{printed}");
    assert!(printed.ends_with("memory   0 arena bytes, 0 weight bytes\n"), "{printed}");
    let folder = folder("pictures");
    let path = folder.join("green.ppm");
    std::fs::write(&path, b"P6 2 1 255\n\x00\xff\x00\x00\xff\x00").unwrap();
    let printed = mean(&[path.to_str().unwrap(), "--preprocess", "x-[0,0,3]"]).unwrap();
    assert!(printed.contains("\n    255.0000  green\n      0.0000  red\n     -3.0000  blue\n"), "{printed}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn raw_tensors_run_item_by_item() {
    let folder = folder("tensors");
    let x = Elements::F32((0..24).map(|x| x as f32).collect());
    let x = save(&folder.join("x.npy"), &[2, 2, 2, 3], &x);
    let (y, n) = (folder.join("y.npy"), folder.join("n.npy"));
    let (out_y, out_n) = (format!("mean={}", y.display()), format!("count:0={}", n.display()));
    let printed = mean(&["--npy", &x, "--out", &out_y, "--out", &out_n]).unwrap();
    assert!(printed.contains("median of 2 runs"), "{printed}");
    let y = npy::parse(&std::fs::read(y).unwrap()).unwrap();
    let expected = vec![4.5, 5.5, 6.5, 16.5, 17.5, 18.5];
    assert_eq!(y, Array { shape: vec![2, 3], elements: Elements::F32(expected) });
    let n = npy::parse(&std::fs::read(n).unwrap()).unwrap();
    assert_eq!(n, Array { shape: vec![2], elements: Elements::I32(vec![4, 4]) });
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_digest_is_the_same_on_every_isa() {
    let expected = mean(&["--digest"]).unwrap();
    assert_eq!(expected.len(), 17);
    for isa in Name::ALL {
        match isa.available() {
            true => assert_eq!(mean(&["--digest", "--isa", isa.as_str()]), Ok(expected.clone()), "{isa}"),
            false => {
                writeln!(std::io::stderr(), "skipped: {isa}: this CPU has it not").expect("stderr is open")
            }
        }
    }
}

#[test]
fn the_digest_is_the_same_on_every_thread_count() {
    let expected = mean(&["--digest"]).unwrap();
    for threads in ["auto", "0", "1", "2", "3", "40"] {
        assert_eq!(mean(&["--digest", "--threads", threads]), Ok(expected.clone()), "{threads}");
    }
}

#[test]
fn bench_help_and_version_say_what_they_should() {
    let printed = mean(&["--bench"]).unwrap();
    for word in ["minimum ", "median ", "p90 ", "GMAC/s"] {
        assert!(printed.contains(word), "{word} in {printed}");
    }
    let printed = mean(&["--bench", "--streams", "3"]).unwrap();
    for word in ["streams  3\n", " inferences/s, ", " of one stream\n", "memory   3 times 0 arena bytes"] {
        assert!(printed.contains(word), "{word} in {printed}");
    }
    let help = mean(&["--help"]).unwrap();
    for word in ["x f32 [1, 2, 2, 3]", "mean f32 [1, 3]", "baked in: x/255", "--npy x=x.npy", "scalar"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    assert!(mean(&["-V"]).unwrap().starts_with("mean (graph 0000000000000abc), baked by bakelite "));
}

#[test]
fn a_profile_lists_every_layer_and_every_kind() {
    let printed = mean(&["--profile", "--isa", "scalar"]).unwrap();
    let words =
        ["float-1x1, Mean, mean/\"sum\"\n", "copy, Size, count\n", "  float, 1 layer\n", "  all, 2 layers\n"];
    for word in
        words.iter().chain(&["machine  ", "kernels  scalar\n", "peak  ", "runs     1000\n", "layers   "])
    {
        assert!(printed.contains(word), "{word} in {printed}");
    }
    let printed = mean(&["--profile", "json", "--isa", "scalar"]).unwrap();
    let words = [
        "\"node\": \"mean/\\\"sum\\\"\", \"op\": \"Mean\", \"kernel\": \"float-1x1\", \"minimum_ms\": 0.0",
        "\"macs\": 12, \"gmacs\": ",
        "\"bytes\": 60, ",
        "\"kind\": \"copy\", \"layers\": 1, ",
        "\"runs\": 1000,\n",
    ];
    for word in words {
        assert!(printed.contains(word), "{word} in {printed}");
    }
}

#[test]
fn arguments_that_cannot_be_met_are_named() {
    let isas: Vec<_> = Name::ALL.iter().filter(|isa| isa.available()).map(|isa| isa.as_str()).collect();
    let error = mean(&["--isa", "mmx"]).unwrap_err();
    assert_eq!(error, format!("--isa: there is no `mmx`\n  help: this CPU has {}", isas.join(", ")));
    let error = mean(&["--preprocess", "y"]).unwrap_err();
    assert!(error.starts_with("preprocess `y`: found `y` at 0, expected a number"), "{error}");
    let error = run_with(&About { samples: &[], ..ABOUT }, &[]).unwrap_err();
    assert!(error.starts_with("no picture is given, and this executable carries no samples"), "{error}");
    let error = mean(&["/nowhere/cat.png"]).unwrap_err();
    assert!(error.starts_with("cannot read /nowhere/cat.png: "), "{error}");
}

#[test]
fn files_that_do_not_fit_are_named() {
    let folder = folder("errors");
    let x = save(&folder.join("x.npy"), &[1, 2, 2, 3], &Elements::F32(vec![0.0; 12]));
    let bytes = save(&folder.join("u8.npy"), &[1, 2, 2, 3], &Elements::U8(vec![0; 12]));
    let out = format!("mean={}", folder.join("y.npy").display());
    let error = mean(&["--npy", &bytes, "--out", &out]).unwrap_err();
    assert_eq!(error, format!("{bytes}: found u8 [1, 2, 2, 3], tensor `x` is f32 [1, 2, 2, 3]"));
    let error = mean(&["--npy", &x]).unwrap_err();
    assert!(error.starts_with("--npy without --out"), "{error}");
    let error = mean(&["--npy", &format!("z={x}"), "--out", &out]).unwrap_err();
    assert_eq!(
        error,
        "--npy: the network has no tensor `z` there\n  help: write --npy NAME=FILE.npy, where NAME is `x`"
    );
    let error = mean(&["--npy", &x, "--npy", &x, "--out", &out]).unwrap_err();
    assert_eq!(error, "--npy: tensor `x` is given twice");
    let error = mean(&["--npy", &x, "--out", "y.npy"]).unwrap_err();
    assert!(
        error.starts_with("--out: one of 2 tensors must be named\n  help: write --out NAME=FILE.npy"),
        "{error}"
    );
    let error = mean(&["--out", &out]).unwrap_err();
    assert_eq!(error, "no file is given for input `x`\n  help: add --npy x=FILE.npy");
    let error = mean(&[&x]).unwrap_err();
    assert_eq!(error, format!("{x}: not a picture: found none of PNG, JPEG, PPM (P6) and PGM (P5)"));
    std::fs::remove_dir_all(folder).unwrap();
}
