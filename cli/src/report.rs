//! `--report`: what quantization did, as one page that opens from disk, or as JSON with the same numbers.
use crate::files;
use bakelite_codegen::error::{Problems, Reason};
use serde_json::Value;
use std::path::Path;

mod json;
pub(crate) use json::{About, json};

const PAGE: &str = include_str!("report/page.html");
const STYLE: &str = include_str!("report/page.css");
const SCRIPT: &str = include_str!("report/page.js");

/// Refuses a file name that tells neither form, before the work is done.
pub(crate) fn known(path: &Path) -> Result<(), Problems> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("html" | "json") => Ok(()),
        _ => Err(Problems::file(
            files::reason(path, "a report of no known form").supported("FILE.html or FILE.json"),
        )),
    }
}

/// Writes the report in the form that the file's name tells.
pub(crate) fn write(path: &Path, report: &Value) -> Result<(), Problems> {
    let text = match path.extension().and_then(|e| e.to_str()) {
        Some("html") => page(report)?,
        _ => format!("{report:#}\n"),
    };
    files::write(path, text.as_bytes())
}

/// The page with style, script and numbers in it.
fn page(report: &Value) -> Result<String, Problems> {
    // A `<` could end the script element that the numbers stand in; in JSON's strings its escape means the same.
    let data = report.to_string().replace('<', "\\u003c");
    let mut page = PAGE;
    let mut text = String::new();
    for (mark, part) in [("/*STYLE*/", STYLE), ("/*DATA*/", data.as_str()), ("/*SCRIPT*/", SCRIPT)] {
        let (before, after) = page
            .split_once(mark)
            .ok_or_else(|| Problems::file(Reason::new(format!("the page has no {mark}"))))?;
        text.push_str(before);
        text.push_str(part);
        page = after;
    }
    Ok(text + page)
}
