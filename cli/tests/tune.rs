//! Tiles are measured, and used by a later build.
use std::path::Path;
use std::process::Command;

fn bakelite(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_bakelite")).args(arguments).output().expect("the tool starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn a_measured_tile_is_the_one_that_is_compiled() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/cifar10_int8.pb").display().to_string();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (tiles, package) = (path("tune.txt"), path("package"));
    let said = bakelite(&["tune", &model, "-o", &tiles, "--turns", "1", "--within", "1"]);
    assert!(said.contains(": 10 shapes, "), "{said}");
    let text = std::fs::read_to_string(&tiles).expect("it was written");
    assert!(text.starts_with("bakelite tune 1\nmachine ") && text.lines().count() == 12, "{text}");
    // Another tile than any measurement would choose, in the one product with a summand.
    let edited: String = text
        .lines()
        .map(|line| match line.split_once(" sum=yes tile=") {
            Some((shape, _)) => format!("{shape} sum=yes tile=2\n"),
            None => format!("{line}\n"),
        })
        .collect();
    assert_ne!(edited, text);
    std::fs::write(&tiles, edited).expect("it is ours");
    bakelite(&["compile", &model, "--tune", &tiles, "-o", &package]);
    let model = std::fs::read_to_string(Path::new(&package).join("src/model.rs")).expect("it was written");
    assert_eq!(model.matches("conv::Conv::<2, ").count(), 1, "{model}");
}
