//! What generated code looks like: the text of a residual convolution, kept beside the test. After an intended change
//! `BLESS=1 cargo test -p bakelite-codegen --test emitted` writes it again.
use bakelite_codegen::compile::{Options, compile, digest};
use bakelite_codegen::graphdef;
use std::path::Path;

#[test]
fn the_text_is_what_we_think() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let bytes = std::fs::read(tests.join("golden/cases/conv_sum_1x1/graph.pb")).unwrap();
    let mut graph = graphdef::read(&bytes).unwrap();
    graph.outputs = vec![graph.edge("y").expect("every case has y")];
    let options = Options { name: "residual".into(), digest: digest(&bytes), ..Options::default() };
    let compiled = compile(&graph, &options).unwrap();
    let golden = tests.join("emitted/residual.rs.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&golden, &compiled.rust).unwrap();
    }
    let wanted = std::fs::read_to_string(&golden).unwrap();
    assert!(compiled.rust == wanted, "BLESS=1 renews the text, which is now:\n{}", compiled.rust);
    for word in ["unsafe", "unwrap"] {
        assert!(!compiled.rust.contains(word), "generated code says {word}");
    }
}

#[test]
fn a_graph_without_outputs_is_refused() {
    let error = compile(&Default::default(), &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "error: the graph has no output\n  help: name one with --output");
}
