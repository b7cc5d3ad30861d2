//! Compiles `proto/` to Rust with protox, so that no `protoc` is needed. Maps become `BTreeMap`: written sorted by
//! key, hence the same bytes from the same graph.
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["proto/tensorflow.proto"], ["proto"])?;
    prost_build::Config::new().btree_map(["."]).compile_fds(files)?;
    Ok(())
}
