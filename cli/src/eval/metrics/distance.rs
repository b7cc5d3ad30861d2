//! How far an output is from what it should be, summed in f64.

/// The mean of the squared differences.
pub(crate) fn squared_error(y: &[f32], truth: &[f32]) -> f64 {
    let squares = y.iter().zip(truth).map(|(&y, &t)| (f64::from(y) - f64::from(t)).powi(2));
    squares.sum::<f64>() / y.len().max(1) as f64
}

/// `y . t / (|y| |t|)`; 1 where both are zero, 0 where one is.
pub(crate) fn cosine(y: &[f32], truth: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let lengths = (dot(y, y) * dot(truth, truth)).sqrt();
    match (lengths > 0.0, dot(y, y) == dot(truth, truth)) {
        (true, _) => dot(y, truth) / lengths,
        (false, same) => f64::from(u8::from(same)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_by_hand() {
        assert_eq!(squared_error(&[1.0, 2.0, 3.0], &[1.0, 0.0, 6.0]), 13.0 / 3.0);
        assert_eq!(cosine(&[3.0, 4.0], &[4.0, 3.0]), 24.0 / 25.0);
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 1.0]), 0.0);
        assert_eq!((cosine(&[0.0], &[0.0]), cosine(&[0.0], &[1.0])), (1.0, 0.0));
    }
}
