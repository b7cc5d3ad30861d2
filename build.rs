//! Bakes the network of the executable, see `build/bake.rs`. Without the feature `baked` there is nothing to do.

#[cfg(feature = "baked")]
#[path = "build/bake.rs"]
mod bake;

fn main() {
    // A changed test or document is no reason to bake again.
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "baked")]
    bake::main(".".as_ref());
}
