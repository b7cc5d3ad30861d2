use super::*;

fn object(class: i64, [x, y, w, h]: [f64; 4]) -> Object {
    Object { class, corners: [x, y, x + w, y + h] }
}

fn detection(class: i64, [x, y, w, h]: [f64; 4], score: f64) -> [f32; ROW] {
    [x, y, x + w, y + h, score, class as f64].map(|v| v as f32)
}

fn ap(outputs: &[Vec<f32>], objects: &[Vec<Object>], thresholds: &[f64], weights: &[u32]) -> f64 {
    Matched::new(outputs, objects, thresholds).average_precision(weights)
}

/// Two objects; the better detection misses, the second and third find them: precisions 1/2 and 2/3, monotone 2/3.
#[test]
fn worked_by_hand() {
    let objects = [vec![object(0, [0.0, 0.0, 10.0, 10.0]), object(0, [20.0, 0.0, 10.0, 10.0])]];
    let y: Vec<f32> = [
        detection(0, [50.0, 50.0, 5.0, 5.0], 0.9),
        detection(0, [0.0, 0.0, 10.0, 10.0], 0.8),
        detection(0, [20.0, 0.0, 10.0, 10.0], 0.7),
        detection(-1, [0.0; 4], 1.0),
    ]
    .concat();
    let found = ap(&[y], &objects, &THRESHOLDS, &[1]);
    assert!((found - 2.0 / 3.0).abs() < 1e-12, "{found}");
}

/// One object found of two: precision 1 at the recalls 0 to 0.50, 51 of 101. A second detection of it is wrong.
#[test]
fn an_object_is_found_once() {
    let objects = [vec![object(3, [0.0, 0.0, 10.0, 10.0]), object(3, [40.0, 0.0, 10.0, 10.0])]];
    let twice = [detection(3, [0.0, 0.0, 10.0, 10.0], 0.9), detection(3, [0.0, 0.0, 10.0, 10.0], 0.8)];
    let found = ap(&[twice.concat()], &objects, &THRESHOLDS, &[1]);
    assert!((found - 51.0 / 101.0).abs() < 1e-12, "{found}");
}

/// What pycocotools 2.0 gives for the same boxes.
#[test]
fn many_boxes_as_coco_has_it() {
    let (outputs, objects) = many();
    let ones = vec![1; outputs.len()];
    let found = [&THRESHOLDS[..], &THRESHOLDS[..1]].map(|t| ap(&outputs, &objects, t, &ones));
    for (found, expected) in found.into_iter().zip([0.347_031_344_124_614_3, 0.809_419_296_951_866]) {
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }
}

/// A picture drawn twice is two pictures: no order of theirs matters, since no two pictures' scores are equal here.
#[test]
fn weights_are_repetitions() {
    let (mut outputs, mut objects) = many();
    let scores =
        |y: &mut Vec<f32>, i: usize| y.iter_mut().skip(4).step_by(ROW).for_each(|s| *s += i as f32 * 1e-3);
    outputs.iter_mut().enumerate().for_each(|(i, y)| scores(y, i));
    let weighted = ap(&outputs, &objects, &THRESHOLDS, &[1, 0, 2, 1, 0, 1]);
    let picks = [0, 2, 2, 3, 5];
    outputs = picks.iter().map(|&i: &usize| outputs[i].clone()).collect();
    objects = picks.iter().map(|&i| objects[i].clone()).collect();
    // Equal scores of the two copies may interleave, which moves precision between its neighbours only.
    let repeated = ap(&outputs, &objects, &THRESHOLDS, &[1; 5]);
    assert!((weighted - repeated).abs() < 0.02, "{weighted} {repeated}");
}

#[test]
fn a_label_is_five_numbers() {
    let frame = Frame { width: 100.0, height: 200.0 };
    assert_eq!(Object::parse("7 0.5 0.25 0.5 0.5", 1, frame), Some(object(8, [25.0, 0.0, 50.0, 100.0])));
    for bad in
        ["", "7 0.5 0.5 0.1", "7 0.5 0.5 0.1 0.1 0.1", "x 0 0 0 0", "-9 0 0 0 0", "1 0 0 -1 0", "1 0 NaN 1 1"]
    {
        assert_eq!(Object::parse(bad, 1, frame), None, "{bad:?}");
    }
}

/// Six pictures with four objects each of three classes, and two detections near each object.
fn many() -> (Vec<Vec<f32>>, Vec<Vec<Object>>) {
    let mut state: u64 = 12345;
    let mut random = || {
        state = (state * 1_103_515_245 + 12345) & 0x7fff_ffff;
        state as f64 / f64::from(0x7fff_ffff)
    };
    let mut up_to = |n: f64| (random() * n).floor();
    let (mut outputs, mut objects) = (vec![], vec![]);
    for _ in 0..6 {
        let (mut y, mut truth) = (vec![], vec![]);
        for _ in 0..4 {
            let class = up_to(3.0) as i64;
            let [x0, y0] = [up_to(60.0), up_to(60.0)];
            let [w, h] = [8.0 + up_to(30.0), 8.0 + up_to(30.0)];
            truth.push(object(class, [x0, y0, w, h]));
            for _ in 0..2 {
                let [dx, dy, dw] = [up_to(8.0) - 4.0, up_to(8.0) - 4.0, up_to(6.0) - 3.0];
                let score = up_to(100.0) / 100.0;
                let other = up_to(10.0) >= 8.0;
                let class = if other { (class + 1) % 3 } else { class };
                y.extend(detection(class, [x0 + dx, y0 + dy, w + dw, h], score));
            }
        }
        outputs.push(y);
        objects.push(truth);
    }
    (outputs, objects)
}
