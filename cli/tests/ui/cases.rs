//! The broken inputs.
use crate::Case;
use crate::graphs::*;
use bakelite_codegen::tensor::DataType::*;
use bakelite_codegen::wire::NodeDef;

/// All cases, by class.
pub(crate) fn all() -> Vec<Case> {
    [files(), graphs(), tensors(), shapes(), ranges(), names(), samples(), zoo(), tiles()]
        .into_iter()
        .flatten()
        .collect()
}

fn inspect(name: &'static str, bytes: Vec<u8>) -> Case {
    Case { name, files: vec![("g.pb", bytes)], args: "inspect g.pb" }
}

/// Files of measured tiles that are none, or another network's.
fn tiles() -> Vec<Case> {
    let case = |name, text: &str| Case {
        name,
        files: vec![("g.pb", pass()), ("t.txt", text.into())],
        args: "compile g.pb -o net --tune t.txt",
    };
    let shape = "pixels=49 channels=64 runs=1 k4=16 sum=no";
    let head = "bakelite tune 1\nmachine a toaster\n";
    vec![
        case("tune_head", "tiles of mine\n"),
        case("tune_lines", &format!("{head}{shape} tile=9\n\n{shape} tile=6\n{shape} tile=5\npixels=many\n")),
        case("tune_other_network", &format!("{head}{shape} tile=6 # 6: 0.1 ms\n")),
        Case {
            name: "tune_missing",
            files: vec![("g.pb", pass())],
            args: "compile g.pb -o net --tune t.txt",
        },
        Case {
            name: "tune_no_text",
            files: vec![("g.pb", pass()), ("t.txt", vec![0xff; 9])],
            args: "compile g.pb -o net --tune t.txt",
        },
    ]
}

/// Files that are no GraphDef.
fn files() -> Vec<Case> {
    let mut truncated = pass();
    truncated.truncate(truncated.len() - 7);
    let mut flipped = pass();
    // The length of the first node.
    flipped[1] ^= 0x40;
    vec![
        Case { name: "missing_file", files: vec![], args: "inspect g.pb" },
        inspect("empty_file", vec![]),
        inspect("truncated", truncated),
        inspect("bit_flipped", flipped),
        inspect("text_field", b"node {\n  nmae: \"x\"\n  op: \"Placeholder\"\n}\n".to_vec()),
        inspect("text_cut", b"node {\n  name: \"x\"\n  op: \"Placeh".to_vec()),
        inspect("text_attribute", b"node {\n  name: \"x\"\n  op: \"Placeholder\"\n}\n".to_vec()),
        inspect("text_deep", b"node { attr { value { func { ".repeat(50_000)),
        inspect("saved_model", b"\x08\x01\x12\x03abc".to_vec()),
        Case {
            name: "folder",
            files: vec![("model/weights.h5", vec![0])],
            args: "quantize model --calibration x.npy -o y.pb",
        },
        Case {
            name: "signature_of_a_file",
            files: vec![("g.pb", pass())],
            args: "inspect g.pb --signature serve",
        },
        Case {
            name: "saved_model_damaged",
            files: vec![("model/saved_model.pb", b"\x08\x01\x12\x03abc".to_vec())],
            args: "run model --feed x=x.npy --fetch y=y.npy",
        },
        Case {
            name: "saved_model_empty",
            files: vec![("model/saved_model.pb", b"\x08\x01".to_vec())],
            args: "eval model --data labels.csv",
        },
        inspect("noise", (0..=255).rev().collect()),
    ]
}

/// GraphDefs that are no graph.
fn graphs() -> Vec<Case> {
    let conv = node("conv", "Conv3DBackpropFilter", &["x"]);
    vec![
        inspect("cycle", graph(vec![identity("a", "c"), identity("b", "a"), identity("c", "b")])),
        inspect("duplicate_name", graph(vec![splat("c", DtFloat, &[], 1.0), splat("c", DtFloat, &[], 2.0)])),
        inspect("unknown_input", graph(vec![identity("a", "nobody"), identity("b", "no:one")])),
        inspect("no_such_output", graph(vec![splat("c", DtFloat, &[], 1.0), identity("a", "c:3")])),
        inspect(
            "missing_attribute",
            graph(vec![splat("c", DtFloat, &[], 1.0), node("a", "Identity", &["c"])]),
        ),
        Case {
            name: "unsupported_op",
            files: vec![
                ("g.pb", graph(vec![placeholder("x", DtFloat, &[3]), conv])),
                ("x.npy", npy("<f4", "(3,)", &[0; 12])),
            ],
            args: "run g.pb --feed x=x.npy --fetch conv=y.npy",
        },
    ]
}

