//! The fp32 and shape operations on arbitrary attributes, shapes and operands: they may say no, they may not panic, and
//! what they infer is what they give.
use bakelite_codegen::attributes::{AttributeWriter, Attributes};
use bakelite_codegen::ops::{Fact, Inputs, Op, Products};
use bakelite_codegen::tensor::{Data, DataType, Tensor};
use std::sync::Arc;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
    /// Mostly small, now and then absurd.
    fn integer(&mut self) -> i64 {
        match self.below(40) {
            0 => self.pick(&[i64::MIN, i64::MAX, i64::from(i32::MIN), i64::from(i32::MAX), 1 << 40]),
            _ => self.below(7) as i64 - 2,
        }
    }
    fn integers(&mut self, most: usize) -> Vec<i64> {
        (0..self.below(most + 1)).map(|_| self.integer()).collect()
    }
    fn shape(&mut self) -> Vec<usize> {
        let rank = self.pick(&[0, 1, 1, 2, 2, 3, 4, 4, 4, 4, 5, 10]);
        (0..rank).map(|_| self.pick(&[0, 1, 1, 2, 2, 3, 3, 4])).collect()
    }
    fn tensor(&mut self) -> Tensor {
        let float = self.below(2) == 0;
        if float { self.floats() } else { self.operand() }
    }
    fn floats(&mut self) -> Tensor {
        let shape = self.shape();
        let data = (0..shape.iter().product()).map(|_| self.integer() as f32 * 0.5).collect();
        Tensor::f32(shape, data).unwrap()
    }
    /// A vector or scalar of integers.
    fn operand(&mut self) -> Tensor {
        let v = self.integers(5);
        let shape = if v.len() == 1 && self.below(2) == 0 { vec![] } else { vec![v.len()] };
        match self.below(3) {
            0 => Tensor::new(DataType::DtInt64, shape, Data::I64(v)).unwrap(),
            _ => {
                let narrow = Data::I32(v.iter().map(|&i| i as i32).collect());
                Tensor::new(DataType::DtInt32, shape, narrow).unwrap()
            }
        }
    }
}

/// Attributes under every name that the ops know, half of them sensible.
fn attributes(random: &mut Random, x: &[Tensor]) -> AttributeWriter {
    let mut a = AttributeWriter::default();
    let types = [DataType::DtFloat, DataType::DtInt32, DataType::DtInt64];
    let dtype = |x: Option<&Tensor>| x.map_or(DataType::DtFloat, |x| x.dtype);
    for name in ["T", "Tparams", "SrcT"] {
        a.dtype(name, if random.below(8) == 0 { random.pick(&types) } else { dtype(x.first()) });
    }
    if random.below(3) == 0 {
        a.dtype("T", dtype(x.get(1)));
    }
    for name in ["Tidx", "TI", "Tshape", "Tindices", "DstT", "out_type", "output_type"] {
        a.dtype(name, if random.below(4) == 0 { random.pick(&types) } else { dtype(x.get(1)) });
    }
    for name in ["transpose_a", "transpose_b", "keep_dims"] {
        a.bool(name, random.below(2) == 0);
    }
    a.bool("is_training", random.below(8) == 0);
    for name in ["begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask", "axis"] {
        let mask = random.integer() & random.integer();
        a.int(name, mask);
    }
    for name in ["N", "num", "num_split"] {
        let n = if random.below(3) == 0 { random.integer() } else { x.len() as i64 - random.below(2) as i64 };
        a.int(name, n);
    }
    for name in ["strides", "dilations", "ksize"] {
        if random.below(4) == 0 {
            a.ints(name, &random.integers(5));
        } else {
            a.hw(name, [random.below(4) + 1, random.pick(&[1, 1, 2, 3, 1 << 20])]);
        }
    }
    a.string("padding", random.pick(&["SAME", "SAME", "VALID", "EXPLICIT", "?"]));
    let pads = random.integers(2);
    let pad = |i: usize| pads.get(i).copied().unwrap_or_default();
    a.ints("explicit_paddings", &[0, 0, pad(0), pad(1), 1, 0, 0, 0]);
    a.ints("squeeze_dims", &random.integers(2));
    a.string(
        "equation",
        random.pick(&["ab,bc->ac", "abc,cd->abd", "...a,ab->...b", "aa,ab->b", "a,a->", "ab->b"]),
    );
    a.bool("adj_x", random.pick(&[false, true]));
    a.bool("adj_y", random.pick(&[false, true]));
    a.int("batch_dims", random.pick(&[0, 0, 1, -1, 2, i64::MIN]));
    a.int("block_size", random.pick(&[1, 1, 2, 3, 0, i64::MAX]));
    a
}

/// Reads, infers and evaluates one op; true if it gave something.
fn one(op: &str, random: &mut Random) -> bool {
    let mut x = vec![random.tensor()];
    for _ in 0..random.pick(&[0, 1, 1, 1, 2, 3, 4]) {
        let like = random.pick(&x);
        x.push(match random.below(3) {
            0 => like,
            1 => random.tensor(),
            _ => random.operand(),
        });
    }
    let attributes = attributes(random, &x);
    let Ok(parsed) = Op::parse(Attributes::new(op, &attributes.0)) else { return false };
    if !parsed.arity().contains(&x.len()) {
        return false;
    }
    let mut facts: Vec<Fact> = x.iter().map(|t| Fact::constant(Arc::new(t.clone()))).collect();
    let inferred = parsed.infer(&facts);
    if let Ok(y) = &inferred {
        assert_eq!(y.len(), parsed.ports(), "{op}");
        parsed.macs(&facts, y);
    }
    // Shapes alone, the first one far larger than memory.
    if let Some(d) = facts[0].shape.first_mut() {
        *d = random.pick(&[1 << 20, usize::MAX, 0]);
        facts[0].value = None;
        let _ = parsed.infer(&facts);
    }
    let tensors: Vec<&Tensor> = x.iter().collect();
    let constant = vec![false; x.len()];
    let inputs = Inputs {
        tensors: &tensors,
        constant: &constant,
        products: random.pick(&[Products::Fast, Products::Contract]),
    };
    let (Ok(inferred), Ok(y)) = (inferred, parsed.eval(inputs)) else { return false };
    let shapes = |x: &Fact| (x.dtype, x.shape.clone());
    let given: Vec<_> = y.iter().map(|t| (t.dtype, t.shape.clone())).collect();
    assert_eq!(inferred.iter().map(shapes).collect::<Vec<_>>(), given, "{op}");
    true
}

#[test]
fn nothing_panics() {
    let known = ["Placeholder", "Const", "HostConst"];
    let mut random = Random(7);
    let (mut ran, mut never) = (0, vec![]);
    for op in Op::NAMES.iter().filter(|op| !known.contains(op) && !op.contains("uanti")) {
        let times = (0..4000).filter(|_| one(op, &mut random)).count();
        ran += times;
        if times == 0 {
            never.push(*op);
        }
    }
    println!("{ran} evaluations gave something; never: {never:?}");
    assert!(ran > 10_000, "{ran}");
}
