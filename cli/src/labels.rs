//! `labels.csv`: a line `file,class` for each picture, files relative to the list or absolute. A first line whose class is no
//! number is a heading.
use crate::files;
use bakelite_codegen::error::{Problems, Reason};
use std::path::{Path, PathBuf};

/// Pictures and their classes.
#[derive(Debug, PartialEq)]
pub(crate) struct Labels {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) classes: Vec<usize>,
}

impl Labels {
    /// Reads a list; `offset` is added to every class.
    pub(crate) fn read(path: &Path, offset: i64) -> Result<Self, Problems> {
        let bytes = files::read(path)?;
        let text = String::from_utf8(bytes).map_err(|_| files::problem(path, "this is no text"))?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")), offset).map_err(|reason| {
            Problems::file(Reason { found: format!("{}: {}", path.display(), reason.found), ..reason })
        })
    }
    fn parse(text: &str, folder: &Path, offset: i64) -> Result<Self, Reason> {
        let mut labels = Self { files: vec![], classes: vec![] };
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let bad = || {
                let found = format!("line {}: {line:?}", i + 1);
                Reason::new(found).supported("FILE,CLASS, the class a number")
            };
            // The class is last, so that a file's name may hold commas.
            let (file, class) = line.rsplit_once(',').ok_or_else(bad)?;
            match class.trim().parse::<i64>() {
                Ok(class) => {
                    let shifted = class.checked_add(offset).and_then(|c| usize::try_from(c).ok());
                    let help = "see --classes-offset";
                    labels.classes.push(shifted.ok_or_else(|| bad().help(help))?);
                    labels.files.push(folder.join(file.trim()));
                }
                Err(_) if i == 0 => {}
                Err(_) => return Err(bad()),
            }
        }
        if labels.files.is_empty() {
            return Err(
                Reason::new("there are no pictures in the list").supported("a line FILE,CLASS for each")
            );
        }
        Ok(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_refused() {
        let read = |text, offset| Labels::parse(text, Path::new("d"), offset);
        let labels = read("file,class\na.png,3\n\n/b, c.png,0\n", 1).unwrap();
        assert_eq!(labels.files, [PathBuf::from("d/a.png"), PathBuf::from("/b, c.png")]);
        assert_eq!(labels.classes, [4, 1]);
        assert_eq!(read("a.png,1\nb.png,cat", 0).unwrap_err().found, "line 2: \"b.png,cat\"");
        assert_eq!(read("a.png,0", -1).unwrap_err().help, "see --classes-offset");
        assert_eq!(read("a.png", 0).unwrap_err().supported, "FILE,CLASS, the class a number");
        assert!(read("file,class\n", 0).is_err());
    }
}
