//! Why a system call failed: the kernel's number, with the C library's words for those that a program meets which reads
//! and writes files.

use core::fmt;

/// The kernel's number of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// A signal came first; the call is to be made again.
    pub(crate) const INTERRUPTED: Self = Self(4);
    /// No such stream.
    pub const BAD_DESCRIPTOR: Self = Self(9);
    /// There is not enough memory.
    pub const NO_MEMORY: Self = Self(12);
    /// Nobody reads the pipe any more.
    pub const BROKEN_PIPE: Self = Self(32);

    fn words(self) -> &'static str {
        let words = WORDS.iter().find(|(number, _)| *number == self.0);
        words.map_or("Input/output failure", |(_, words)| words)
    }
}

/// The C library's words.
const WORDS: [(i32, &str); 25] = [
    (1, "Operation not permitted"),
    (2, "No such file or directory"),
    (5, "Input/output error"),
    (6, "No such device or address"),
    (9, "Bad file descriptor"),
    (11, "Resource temporarily unavailable"),
    (12, "Cannot allocate memory"),
    (13, "Permission denied"),
    (16, "Device or resource busy"),
    (17, "File exists"),
    (18, "Invalid cross-device link"),
    (19, "No such device"),
    (20, "Not a directory"),
    (21, "Is a directory"),
    (22, "Invalid argument"),
    (23, "Too many open files in system"),
    (24, "Too many open files"),
    (26, "Text file busy"),
    (27, "File too large"),
    (28, "No space left on device"),
    (30, "Read-only file system"),
    (32, "Broken pipe"),
    (36, "File name too long"),
    (40, "Too many levels of symbolic links"),
    (122, "Disk quota exceeded"),
];

/// As the standard library writes it.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (os error {})", self.words(), self.0)
    }
}

impl core::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::string::ToString;

    #[test]
    fn the_words_are_the_c_librarys() {
        for (number, _) in WORDS {
            assert_eq!(Errno(number).to_string(), io::Error::from_raw_os_error(number).to_string());
        }
    }

    #[test]
    fn others_keep_their_number() {
        assert_eq!(Errno(131).to_string(), "Input/output failure (os error 131)");
    }
}
