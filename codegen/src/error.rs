//! What goes wrong and what to do about it.
//!
//! A [`Reason`] is what an operation knows: what was found, what is supported, what to do next. The caller adds the
//! node and its op and gets a [`Problem`]. Problems are collected, so that one run names everything that is wrong.
use std::fmt;

/// Why an operation says no, without the node it happened at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What the file holds, e.g. `data_format "NCHW"`.
    pub found: String,
    /// What is supported in its place, e.g. `data_format "NHWC"`; empty where the first says it all.
    pub supported: String,
    /// The next step for the reader; empty where there is none to recommend.
    pub help: String,
}

impl Reason {
    /// A reason that only says what was found.
    pub fn new(found: impl Into<String>) -> Self {
        Self { found: found.into(), supported: String::new(), help: String::new() }
    }
    /// Adds what is supported.
    #[must_use]
    pub fn supported(mut self, supported: impl Into<String>) -> Self {
        self.supported = supported.into();
        self
    }
    /// Adds the next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

/// One thing that is wrong with a graph or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The node's name; empty for what concerns the whole file.
    pub node: String,
    /// The node's op; empty likewise.
    pub op: String,
    /// What was found, what is supported, what to do.
    pub reason: Reason,
}

impl fmt::Display for Problem {
    /// `Conv2D "a/b": data_format "NCHW"; supported: "NHWC"` and, on a second line, `  help: ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.op.is_empty(), self.node.is_empty()) {
            (true, true) => {}
            (true, false) => write!(f, "`{}`: ", shown(&self.node))?,
            (false, _) => write!(f, "{} `{}`: ", shown(&self.op), shown(&self.node))?,
        }
        f.write_str(&shown(&self.reason.found))?;
        if !self.reason.supported.is_empty() {
            write!(f, "; supported: {}", shown(&self.reason.supported))?;
        }
        if !self.reason.help.is_empty() {
            write!(f, "\n  help: {}", shown(&self.reason.help))?;
        }
        Ok(())
    }
}

/// Text of a file for a terminal: control characters (a file must not drive the terminal) are escaped, and of more than
/// [`LONGEST`] characters the middle is left out.
fn shown(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let count = text.chars().count();
    if count <= LONGEST {
        return text.chars().map(escape).collect();
    }
    let head: String = text.chars().take(LONGEST / 2).map(escape).collect();
    let tail: String = text.chars().skip(count - LONGEST / 2).map(escape).collect();
    format!("{head} ... {tail}")
}

/// Of one part of a message, this many characters are shown.
const LONGEST: usize = 600;

/// Of one file's problems, this many are shown; the rest is counted.
const MOST: usize = 40;

/// Everything that is wrong, in the order it was found. Never empty when it is returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// One problem of the whole file.
    pub fn file(reason: Reason) -> Self {
        Self(vec![Problem { node: String::new(), op: String::new(), reason }])
    }
    /// One problem at a node.
    pub fn at(node: &str, op: &str, reason: Reason) -> Self {
        let mut problems = Self::default();
        problems.add(node, op, reason);
        problems
    }
    /// Adds a problem at a node.
    pub fn add(&mut self, node: &str, op: &str, reason: Reason) {
        self.0.push(Problem { node: node.to_owned(), op: op.to_owned(), reason });
    }
    /// `Ok(value)` if nothing was collected.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().take(MOST).enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "error: {problem}")?;
        }
        if self.0.len() > MOST {
            write!(f, "\nerror: and {} more problems", self.0.len() - MOST)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
