//! The functions that compiled code expects of any environment: to copy, fill and compare bytes.
//!
//! In assembly, since the compiler would make calls to themselves of loops in Rust. A short range is read whole before
//! any of it is written: two pieces from both ends that may overlap cover every length between one and two of them.
//! Middle ranges go 64 (to fill: 16) bytes a step, with the last piece from the end. Long ones are the CPU's own:
//! `rep movsb` and `rep stosb` are slow to start, then as fast as memory.

mod compare;
mod copy;
mod fill;

/// Every length around each change of method.
#[cfg(test)]
fn lengths() -> impl Iterator<Item = usize> {
    (0..300).chain(1020..1030).chain(2040..2060).chain([5000])
}
