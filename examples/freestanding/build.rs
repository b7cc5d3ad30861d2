//! Bakes the network: the same as in the root package, so that the digests can be compared.

#[path = "../../build/bake.rs"]
mod bake;

fn main() {
    bake::main("../..".as_ref());
}
