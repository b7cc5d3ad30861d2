//! What the quantized convolutions and matrix products share: the sums, and the way from a sum to an output.
//!
//! ```text
//! acc[oc] = Σ x * w                        exact in i32, which is proved from the weights beforehand
//! y[oc]   = epilogue(acc[oc], scale[oc], bias[oc], summand)
//! ```
//!
//! An op turns its attributes and ranges into a [`Product`] of plain numbers, from which it is interpreted here and
//! compiled by [`Site::product`](crate::lower::Site::product). The epilogue is the kernels' own `Finish::reference`. The
//! sums are not the kernel reference's loop, which is written to be read; see `sums`.
use crate::error::Reason;
use crate::lower::{Activation, Output, Product, Sum};
use crate::ops::scales::zero_point;
use crate::tensor::{Data, DataType, Tensor};
use bakelite_kernels::Place;
use bakelite_kernels::epilogue::{self, Epilogue, Finish};

mod sums;

/// Bytes of a type with the scale whose reciprocal is `inverse`.
pub fn bytes(dtype: DataType, inverse: f32) -> Output {
    let [low, high] = if dtype == DataType::DtQint8 { [-128, 127] } else { [0, 255] };
    Output::Bytes(epilogue::Requantize { inverse, low, high, zero_point: zero_point(dtype) })
}

/// All integers up to this magnitude are f32 numbers.
const EXACT: i64 = 1 << 24;

/// Checks that a product's numbers fit its shapes and that no accumulator leaves i32, whatever the activations are. The
/// greatest magnitude that one may reach.
pub fn verify(product: &Product<'_>, x: [usize; 4], channels: usize, dtype: DataType) -> Result<i64, Reason> {
    let [kernel_h, kernel_w] = product.window.kernel;
    let inputs = if product.depthwise { 1 } else { x[3] };
    let weights = kernel_h.saturating_mul(kernel_w).saturating_mul(inputs).saturating_mul(channels);
    if product.weights.len() != weights {
        let found = format!("{} weights", product.weights.len());
        return Err(Reason::new(found).supported(format!("{weights} for these shapes")));
    }
    if [product.scale.len(), product.bias.len()] != [channels; 2] {
        let found = format!("{} scales and {} biases", product.scale.len(), product.bias.len());
        return Err(Reason::new(found).supported(format!("{channels}, one an output channel")));
    }
    let bound = product.bound(if zero_point(dtype) == 0 { 255 } else { 128 })?;
    Ok(bound.into_iter().max().unwrap_or(0))
}

/// Computes a product of NHWC `x`; the result has NHWC shape `y`. `summand` is the tensor of `stages.sum`.
pub fn eval(
    product: &Product<'_>,
    x: &Tensor,
    x_shape: [usize; 4],
    y: [usize; 4],
    summand: Option<&Tensor>,
) -> Result<Data, Reason> {
    let worst = verify(product, x_shape, y[3], x.dtype)?;
    let places = [x_shape, y].map(Place::dense);
    let acc = if worst <= EXACT {
        sums::float_sums(product, &numbers(x, f32::from, f32::from)?, places)
    } else {
        sums::integer_sums(product, &numbers(x, i16::from, i16::from)?, places)
    };
    finish(product, &acc, summand)
}

/// The elements of a quantized tensor.
fn numbers<T>(x: &Tensor, signed: fn(i8) -> T, unsigned: fn(u8) -> T) -> Result<Vec<T>, Reason> {
    Ok(match &x.data {
        Data::I8(v) => v.iter().map(|&v| signed(v)).collect(),
        _ => x.as_u8()?.iter().map(|&v| unsigned(v)).collect(),
    })
}

