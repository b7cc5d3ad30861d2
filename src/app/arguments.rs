//! The arguments, by hand: a baked executable carries few dependencies.

use super::error::Error;
use super::profile::Form;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::{IntoIter, Vec};
use core::iter::Peekable;

/// What to do.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Help,
    Version,
    Digest,
    Bench,
    Profile(Form),
    /// Classify the pictures inside the executable.
    Samples,
    /// Classify pictures.
    Pictures(Vec<Vec<u8>>),
    /// Run raw tensors; each is `[NAME=]FILE.npy`.
    Tensors {
        inputs: Vec<Vec<u8>>,
        outputs: Vec<Vec<u8>>,
    },
}

/// What to do and how.
#[derive(Debug, PartialEq)]
pub(super) struct Arguments {
    pub(super) command: Command,
    pub(super) isa: Option<String>,
    pub(super) preprocess: Option<String>,
    /// Threads that share an inference; 0 is as many as there are processors.
    pub(super) threads: usize,
    /// Instances that `--bench` runs at the same time.
    pub(super) streams: Option<usize>,
}

/// The arguments as they were found.
#[derive(Default)]
struct Found {
    /// `--help` and its like; the first decides.
    mode: Option<(&'static str, Command)>,
    pictures: Vec<Vec<u8>>,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
    isa: Option<Vec<u8>>,
    preprocess: Option<Vec<u8>>,
    threads: Option<usize>,
    streams: Option<usize>,
}

/// Reads the arguments behind the program's name.
pub(super) fn parse(arguments: Vec<Vec<u8>>) -> Result<Arguments, Error> {
    let mut found = Found::default();
    let mut arguments = arguments.into_iter().peekable();
    while let Some(argument) = arguments.next() {
        match str::from_utf8(&argument) {
            Ok("--") => found.pictures.extend(&mut arguments),
            Ok(option) if option.starts_with('-') && option.len() > 1 => {
                found.option(option, &mut arguments)?;
            }
            _ => found.pictures.push(argument),
        }
    }
    found.finish()
}

impl Found {
    /// One option; its value follows it or stands behind `=`.
    fn option(&mut self, option: &str, rest: &mut Peekable<IntoIter<Vec<u8>>>) -> Result<(), Error> {
        let (name, inline) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.as_bytes().to_vec())),
            None => (option, None),
        };
        let has_value = inline.is_some();
        let mut value = |name| inline.clone().or_else(|| rest.next()).ok_or(Error::Value(name));
        match name {
            "--isa" => self.isa = Some(value("--isa")?),
            "--preprocess" => self.preprocess = Some(value("--preprocess")?),
            "--threads" => self.threads = Some(count("--threads", &value("--threads")?, 0)?),
            "--streams" => self.streams = Some(count("--streams", &value("--streams")?, 1)?),
            "--npy" => self.inputs.push(value("--npy")?),
            "--out" => self.outputs.push(value("--out")?),
            "--profile" => {
                let json = rest.next_if(|next| inline.is_none() && next == b"json").or(inline);
                self.mode("--profile", Command::Profile(form(json)?));
            }
            _ if has_value => return Err(Error::Option(option.to_owned())),
            "-h" | "--help" => self.mode("--help", Command::Help),
            "-V" | "--version" => self.mode("--version", Command::Version),
            "--digest" => self.mode("--digest", Command::Digest),
            "--bench" => self.mode("--bench", Command::Bench),
            _ => return Err(Error::Option(option.to_owned())),
        }
        Ok(())
    }

    fn mode(&mut self, name: &'static str, command: Command) {
        self.mode.get_or_insert((name, command));
    }

    fn finish(self) -> Result<Arguments, Error> {
        let text = |value: Vec<u8>| shown(&value);
        let (isa, preprocess) = (self.isa.map(text), self.preprocess.map(text));
        let raw = !self.inputs.is_empty() || !self.outputs.is_empty();
        let picture = self.pictures.first().map(|picture| shown(picture));
        let command = match (self.mode, picture) {
            (Some((_, command @ (Command::Help | Command::Version))), _) => command,
            (Some((mode, _)), Some(picture)) => return Err(Error::Conflict { one: picture, other: mode }),
            (Some((mode, _)), None) if raw => {
                return Err(Error::Conflict { one: "--npy/--out".to_owned(), other: mode });
            }
            (Some((_, command)), None) => command,
            (None, Some(picture)) if raw => {
                let other = "--npy and --out: give pictures or raw tensors";
                return Err(Error::Conflict { one: picture, other });
            }
            (None, _) if raw => Command::Tensors { inputs: self.inputs, outputs: self.outputs },
            (None, Some(_)) => Command::Pictures(self.pictures),
            (None, None) => Command::Samples,
        };
        if self.streams.is_some() && command != Command::Bench {
            return Err(Error::Conflict { one: "--streams".to_owned(), other: "anything but --bench" });
        }
        if self.streams.is_some() && self.threads.is_some_and(|threads| threads != 1) {
            let other = "--threads: each stream is one thread";
            return Err(Error::Conflict { one: "--streams".to_owned(), other });
        }
        Ok(Arguments { command, isa, preprocess, threads: self.threads.unwrap_or(1), streams: self.streams })
    }
}

