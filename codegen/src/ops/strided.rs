//! Moving elements: strides of broadcast, transposed and sliced tensors, as the kernels' loop nests.
use crate::error::Reason;
use crate::lower::{Call, Element, Operand, Site};
use crate::ops::check;
use crate::tensor::{Data, DataType, Shape, Tensor, elements};
use crate::{each_data, map_data};
use bakelite_kernels::float::copy::Copy;
use bakelite_kernels::float::nest::{Nest, RANK};

/// Row-major strides.
pub(super) fn dense(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1isize; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d].saturating_mul(shape[d].max(1) as isize);
    }
    strides
}

/// The loop nest over `extent`, neighbouring loops merged where they lie alike in all tensors.
pub(super) fn nest<const T: usize>(
    extent: &[usize],
    stride: [&[isize]; T],
    first: [usize; T],
) -> Result<Nest<T>, Reason> {
    let mut merged: Vec<(usize, [isize; T])> = vec![];
    for (d, &n) in extent.iter().enumerate().filter(|&(_, &n)| n != 1) {
        let inner = stride.map(|s| s[d]);
        match merged.last_mut() {
            Some((turns, outer)) if (0..T).all(|t| outer[t] == inner[t].wrapping_mul(n as isize)) => {
                *turns = turns.saturating_mul(n);
                *outer = inner;
            }
            _ => merged.push((n, inner)),
        }
    }
    if merged.len() > RANK {
        return Err(
            Reason::new(format!("{} dimensions that lie apart", merged.len())).supported(RANK.to_string())
        );
    }
    let extent: Vec<usize> = merged.iter().map(|m| m.0).collect();
    let stride: [Vec<isize>; T] = std::array::from_fn(|t| merged.iter().map(|m| m.1[t]).collect());
    Ok(Nest::new(&extent, std::array::from_fn(|t| stride[t].as_slice()), first))
}

/// NumPy's broadcasting of two shapes.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Result<Shape, Reason> {
    let rank = a.len().max(b.len());
    let from_end = |s: &[usize], d: usize| (d + s.len()).checked_sub(rank).map_or(1, |d| s[d]);
    let pair = |d| match (from_end(a, d), from_end(b, d)) {
        (1, n) | (n, 1) => Some(n),
        (n, m) => (n == m).then_some(n),
    };
    let shape: Option<Shape> = (0..rank).map(pair).collect();
    let shape = shape.ok_or_else(|| {
        Reason::new(format!("shapes {a:?} and {b:?}")).supported("equal dimensions, or 1 in one of the two")
    })?;
    elements(&shape)?;
    Ok(shape)
}

/// Strides of a dense tensor of `shape` read as one of shape `to`, which it broadcasts to.
pub(super) fn stretched(shape: &[usize], to: &[usize]) -> Vec<isize> {
    let mut strides = vec![0; to.len() - shape.len()];
    strides.extend(dense(shape).iter().zip(shape).map(|(&s, &n)| if n == 1 { 0 } else { s }));
    strides
}

/// The dense tensor of `shape` whose element at an index is `x`'s element `first + Σ index * stride`.
pub(super) fn gathered(x: &Tensor, shape: Shape, stride: &[isize], first: usize) -> Result<Tensor, Reason> {
    let count = elements(&shape)?;
    let nest = nest(&shape, [stride, &dense(&shape)], [first, 0])?;
    let data = map_data!(&x.data, v => {
        let mut y = vec![Default::default(); count];
        check::run(Copy { nest: &nest, x: v, y: &mut y });
        y
    });
    Tensor::new(x.dtype, shape, data)
}

/// The kernel call of [`gathered`]: output 0 from an input.
pub(super) fn lower(
    site: &mut Site<'_, '_>,
    input: usize,
    shape: &[usize],
    stride: &[isize],
    first: usize,
) -> Result<(), Reason> {
    let nest = nest(shape, [stride, &dense(shape)], [first, 0])?;
    let (x, y) = (site.x_dense(input)?, site.y_dense(0)?);
    copy(site, x, y, &nest);
    Ok(())
}

