//! Packages of a network that is written by hand: what it computes is no matter here.

use super::*;
use bakelite::array::Elements;
use bakelite::{TensorRef, npy};
use bakelite_codegen::about::About;
use bakelite_codegen::bake::{Baked, bake};
use bakelite_codegen::compile::{Options, digest};
use bakelite_codegen::graphdef;

/// One that adds one to a byte.
const MODEL: &str = include_str!("model.rs.txt");

/// What the default network's executable has beside its data: most of it is 15 kernels for each of four ISAs.
const LIMIT: u64 = 1_000_000;

/// One without kernels: the command line and the picture decoders.
const LIMIT_BARE: u64 = 380_000;

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
    for path in [
        "Cargo.toml",
        "build.rs",
        "link.ld",
        ".cargo/config.toml",
        "runtime/src/lib.rs",
        "src/samples/dot.pgm",
    ] {
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

/// The default network, as the tool would compile it.
fn default_network() -> Baked {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let about = About::read(&models.join("cifar10.json")).unwrap();
    let bytes = fs::read(models.join("cifar10_int8.pb")).unwrap();
    let options = Options { name: "cifar10".to_owned(), digest: digest(&bytes), ..Options::default() };
    bake(&graphdef::read(&bytes).unwrap(), &options, &about).unwrap()
}

fn run(program: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).current_dir("/").output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// Builds offline, and runs.
#[test]
fn the_executable_answers() {
    let temporary = tempfile::tempdir().unwrap();
    // A space, since the linker is given a path in this folder.
    let folder = temporary.path().join("a net");
    write(&folder, "net", &network()).unwrap();
    let executable = build(&folder, "net").unwrap();
    let (ran, text) = run(&executable, &[]);
    assert!(ran && text.starts_with("dot.pgm\n      8.0000  dot\n"), "{text}");
    let (ran, text) = run(&executable, &["--digest"]);
    // FNV-1a of the byte 0xe2 + 1.
    assert!(
        ran && text == format!("{:016x}\n", (0xcbf2_9ce4_8422_2325 ^ 0xe3_u64).wrapping_mul(0x100_0000_01b3)),
        "{text}"
    );
    let (ran, text) = run(&executable, &["absent.png"]);
    assert!(
        !ran && text == "error: cannot read absent.png: No such file or directory (os error 2)\n",
        "{text}"
    );
    tensors_and_pipes(&executable, temporary.path());
    let bytes = fs::metadata(&executable).unwrap().len();
    assert!(bytes <= LIMIT_BARE, "{bytes} bytes");
}

/// Files in and out of an executable that has no C library, and a standard output that nobody reads.
fn tensors_and_pipes(executable: &Path, folder: &Path) {
    let name = |file: &str| folder.join(file).display().to_string();
    // More than one read takes.
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 + i / 256) as u8).collect();
    fs::write(name("x.npy"), npy::write(TensorRef::U8(&bytes), &[bytes.len(), 1, 1, 1])).unwrap();
    let (ran, text) = run(executable, &["--npy", &name("x.npy"), "--out", &name("y.npy")]);
    assert!(ran && text.contains(" median of 200000 runs"), "{text}");
    let y = npy::parse(&fs::read(name("y.npy")).unwrap()).unwrap();
    assert_eq!(y.shape, [bytes.len(), 1]);
    assert!(y.elements == Elements::U8(bytes.iter().map(|x| x.wrapping_add(1)).collect()));
    let (ran, text) = run(executable, &["--npy", &name("x.npy"), "--out", &name("absent/y.npy")]);
    assert!(!ran && text.ends_with("y.npy: No such file or directory (os error 2)\n"), "{text}");
    let (read, write) = io::pipe().unwrap();
    drop(read);
    assert!(Command::new(executable).arg("--help").stdout(write).status().unwrap().success());
}

/// Weights, sample pictures and a bounded rest, in one static file.
#[test]
fn the_default_network_is_static_and_small() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("cifar10");
    let Baked { files, info } = default_network();
    write(&folder, "cifar10", &files).unwrap();
    let executable = build(&folder, "cifar10").unwrap();
    let (ran, text) = run(&executable, &[]);
    assert!(ran && text.contains(" median of "), "{text}");
    let samples = files.iter().filter(|(path, _)| path.starts_with("samples/"));
    let data = info.weight_bytes + samples.map(|(_, content)| content.len()).sum::<usize>();
    let rest = fs::metadata(&executable).unwrap().len() - data as u64;
    assert!(rest <= LIMIT, "weights and samples + {rest} bytes");
    match Command::new("ldd").arg(&executable).output() {
        Ok(output) => {
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(text.contains("statically linked"), "{text}");
        }
        Err(error) => println!("skipped: ldd: {error}"),
    }
}
