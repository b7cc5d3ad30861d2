//! Measured tiles: the text that `bakelite tune` writes and later builds read.
//!
//! ```text
//! bakelite tune 1
//! machine AMD EPYC (family 26, model 2), avx512vnni
//! pixels=196 channels=256 runs=3 k4=192 sum=no tile=6  # 6: 0.2401 ms, 5: 0.2433 ms
//! ```
//!
//! A line a shape of a product; `#` begins a comment. A shape that has no line keeps the cost model's tile. A line that
//! says nothing of the network is refused: it is of another network, or of a graph that has changed.
use crate::cost::{Shape, Tiled};
use crate::error::{Problems, Reason};
use crate::lower::Program;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The first line.
const HEAD: &str = "bakelite tune 1";
/// The longest file that is read; a network has some hundred shapes.
const LONGEST: u64 = 1 << 20;
/// What to do about any line.
const AGAIN: &str = "measure again: bakelite tune NET8.pb -o FILE";

/// The tiles of a file, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tiles {
    /// Where they come from, for messages.
    path: PathBuf,
    /// The rows of a tile, and the line that says so.
    rows: BTreeMap<Shape, (usize, usize)>,
}

impl Tiles {
    /// Tiles that come from no file.
    pub fn new(products: impl IntoIterator<Item = Tiled>) -> Self {
        let rows = products.into_iter().map(|product| (product.shape, (product.rows, 0)));
        Self { path: PathBuf::new(), rows: rows.collect() }
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        let failed = |found: String| Problems::file(Reason::new(format!("{}: {found}", path.display())));
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
        read.map_err(|error| failed(error.to_string()))?;
        if bytes.len() as u64 > LONGEST {
            return Err(failed(format!("more than {LONGEST} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
        Self::parse(path, &text)
    }

    /// Reads a text, and finds everything that is wrong with it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Problems> {
        let (mut tiles, mut problems) =
            (Self { path: path.to_owned(), rows: BTreeMap::new() }, Problems::default());
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let mut lines = (1..).zip(lines).filter(|(_, line)| !line.is_empty());
        match lines.next() {
            Some((_, HEAD)) => {}
            head => {
                let (number, found) = head.unwrap_or((1, ""));
                return Err(Problems::file(tiles.reason(number, found).supported(format!("`{HEAD}`"))));
            }
        }
        for (number, line) in lines.filter(|(_, line)| !line.starts_with("machine ")) {
            let added = product(line).and_then(|product| tiles.add(product, number));
            added.unwrap_or_else(|supported| {
                problems.add("", "", tiles.reason(number, line).supported(supported))
            });
        }
        problems.into_result(tiles)
    }

    /// Adds a line, or says what would be right.
    fn add(&mut self, product: Tiled, number: usize) -> Result<(), String> {
        let tiles: Vec<usize> = product.candidates().map(|candidate| candidate.rows).collect();
        if !tiles.contains(&product.rows) {
            let tiles: Vec<String> = tiles.iter().map(ToString::to_string).collect();
            return Err(format!("tile={}", tiles.join("|")));
        }
        match self.rows.insert(product.shape, (product.rows, number)) {
            None => Ok(()),
            Some((_, before)) => Err(format!("one line a shape; line {before} has this one")),
        }
    }

    fn reason(&self, number: usize, found: &str) -> Reason {
        Reason::new(format!("{}: line {number}: `{found}`", self.path.display())).help(AGAIN)
    }

    /// The rows of a tile for a shape.
    pub fn rows(&self, shape: &Shape) -> Option<usize> {
        self.rows.get(shape).map(|(rows, _)| *rows)
    }

    /// Whether the program has every shape.
    pub fn check(&self, program: &Program) -> Result<(), Problems> {
        let shapes: Vec<Shape> =
            program.layers.iter().filter_map(|layer| Some(layer.product()?.shape)).collect();
        let mut problems = Problems::default();
        for (shape, (_, number)) in self.rows.iter().filter(|(shape, _)| !shapes.contains(shape)) {
            let reason = self.reason(*number, &shape.to_string());
            problems.add("", "", reason.supported("shapes of products of this network"));
        }
        problems.into_result(())
    }
}

/// The product of a line, or what a line is.
fn product(line: &str) -> Result<Tiled, String> {
    const KEYS: [&str; 6] = ["pixels", "channels", "runs", "k4", "sum", "tile"];
    let wanted = || "machine NAME, or pixels=N channels=N runs=N k4=N sum=yes|no tile=N".to_owned();
    let mut values = [0; 6];
    let mut words = line.split_whitespace();
    for (value, key) in values.iter_mut().zip(KEYS) {
        let (found, text) = words.next().and_then(|word| word.split_once('=')).ok_or_else(wanted)?;
        let number = match (key, text) {
            ("sum", "yes") => Some(1),
            ("sum", "no") => Some(0),
            ("sum", _) => None,
            _ => text.parse().ok().filter(|number| (1..=u32::MAX as usize).contains(number)),
        };
        *value = number.filter(|_| found == key).ok_or_else(wanted)?;
    }
    let [pixels, channels, runs, k4, sum, rows] = values;
    match words.next() {
        None => {
            let shape = Shape { pixels, channels, runs, k4, sum: sum == 1 };
            Ok(Tiled { shape, padding: None, rows, short_steps: 0 })
        }
        Some(_) => Err(wanted()),
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pixels, channels, runs, k4, sum } = self;
        let sum = if *sum { "yes" } else { "no" };
        write!(f, "pixels={pixels} channels={channels} runs={runs} k4={k4} sum={sum}")
    }
}

/// The text of a file: the machine, and products with a comment each.
pub fn text(machine: &str, products: &[(Tiled, String)]) -> String {
    let mut text = format!("{HEAD}\nmachine {}\n", machine.replace(['\n', '#'], " "));
    for (Tiled { shape, rows, .. }, comment) in products {
        let _ = writeln!(text, "{shape} tile={rows}  # {comment}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { pixels: 196, channels: 256, runs: 3, k4: 192, sum: false };

    fn parse(text: &str) -> Result<Tiles, String> {
        Tiles::parse(Path::new("t"), text).map_err(|problems| problems.to_string())
    }

    #[test]
    fn what_is_written_is_read() {
        let product = Tiled { shape: SHAPE, padding: None, rows: 5, short_steps: 0 };
        let sum = Tiled { shape: Shape { sum: true, ..SHAPE }, rows: 6, ..product };
        let written = text("a # b\nc", &[(product, "5: 1 ms".into()), (sum, "6: 2 ms".into())]);
        let tiles = parse(&written).unwrap();
        assert_eq!([SHAPE, sum.shape].map(|shape| tiles.rows(&shape)), [Some(5), Some(6)], "{written}");
        assert_eq!(tiles.rows(&Shape { k4: 1, ..SHAPE }), None);
        assert_eq!(parse("# a comment\n\nbakelite tune 1\n").unwrap().rows.len(), 0);
    }

    #[test]
    fn every_line_that_is_wrong_is_named() {
        let error = parse("bakelite tune 2\n").unwrap_err();
        assert!(
            error.starts_with("error: t: line 1: `bakelite tune 2`; supported: `bakelite tune 1`"),
            "{error}"
        );
        assert!(parse("").unwrap_err().contains("line 1"));
        let good = format!("{SHAPE} tile=");
        let lines = [
            "machine x".to_owned(),
            format!("{good}9"),
            format!("{good}4"),
            format!("{good}5"),
            format!("{good}5 more=1"),
            good.replace("196", "-1") + "5",
            good.replace("196", "99999999999999999999") + "5",
            good.replace("sum=no", "sum=1") + "5",
            good.replace("k4", "k5") + "5",
            "pixels".to_owned(),
        ];
        let error = parse(&format!("{HEAD}\n{}", lines.join("\n"))).unwrap_err();
        let found: Vec<_> = error.lines().filter(|line| line.starts_with("error")).collect();
        assert_eq!(found.len(), 8, "{error}");
        assert!(
            found[0].contains("line 3: ") && found[0].ends_with("supported: tile=8|7|6|5|4|3|2|1"),
            "{error}"
        );
        assert!(found[1].contains("line 5: ") && found[1].ends_with("line 4 has this one"), "{error}");
        assert!(found[2..].iter().all(|line| line.ends_with("sum=yes|no tile=N")), "{error}");
    }
}
