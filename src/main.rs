//! The executable of one baked network.
fn main() {}
