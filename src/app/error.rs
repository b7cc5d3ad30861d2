//! What can go wrong at the command line; each is one sentence and, where there is one, what to do next.

use crate::host::Failure;
use crate::kernels::Name;
use crate::network::Mismatch;
use crate::{npy, picture, preprocess};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Error {
    /// An option nobody knows.
    Option(String),
    /// An option without its value.
    Value(&'static str),
    /// A number that is none, or too small or large.
    Count { option: &'static str, value: String, least: usize, most: usize },
    /// Threads that do not start.
    Threads(Failure),
    /// A form of a profile that does not exist.
    Form(String),
    /// An option or argument that does not go with another.
    Conflict { one: String, other: &'static str },
    /// An ISA that does not exist or that this CPU lacks.
    Isa { name: String, known: bool },
    /// An expression.
    Preprocess(preprocess::Error),
    /// A file that cannot be read or written.
    File { path: String, verb: &'static str, error: Failure },
    /// A picture.
    Picture { name: String, error: picture::Error },
    /// A network that takes more than a picture.
    Inputs { name: String, inputs: usize },
    /// A file of numbers.
    Npy { path: String, error: npy::Error },
    /// A tensor of no such name, or one of several without a name.
    Tensor { option: &'static str, name: Option<String>, names: Vec<&'static str> },
    /// A tensor given twice.
    Twice { option: &'static str, name: &'static str },
    /// An input without a file.
    Missing { name: &'static str },
    /// Inputs without a place for the outputs.
    NoOut,
    /// A file of another type or shape than its tensor.
    Shape { path: String, found: String, tensor: &'static str, expected: String },
    /// Files with different numbers of items.
    Batch { path: String, found: usize, expected: usize },
    /// An output whose items cannot be put behind each other.
    Stack { tensor: &'static str },
    /// The executable has no sample pictures.
    NoSamples,
    /// The network refused its tensors.
    Run(Mismatch),
    /// Standard output is closed or full.
    Print(Failure),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Option(option) => write!(f, "unknown option `{option}`"),
            Error::Value(option) => write!(f, "`{option}` needs a value"),
            Error::Count { option, value, least, most } => {
                write!(f, "{option}: `{value}` is not a number from {least} to {most}")
            }
            Error::Threads(error) => write!(f, "cannot start a thread: {error}"),
            Error::Form(form) => write!(f, "--profile: there is no form `{form}`"),
            Error::Conflict { one, other } => write!(f, "`{one}` does not go with {other}"),
            Error::Isa { name, known: true } => write!(f, "--isa: this CPU lacks {name}"),
            Error::Isa { name, known: false } => write!(f, "--isa: there is no `{name}`"),
            Error::Preprocess(error) => error.fmt(f),
            Error::File { path, verb, error } => write!(f, "cannot {verb} {path}: {error}"),
            Error::Picture { name, error } => write!(f, "{name}: {error}"),
            Error::Inputs { name, inputs } => {
                write!(f, "{name}: the network has {inputs} inputs, a picture is one")
            }
            Error::Npy { path, error } => write!(f, "{path}: {error}"),
            Error::Tensor { option, name: Some(name), .. } => {
                write!(f, "{option}: the network has no tensor `{name}` there")
            }
            Error::Tensor { option, name: None, names } => {
                write!(f, "{option}: one of {} tensors must be named", names.len())
            }
            Error::Twice { option, name } => write!(f, "{option}: tensor `{name}` is given twice"),
            Error::Missing { name } => write!(f, "no file is given for input `{name}`"),
            Error::NoOut => f.write_str("--npy without --out: nothing of the run would be kept"),
            Error::Shape { path, found, tensor, expected } => {
                write!(f, "{path}: found {found}, tensor `{tensor}` is {expected}")
            }
            Error::Batch { path, found, expected } => {
                write!(f, "{path}: found {found} items, the other inputs have {expected}")
            }
            Error::Stack { tensor } => {
                write!(f, "output `{tensor}` has no leading dimension of 1, so only one item can run")
            }
            Error::NoSamples => f.write_str("no picture is given, and this executable carries no samples"),
            Error::Run(mismatch) => mismatch.fmt(f),
            Error::Print(error) => write!(f, "cannot print: {error}"),
        }
    }
}

impl Error {
    /// What to do next.
    pub(super) fn help(&self) -> Option<String> {
        let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        match self {
            Error::Option(_) | Error::Value(_) | Error::Conflict { .. } => {
                Some("--help lists every option with examples".to_owned())
            }
            Error::Form(_) => Some("--profile prints a table, --profile json the same as JSON".to_owned()),
            Error::Isa { .. } => {
                let available = Name::ALL.iter().filter(|isa| isa.available());
                let names: Vec<_> = available.map(|isa| isa.as_str()).collect();
                Some(format!("this CPU has {}", names.join(", ")))
            }
            Error::Preprocess(_) => {
                Some("forms: x, x/255, x/127.5-1, (x-127)/128, x-[124,117,104]".to_owned())
            }
            Error::Tensor { option, names, .. } => {
                Some(format!("write {option} NAME=FILE.npy, where NAME is {}", quoted(names).join(" or ")))
            }
            Error::Missing { name } => Some(format!("add --npy {name}=FILE.npy")),
            Error::NoOut => Some("add --out FILE.npy".to_owned()),
            Error::NoSamples => Some("give a PICTURE; --help shows more".to_owned()),
            Error::Inputs { .. } | Error::Picture { error: picture::Error::Input { .. }, .. } => {
                Some("run it on raw tensors: --npy IN.npy --out OUT.npy".to_owned())
            }
            _ => None,
        }
    }
}
