//! Compiles `proto/` to Rust with protox, so that no `protoc` is needed. Maps become `BTreeMap`: written sorted by
//! key, hence the same bytes from the same graph.
use prost::Message;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["proto/tensorflow.proto"], ["proto"])?;
    // The schema itself, for text: field names are not in the generated code.
    let schema = PathBuf::from(std::env::var("OUT_DIR")?).join("schema.binpb");
    std::fs::write(schema, files.encode_to_vec())?;
    prost_build::Config::new().btree_map(["."]).compile_fds(files)?;
    Ok(())
}
