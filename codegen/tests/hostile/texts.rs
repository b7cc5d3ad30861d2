//! Damaged texts: graphs, ranges, tiles, descriptions.
use crate::network::{Network, random};
use crate::networks::forms;
use crate::random::Random;
use crate::{attempts, mutate};
use bakelite_codegen::about::About;
use bakelite_codegen::calibrate::{Sample, ranges};
use bakelite_codegen::error::Problems;
use bakelite_codegen::graph::Graph;
use bakelite_codegen::quantize::{Options, Report, quantize};
use bakelite_codegen::tune::{self, Tiles};
use bakelite_codegen::{calibrate, compile, facts, graphdef, lower};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Damages of each kind of text.
const DAMAGES: u64 = 3000;

/// What stands for a number.
const SPITEFUL: [&str; 14] = [
    "0",
    "-1",
    "NaN",
    "inf",
    "-inf",
    "1e39",
    "-1e-46",
    "1e999",
    "4294967296",
    "18446744073709551616",
    "-9223372036854775809",
    "0x7fffffff",
    "",
    "\u{1F980}",
];

/// One to three damages to a text: to its bytes, its lines, or its words.
fn damage(text: &str, random: &mut Random) -> Vec<u8> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..1 + random.below(3) {
        let at = random.below(lines.len());
        match random.below(8) {
            0 => return mutate::flip(lines.join("\n").into_bytes(), random),
            1 if !lines.is_empty() => drop(lines.remove(at)),
            2 => lines.extend(lines.get(at).cloned()),
            _ => lines.iter_mut().skip(at).take(1).for_each(|line| *line = words(line, random)),
        }
    }
    lines.join("\n").into_bytes()
}

/// Another word in place of one.
fn words(line: &str, random: &mut Random) -> String {
    let is_inside = |c: char| c.is_alphanumeric() || "+-._/".contains(c);
    let words: Vec<&str> = line.split(|c| !is_inside(c)).filter(|word| !word.is_empty()).collect();
    let Some(word) = random.pick(&words) else { return SPITEFUL[random.below(SPITEFUL.len())].to_owned() };
    line.replacen(*word, SPITEFUL[random.below(SPITEFUL.len())], 1 + random.below(2))
}

fn says(problems: &Problems) {
    assert!(!problems.0.is_empty() && !problems.to_string().is_empty(), "an error that says nothing");
}

/// An fp32 network with something of everything.
fn network() -> Graph {
    let form = forms().find(|form| form.name == "residual").expect("a form of that name");
    let mut n = Network::new(&[-1, 6, 6, 4]);
    let y = (form.build)(&mut n);
    n.finish(y)
}

fn quantized(ranges: Option<ranges::Saved>) -> Result<(Graph, Report), Problems> {
    let samples: Vec<Sample> = (0..2).map(|seed| vec![Arc::new(random(&[1, 6, 6, 4], seed))]).collect();
    let calibration = calibrate::Options { ranges, ..Default::default() };
    let (inputs, outputs) = (vec!["x".into()], vec!["y".into()]);
    let options = Options { inputs, outputs, calibration, ..Options::default() };
    quantize(network(), &options, &samples, &mut |_, _, _| {})
}

#[test]
fn damaged_ranges_are_used_or_refused() {
    attempts::limited("texts::damaged_ranges_are_used_or_refused", || {
        let (_, report) = quantized(None).expect("the network quantizes");
        let text = ranges::write(&report.calibration, &report.choices).expect("its names fit");
        let used = attempts::all(
            DAMAGES / 4,
            |_| "ranges".into(),
            |_, random| {
                let Ok(text) = String::from_utf8(damage(&text, random)) else { return false };
                let result = ranges::parse("damaged", &text).and_then(|saved| quantized(Some(saved)));
                result.as_ref().err().into_iter().for_each(says);
                result.is_ok_and(|(graph, _)| compile::compile(&graph, &compile::Options::default()).is_ok())
            },
        );
        attempts::came_far(&used, DAMAGES as usize / 40);
    });
}

#[test]
fn damaged_tiles_are_used_or_refused() {
    attempts::limited("texts::damaged_tiles_are_used_or_refused", || {
        let (graph, _) = quantized(None).expect("the network quantizes");
        let (facts, problems) = facts::infer(&graph, &HashMap::from([("x".to_owned(), vec![1, 6, 6, 4])]));
        assert_eq!(problems, Problems::default());
        let program = lower::lower(&graph, &facts, &Tiles::default()).expect("it compiles");
        let products = program.layers.iter().filter_map(|layer| Some((layer.product()?, "fast".to_owned())));
        let text = tune::text("a machine", &products.collect::<Vec<_>>());
        assert!(text.lines().count() > 2, "{text}");
        let used = attempts::all(
            DAMAGES,
            |_| "tiles".into(),
            |_, random| {
                let Ok(text) = String::from_utf8(damage(&text, random)) else { return false };
                let result = Tiles::parse(Path::new("damaged"), &text).and_then(|tiles| {
                    compile::compile(&graph, &compile::Options { tiles, ..Default::default() })
                });
                result.as_ref().err().into_iter().for_each(says);
                result.is_ok()
            },
        );
        attempts::came_far(&used, DAMAGES as usize / 100);
    });
}

#[test]
fn damaged_descriptions_are_used_or_refused() {
    attempts::limited("texts::damaged_descriptions_are_used_or_refused", || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("a.png"), b"pixels").expect("a temporary folder can be written");
        let text = "{\n\"name\": \"net\",\n\"classes\": [\"cat\", \"dog \\u00e9\"],\n\"preprocess\": \"x/127.5-1\",\n\
                    \"samples\": [\"a.png\"]\n}";
        let path = folder.path().join("about.json");
        let used = attempts::all(
            DAMAGES,
            |_| "about".into(),
            |_, random| {
                std::fs::write(&path, damage(text, random)).expect("a temporary folder can be written");
                About::read(&path).map(|about| assert!(about.files().contains_key("about.rs"))).is_ok()
            },
        );
        attempts::came_far(&used, DAMAGES as usize / 20);
    });
}

#[test]
fn damaged_text_graphs_are_read_or_refused() {
    attempts::limited("texts::damaged_text_graphs_are_read_or_refused", || {
        let text = include_str!("graph.pbtxt");
        assert!(graphdef::read(text.as_bytes()).is_ok());
        let read = attempts::all(
            DAMAGES,
            |_| "text".into(),
            |_, random| {
                let result = graphdef::read(&damage(text, random));
                result.as_ref().err().into_iter().for_each(says);
                result.is_ok_and(|graph| facts::infer(&graph, &HashMap::new()).1.0.is_empty())
            },
        );
        attempts::came_far(&read, DAMAGES as usize / 100);
    });
}
