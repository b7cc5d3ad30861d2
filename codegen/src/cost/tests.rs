use super::*;
use bakelite_kernels::Place;

fn conv(y: [usize; 4], ic: usize, kernel: usize) -> conv::Params<()> {
    let window = Window { kernel: [kernel; 2], pad: [kernel / 2; 2], ..Window::POINT };
    let x = Place::with_halo([y[0], y[1], y[2], ic], [kernel / 2; 4]);
    conv::Params { x, y: Place::dense(y), window, zero_point: 0, widest: 4, short_steps: 0, epilogue: () }
}

fn layer(work: &Work) -> Layer<'_> {
    Layer { work, kernel: "", macs: 0, bytes: 0, weights: 0 }
}

#[test]
fn tiles_leave_little_to_compute_twice() {
    let rows = |y, ic, kernel| Tiled::new(&conv(y, ic, kernel), false).fastest().rows;
    assert_eq!(rows([1, 5, 5, 256], 256, 1), 5);
    assert_eq!(rows([1, 28, 28, 256], 256, 1), 4);
    assert_eq!(rows([1, 1, 1, 1000], 2048, 1), 1);
    assert_eq!(rows([1, 1, 3, 1000], 2048, 1), 3);
    assert_eq!(rows([1, 28, 28, 32], 192, 1), 8);
}

#[test]
fn tiles_as_long_as_a_row_leave_padding_out() {
    let fastest = Tiled::new(&conv([1, 7, 7, 512], 512, 3), false).fastest();
    assert_eq!(fastest.id(), "igemm-7x32c4");
    assert_eq!(Tiled { short_steps: 2, ..fastest }.id(), "igemm-7x32c4-short2");
    let signed = conv::Params { zero_point: 128, ..conv([1, 7, 7, 512], 512, 3) };
    assert_eq!(Tiled::new(&signed, false).padding, None);
}

#[test]
fn every_candidate_costs_and_the_choice_costs_least() {
    for (y, ic) in [([1, 5, 5, 96], 24), ([1, 17, 17, 192], 768), ([1, 1, 4, 17], 3)] {
        let chosen = Tiled::new(&conv(y, ic, 3), true).fastest();
        let cycles = |product: Tiled| cycles(&CORES[0], &layer(&Work::Product(product)), 0);
        assert!(chosen.candidates().all(|other| cycles(other) >= cycles(chosen)), "{chosen:?}");
        assert!(chosen.candidates().all(|other| other.rows <= y[1] * y[2]));
    }
}

#[test]
fn a_summand_an_instruction_set_and_distant_weights_cost() {
    let product = Tiled::new(&conv([1, 14, 14, 256], 256, 3), false).fastest();
    let shape = Shape { sum: true, ..product.shape };
    let (plain, sum) = (Work::Product(product), Work::Product(Tiled { shape, ..product }));
    let cycles = |core, work, weights, total| cycles(core, &Layer { weights, ..layer(work) }, total);
    for core in &CORES[..3] {
        assert!(cycles(core, &sum, 0, 0) > cycles(core, &plain, 0, 0));
        assert!(cycles(core, &plain, 1 << 20, 1 << 30) > cycles(core, &plain, 1 << 20, 0));
    }
    let by_isa = CORES.each_ref().map(|core| cycles(core, &plain, 0, 0));
    assert!(by_isa.is_sorted(), "{by_isa:?}");
}

#[test]
fn winograd_wins_where_tiles_are_many_and_channels_enough() {
    let wins = |y, ic| {
        let params = conv(y, ic, 3);
        let [direct, winograd] = [
            Tiled::new(&params, false).fastest().cycles(&CORES[0]),
            Winograd::new(&params, false).whole(&CORES[0]),
        ];
        winograd < direct
    };
    assert!(wins([1, 56, 56, 64], 64) && wins([1, 28, 28, 128], 128) && wins([1, 71, 71, 192], 80));
    // The weights of the first cost as much to transform as its tiles save; the second has no channels to save in.
    assert!(!wins([1, 8, 8, 512], 512) && !wins([1, 112, 112, 32], 4) && !wins([1, 32, 32, 24], 24));
}

#[test]
fn short_sums_are_faster_where_bytes_are_widened() {
    let exact = Tiled::new(&conv([1, 14, 14, 256], 256, 3), false).fastest();
    for core in &CORES {
        let cycles = [0, 1, 2, 4].map(|short_steps| Tiled { short_steps, ..exact }.cycles(core));
        let equal = cycles.iter().all(|c| *c == cycles[0]);
        assert!(if core.isa == "avx2" { cycles.is_sorted_by(|a, b| a > b) } else { equal }, "{cycles:?}");
    }
}

#[test]
fn cores_are_the_instruction_sets_of_the_kernels() {
    let names = bakelite_kernels::Name::ALL.iter().map(|isa| isa.as_str());
    assert!(names.rev().zip(CORES.iter().rev()).all(|(name, core)| name == core.isa));
}
