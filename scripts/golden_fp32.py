#!/usr/bin/env python3
"""What TensorFlow computes for the fp32 and shape operations, on small random inputs.

Writes one GraphDef. Of each case it holds the inputs as constants `CASE/x0`, `CASE/x1`, ..., the operation `CASE/y`,
its outputs as constants `CASE/want0`, ..., and `CASE/tolerance` = [ulps, absolute error]. `codegen/tests/golden_fp32.rs`
evaluates `CASE/y` and compares. Needs TensorFlow 2; run it only to add cases:

    python3 scripts/golden_fp32.py codegen/tests/golden_fp32/cases.pb
"""
import sys

import numpy as np
import tensorflow as tf

random = np.random.default_rng(20240611)
graph = tf.Graph()
cases = []


def f32(*shape, low=-3.0, high=3.0):
    return random.uniform(low, high, shape).astype(np.float32)


def i32(*values):
    return np.array(values, np.int32)


def case(name, op, *inputs, ulps=0, absolute=0.0, outputs=1, **attributes):
    """`op` is a raw op; a list among the inputs is a list of tensors."""
    flat, number = [], 0
    with graph.as_default(), tf.name_scope(name):
        for x in inputs:
            group = [tf.constant(v, name=f"x{number + i}") for i, v in enumerate(x if isinstance(x, list) else [x])]
            number += len(group)
            flat.append(group if isinstance(x, list) else group[0])
        names = [a for a in op.__signature__.parameters]
        y = op(**dict(zip(names, flat)), **attributes, name="y")
    y = list(y) if isinstance(y, (list, tuple)) else [y]
    cases.append((name, y[:outputs], [ulps, absolute]))


r = tf.raw_ops
NHWC = dict(data_format="NHWC")
# Sums of some dozen products below 9: summation order moves the last bits.
SUM = dict(ulps=4, absolute=2e-5)

image = f32(2, 7, 6, 3)
for name, kernel, attributes in [
    ("same", (3, 3, 3, 5), dict(strides=[1, 1, 1, 1], padding="SAME")),
    ("same_stride2", (3, 2, 3, 5), dict(strides=[1, 2, 2, 1], padding="SAME")),
    ("valid", (3, 3, 3, 5), dict(strides=[1, 1, 2, 1], padding="VALID")),
    ("point", (1, 1, 3, 20), dict(strides=[1, 1, 1, 1], padding="VALID")),
    ("dilated", (3, 2, 3, 4), dict(strides=[1, 1, 1, 1], padding="SAME", dilations=[1, 2, 1, 1])),
    ("explicit", (3, 3, 3, 4), dict(strides=[1, 2, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0])),
    ("large_window", (9, 8, 3, 2), dict(strides=[1, 1, 1, 1], padding="SAME")),
]:
    case(f"conv_{name}", r.Conv2D, image, f32(*kernel), **attributes, **SUM)
case("dw_same", r.DepthwiseConv2dNative, image, f32(3, 3, 3, 1), strides=[1, 1, 1, 1], padding="SAME", **SUM)
case("dw_multiplier", r.DepthwiseConv2dNative, image, f32(3, 2, 3, 4), strides=[1, 2, 2, 1], padding="VALID", **SUM)
case("dw_channels", r.DepthwiseConv2dNative, f32(1, 6, 5, 37), f32(3, 3, 37, 1), strides=[1, 2, 2, 1], padding="SAME", **SUM)
for a, b in [(False, False), (True, False), (False, True), (True, True)]:
    x, w = f32(*((9, 4) if a else (4, 9))), f32(*((6, 9) if b else (9, 6)))
    case(f"matmul_{int(a)}{int(b)}", r.MatMul, x, w, transpose_a=a, transpose_b=b, **SUM)
case("bias_add", r.BiasAdd, image, f32(3))
case("bias_add_matrix", r.BiasAdd, f32(4, 5), f32(5))