/// The kernel call of [`place`].
pub(super) fn copy(site: &mut Site<'_, '_>, x: Operand, y: Operand, nest: &Nest<2>) {
    site.call(Call::bare("float::copy::Copy").by_ref("nest", nest).read("x", x).write("y", y));
}

/// A tensor of one zero.
pub(super) fn zero(dtype: DataType) -> Result<Tensor, Reason> {
    let data = match Element::of(dtype)? {
        Element::U8 if Element::zero_point(dtype) == 0 => Data::U8(vec![0]),
        Element::U8 => Data::I8(vec![0]),
        Element::Bool => Data::Bool(vec![false]),
        Element::I32 => Data::I32(vec![0]),
        Element::I64 => Data::I64(vec![0]),
        Element::F32 => Data::F32(vec![0.0]),
    };
    Tensor::new(dtype, vec![1], data)
}

/// Matrix `i` of a node that is lowered, rows and columns exchanged.
pub(super) fn transposed(site: &mut Site<'_, '_>, i: usize) -> Result<Operand, Reason> {
    let [rows, columns] = check::ranked(&site.x[i].shape, "a matrix")?;
    let x = site.x_dense(i)?;
    let y = site.scratch(x.element, [1, 1, columns, rows]).exact();
    let nest = nest(&[columns, rows], [&[1, columns as isize], &[rows as isize, 1]], [0, 0])?;
    copy(site, x, y, &nest);
    Ok(y)
}

/// A tensor of `shape` full of one value of `like`'s type: its element 0, or zero where `like` is `None`.
pub(super) fn filled(of: &Data, value: Option<&Data>, count: usize) -> Result<Data, Reason> {
    let mut y = map_data!(of, v => { let _ = v; vec![Default::default(); count] });
    if let Some(value) = value {
        let nest = nest(&[count], [&[0], &[1]], [0, 0])?;
        place(value, &nest, &mut y)?;
    }
    Ok(y)
}

/// Copies elements of `x` into `y`, which must be of the same type.
pub(super) fn place(x: &Data, nest: &Nest<2>, y: &mut Data) -> Result<(), Reason> {
    macro_rules! pairs {
        ($($variant:ident)*) => {
            match (x, y) {
                $((Data::$variant(x), Data::$variant(y)) => check::run(Copy { nest, x, y }),)*
                (x, y) => {
                    let [x, y] = [x, y].map(|data| each_data!(data, v => std::any::type_name_of_val(v)));
                    return Err(Reason::new(format!("elements of {x} and {y} in one tensor")));
                }
            }
        };
    }
    pairs!(F32 F64 I8 I16 I32 I64 U8 U16 U32 U64 Bool Bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_that_lie_alike_are_one_loop() {
        let shape = [2, 3, 1, 4];
        let nest = nest(&shape, [&dense(&shape), &[12, 4, 0, 1]], [0, 0]).unwrap();
        assert_eq!(nest, Nest::new(&[24], [&[1], &[1]], [0, 0]));
    }

    #[test]
    fn broadcasting() {
        assert_eq!(broadcast(&[4, 1, 3], &[5, 1]).unwrap(), [4, 5, 3]);
        assert_eq!(broadcast(&[], &[0, 2]).unwrap(), [0, 2]);
        assert!(broadcast(&[2], &[3]).is_err());
        assert_eq!(stretched(&[5, 1], &[4, 5, 3]), [0, 1, 0]);
    }

    #[test]
    fn too_many_loops_are_refused() {
        let shape = [2; 9];
        let mut reversed = dense(&shape);
        reversed.reverse();
        assert!(gathered(&Tensor::ints(&[0; 512]), shape.to_vec(), &reversed, 0).is_err());
    }

    #[test]
    fn a_transpose() {
        let x = Tensor::ints(&[1, 2, 3, 4, 5, 6]);
        let y = gathered(&x, vec![3, 2], &[1, 3], 0).unwrap();
        assert_eq!(y.data, Data::I32(vec![1, 4, 2, 5, 3, 6]));
    }
}
