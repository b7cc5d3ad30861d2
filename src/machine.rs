//! What machine this is, in one line: a measurement means nothing without it.

use crate::host::Host;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

/// The processor as Linux names it.
pub fn name(host: &mut dyn Host) -> String {
    let text = host.read(b"/proc/cpuinfo").unwrap_or_default();
    described(&String::from_utf8_lossy(&text))
}

/// Out of `/proc/cpuinfo`: the first processor's name, with the numbers that tell one from another of the same name.
fn described(text: &str) -> String {
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
    };
    match (value("model name"), value("cpu family"), value("model")) {
        (Some(name), Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        (Some(name), _, _) => name.to_owned(),
        (None, _, _) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_processor_is_named() {
        let text =
            "processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n\nmodel name\t: other\n";
        assert_eq!(described(text), "AMD EPYC (family 26, model 2)");
        assert_eq!(described("model name: X\n"), "X");
        assert_eq!(described("Hardware: phone\n"), "unknown");
    }
}
