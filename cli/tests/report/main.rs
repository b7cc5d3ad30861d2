//! The report of the default network: its JSON holds together, and its page works in a real browser.
//!
//! The page is driven by a script appended to it (`drive.js`), run by headless Chromium, whose final document is read back.
//! Where no Chromium is installed that part says so and is skipped; `scripts/browser.sh` installs it.
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Eight pictures of bytes, as .npy.
fn samples(path: &Path) {
    let mut header = "{'descr': '|u1', 'fortran_order': False, 'shape': (8, 32, 32, 3), }".to_owned();
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    let mut state = 1u32;
    file.extend((0..8 * 32 * 32 * 3).map(|i| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Smooth stripes with some noise: no layer of a trained network is idle on them.
        ((i / 96 * 7) as u8 / 2).wrapping_add((state >> 27) as u8)
    }));
    fs::write(path, file).unwrap();
}

/// Quantizes the default network with a report; gives the report's path.
fn quantize(folder: &Path, report: &str) -> PathBuf {
    samples(&folder.join("x.npy"));
    let status = Command::new(env!("CARGO_BIN_EXE_bakelite"))
        .args(["quantize", &format!("{ROOT}/models/cifar10_fp32.pb"), "--calibration", "x.npy"])
        .args(["--preprocess", "x/127.5-1", "-o", "int8.pb", "--report", report])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    folder.join(report)
}

fn numbers(places: &[Value], of: &str) -> Vec<f64> {
    places.iter().filter_map(|p| p[of].as_f64()).collect()
}

#[test]
fn the_numbers_hold_together() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(quantize(folder.path(), "report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let places = report["places"].as_array().unwrap();
    let macs: f64 = numbers(places, "macs").iter().sum();
    assert_eq!(macs, report["summary"]["macs"].as_f64().unwrap());
    let convolutions: Vec<&Value> =
        places.iter().filter(|p| p["ops"].as_str().unwrap().starts_with("Conv2D")).collect();
    assert!(convolutions.len() >= 9);
    for place in &convolutions {
        for of in ["weights_sqnr_db", "cumulative_sqnr_db", "sensitivity_db"] {
            let db = place[of].as_f64().unwrap_or_else(|| panic!("{}: no {of}", place["node"]));
            assert!((5.0..=200.0).contains(&db), "{}: {of} {db}", place["node"]);
        }
        let Some(activation) = place["activation"].as_object() else { continue };
        let counts = activation["histogram"]["counts"].as_array().unwrap();
        let values: u64 = counts.iter().map(|c| c.as_u64().unwrap()).sum();
        let shape: u64 = place["shape"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap()).product();
        assert_eq!(values, 8 * shape, "{}: eight samples of its shape", place["node"]);
    }
    // Where everything is int8, the output is no better than where one layer alone is.
    let output = report["summary"]["output_sqnr_db"].as_f64().unwrap();
    let alone = numbers(places, "sensitivity_db");
    assert!(alone.iter().all(|&db| db > output - 3.0), "{output} {alone:?}");
}

#[test]
fn the_page_works_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let page = fs::read_to_string(quantize(folder.path(), "report.html")).unwrap();
    for outside in ["src=", "href=", "url(", "@import", "https:"] {
        assert!(!page.contains(outside), "the page asks for something outside: {outside}");
    }
    let Some(chromium) = chromium() else {
        eprintln!("skipped: no chromium here to open the report in; scripts/browser.sh installs it");
        return;
    };
    let driven = page.replace("</html>", concat!("<script>", include_str!("drive.js"), "</script></html>"));
    fs::write(folder.path().join("driven.html"), driven).unwrap();
    let seen = drive(&chromium, folder.path());
    let data = &page[page.find("id=\"data\">").unwrap() + 10..];
    let report: Value = serde_json::from_str(&data[..data.find("</script>").unwrap()]).unwrap();
    check(&seen, report["places"].as_array().unwrap());
}

fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    names.iter().flat_map(|n| folders.iter().map(move |f| f.join(n))).find(|p| p.is_file())
}

/// Opens the page and reads back what the driver left.
fn drive(chromium: &Path, folder: &Path) -> Value {
    let url = format!("file://{}", folder.join("driven.html").display());
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"])
        .args([&profile, &url])
        .output()
        .unwrap();
    let document = String::from_utf8_lossy(&output.stdout);
    let (_, left) = document
        .split_once("<pre id=\"driven\">")
        .unwrap_or_else(|| panic!("the page's script failed:\n{}", String::from_utf8_lossy(&output.stderr)));
    let text =
        left[..left.find("</pre>").unwrap()].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&text).unwrap()
}

fn check(seen: &Value, places: &[Value]) {
    let order = |of: &str| -> Vec<usize> {
        seen[of].as_array().unwrap().iter().map(|i| i.as_u64().unwrap() as usize).collect()
    };
    let macs = |i: &usize| places[*i]["macs"].as_u64().unwrap();
    assert_eq!(order("rows"), (0..places.len()).collect::<Vec<_>>());
    assert_eq!(order("rising").len(), places.len());
    assert!(order("rising").is_sorted_by_key(macs), "{seen}");
    assert!(order("falling").iter().rev().is_sorted_by_key(macs), "{seen}");
    let filtered = seen["filtered"].as_array().unwrap();
    assert!(!filtered.is_empty() && filtered.iter().all(|ops| ops.as_str().unwrap().contains("MatMul")));
    let forms: Vec<&str> = places.iter().map(|p| p["form"].as_str().unwrap()).collect();
    assert_eq!(seen["flow"], serde_json::json!(forms));
    assert_eq!(seen["selected"], places[1]["node"]);
    assert_eq!(seen["rowSelected"], "1");
    let count = |of: &str| seen[of].as_u64().unwrap();
    assert!(count("bins") > 10 && count("thresholds") >= 1 && count("tiles") == 6, "{seen}");
    assert!(count("curve") >= 9 && count("bars") >= 9, "{seen}");
    assert_ne!(seen["themes"][0], seen["themes"][1], "dark and light look the same");
}
