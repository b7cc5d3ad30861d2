//! Protobuf text (`.pbtxt`) to the same message in binary, by the schema that `build.rs` compiled.
//!
//! The parser is prost-reflect's. It recurses with the text's nesting and keeps each value in a tagged enum, so a scan
//! first bounds both: a hostile file can neither exhaust the stack nor claim much more memory than it is long.
use crate::error::Reason;
use miette::Diagnostic;
use prost::Message;
use prost_reflect::text_format::ParseError;
use prost_reflect::{DescriptorPool, DynamicMessage};

/// Messages inside messages; TensorFlow's own reader allows 100.
const DEEPEST: usize = 100;
/// Values in a file: each takes some sixty bytes while it is parsed.
const MOST: usize = 1 << 24;
const SCHEMA: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/schema.binpb"));

/// The binary form of a text message of type `message`.
pub(crate) fn to_binary(bytes: &[u8], message: &str) -> Result<Vec<u8>, Reason> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        refused(bytes, e.valid_up_to(), "a byte that is not UTF-8").help("write bytes as octal escapes")
    })?;
    bound(bytes)?;
    let pool = DescriptorPool::decode(SCHEMA).expect("build.rs wrote this schema");
    let kind = pool.get_message_by_name(message).expect("the schema holds every message that is read");
    let parsed = DynamicMessage::parse_text_format(kind, text).map_err(|e| {
        refused(bytes, place(&e).unwrap_or(bytes.len()), &e.to_string()).help(
            "the text is cut or damaged, or a newer TensorFlow wrote it: write a binary GraphDef instead",
        )
    })?;
    Ok(parsed.encode_to_vec())
}

/// Where the parser stopped; `None` at the end of the text.
fn place(error: &ParseError) -> Option<usize> {
    Some(error.labels()?.next()?.offset())
}

/// `line 3, column 5: what`; columns count bytes.
fn refused(bytes: &[u8], at: usize, what: &str) -> Reason {
    let before = bytes.get(..at).unwrap_or(bytes);
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
    Reason::new(format!("line {line}, column {column}: {what}"))
}

/// Refuses nesting and numbers of values that the parser would pay too much for.
fn bound(bytes: &[u8]) -> Result<(), Reason> {
    let (mut depth, mut values, mut at) = (0usize, 0usize, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'#' => at += bytes[at..].iter().position(|&b| b == b'\n').unwrap_or(bytes.len() - at),
            quote @ (b'"' | b'\'') => at += string(&bytes[at + 1..], quote),
            b'{' | b'<' | b'[' => depth += 1,
            b'}' | b'>' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // Every value follows one of these.
        values += usize::from(matches!(byte, b':' | b',' | b'{' | b'<' | b'"' | b'\''));
        if depth > DEEPEST {
            return Err(refused(bytes, at, "messages too deep").supported(format!("{DEEPEST} levels")));
        }
        if values > MOST {
            let help = "write tensors as tensor_content, or the graph in binary";
            return Err(refused(bytes, at, "too many values").supported(format!("{MOST} values")).help(help));
        }
        at += 1;
    }
    Ok(())
}

/// Bytes of a string up to and with its closing quote; a line's end closes it too, as the parser will find.
fn string(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' => return at,
            b if b == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::{SCHEMA, to_binary};
    use crate::graphdef;
    use crate::wire::{GraphDef, attr_value::Value};
    use prost::Message;
    use prost_reflect::{DescriptorPool, DynamicMessage};

    fn parse(text: &str) -> Result<GraphDef, String> {
        let binary = to_binary(text.as_bytes(), "tensorflow.GraphDef").map_err(|r| r.found)?;
        Ok(GraphDef::decode(&binary[..]).expect("the parser writes this"))
    }

    #[test]
    fn every_form_of_the_format() {
        let text = "# a comment { \"\nnode { name: 'a' 'b' op: \"C\\157nst\", input: ['x', \"^y\"]\n\
            attr < key: \"t\"; value { type: DT_QINT8 } > attr { key: 'n' value: { type: 12 } }\n\
            attr { key: 'f' value { list { f: [1, -2.5e0, inf, nan] i: -0x10 i: 010 b: true b: f s: \"\\x00\\n\" } } } }";
        let def = parse(text).expect("it is well formed");
        let node = &def.node[0];
        assert_eq!((&node.name[..], &node.op[..]), ("ab", "Const"));
        assert_eq!(node.input, ["x", "^y"]);
        assert_eq!(node.attr["t"].value, Some(Value::Type(11)));
        assert_eq!(node.attr["n"].value, Some(Value::Type(12)));
        let Some(Value::List(list)) = &node.attr["f"].value else { panic!("{node:?}") };
        assert_eq!((&list.f[..3], &list.i[..]), (&[1.0, -2.5, f32::INFINITY][..], &[-16, 8][..]));
        assert!(list.f[3].is_nan());
        assert_eq!((&list.b[..], &list.s[0][..]), (&[true, false][..], &b"\0\n"[..]));
    }

    #[test]
    fn a_network_as_text_is_the_same_network() {
        let binary = std::fs::read("../models/cifar10_int8.pb").expect("the project has this network");
        let pool = DescriptorPool::decode(SCHEMA).expect("a schema");
        let kind = pool.get_message_by_name("tensorflow.GraphDef").expect("it holds GraphDef");
        let text = DynamicMessage::decode(kind, &binary[..]).expect("a GraphDef").to_text_format();
        let [a, b] = [&binary[..], text.as_bytes()].map(|b| graphdef::read(b).expect("a graph"));
        assert_eq!(graphdef::write(&a).expect("whole"), graphdef::write(&b).expect("whole"));
    }

    #[test]
    fn errors_name_the_place() {
        let cases = [
            ("node {\n  nmae: \"x\"\n}", "line 2, column 3: field 'nmae' not found"),
            ("node {\n  name: \"x\"", "line 2, column 12: expected"),
            ("node { name: 3 }", "line 1, column 14: "),
            ("node { attr { key: 'T' value { type: DT_WHAT } } }", "line 1, column 38: "),
            ("versions {\n\n producer: 99999999999 }", "line 3, column 12: "),
        ];
        for (text, wanted) in cases {
            let found = parse(text).expect_err(text);
            assert!(found.starts_with(wanted), "{text}\n{found}");
        }
        let deep = "node { attr { value { func { ".repeat(100_000);
        assert!(parse(&deep).expect_err("too deep").contains("too deep"));
        let long = format!("node {{ attr {{ value {{ list {{ i: [{}] }} }} }} }}", "1,".repeat(1 << 24));
        assert!(parse(&long).expect_err("too many").contains("too many values"));
    }
}
