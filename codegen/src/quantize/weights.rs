//! Weights in eight bits, symmetric: `q = round_half_even(w * 127 / R)`, `R` the greatest magnitude of an output channel.
//!
//! -128 is never used, so that a channel's range is `(-R, R)` exactly as the ops decode it.
use crate::error::Reason;
use crate::tensor::{Data, DataType, Tensor};

/// The least range of a channel. A channel of zeros needs one above zero, since its scale is inverted nowhere but
/// multiplied everywhere; this one leaves every channel that carries anything its own range, and its products with
/// activation scales stay far from f32's subnormals, which a CPU may flush.
const LEAST: f32 = 1e-12;

/// Quantized weights with the range of each channel, or of all.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// qint8, in the shape of the weights.
    pub q: Tensor,
    /// Lower ends, `-R`: a vector, or a scalar for all channels.
    pub min: Tensor,
    /// Upper ends, `R`.
    pub max: Tensor,
}

/// Quantizes weights whose output channels are the last `channels` elements of each row.
pub fn quantize(w: &Tensor, channels: usize, per_tensor: bool) -> Result<Quantized, Reason> {
    let values = w.as_f32()?;
    let mut range = vec![LEAST; if per_tensor { 1 } else { channels }];
    let groups = range.len();
    for (i, v) in values.iter().enumerate() {
        range[i % groups] = range[i % groups].max(v.abs());
    }
    let q = values.iter().enumerate().map(|(i, &v)| round(v, range[i % groups])).collect();
    let shape = if per_tensor { vec![] } else { vec![groups] };
    let min = range.iter().map(|r| -r).collect();
    Ok(Quantized {
        q: Tensor::new(DataType::DtQint8, w.shape.clone(), Data::I8(q))?,
        min: Tensor::f32(shape.clone(), min)?,
        max: Tensor::f32(shape, range)?,
    })
}

/// In double precision, so that the quotient's own rounding decides no tie.
fn round(v: f32, range: f32) -> i8 {
    (f64::from(v) * 127.0 / f64::from(range)).round_ties_even() as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(values: &[f32], channels: usize, per_tensor: bool) -> (Vec<i8>, Vec<f32>) {
        let w = Tensor::f32(vec![values.len() / channels, channels], values.to_vec()).unwrap();
        let q = quantize(&w, channels, per_tensor).unwrap();
        (q.q.as_i8().unwrap().to_vec(), q.max.as_f32().unwrap().to_vec())
    }

    #[test]
    fn each_channel_has_its_range() {
        assert_eq!(q(&[1.0, -10.0, -0.5, 5.0], 2, false), (vec![127, -127, -64, 64], vec![1.0, 10.0]));
        assert_eq!(q(&[1.0, -10.0, -0.5, 5.0], 2, true), (vec![13, -127, -6, 64], vec![10.0]));
    }

    #[test]
    fn ties_go_to_even() {
        // The range is 127 steps of 2, all of which f32 holds.
        assert_eq!(q(&[254.0, 1.0, 3.0, -1.0, -3.0, -5.0], 1, false).0, [127, 0, 2, 0, -2, -2]);
    }

    #[test]
    fn a_channel_of_zeros_and_a_tiny_one() {
        let (values, range) = q(&[0.0, 1e-7, 0.0, -5e-8], 2, false);
        assert_eq!(values, [0, 127, 0, -64]);
        assert_eq!(range, [LEAST, 1e-7]);
    }
}