/// Networks that the zoo has not.
fn zoo() -> Vec<Case> {
    vec![Case { name: "zoo_unknown", files: vec![], args: "zoo resnet5 -o g.pb" }]
}

/// Tensors that claim more than there is.
fn tensors() -> Vec<Case> {
    let many = (0..6).map(|i| splat(&format!("c{i}"), DtFloat, &[1 << 24], 1.0)).collect();
    vec![
        inspect("two_to_the_60_elements", graph(vec![splat("c", DtFloat, &[1 << 30, 1 << 30], 1.0)])),
        inspect(
            "absurd_dimensions",
            graph(vec![placeholder("x", DtFloat, &[1, 1 << 40, 1 << 40, 3]), identity("y", "x")]),
        ),
        inspect("negative_dimension", graph(vec![splat("c", DtFloat, &[4, -4], 1.0)])),
        inspect("repeated_constants", graph(many)),
    ]
}

/// Ops whose inputs or attributes do not fit.
fn shapes() -> Vec<Case> {
    let image = || placeholder("x", DtFloat, &[1, 4, 4, 3]);
    let filter = |sizes: &[i64]| splat("w", DtFloat, sizes, 0.5);
    let run = |name, nodes| Case {
        name,
        files: vec![("g.pb", graph(nodes)), ("x.npy", npy("<f4", "(1, 4, 4, 3)", &[0; 192]))],
        args: "run g.pb --feed x=x.npy --fetch y=y.npy",
    };
    let mul = |other: NodeDef| vec![image(), other, node("y", "Mul", &["x", "w"]).dtype("T", DtFloat)];
    vec![
        run("conv_channels", vec![image(), filter(&[3, 3, 5, 8]), conv("y")]),
        run("conv_rank", vec![image(), filter(&[3, 3]), conv("y")]),
        run("conv_window", vec![image(), filter(&[9, 9, 3, 8]), conv("y")]),
        run("conv_nchw", vec![image(), filter(&[3, 3, 3, 8]), conv("y").text("data_format", "NCHW")]),
        run("conv_stride", vec![image(), filter(&[3, 3, 3, 8]), conv("y").ints("strides", &[1, 0, 1, 1])]),
        run(
            "conv_arity",
            vec![
                image(),
                node("y", "Conv2D", &["x"])
                    .text("padding", "SAME")
                    .ints("strides", &[1, 1, 1, 1])
                    .dtype("T", DtFloat),
            ],
        ),
        run("mul_shapes", mul(filter(&[4, 5, 3]))),
        run("mul_types", mul(splat("w", DtInt32, &[3], 1.0))),
        run("padding_word", vec![image(), filter(&[3, 3, 3, 8]), conv("y").text("padding", "SIDEWAYS")]),
    ]
}

/// Names and arrays of the command line.
fn names() -> Vec<Case> {
    let with = |name, x: Vec<u8>, args| Case { name, files: vec![("g.pb", pass()), ("x.npy", x)], args };
    let row = || npy("<f4", "(1, 3)", &[0; 12]);
    vec![
        with("wrong_fetch", row(), "run g.pb --feed x=x.npy --fetch z=y.npy"),
        with("wrong_feed", row(), "run g.pb --feed input=x.npy --fetch y=y.npy"),
        with("not_fed", row(), "run g.pb --fetch y=y.npy"),
        with("no_such_port", row(), "run g.pb --feed x=x.npy --fetch y:1=y.npy"),
        with("wrong_shape", npy("<f4", "(1, 4)", &[0; 16]), "run g.pb --feed x=x.npy --fetch y=y.npy"),
        with("wrong_type", npy("|u1", "(1, 3)", &[0; 3]), "run g.pb --feed x=x.npy --fetch y=y.npy"),
        with("npy_too_short", npy("<f4", "(1, 3)", &[0; 11]), "run g.pb --feed x=x.npy --fetch y=y.npy"),
        with(
            "npy_absurd",
            npy("<f4", "(1152921504606846976,)", &[0; 4]),
            "run g.pb --feed x=x.npy --fetch y=y.npy",
        ),
        with("not_npy", b"hello".to_vec(), "run g.pb --feed x=x.npy --fetch y=y.npy"),
        with("no_output_folder", row(), "run g.pb --feed x=x.npy --fetch y=absent/y.npy"),
        with("two_to_one_file", row(), "run g.pb --feed x=x.npy --fetch x=y.npy y=y.npy"),
    ]
}

