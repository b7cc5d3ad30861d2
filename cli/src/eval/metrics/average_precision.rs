//! COCO's average precision of boxes: the mean over classes and IoU thresholds of the precision at 101 recalls.
//!
//! In a picture, the detections of a class, best score first and at most 100, each take the free object of their class
//! that they overlap most, if IoU reaches the threshold. Over all pictures by falling score, precision is made monotone
//! from the right and read at the recalls 0, 0.01, ..., 1. Classes without an object do not count. There are no crowds.
//!
//! Matching is done once; a draw of the pictures then costs one walk over the detections.
use bakelite_codegen::error::{Problems, Reason};
use std::collections::BTreeMap;

/// 0.50:0.05:0.95.
pub(crate) const THRESHOLDS: [f64; 10] = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];
/// Recalls at which precision is read.
const RECALLS: usize = 101;
/// Detections of a class in a picture that count.
const MOST: usize = 100;
/// Numbers of a detection: x1, y1, x2, y2, score, class.
const ROW: usize = 6;

/// The size of what a detector sees, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// An object, its corners in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Object {
    pub(crate) class: i64,
    pub(crate) corners: [f64; 4],
}

impl Object {
    /// Of `class centre-x centre-y width height`, the last four relative to the frame.
    pub(crate) fn parse(line: &str, offset: i64, frame: Frame) -> Option<Self> {
        let mut words = line.split_whitespace();
        let class = words.next()?.parse::<i64>().ok()?.checked_add(offset).filter(|&c| c >= 0)?;
        let numbers: Vec<f64> =
            words.map(|w| w.parse().ok().filter(|x: &f64| x.is_finite())).collect::<Option<_>>()?;
        let &[x, y, width, height] = &numbers[..] else { return None };
        if width < 0.0 || height < 0.0 {
            return None;
        }
        let (left, top) = ((x - width / 2.0) * frame.width, (y - height / 2.0) * frame.height);
        Some(Self { class, corners: [left, top, left + width * frame.width, top + height * frame.height] })
    }
}

/// Outputs must be rows of detections.
pub(crate) fn check(outputs: &[Vec<f32>]) -> Result<(), Problems> {
    let length = outputs.first().map_or(0, Vec::len);
    if length > 0 && length.is_multiple_of(ROW) {
        return Ok(());
    }
    let found = format!("map of an output of {length} elements");
    Err(Problems::file(Reason::new(found).supported("rows of (x1, y1, x2, y2, score, class)")))
}

/// Detections of one class, best first, and its objects.
#[derive(Default)]
struct Class {
    /// Score, picture, and at each threshold whether it found an object.
    detections: Vec<(f32, usize, Vec<bool>)>,
    /// Pictures of its objects.
    objects: Vec<usize>,
}

/// Detections matched with objects.
pub(crate) struct Matched {
    classes: Vec<Class>,
    thresholds: usize,
}

impl Matched {
    /// Matches the detections of every picture; rows of a negative class are empty places.
    pub(crate) fn new(outputs: &[Vec<f32>], objects: &[Vec<Object>], thresholds: &[f64]) -> Self {
        let mut classes: BTreeMap<i64, Class> = BTreeMap::new();
        for (picture, (y, objects)) in outputs.iter().zip(objects).enumerate() {
            for object in objects {
                classes.entry(object.class).or_default().objects.push(picture);
            }
            for (class, detections) in by_class(y) {
                let objects: Vec<[f64; 4]> =
                    objects.iter().filter(|o| o.class == class).map(|o| o.corners).collect();
                let found: Vec<Vec<bool>> =
                    thresholds.iter().map(|&t| take(&detections, &objects, t)).collect();
                let entry = classes.entry(class).or_default();
                for (i, (score, _)) in detections.iter().enumerate() {
                    entry.detections.push((*score, picture, found.iter().map(|f| f[i]).collect()));
                }
            }
        }
        let mut classes: Vec<Class> = classes.into_values().filter(|c| !c.objects.is_empty()).collect();
        // Stable: of equal scores the earlier picture first, as COCO's own evaluation has it.
        classes.iter_mut().for_each(|c| c.detections.sort_by(|a, b| b.0.total_cmp(&a.0)));
        Self { classes, thresholds: thresholds.len() }
    }
    /// The mean over classes and thresholds, each picture as often as its weight says.
    pub(crate) fn average_precision(&self, weights: &[u32]) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for class in &self.classes {
            let objects: u32 = class.objects.iter().map(|&picture| weights[picture]).sum();
            if objects > 0 {
                sum += (0..self.thresholds).map(|t| precision(class, t, objects, weights)).sum::<f64>();
                count += self.thresholds as f64;
            }
        }
        sum / count
    }
}

/// Detections by class, best score first, at most [`MOST`].
fn by_class(y: &[f32]) -> BTreeMap<i64, Vec<(f32, [f64; 4])>> {
    let mut classes: BTreeMap<i64, Vec<(f32, [f64; 4])>> = BTreeMap::new();
    for &[x1, y1, x2, y2, score, class] in y.as_chunks::<ROW>().0 {
        if class >= 0.0 {
            classes.entry(class as i64).or_default().push((score, [x1, y1, x2, y2].map(f64::from)));
        }
    }
    for detections in classes.values_mut() {
        detections.sort_by(|a, b| b.0.total_cmp(&a.0));
        detections.truncate(MOST);
    }
    classes
}

/// Which detections take an object.
fn take(detections: &[(f32, [f64; 4])], objects: &[[f64; 4]], threshold: f64) -> Vec<bool> {
    let mut free = vec![true; objects.len()];
    let mut found = |detection: &[f64; 4]| {
        let mut best = (threshold.min(1.0 - 1e-10), None);
        for (i, object) in objects.iter().enumerate().filter(|(i, _)| free[*i]) {
            let overlap = iou(detection, object);
            // Of equals the later, as COCO's own evaluation has it.
            if overlap >= best.0 {
                best = (overlap, Some(i));
            }
        }
        best.1.inspect(|&i| free[i] = false).is_some()
    };
    detections.iter().map(|(_, corners)| found(corners)).collect()
}

/// Intersection over union.
fn iou(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let area = |r: &[f64; 4]| (r[2] - r[0]) * (r[3] - r[1]);
    let width = a[2].min(b[2]) - a[0].max(b[0]);
    let height = a[3].min(b[3]) - a[1].max(b[1]);
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    width * height / (area(a) + area(b) - width * height)
}

/// The mean precision at the recalls.
fn precision(class: &Class, threshold: usize, objects: u32, weights: &[u32]) -> f64 {
    let (mut right, mut all) = (0_u64, 0_u64);
    // (right, precision) behind each detection of weight.
    let mut curve: Vec<(u64, f64)> = vec![];
    for (_, picture, found) in &class.detections {
        for _ in 0..weights[*picture] {
            right += u64::from(found[threshold]);
            all += 1;
            curve.push((right, right as f64 / all as f64));
        }
    }
    for i in (1..curve.len()).rev() {
        curve[i - 1].1 = curve[i - 1].1.max(curve[i].1);
    }
    let at = |recall: usize| {
        let needed = recall as f64 / (RECALLS - 1) as f64;
        let place = curve.partition_point(|&(right, _)| (right as f64 / f64::from(objects)) < needed);
        curve.get(place).map_or(0.0, |&(_, precision)| precision)
    };
    (0..RECALLS).map(at).sum::<f64>() / RECALLS as f64
}

#[cfg(test)]
mod tests;
