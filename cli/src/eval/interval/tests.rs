use super::*;

fn pairs([a, b, c, d]: [usize; 4]) -> (Vec<bool>, Vec<bool>) {
    let times = |n: usize, x: bool| std::iter::repeat_n(x, n);
    let first = times(a + b, true).chain(times(c + d, false)).collect();
    let second = times(a, true).chain(times(b, false)).chain(times(c, true)).chain(times(d, false)).collect();
    (first, second)
}

/// (20, 12, 2, 16) is published, 0.0562 to 0.3292; all were computed apart, in Python, from the paper's other notation.
/// The paper subtracts the second share from the first, so signs and bounds are swapped here.
#[test]
fn newcombe_gives_the_papers_numbers() {
    let cases = [
        ([20, 12, 2, 16], [0.2, 0.056_156_424_841_748_29, 0.329_206_995_400_140_53]),
        ([36, 12, 2, 0], [0.2, 0.056_929_584_003_238_89, 0.340_427_602_974_940_7]),
        (
            [500, 15, 9, 126],
            [0.009_230_769_230_769_232, -0.006_070_699_108_087_458, 0.024_711_511_076_096_516],
        ),
        ([54, 0, 0, 0], [0.0, -0.066_413_588_090_896_48, 0.066_413_588_090_896_48]),
        ([2, 97, 1, 0], [0.96, 0.872_116_478_340_209, 0.985_366_450_221_737_2]),
    ];
    for (counts, [value, low, high]) in cases {
        let (first, second) = pairs(counts);
        let d = newcombe(&first, &second);
        for (found, expected) in [(d.value, -value), (d.low, -high), (d.high, -low)] {
            assert!((found - expected).abs() < 1e-12, "{counts:?}: {d:?}");
        }
    }
}

/// Of the mean difference of paired normal values: 1.96 standard errors on each side.
#[test]
fn the_bootstrap_is_about_as_wide_as_theory_says() {
    let mut state = 1;
    let mut uniform = || splitmix(&mut state) as f64 / u64::MAX as f64;
    let values: Vec<f64> = (0..400).map(|_| (0..12).map(|_| uniform()).sum::<f64>() - 6.0).collect();
    let mean = |w: &[u32]| values.iter().zip(w).map(|(v, &w)| v * f64::from(w)).sum::<f64>() / 400.0;
    let d = bootstrap(400, &|_| 0.25, &mean);
    let average = values.iter().sum::<f64>() / 400.0;
    let error = (values.iter().map(|v| (v - average).powi(2)).sum::<f64>() / 400.0).sqrt() / 20.0;
    assert_eq!(d.value, mean(&[1; 400]) - 0.25);
    for bound in [d.value - d.low, d.high - d.value] {
        assert!((bound / (1.96 * error) - 1.0).abs() < 0.12, "{d:?}, standard error {error}");
    }
}

#[test]
fn draws_are_the_same_each_time_and_of_full_size() {
    assert_eq!(draw_weights(50, 7), draw_weights(50, 7));
    assert_ne!(draw_weights(50, 7), draw_weights(50, 8));
    assert!((0..100).all(|draw| draw_weights(50, draw).iter().sum::<u32>() == 50));
}