/// The most threads or streams: more than any machine has processors for.
const MOST: usize = 1024;

/// A number of threads or streams.
fn count(option: &'static str, value: &[u8], least: usize) -> Result<usize, Error> {
    let number = str::from_utf8(value).ok().and_then(|value| value.parse().ok());
    let number = if value == b"auto" { Some(0) } else { number };
    let fits = number.filter(|number| (least..=MOST).contains(number));
    fits.ok_or_else(|| Error::Count { option, value: shown(value), least, most: MOST })
}

/// What `--profile` shall print.
fn form(value: Option<Vec<u8>>) -> Result<Form, Error> {
    match value.as_deref() {
        None => Ok(Form::Text),
        Some(b"json") => Ok(Form::Json),
        Some(other) => Err(Error::Form(shown(other))),
    }
}

/// `NAME=FILE` or `FILE`.
pub(super) fn name_and_file(argument: &[u8]) -> (Option<String>, &[u8]) {
    match str::from_utf8(argument).ok().and_then(|argument| argument.split_once('=')) {
        Some((name, file)) => (Some(name.to_owned()), file.as_bytes()),
        None => (None, argument),
    }
}

/// An argument or path for people.
pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;
    use std::vec;

    fn parsed(arguments: &[&str]) -> Result<Arguments, String> {
        let arguments = arguments.iter().map(|argument| argument.as_bytes().to_vec());
        parse(arguments.collect()).map_err(|error| error.to_string())
    }

    fn command(arguments: &[&str]) -> Command {
        parsed(arguments).unwrap().command
    }

    #[test]
    fn each_form_is_its_command() {
        assert_eq!(command(&[]), Command::Samples);
        assert_eq!(
            command(&["a.png", "--", "--b.png"]),
            Command::Pictures(vec!["a.png".into(), "--b.png".into()])
        );
        assert_eq!(command(&["--digest"]), Command::Digest);
        assert_eq!(command(&["--bench", "--isa", "avx2"]), Command::Bench);
        assert_eq!(command(&["--profile", "--isa", "avx2"]), Command::Profile(Form::Text));
        assert_eq!(command(&["--profile", "json"]), Command::Profile(Form::Json));
        assert_eq!(command(&["--profile=json"]), Command::Profile(Form::Json));
        assert_eq!(command(&["a.png", "--help"]), Command::Help);
        assert_eq!(
            command(&["--npy", "x=in.npy", "--out=y=out.npy"]),
            Command::Tensors { inputs: vec!["x=in.npy".into()], outputs: vec!["y=out.npy".into()] }
        );
        let arguments = parsed(&["--bench", "--streams", "2"]).unwrap();
        assert_eq!((arguments.threads, arguments.streams), (1, Some(2)));
        assert_eq!(parsed(&["--threads=auto"]).unwrap().threads, 0);
        assert_eq!(parsed(&["--digest", "--threads", "3"]).unwrap().threads, 3);
        let arguments = parsed(&["--isa=scalar", "--preprocess", "x/255"]).unwrap();
        assert_eq!(
            (arguments.isa.as_deref(), arguments.preprocess.as_deref()),
            (Some("scalar"), Some("x/255"))
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = |arguments: &[&str]| parsed(arguments).unwrap_err();
        assert_eq!(error(&["--iza", "avx2"]), "unknown option `--iza`");
        assert_eq!(error(&["--digest=1"]), "unknown option `--digest=1`");
        assert_eq!(error(&["--isa"]), "`--isa` needs a value");
        assert_eq!(error(&["--threads", "-1"]), "--threads: `-1` is not a number from 0 to 1024");
        assert_eq!(error(&["--bench", "--streams=0"]), "--streams: `0` is not a number from 1 to 1024");
        assert_eq!(error(&["--digest", "--streams=2"]), "`--streams` does not go with anything but --bench");
        assert_eq!(
            error(&["--bench", "--streams=2", "--threads=2"]),
            "`--streams` does not go with --threads: each stream is one thread"
        );
        assert_eq!(error(&["--profile=xml"]), "--profile: there is no form `xml`");
        assert_eq!(error(&["--profile", "xml"]), "`xml` does not go with --profile");
        assert_eq!(error(&["--bench", "a.png"]), "`a.png` does not go with --bench");
        assert_eq!(
            error(&["a.png", "--npy", "x.npy"]),
            "`a.png` does not go with --npy and --out: give pictures or raw tensors"
        );
    }
}
