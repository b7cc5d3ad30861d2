//! int8 operations that cannot be honoured say so, with what is supported instead; hostile shapes never panic.
use bakelite_codegen::attributes::{AttributeWriter, Attributes};
use bakelite_codegen::error::Reason;
use bakelite_codegen::ops::{Fact, Inputs, Op, Products};
use bakelite_codegen::tensor::DataType::{self, DtFloat, DtInt32, DtQint8, DtQint32, DtQuint8};
use bakelite_codegen::tensor::{Data, Tensor};
use std::sync::Arc;

/// An op with the attributes that `write` sets.
fn op(name: &str, write: impl Fn(&mut AttributeWriter)) -> Result<Op, Reason> {
    let mut a = AttributeWriter::default();
    write(&mut a);
    Op::parse(Attributes::new(name, &a.0))
}

fn conv(a: &mut AttributeWriter) {
    a.dtype("Tinput", DtQuint8);
    a.dtype("Tfilter", DtQint8);
    a.dtype("Tbias", DtFloat);
    a.dtype("out_type", DtQuint8);
    a.hw("strides", [1, 1]);
    a.string("padding", "VALID");
}

const CONV: &str = "QuantizedConv2DWithBiasAndReluAndRequantize";

#[test]
fn attributes_that_are_not_supported() {
    let matmul = |list: &'static [&'static str]| {
        op("_QuantizedMatMul", move |a| {
            a.strings("fused_ops", list);
            a.dtype("T1", DtQuint8);
            a.dtype("T2", DtQint8);
        })
    };
    let refusals = [
        (
            op(CONV, |a| {
                conv(a);
                a.dtype("Tfilter", DtQuint8);
            }),
            "Tfilter = quint8",
        ),
        (
            op(CONV, |a| {
                conv(a);
                a.dtype("out_type", DtQint8);
            }),
            "out_type = qint8",
        ),
        (
            op(CONV, |a| {
                conv(a);
                a.ints("padding_list", &[0, 0, -1, 0, 0, 0, 0, 0]);
            }),
            "padding_list [0, 0, -1, 0, 0, 0, 0, 0]",
        ),
        (
            op(CONV, |a| {
                conv(a);
                a.hw("strides", [0, 1]);
            }),
            "strides [1, 0, 1, 1]",
        ),
        (op("QuantizeV2", |a| a.dtype("T", DtQuint8)), "mode \"MIN_COMBINED\""),
        (
            op("Dequantize", |a| {
                a.dtype("T", DtQuint8);
                a.int("axis", 3);
            }),
            "axis 3",
        ),
        (
            matmul(&["BiasAdd", "GeluApproximate", "Requantize"]),
            "fused_ops [BiasAdd, GeluApproximate, Requantize]",
        ),
        (matmul(&["Requantize"]), "fused_ops [Requantize]"),
        (
            op("_FusedQuantizedConv2D", |a| a.strings("fused_ops", &["BiasAdd", "Elu"])),
            "fused_ops [BiasAdd, Elu]",
        ),
    ];
    for (result, found) in refusals {
        let reason = result.expect_err(found);
        assert_eq!(reason.found, found);
        assert!(!reason.supported.is_empty(), "{found}: what is supported?");
    }
}

/// Facts of inputs, of which only types and shapes are known.
fn facts(inputs: &[(DataType, &[usize])]) -> Vec<Fact> {
    inputs.iter().map(|&(dtype, shape)| Fact::new(dtype, shape.to_vec())).collect()
}

#[test]
fn shapes_that_do_not_fit() {
    let op = op(CONV, conv).expect("a convolution");
    let scalar: (DataType, &[usize]) = (DtFloat, &[]);
    let mut refused = 0;
    for x in
        [&[1, 2, 2, 3][..], &[1, 4, 4, 2], &[4, 4, 3], &[], &[1 << 40, 1 << 40, 1 << 40, 3], &[1, 0, 4, 3]]
    {
        for w in [&[3, 3, 3, 8][..], &[3, 3, 3], &[0, 3, 3, 8], &[usize::MAX, 3, 3, 8]] {
            let mut inputs = vec![(DtQuint8, x), (DtQint8, w), (DtFloat, &[8][..])];
            inputs.extend([scalar; 6]);
            refused += usize::from(op.infer(&facts(&inputs)).is_err());
        }
    }
    assert_eq!(refused, 24, "none of these can be computed");
    let mut inputs = vec![(DtQuint8, &[1, 4, 4, 3][..]), (DtQint8, &[3, 3, 3, 8]), (DtFloat, &[8])];
    inputs.extend([scalar; 6]);
    let y = op.infer(&facts(&inputs)).expect("this can");
    assert_eq!((y[0].dtype, &y[0].shape[..]), (DtQuint8, &[1, 2, 2, 8][..]));
}

#[test]
fn ranges_without_numbers() {
    let quantize = op("QuantizeV2", |a| {
        a.dtype("T", DtQint8);
        a.string("mode", "SCALED");
        a.string("round_mode", "HALF_TO_EVEN");
    });
    let quantize = quantize.expect("QuantizeV2");
    let x = Tensor::f32(vec![2], vec![0.5, -0.5]).expect("a tensor");
    for (min, max) in [(1.0, -1.0), (f32::NAN, 1.0), (-1.0, f32::INFINITY)] {
        let (min, max) = (Tensor::scalar(min), Tensor::scalar(max));
        let tensors = [&x, &min, &max];
        let inputs = Inputs { tensors: &tensors, constant: &[false; 3], products: Products::Contract };
        assert!(quantize.eval(inputs).is_err(), "{min:?} {max:?}");
        let facts: Vec<Fact> = tensors.iter().map(|&t| Fact::constant(Arc::new(t.clone()))).collect();
        assert!(quantize.infer(&facts).is_err(), "{min:?} {max:?}");
    }
}

#[test]
fn extreme_integers_and_empty_tensors() {
    let requantize = op("Requantize", |a| {
        a.dtype("Tinput", DtQint32);
        a.dtype("out_type", DtQuint8);
    });
    let requantize = requantize.expect("Requantize");
    let bounds = [-3e38, 3e38, 0.0, f32::MIN_POSITIVE].map(Tensor::scalar);
    for data in [vec![], vec![i32::MIN, -1, 0, 1, i32::MAX]] {
        let x = Tensor::new(DtQint32, vec![data.len()], Data::I32(data)).expect("a tensor");
        let tensors = [&x, &bounds[0], &bounds[1], &bounds[2], &bounds[3]];
        let inputs = Inputs { tensors: &tensors, constant: &[false; 5], products: Products::Contract };
        let y = requantize.eval(inputs).expect("any integer has a byte");
        assert_eq!(y[0].shape, x.shape);
    }
    let concat = op("QuantizedConcatV2", |a| {
        a.int("N", 1);
        a.dtype("T", DtQuint8);
    });
    let axis = Tensor { dtype: DtInt32, shape: vec![], data: Data::I32(vec![7]) };
    let mut inputs = facts(&[(DtQuint8, &[2, 3]), (DtInt32, &[]), (DtFloat, &[]), (DtFloat, &[])]);
    inputs[1] = Fact::constant(Arc::new(axis));
    assert!(concat.expect("a concatenation").infer(&inputs).is_err(), "there is no axis 7");
}