/// Accumulators to outputs. The stages become types here, one `match` each.
fn finish(product: &Product<'_>, acc: &[i32], summand: Option<&Tensor>) -> Result<Data, Reason> {
    Ok(match product.stages.output {
        Output::Bytes(output) if output.zero_point == 128 => {
            let bytes = activate(product, output, acc, summand)?;
            Data::I8(bytes.into_iter().map(|v| (v ^ 128) as i8).collect())
        }
        Output::Bytes(output) => Data::U8(activate(product, output, acc, summand)?),
        Output::I32(output) => Data::I32(activate(product, output, acc, summand)?),
        Output::F32 => Data::F32(activate(product, epilogue::ToF32, acc, summand)?),
    })
}

fn activate<O: epilogue::Output>(
    product: &Product<'_>,
    output: O,
    acc: &[i32],
    summand: Option<&Tensor>,
) -> Result<Vec<O::Out>, Reason> {
    match product.stages.activation {
        Activation::Linear => add(product, epilogue::Linear, output, acc, summand),
        Activation::Relu => add(product, epilogue::Relu, output, acc, summand),
        Activation::Relu6 => add(product, epilogue::Relu6, output, acc, summand),
        Activation::LeakyRelu(alpha) => add(product, epilogue::LeakyRelu { alpha }, output, acc, summand),
    }
}

fn add<A: epilogue::Activation, O: epilogue::Output>(
    product: &Product<'_>,
    activation: A,
    output: O,
    acc: &[i32],
    summand: Option<&Tensor>,
) -> Result<Vec<O::Out>, Reason> {
    let missing = || Reason::new("the summand is missing");
    let place = Place::dense([0; 4]);
    match product.stages.sum {
        Sum::None => run(product, Finish { sum: epilogue::NoSum, activation, output }, acc, &[]),
        Sum::Quantized { scale, .. } => {
            let tensor = summand.ok_or_else(missing)?;
            let bytes = stored(tensor)?;
            if zero_point(tensor.dtype) == 0 {
                let sum = epilogue::SumU8 { place, scale };
                run(product, Finish { sum, activation, output }, acc, &bytes)
            } else {
                let sum = epilogue::SumI8 { place, scale };
                run(product, Finish { sum, activation, output }, acc, &bytes)
            }
        }
        Sum::Float { .. } => {
            let sum = epilogue::SumF32 { place };
            run(product, Finish { sum, activation, output }, acc, summand.ok_or_else(missing)?.as_f32()?)
        }
    }
}

fn run<E: Epilogue>(
    product: &Product<'_>,
    finish: E,
    acc: &[i32],
    summand: &[E::Summand],
) -> Result<Vec<E::Out>, Reason> {
    if !summand.is_empty() && summand.len() != acc.len() {
        let found = format!("a summand of {} elements", summand.len());
        return Err(Reason::new(found).supported(format!("{}, one for each of the output", acc.len())));
    }
    let mut y = Vec::with_capacity(acc.len());
    let none = vec![<E::Summand as bytemuck::Zeroable>::zeroed(); product.scale.len()];
    for (i, acc) in acc.chunks_exact(none.len().max(1)).enumerate() {
        let summand = summand.get(i * none.len()..(i + 1) * none.len()).unwrap_or(&none);
        let each = acc.iter().zip(&product.scale).zip(&product.bias).zip(summand);
        y.extend(each.map(|(((&acc, &scale), &bias), &s)| finish.reference(acc, scale, bias, s)));
    }
    Ok(y)
}

/// A quantized tensor's bytes as kernels store them: a signed one with 128 added.
pub fn stored(x: &Tensor) -> Result<Vec<u8>, Reason> {
    match &x.data {
        Data::I8(v) => Ok(v.iter().map(|&v| v as u8 ^ 128).collect()),
        _ => Ok(x.as_u8()?.to_vec()),
    }
}

