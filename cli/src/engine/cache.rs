//! The package that engines are built in, kept in the user's cache folder: what does not depend on the network is then
//! compiled once, and cargo has one crate left to build.
//!
//! ```text
//! $XDG_CACHE_HOME/bakelite/engine-VERSION-KEY/
//!   lock                                   held while the folder is written and built
//!   Cargo.toml  Cargo.lock  .cargo/        runtime/  kernels/  vendor/      the same for every network
//!   src/main.rs  src/model.rs  src/weights.bin                              this network
//!   target/
//! ```
//!
//! KEY is the digest of the compiler's version and of every file that is the same for all, so another build of this
//! tool has a folder of its own; one that was not used for [`KEPT`] is removed.
use crate::files;
use crate::package;
use bakelite::kernels::isa::Name;
use bakelite_codegen::compile::digest;
use bakelite_codegen::error::{Problems, Reason};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// The package's name.
pub(crate) const NAME: &str = "engine";
/// Folders unused for longer are removed.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Holds the lock; its time is that of the last use.
const LOCK: &str = "lock";

type Files = BTreeMap<String, Vec<u8>>;

/// Builds a network for one ISA with a `main.rs`; the executable lies in a temporary folder, away from the next build.
pub(crate) fn build(
    network: &Files,
    main: &str,
    isa: Name,
) -> Result<(tempfile::TempDir, PathBuf), Problems> {
    let mut all = package::carried(NAME);
    all.insert("Cargo.toml".to_owned(), include_bytes!("Cargo.toml.txt").to_vec());
    all.insert(".cargo/config.toml".to_owned(), include_bytes!("config.toml.txt").to_vec());
    let root = root()?;
    let folder = root.join(format!("{NAME}-{}-{:016x}", env!("CARGO_PKG_VERSION"), key(&all)?));
    let failed = |e| files::problem(&folder, e);
    fs::create_dir_all(&folder).map_err(failed)?;
    let lock = lock(&folder).map_err(failed)?;
    forget(&root, &folder);
    // An ISA's name is that of its type.
    let main = main.replace("{ISA}", &format!("{isa:?}"));
    all.insert("src/main.rs".to_owned(), main.into_bytes());
    all.extend(network.iter().map(|(path, content)| (format!("src/{path}"), content.clone())));
    write(&folder, &all).map_err(failed)?;
    let built = package::cargo_build(&folder, None, NAME)?;
    let temporary = tempfile::tempdir().map_err(|e| files::problem(&std::env::temp_dir(), e))?;
    let executable = temporary.path().join(NAME);
    fs::copy(&built, &executable).map_err(|e| files::problem(&built, e))?;
    drop(lock);
    Ok((temporary, executable))
}

/// This tool's folder among the user's caches.
fn root() -> Result<PathBuf, Problems> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let caches = caches.ok_or_else(|| {
        let found = "there is no folder to build in: neither XDG_CACHE_HOME nor HOME is set";
        Problems::file(Reason::new(found).help("set XDG_CACHE_HOME to a folder for caches"))
    })?;
    Ok(caches.join("bakelite"))
}

/// What makes a folder another one.
fn key(files: &Files) -> Result<u64, Problems> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(&rustc).arg("-vV").output().map_err(|e| {
        let help = "install a Rust toolchain (1.95 or newer)";
        Problems::file(files::reason(Path::new(&rustc), e).help(help))
    })?;
    let mut text = version.stdout;
    for (path, content) in files {
        text.extend(path.bytes().chain([0]));
        text.extend((content.len() as u64).to_le_bytes());
        text.extend(content);
    }
    Ok(digest(&text))
}

/// Waits until no other process builds there.
fn lock(folder: &Path) -> io::Result<File> {
    let file = File::create(folder.join(LOCK))?;
    file.lock()?;
    file.set_modified(SystemTime::now())?;
    Ok(file)
}

/// Removes what other versions left. It is only room on a disk: where it cannot be removed, it stays.
fn forget(root: &Path, ours: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let folder = entry.path();
        let used = fs::metadata(folder.join(LOCK)).and_then(|m| m.modified());
        let old = used.is_ok_and(|used| used.elapsed().is_ok_and(|age| age > KEPT));
        if old && folder != ours && entry.file_name().to_string_lossy().starts_with(NAME) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Writes what differs: cargo builds anew what was written.
fn write(folder: &Path, files: &Files) -> io::Result<()> {
    let differs = |(path, content): &(&String, &Vec<u8>)| {
        fs::read(folder.join(path)).map_or(true, |present| present != **content)
    };
    let changed: Files = files.iter().filter(differs).map(|(p, c)| (p.clone(), c.clone())).collect();
    bakelite_codegen::bake::write(folder, &changed)
}
