//! Checks that several operations share: attributes, shapes, axes. Each says no with what is supported.
use crate::attributes::Attributes;
use crate::error::Reason;
use crate::ops::Fact;
use crate::tensor::{Data, DataType, Shape, elements, name};
use bakelite_kernels::Place;
use bakelite_kernels::isa::{self, Isa, Kernel, Program};

/// Refuses element types other than float.
pub(super) fn float(a: Attributes<'_>, attribute: &str) -> Result<(), Reason> {
    one_of(a, attribute, &[DataType::DtFloat]).map(drop)
}

/// The type of an attribute, if it is one of those.
pub(super) fn one_of(a: Attributes<'_>, attribute: &str, types: &[DataType]) -> Result<DataType, Reason> {
    let found = a.dtype(attribute)?;
    if types.contains(&found) {
        return Ok(found);
    }
    let supported: Vec<_> = types.iter().map(|&t| name(t)).collect();
    Err(Reason::new(format!("{attribute} = {}", name(found)))
        .supported(supported.join(", "))
        .help("give a graph in float32"))
}

/// Refuses NCHW.
pub(super) fn nhwc(a: Attributes<'_>) -> Result<(), Reason> {
    a.only("data_format", "NHWC", "freeze the graph with data_format NHWC")
}

/// Input `i`.
pub(super) fn fact(x: &[Fact], i: usize) -> Result<&Fact, Reason> {
    x.get(i).ok_or_else(|| Reason::new(format!("input {i} is missing")))
}

/// The shape of input `i`, which must be of a type.
pub(super) fn typed(x: &[Fact], i: usize, dtype: DataType) -> Result<&[usize], Reason> {
    let fact = fact(x, i)?;
    if fact.dtype == dtype {
        return Ok(&fact.shape);
    }
    Err(Reason::new(format!("input {i} is {}", name(fact.dtype))).supported(name(dtype)))
}

/// The shape of input `i`, which must be float.
pub(super) fn float_shape(x: &[Fact], i: usize) -> Result<&[usize], Reason> {
    typed(x, i, DataType::DtFloat)
}

/// The integers of input `i`, which must be constant.
pub(super) fn known_ints(x: &[Fact], i: usize, what: &str) -> Result<Vec<i64>, Reason> {
    fact(x, i)?.known(what)?.to_i64()
}

/// The one integer of a scalar operand.
pub(super) fn single(values: &[i64], what: &str) -> Result<i64, Reason> {
    match values {
        [value] => Ok(*value),
        _ => Err(Reason::new(format!("{what} has {} elements", values.len())).supported("one")),
    }
}

/// A shape of `RANK` dimensions, named by what it is the shape of.
pub(super) fn ranked<const RANK: usize>(shape: &[usize], what: &str) -> Result<[usize; RANK], Reason> {
    shape.try_into().map_err(|_| {
        Reason::new(format!("{what} of shape {shape:?}")).supported(format!("{RANK} dimensions"))
    })
}

/// A dimension's index; negative ones count from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Reason> {
    let from_front = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    from_front.and_then(|i| usize::try_from(i).ok()).filter(|&i| i < rank).ok_or_else(|| {
        Reason::new(format!("axis {axis} of {rank} dimensions"))
            .supported(format!("-{rank} to {}", rank.saturating_sub(1)))
    })
}

/// Marks which of `rank` dimensions are among `axes`.
pub(super) fn axes(axes: &[i64], rank: usize) -> Result<Vec<bool>, Reason> {
    let mut marked = vec![false; rank];
    for &a in axes {
        marked[axis(a, rank)?] = true;
    }
    Ok(marked)
}

/// Integers as a shape.
pub(super) fn shape(dimensions: &[i64]) -> Result<Shape, Reason> {
    let shape: Result<Shape, _> = dimensions.iter().map(|&d| usize::try_from(d)).collect();
    let shape = shape
        .map_err(|_| Reason::new(format!("the shape {dimensions:?}")).supported("no negative dimension"))?;
    elements(&shape)?;
    Ok(shape)
}

/// One output of a type, bounded in size.
pub(super) fn output(dtype: DataType, shape: Shape) -> Result<Vec<Fact>, Reason> {
    elements(&shape)?;
    Ok(vec![Fact::new(dtype, shape)])
}

/// Runs a kernel on this CPU's best instruction set. The bits are the same on each.
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    struct Enter<K>(K);
    impl<K: Kernel> Program for Enter<K> {
        type Output = K::Output;
        fn call<I: Isa>(self, isa: I) -> K::Output {
            isa.run(self.0)
        }
    }
    isa::best(Enter(kernel))
}

/// A positive number of inputs or outputs, as many as a list of nodes may have.
pub(super) fn count(a: Attributes<'_>, attribute: &str) -> Result<usize, Reason> {
    let count = a.int(attribute)?;
    usize::try_from(count)
        .ok()
        .filter(|n| (1..=1 << 16).contains(n))
        .ok_or_else(|| Reason::new(format!("{attribute} = {count}")).supported("1 to 65536"))
}

/// Refuses two shapes that differ.
pub(super) fn same(a: &[usize], b: &[usize]) -> Result<(), Reason> {
    if a == b {
        return Ok(());
    }
    Err(Reason::new(format!("shapes {a:?} and {b:?}")).supported("equal shapes"))
}

/// Integers as elements of int32 or int64; int32 keeps the low bits.
pub(super) fn integers(dtype: DataType, values: Vec<i64>) -> Result<Data, Reason> {
    match dtype {
        DataType::DtInt32 => Ok(Data::I32(values.into_iter().map(|v| v as i32).collect())),
        DataType::DtInt64 => Ok(Data::I64(values)),
        _ => Err(Reason::new(name(dtype)).supported("int32 or int64")),
    }
}

/// A dense NHWC tensor; its pitches are bounded even where a dimension is zero.
pub(super) fn place(shape: &[usize]) -> Result<Place, Reason> {
    let nhwc: [usize; 4] = ranked(shape, "an image")?;
    elements(&nhwc.map(|n| n.max(1)))?;
    Ok(Place::dense(nhwc))
}