/// The inverse of [`stored`].
pub fn restored(bytes: Vec<u8>, dtype: DataType) -> Data {
    if zero_point(dtype) == 0 {
        return Data::U8(bytes);
    }
    Data::I8(bytes.into_iter().map(|v| (v ^ 128) as i8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::Stages;
    use bakelite_kernels::{Window, conv, dwconv};

    /// Numbers without a pattern, the same on every run.
    fn random(count: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..count).map(next).collect()
    }

    const WINDOW: Window = Window { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], pad: [1, 1] };
    const X: [usize; 4] = [2, 6, 7, 5];
    const Y: [usize; 4] = [2, 3, 7, 5];

    fn product(weights: &[i8], depthwise: bool) -> Product<'_> {
        let output = bytes(DataType::DtQuint8, 3.0);
        let stages = Stages { sum: Sum::None, activation: Activation::Relu, output };
        let scale = vec![1e-3, 2e-3, 5e-4, 1e-4, 3e-3];
        Product { x: 0, window: WINDOW, weights, depthwise, scale, bias: vec![0.5; 5], stages }
    }

    /// The sums here are written for speed, in two ways; the kernels' reference is written to be read.
    #[test]
    fn sums_are_those_of_the_kernels_reference() {
        let bytes = random(X.iter().product(), 1);
        let epilogue = Finish {
            sum: epilogue::NoSum,
            activation: epilogue::Relu,
            output: epilogue::Requantize { inverse: 3.0, low: 0, high: 255, zero_point: 0 },
        };
        for signed in [false, true] {
            let (zero_point, data) = if signed {
                (128, Data::I8(bytes.iter().map(|&v| (v ^ 128) as i8).collect()))
            } else {
                (0, Data::U8(bytes.clone()))
            };
            let dtype = if signed { DataType::DtQint8 } else { DataType::DtQuint8 };
            let x = Tensor::new(dtype, X.to_vec(), data).unwrap();
            for depthwise in [false, true] {
                let inputs = if depthwise { 1 } else { X[3] };
                let weights: Vec<i8> = random(6 * inputs * 5, 2).iter().map(|&w| w as i8).collect();
                let product = product(&weights, depthwise);
                let (x_place, y_place) = (Place::dense(X), Place::dense(Y));
                let mut want = vec![0; Y.iter().product()];
                let per_channel = [&product.scale[..], &product.bias[..]];
                if depthwise {
                    let params =
                        dwconv::Params { x: x_place, y: y_place, window: WINDOW, zero_point, epilogue };
                    dwconv::reference(&params, &bytes, &weights, per_channel, &[], &mut want);
                } else {
                    let params = conv::Params {
                        x: x_place,
                        y: y_place,
                        window: WINDOW,
                        zero_point,
                        widest: 4,
                        short_steps: 0,
                        epilogue,
                    };
                    conv::reference(&params, &bytes, &weights, per_channel, &[], &mut want);
                }
                assert_eq!(eval(&product, &x, X, Y, None), Ok(Data::U8(want)), "{signed} {depthwise}");
                let places = [x_place, y_place];
                let floats = sums::float_sums(&product, &numbers(&x, f32::from, f32::from).unwrap(), places);
                let integers =
                    sums::integer_sums(&product, &numbers(&x, i16::from, i16::from).unwrap(), places);
                assert_eq!(floats, integers, "{signed} {depthwise}");
            }
        }
    }

    #[test]
    fn what_may_overflow_is_refused() {
        let x = Tensor::new(DataType::DtQuint8, vec![1, 70_000], Data::U8(vec![255; 70_000])).unwrap();
        let weights = vec![-128; 70_000];
        let stages = Stages { sum: Sum::None, activation: Activation::Linear, output: Output::F32 };
        let (scale, bias) = (vec![1.0], vec![0.0]);
        let product =
            Product { x: 0, window: Window::POINT, weights: &weights, depthwise: false, scale, bias, stages };
        let error = eval(&product, &x, [1, 1, 1, 70_000], [1, 1, 1, 1], None).unwrap_err();
        assert_eq!(error.found, "the accumulator of output channel 0 may reach 2284800000");
    }
}
