//! Packages of a network that is written by hand: what it computes is no matter here.

use super::*;
use bakelite_codegen::about::About;

/// One that adds one to a byte.
const MODEL: &str = include_str!("model.rs.txt");

fn network() -> BTreeMap<String, Vec<u8>> {
    let samples = vec![("dot.pgm".to_owned(), b"P5 1 1 255\n\x07".to_vec())];
    let mut files = About { classes: vec!["dot".to_owned()], samples, ..About::default() }.files();
    files.insert("model.rs".to_owned(), MODEL.as_bytes().to_vec());
    files.insert("weights.bin".to_owned(), vec![1]);
    files
}

fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(tree(&path)),
            false => _ = files.insert(path.clone(), fs::read(&path).unwrap()),
        }
    }
    files
}

#[test]
fn the_same_network_gives_the_same_bytes_and_keeps_what_was_built() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("deep/net");
    write(&folder, "net", &network()).unwrap();
    let first = tree(&folder);
    for path in
        ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "runtime/src/lib.rs", "src/samples/dot.pgm"]
    {
        assert!(first.contains_key(&folder.join(path)), "{path}");
    }
    fs::create_dir(folder.join("target")).unwrap();
    fs::write(folder.join("target/kept"), "").unwrap();
    fs::write(folder.join("src/stale.rs"), "").unwrap();
    write(&folder, "net", &network()).unwrap();
    assert!(folder.join("target/kept").is_file());
    fs::remove_dir_all(folder.join("target")).unwrap();
    assert!(tree(&folder) == first, "the second writing differs");
    assert_eq!(fs::read_dir(folder.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn every_carried_crate_names_its_licence_and_stands_in_the_lock() {
    let files = carried::files();
    let lock = String::from_utf8(lock(&files, "zebra")).unwrap();
    let names: Vec<_> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert!(names.is_sorted() && names.contains(&"\"zebra\"") && !names.contains(&"\"baked\""), "{names:?}");
    let mut crates: Vec<_> =
        files.keys().filter_map(|path| path.strip_prefix("vendor/")?.split('/').next()).collect();
    crates.dedup();
    assert_eq!(crates.len(), lock.matches("checksum = ").count());
    for name in crates {
        // Some crates name their licence without its text.
        let manifest = String::from_utf8_lossy(&files[&format!("vendor/{name}/Cargo.toml")]);
        assert!(manifest.contains("\nlicense = "), "{name} names no licence");
    }
}

#[test]
fn folders_of_others_are_left_alone() {
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("thesis.tex"), "years of work").unwrap();
    let error = write(temporary.path(), "net", &network()).unwrap_err().to_string();
    assert!(error.contains("the folder is not empty, and `bakelite compile` did not write it"), "{error}");
    assert_eq!(tree(temporary.path()).len(), 1);
}

#[test]
fn names_are_made_and_checked() {
    assert_eq!(name_of(Path::new("a/resnet50 v1.5_int8.pb")), "resnet50-v1-5_int8");
    assert_eq!(name_of(Path::new("8bit.pb")), "bit");
    for name in ["", "8bit", "a b", "../x", "std", "bakelite", "é", &"a".repeat(65)] {
        assert!(checked_name(name).is_err(), "{name}");
    }
    assert_eq!(checked_name("mobilenet_v1-int8").unwrap(), "mobilenet_v1-int8");
}

/// Builds offline, links statically, runs, and is small.
#[test]
fn the_executable_is_static_and_small() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("net");
    write(&folder, "net", &network()).unwrap();
    let executable = build(&folder, "net").unwrap();
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir("/").output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (ran, text) = run(&executable, &[]);
    assert!(ran && text.starts_with("dot.pgm\n      8.0000  dot\n"), "{text}");
    let (ran, text) = run(&executable, &["--digest"]);
    // FNV-1a of the byte 0xe2 + 1.
    assert!(
        ran && text == format!("{:016x}\n", (0xcbf2_9ce4_8422_2325 ^ 0xe3_u64).wrapping_mul(0x100_0000_01b3)),
        "{text}"
    );
    let (ran, text) = run(&executable, &["absent.png"]);
    assert!(!ran && text.starts_with("error: cannot read absent.png: "), "{text}");
    let bytes = fs::metadata(&executable).unwrap().len();
    assert!(bytes < 1_500_000, "{bytes} bytes");
    match Command::new("ldd").arg(&executable).output() {
        Ok(output) => {
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(
                text.contains("statically linked") || text.contains("not a dynamic executable"),
                "{text}"
            );
        }
        Err(error) => println!("skipped: ldd: {error}"),
    }
}
