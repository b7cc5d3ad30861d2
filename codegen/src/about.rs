//! What people should know of a network beside its graph: names of its classes, the arithmetic on pixels, samples.
//!
//! ```json
//! { "name": "cifar10", "preprocess": "x/127.5-1", "classes": ["airplane", "..."], "samples": ["samples/cat.png"] }
//! ```
//!
//! All entries may be missing, and others are left alone. Samples are found from the description's folder.
use crate::error::Reason;
use quote::quote;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A description with everything it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The network's name, if it has one of its own.
    pub name: Option<String>,
    /// Names of the classes, in the order of the output.
    pub classes: Vec<String>,
    /// The arithmetic on pixels.
    pub preprocess: String,
    /// Sample pictures: file name and content.
    pub samples: Vec<(String, Vec<u8>)>,
}

impl Default for About {
    /// What is known of a graph alone: nothing; pixels stay what they are.
    fn default() -> Self {
        Self { name: None, classes: Vec::new(), preprocess: "x".to_owned(), samples: Vec::new() }
    }
}

impl About {
    /// Reads a description and the samples it names.
    pub fn read(path: &Path) -> Result<Self, Reason> {
        let text = std::fs::read_to_string(path).map_err(|error| failed(path, error))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| failed(path, error))?;
        let wrong = |entry: &str, kind: &str| {
            Reason::new(format!("{}: `{entry}` is {}", path.display(), value[entry])).supported(kind)
        };
        let string = |entry: &str| match &value[entry] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            _ => Err(wrong(entry, "a string")),
        };
        let strings = |entry: &str| match &value[entry] {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => {
                let items = items.iter().map(|item| item.as_str().map(str::to_owned));
                items.collect::<Option<Vec<_>>>().ok_or_else(|| wrong(entry, "a list of strings"))
            }
            _ => Err(wrong(entry, "a list of strings")),
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        Ok(Self {
            name: string("name")?,
            classes: strings("classes")?,
            preprocess: string("preprocess")?.unwrap_or(Self::default().preprocess),
            samples: read_samples(folder, &strings("samples")?)?,
        })
    }

    /// `about.rs`, which defines `ABOUT`, and the samples it includes.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for (name, bytes) in &self.samples {
            files.insert(format!("samples/{name}"), bytes.clone());
        }
        files.insert("about.rs".to_owned(), self.source().into_bytes());
        files
    }

    fn source(&self) -> String {
        let Self { classes, preprocess, samples, .. } = self;
        let samples = samples.iter().map(|(name, _)| {
            let file = format!("samples/{name}");
            quote!(bakelite::app::Sample { name: #name, bytes: include_bytes!(#file) })
        });
        let about = quote! {
            /// What people should know of the network.
            const ABOUT: bakelite::app::About = bakelite::app::About {
                classes: &[#(#classes),*],
                preprocess: #preprocess,
                samples: &[#(#samples),*],
            };
        };
        let file = syn::parse2(about).expect("the item above is Rust");
        prettyplease::unparse(&file)
    }
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Reason {
    Reason::new(format!("{}: {error}", path.display()))
}

fn read_samples(folder: &Path, paths: &[String]) -> Result<Vec<(String, Vec<u8>)>, Reason> {
    let mut names = BTreeSet::new();
    let read = |path: &String| {
        let path = folder.join(path);
        let name = path.file_name().ok_or_else(|| failed(&path, "not a file's name"))?;
        let name = name.to_string_lossy().into_owned();
        if !names.insert(name.clone()) {
            return Err(failed(&path, "two samples have this file name"));
        }
        let bytes = std::fs::read(&path).map_err(|error| failed(&path, error))?;
        Ok((name, bytes))
    };
    paths.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<About, String> {
        let folder = std::env::temp_dir().join(format!("bakelite-about-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("samples")).unwrap();
        std::fs::write(folder.join("samples/cat.png"), b"meow").unwrap();
        let path = folder.join("about.json");
        std::fs::write(&path, text).unwrap();
        let about =
            About::read(&path).map_err(|reason| reason.found.replace(&path.display().to_string(), "FILE"));
        std::fs::remove_dir_all(&folder).unwrap();
        about
    }

    #[test]
    fn a_description_becomes_a_constant_and_its_samples() {
        let text =
            r#"{"name": "pets", "classes": ["c\"at", "dog"], "samples": ["samples/cat.png"], "macs": 12}"#;
        let about = read("whole", text).unwrap();
        assert_eq!((about.name.as_deref(), about.preprocess.as_str()), (Some("pets"), "x"));
        let files = about.files();
        assert_eq!(files["samples/cat.png"], b"meow");
        let source = String::from_utf8(files["about.rs"].clone()).unwrap();
        assert!(source.contains(r#"classes: &["c\"at", "dog"],"#), "{source}");
        assert!(source.contains(r#"bytes: include_bytes!("samples/cat.png"),"#), "{source}");
        assert_eq!(read("empty", "{}").unwrap(), About::default());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(read("classes", r#"{"classes": "cat"}"#).unwrap_err(), "FILE: `classes` is \"cat\"");
        assert_eq!(read("item", r#"{"classes": [1]}"#).unwrap_err(), "FILE: `classes` is [1]");
        assert_eq!(read("preprocess", r#"{"preprocess": 1}"#).unwrap_err(), "FILE: `preprocess` is 1");
        assert!(read("json", "{").unwrap_err().starts_with("FILE: EOF"));
        assert!(read("absent", r#"{"samples": ["no.png"]}"#).unwrap_err().contains("no.png: "));
        let twice = r#"{"samples": ["samples/cat.png", "./samples/cat.png"]}"#;
        assert!(read("twice", twice).unwrap_err().ends_with("two samples have this file name"));
    }
}