/// Int8 ops whose ranges are missing or mean nothing.
fn ranges() -> Vec<Case> {
    let int8 = |name, nodes: Vec<NodeDef>| Case {
        name,
        files: vec![("g.pb", graph(nodes)), ("x.npy", npy("|u1", "(1, 4, 4, 3)", &[7; 48]))],
        args: "run g.pb --feed x=x.npy --fetch y=y.npy",
    };
    let range = |name: &str, value| splat(name, DtFloat, &[], value);
    let nodes = |top: NodeDef, y: NodeDef| {
        let (x, w) = (placeholder("x", DtQuint8, &[1, 4, 4, 3]), splat("w", DtQint8, &[3, 3, 3, 8], 1.0));
        vec![x, w, splat("b", DtFloat, &[8], 0.0), range("lo", -1.0), range("hi", 1.0), top, y]
    };
    let whole = ["x", "w", "b", "lo", "hi", "lo", "hi", "lo", "top"];
    vec![
        int8("ranges_missing", nodes(range("top", 6.0), int8_conv("y", &whole[..7]))),
        int8("range_nan", nodes(range("top", f32::NAN), int8_conv("y", &whole))),
        int8("range_infinite", nodes(range("top", f32::INFINITY), int8_conv("y", &whole))),
        int8("range_of_two", nodes(splat("top", DtFloat, &[2], 6.0), int8_conv("y", &whole))),
        int8("range_not_float", nodes(splat("top", DtInt32, &[], 6.0), int8_conv("y", &whole))),
    ]
}

/// Calibration samples and what is said about them.
fn samples() -> Vec<Case> {
    let net = || {
        graph(vec![
            placeholder("x", DtFloat, &[-1, 4, 4, 3]),
            splat("w", DtFloat, &[3, 3, 3, 8], 0.5),
            conv("y"),
        ])
    };
    let with = |name, file: &'static str, bytes: Vec<u8>, args| Case {
        name,
        files: vec![("g.pb", net()), (file, bytes)],
        args,
    };
    let pixels = |n: usize| npy("|u1", &format!("({n}, 4, 4, 3)"), &vec![9; 48 * n]);
    let from_file = "quantize g.pb --calibration c.npy --preprocess x/255 -o q.pb";
    let from_folder = "quantize g.pb --calibration c --preprocess x/255 -o q.pb";
    let from_ranges = "quantize g.pb --ranges r.txt -o q.pb";
    let floats = |value: f32| npy("<f4", "(1, 4, 4, 3)", &value.to_le_bytes().repeat(48));
    vec![
        with("sample_shape", "c.npy", npy("<f4", "(2, 5)", &[0; 40]), from_file),
        with("sample_none", "c.npy", pixels(0), from_file),
        with("sample_nan", "c.npy", floats(f32::NAN), from_file),
        with("sample_type", "c.npy", npy("<i8", "(1, 4, 4, 3)", &[0; 384]), from_file),
        with("sample_no_pictures", "c/notes.txt", b"nothing here".to_vec(), from_folder),
        Case {
            name: "sample_broken_pictures",
            files: vec![
                ("g.pb", net()),
                ("c/cut.png", b"\x89PNG\r\n\x1a\n\0\0".to_vec()),
                ("c/good.ppm", b"P6 1 1 255\nabc".to_vec()),
                ("c/wrong.jpg", b"<html>not found</html>".to_vec()),
            ],
            args: from_folder,
        },
        with(
            "ranges_broken",
            "r.txt",
            b"# r\n0 1 kl x\n0 one kl y\n2 1 mse z\n0 3 kl x\n".to_vec(),
            from_ranges,
        ),
        with("ranges_other", "r.txt", b"-1 1 minmax x\n0 2 kl relu\n".to_vec(), from_ranges),
        with(
            "preprocess",
            "c.npy",
            pixels(1),
            "quantize g.pb --calibration c.npy --preprocess x/127.5- -o q.pb",
        ),
        with("wrong_input", "c.npy", pixels(1), "quantize g.pb --input image --calibration c.npy -o q.pb"),
        with("wrong_output", "c.npy", pixels(1), "quantize g.pb --output Y --calibration c.npy -o q.pb"),
        with("optimize_output", "c.npy", vec![], "optimize g.pb --output nothing -o o.pb"),
        with("two_inputs", "c.npy", pixels(1), "quantize g.pb --input x w --calibration c.npy -o q.pb"),
    ]
}
