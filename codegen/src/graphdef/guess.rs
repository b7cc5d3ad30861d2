//! What a file that is no GraphDef probably is, told by its first bytes: for the help line of the error.

/// The next step for whoever gave this file.
pub(super) fn help(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "the file is empty",
        [0x89, b'H', b'D', b'F', ..] => {
            "this is an HDF5 file (Keras weights): export a frozen GraphDef from it"
        }
        [b'P', b'K', 3, 4, ..] => {
            "this is a zip archive: unpack it, or export a frozen GraphDef from the .keras model"
        }
        [0x1f, 0x8b, ..] => "this is a gzip archive: unpack it first",
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => {
            "this is a TensorFlow Lite model: give the frozen GraphDef it came from"
        }
        [0x08, 0x01, 0x12, ..] => "this is the graph of a SavedModel: give the folder it lies in",
        _ => "give a frozen graph as TensorFlow writes it with as_text=False; the file may be damaged",
    }
}

/// A text GraphDef opens with a comment, or a field name and a brace or a colon.
pub(super) fn text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(256)];
    let printable = |b: &u8| (b' '..=b'~').contains(b) || b.is_ascii_whitespace();
    head.iter().all(printable) && head.iter().any(|b| matches!(b, b'{' | b'<' | b':' | b'#'))
}

#[cfg(test)]
mod tests {
    use super::{help, text};

    #[test]
    fn files_of_other_kinds_are_named() {
        let kinds: [(&[u8], &str); 5] = [
            (b"", "empty"),
            (b"\x08\x01\x12\x05abcde", "SavedModel"),
            (b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
            (b"\x89HDF\r\n", "HDF5"),
            (b"\xff\xff\xff", "damaged"),
        ];
        for (bytes, word) in kinds {
            assert!(help(bytes).contains(word), "{bytes:?}: {}", help(bytes));
        }
        assert!(text(b"node {\n  name: \"x\"\n") && text(b"# frozen\n") && !text(b"\x0a\x05\x0a"));
    }
}
