//! Files that are read within bounds and written whole or not at all.

use crate::host::{MAX_BYTES, NO_NAME, TOO_LARGE};
use std::format;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::vec::Vec;

/// Reads a file that is not absurdly large.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    match read > MAX_BYTES {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, TOO_LARGE)),
        false => Ok(bytes),
    }
}

/// Writes a file under another name beside its own, then renames it: nobody sees half of it.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = aside(path)?;
    let written = std::fs::File::create_new(&aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| std::fs::rename(&aside, path));
    if renamed.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&aside);
    }
    renamed
}

/// A name in the same folder that no other process uses.
pub fn aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::Error::new(io::ErrorKind::InvalidInput, NO_NAME))?;
    let mut aside = std::ffi::OsString::from(".");
    aside.push(name);
    aside.push(format!(".{}.part", std::process::id()));
    Ok(path.with_file_name(aside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left() {
        let folder = std::env::temp_dir().join(format!("bakelite-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("y.npy");
        write(&path, b"first").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert!(write(&folder.join("absent").join("y.npy"), b"").is_err());
        assert!(write(Path::new(".."), b"").is_err());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