for op in ["Add", "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "SquaredDifference"]:
    case(f"binary_{op}", getattr(r, op), f32(4, 1, 3), f32(5, 1))
    if op != "RealDiv":
        case(f"integer_{op}", getattr(r, op), i32(7, -3, 2**31 - 1), i32(-5))
case("binary_scalar", r.Mul, f32(), image)
case("binary_row", r.AddV2, image, f32(1, 1, 1, 3))
for op in ["FloorDiv", "FloorMod"]:
    case(f"integer_{op}", getattr(r, op), i32(7, -7, 7, -7, 6), i32(2, 2, -2, -2, 3))
case("add_n", r.AddN, [f32(3, 4), f32(3, 4), f32(3, 4)], ulps=1, absolute=1e-6)

wide = np.concatenate([f32(64, low=-12, high=12), np.float32([0, -0.0, 1e-6, -1e-6, 1e-3, 88, -87, 20, -20])])
positive = np.concatenate([f32(64, low=0, high=12), np.float32([1e-30, 1e30, 1, 4, 1e-3, 0.5, 2])])
for op in ["Relu", "Relu6", "Neg", "Abs", "Square"]:
    case(f"unary_{op}", getattr(r, op), wide)
case("unary_LeakyRelu", r.LeakyRelu, wide, alpha=0.3)
case("unary_Elu", r.Elu, wide, ulps=4, absolute=1e-7)
case("unary_Sigmoid", r.Sigmoid, wide, ulps=4, absolute=2e-7)
case("unary_Tanh", r.Tanh, wide, ulps=4, absolute=2e-7)
case("unary_Softplus", r.Softplus, wide, ulps=4, absolute=2e-7)
case("unary_Exp", r.Exp, wide, ulps=4)
case("unary_Log", r.Log, positive, ulps=4, absolute=1e-7)
case("unary_Sqrt", r.Sqrt, positive, ulps=1)
case("unary_Rsqrt", r.Rsqrt, positive, ulps=2)
case("unary_Reciprocal", r.Reciprocal, positive, ulps=1)

for version, op in enumerate([r.FusedBatchNorm, r.FusedBatchNormV2, r.FusedBatchNormV3]):
    case(f"batch_norm_{version + 1}", op, image, f32(3), f32(3), f32(3), f32(3, low=0.01, high=4), epsilon=1e-3,
         is_training=False, ulps=2, absolute=2e-6)
case("softmax", r.Softmax, f32(5, 11, low=-30, high=30), ulps=8, absolute=1e-37)
case("softmax_images", r.Softmax, f32(1, 1, 2, 1001), ulps=8)

for op in ["MaxPool", "AvgPool"]:
    sums = {} if op == "MaxPool" else dict(ulps=2, absolute=1e-6)
    case(f"{op}_same", getattr(r, op), image, ksize=[1, 3, 2, 1], strides=[1, 2, 2, 1], padding="SAME", **sums)
    case(f"{op}_valid", getattr(r, op), image, ksize=[1, 2, 3, 1], strides=[1, 1, 3, 1], padding="VALID", **sums)
    case(f"{op}_global", getattr(r, op), image, ksize=[1, 7, 6, 1], strides=[1, 1, 1, 1], padding="VALID", **sums)

for op in ["Mean", "Sum", "Max", "Min"]:
    sums = dict(ulps=4, absolute=1e-5) if op in ("Mean", "Sum") else {}
    case(f"reduce_{op}_images", getattr(r, op), image, i32(1, 2), keep_dims=False, **sums)
    case(f"reduce_{op}_keep", getattr(r, op), image, i32(-1), keep_dims=True, **sums)
    case(f"reduce_{op}_apart", getattr(r, op), image, i32(0, 2), keep_dims=False, **sums)
case("reduce_wide", r.Mean, f32(1, 7, 7, 40), i32(1, 2), keep_dims=True, ulps=4, absolute=1e-6)
case("reduce_all", r.Sum, image, i32(0, 1, 2, 3), keep_dims=False, ulps=8, absolute=2e-5)
case("reduce_none", r.Mean, image, np.zeros(0, np.int32), keep_dims=False)
case("reduce_integers", r.Prod, i32(2, 3, 4), np.int32(0), keep_dims=False)
case("reduce_integer_mean", r.Mean, i32(-7, 2), np.int32(0), keep_dims=False)

pads = np.array([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32)
case("pad", r.Pad, image, pads)
case("pad_value", r.PadV2, f32(2, 3), np.array([[0, 1], [2, 0]], np.int64), np.float32(-1.5))
case("concat_channels", r.ConcatV2, [f32(2, 3, 4), f32(2, 3, 1), f32(2, 3, 6)], np.int32(-1))
case("concat_rows", r.ConcatV2, [f32(1, 3), f32(4, 3)], np.int64(0))
case("reshape", r.Reshape, image, i32(2, -1, 9))
case("squeeze_all", r.Squeeze, f32(1, 3, 1, 2))
case("squeeze_some", r.Squeeze, f32(1, 3, 1, 2), axis=[-2])
case("expand_dims", r.ExpandDims, f32(2, 3), np.int32(-1))
case("shape", r.Shape, image)
case("shape_long", r.Shape, image, out_type=tf.int64)
slices = dict(begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0)
case("slice_plain", r.StridedSlice, image, i32(0, 1, 2), i32(1, 6, 5), i32(1, 2, 1), **slices)
case("slice_masks", r.StridedSlice, image, i32(1, 9, 0, 0), i32(9, 9, 0, 2), i32(1, 1, 1, 1),
     **{**slices, "shrink_axis_mask": 1, "ellipsis_mask": 4, "new_axis_mask": 2})
case("slice_backwards", r.StridedSlice, image, i32(0, -1), i32(0, 1), i32(-1, -2), **{**slices, "begin_mask": 1, "end_mask": 1})
case("slice_shape", r.StridedSlice, i32(5, 6, 7), i32(-1), i32(0), i32(1), **{**slices, "shrink_axis_mask": 1})
case("pack", r.Pack, [f32(2, 3), f32(2, 3)], axis=1)
case("pack_last", r.Pack, [f32(2), f32(2), f32(2)], axis=-1)
case("cast_float", r.Cast, i32(-3, 0, 2**31 - 1), DstT=tf.float32)
case("cast_int", r.Cast, np.float32([-2.9, -0.5, 0.5, 2.9, 1e9]), DstT=tf.int32)
case("cast_byte", r.Cast, i32(0, 1, 255, 256, -1), DstT=tf.uint8)
case("transpose", r.Transpose, image, i32(0, 3, 1, 2))
case("arg_max", r.ArgMax, image, np.int32(3))
case("arg_max_middle", r.ArgMax, image, np.int32(1), output_type=tf.int32)
case("gather", r.GatherV2, f32(3, 5, 2), np.int64([[4, 0], [1, 1]]), np.int32(1))
case("gather_shape", r.GatherV2, i32(5, 6, 7), i32(2, 0), np.int32(0))
case("slice", r.Slice, image, i32(0, 2, 1, 0), i32(1, 3, -1, 2))
case("split", r.Split, np.int32(-1), f32(2, 6), num_split=3, outputs=3)
case("unpack", r.Unpack, f32(2, 3, 2), num=3, axis=1, outputs=3)
case("fill", r.Fill, i32(2, 3), np.float32(1.5))
case("range", r.Range, np.int32(7), np.int32(-2), np.int32(-3))
case("tile", r.Tile, f32(2, 3), i32(2, 3))

# New cases stand at the end, so that the random numbers of the others stay.
ROUNDED = dict(ulps=4, absolute=1e-6)
for corners, centers in [(False, False), (True, False), (False, True)]:
    how = dict(align_corners=corners, half_pixel_centers=centers)
    name = f"{int(corners)}{int(centers)}"
    for height, width in [(14, 12), (3, 11), (1, 1), (7, 6)]:
        case(f"resize_bilinear_{name}_{height}", r.ResizeBilinear, image, i32(height, width), **how, **ROUNDED)
        case(f"resize_nearest_{name}_{height}", r.ResizeNearestNeighbor, image, i32(height, width), **how)
case("resize_bilinear_bytes", r.ResizeBilinear, np.arange(24, dtype=np.uint8).reshape(1, 4, 2, 3), i32(5, 5), **ROUNDED)
few = np.float32([-1, 0, 1, np.nan, 2, np.inf, -np.inf, -0.0])
for op in ["Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"]:
    case(f"compare_{op}", getattr(r, op), few[:, None], few)
    case(f"compare_integers_{op}", getattr(r, op), i32(3, -1, 7), i32(3, 7, -1))
truth = np.array([True, False])
for op in ["LogicalAnd", "LogicalOr"]:
    case(f"logical_{op}", getattr(r, op), truth[:, None], truth)
case("logical_LogicalNot", r.LogicalNot, truth)
case("select_v2", r.SelectV2, truth[:, None], f32(1, 3), np.float32(0.5))
case("select_rows", r.Select, truth, f32(2, 3), f32(2, 3))
case("select_one", r.Select, np.array(False), i32(1, 2), i32(3, 4))
case("select_each", r.Select, np.array([[True, False, True]]), f32(1, 3), f32(1, 3))
case("top_k", r.TopKV2, np.round(f32(3, 50)), np.int32(7), outputs=2)
case("top_k_all", r.TopKV2, np.round(f32(9)), np.int32(9), outputs=2)
for mode in ["REFLECT", "SYMMETRIC"]:
    case(f"mirror_pad_{mode}", r.MirrorPad, image, np.array([[0, 1], [2, 3], [5, 0], [1, 2]], np.int32), mode=mode)
    case(f"mirror_pad_row_{mode}", r.MirrorPad, i32(1, 2, 3, 4), np.array([[3, 2]], np.int64), mode=mode)
case("binary_Pow", r.Pow, np.abs(wide)[:, None], f32(5), ulps=4)
case("binary_Pow_whole", r.Pow, wide[:, None], np.float32([2, 3, -1, 0, 0.5]), ulps=4)
case("binary_DivNoNan", r.DivNoNan, few[:, None], few)
for op in ["Floor", "Ceil", "Round", "Rint", "Sign"]:
    case(f"unary_{op}", getattr(r, op), np.concatenate([wide, np.float32([0.5, 1.5, 2.5, -0.5, -1.5, 8388607.5, 3e9])]))
case("unary_Erf", r.Erf, wide, ulps=4, absolute=1e-7)
case("unary_Expm1", r.Expm1, wide, ulps=4, absolute=1e-7)
case("unary_Log1p", r.Log1p, positive, ulps=4, absolute=1e-7)
case("unary_Selu", r.Selu, wide, ulps=4, absolute=1e-6)
case("unary_Softsign", r.Softsign, wide, ulps=1)
case("log_softmax", r.LogSoftmax, f32(5, 11, low=-30, high=30), ulps=4, absolute=4e-6)
blocks = f32(2, 4, 6, 12)
case("depth_to_space", r.DepthToSpace, blocks, block_size=2)
case("space_to_depth", r.SpaceToDepth, blocks, block_size=2)
for a, b in [(False, False), (True, False), (False, True), (True, True)]:
    x, w = f32(*((2, 1, 9, 4) if a else (2, 1, 4, 9))), f32(*((3, 6, 9) if b else (3, 9, 6)))
    case(f"batch_matmul_{int(a)}{int(b)}", r.BatchMatMulV2, x, w, adj_x=a, adj_y=b, **SUM)
case("batch_matmul_weights", r.BatchMatMulV2, f32(2, 5, 8), f32(8, 19), **SUM)
for equation, x, w in [
    ("abc,cde->abde", (2, 5, 8), (8, 3, 4)),
    ("aecd,abcd->acbe", (2, 5, 3, 4), (2, 6, 3, 4)),
    ("acbe,aecd->abcd", (2, 3, 6, 5), (2, 5, 3, 4)),
    ("abcd,cde->abe", (2, 5, 3, 4), (3, 4, 8)),
    ("...x,xy->...y", (2, 5, 8), (8, 6)),
    ("ab,ab->a", (3, 7), (3, 7)),
    ("a,b->ab", (3,), (5,)),
]:
    name = "einsum_" + equation.replace(",", "_").replace("->", "_").replace("...", "Z")
    case(name, r.Einsum, [f32(*x), f32(*w)], equation=equation, **SUM)
case("gather_batch", r.GatherV2, f32(2, 3, 4, 2), i32(*range(4), 3, 0).reshape(2, 3), np.int32(2), batch_dims=1)
case("gather_batch_all", r.GatherV2, f32(2, 3, 4), i32(*range(4), 3, 0).reshape(2, 3), np.int32(2), batch_dims=2)
case("unary_Erfc", r.Erfc, wide, ulps=4, absolute=1e-7)
case("arg_min", r.ArgMin, image, np.int32(2))
case("one_hot", r.OneHot, i32(0, 2, -1, 5), np.int32(4), np.float32(1.5), np.float32(-0.5))
case("one_hot_middle", r.OneHot, np.int64([[0, 1], [2, 1]]), np.int32(3), np.float32(1), np.float32(0), axis=1)

with tf.compat.v1.Session(graph=graph) as session:
    values = session.run([y for _, y, _ in cases])
with graph.as_default():
    for (name, _, tolerance), outputs in zip(cases, values):
        for i, value in enumerate(outputs):
            tf.constant(value, name=f"{name}/want{i}")
        tf.constant(np.float32(tolerance), name=f"{name}/tolerance")
data = graph.as_graph_def().SerializeToString(deterministic=True)
open(sys.argv[1], "wb").write(data)
print(f"{len(cases)} cases, {len(data)} bytes")
