//! `labels.csv`: a line `file,class` for each picture, files relative to the list or absolute.
use crate::files;
use bakelite_codegen::error::{Problems, Reason};
use std::path::{Path, PathBuf};

/// The files, and the classes with the offset added; at most `limit`.
pub(crate) fn csv(path: &Path, offset: i64, limit: usize) -> Result<(Vec<PathBuf>, Vec<usize>), Problems> {
    let bytes = files::read(path)?;
    let mut reader = ::csv::ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).trim(::csv::Trim::All).from_reader(&bytes[..]);
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut files, mut classes, mut bad) = (vec![], vec![], vec![]);
    for (i, record) in reader.into_records().enumerate() {
        match record.map_err(|e| e.to_string()).and_then(|r| line(&r, offset)) {
            Ok((file, class)) => {
                files.push(folder.join(file));
                classes.push(class);
            }
            // The first line may be the names of the columns.
            Err(_) if i == 0 && header(&bytes, folder) => {}
            Err(found) => bad.push(format!("line {}: {found}", i + 1)),
        }
        if files.len() == limit {
            break;
        }
    }
    let supported = "`file,class`, the class a whole number";
    problems(path, &bad, files.len() + bad.len(), supported)?;
    if files.is_empty() {
        return Err(Problems::file(files::reason(path, "there are no lines").supported(supported)));
    }
    Ok((files, classes))
}

fn line(record: &::csv::StringRecord, offset: i64) -> Result<(PathBuf, usize), String> {
    let fields: Vec<&str> = record.iter().collect();
    let [file, class] = fields[..] else {
        return Err(format!("{} fields", fields.len()));
    };
    let number: i64 = class.parse().map_err(|_| format!("class {class:?}"))?;
    let shifted = number.checked_add(offset).and_then(|c| usize::try_from(c).ok());
    let class = shifted.ok_or_else(|| format!("class {class:?} and --classes-offset {offset}"))?;
    if file.is_empty() { Err("no file".to_owned()) } else { Ok((file.into(), class)) }
}

/// Whether the first line names columns: it has two fields, no number and no file.
fn header(bytes: &[u8], folder: &Path) -> bool {
    let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    first.split_once(',').is_some_and(|(name, class)| {
        class.trim().parse::<i64>().is_err() && !folder.join(name.trim()).exists()
    })
}

/// One problem that counts, and one for each.
pub(crate) fn problems(path: &Path, bad: &[String], all: usize, supported: &str) -> Result<(), Problems> {
    if bad.is_empty() {
        return Ok(());
    }
    let found = format!("{} of {all} labels cannot be used", bad.len());
    let mut problems = Problems::file(files::reason(path, found).supported(supported));
    bad.iter().for_each(|found| problems.add("", "", Reason::new(found)));
    Err(problems)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn found(problems: Result<impl Sized, Problems>) -> Vec<String> {
        problems.err().unwrap().0.into_iter().map(|p| p.reason.found).collect()
    }

    #[test]
    fn lines_with_and_without_a_header() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        for header in ["", "file,class\n"] {
            let path = write(folder, "labels.csv", &format!("{header}a.png,3\n\"b, c.png\", 0\n/d.png,7"));
            let (files, classes) = csv(&path, 1, usize::MAX).unwrap();
            assert_eq!(files, [folder.join("a.png"), folder.join("b, c.png"), PathBuf::from("/d.png")]);
            assert_eq!(classes, [4, 1, 8]);
            assert_eq!(csv(&path, 0, 2).unwrap().1, [3, 0]);
        }
    }

    #[test]
    fn every_bad_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        // The first line's file exists, so the line is no header.
        write(folder.path(), "a.png", "");
        let path = write(folder.path(), "labels.csv", "a.png,cat\nb.png,1\nc.png\n,2\nd.png,2,3\n");
        let found = found(csv(&path, 0, usize::MAX));
        assert!(found[0].ends_with("4 of 5 labels cannot be used"), "{found:?}");
        assert_eq!(
            found[1..],
            ["line 1: class \"cat\"", "line 3: 1 fields", "line 4: no file", "line 5: 3 fields"]
        );
    }

    #[test]
    fn no_class_is_below_zero() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "labels.csv", "a.png,0\nb.png,1\n");
        assert_eq!(found(csv(&path, -1, usize::MAX))[1..], ["line 1: class \"0\" and --classes-offset -1"]);
        let path = write(folder.path(), "empty.csv", "file,class\n");
        assert!(found(csv(&path, 0, usize::MAX))[0].ends_with("there are no lines"));
    }
}
