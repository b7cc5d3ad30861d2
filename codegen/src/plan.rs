//! One arena for all buffers: when each is alive, and where it lies.
//!
//! ```text
//! alive(b) = first layer that writes b ..= last layer that reads it
//! place buffers one by one, each at the lowest offset where it meets no buffer that is alive at the same time
//! ```
//!
//! The order decides: by size, by size times lifetime, by the layer that is most crowded, by time. All are tried and
//! the smallest arena wins. No arena can be smaller than the buffers alive at one layer; the plan knows that bound.
//! Cost: buffers² a try.
//!
//! What is promised to generated code is proved here by brute force: buffers that are alive at the same time do not
//! overlap, nothing is read before it is written, every offset is inside and a multiple of 64.
use crate::error::{Problems, Reason};
use crate::lower::{BufferId, Memory, Program};

mod draw;
pub use draw::draw;

/// Where a buffer is, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its first byte in the arena, a multiple of 64.
    pub offset: usize,
    /// Its length with halo and slack, a multiple of 64.
    pub bytes: usize,
    /// The first layer that writes it.
    pub first: usize,
    /// The last layer that uses it.
    pub last: usize,
}

impl Slot {
    fn alive_with(&self, other: &Slot) -> bool {
        self.first <= other.last && other.first <= self.last
    }
    fn overlaps(&self, other: &Slot) -> bool {
        self.offset < other.offset + other.bytes && other.offset < self.offset + self.bytes
    }
}

/// The arena of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One a buffer; `None` for a buffer that no layer uses.
    pub slots: Vec<Option<Slot>>,
    /// Bytes of the arena.
    pub bytes: usize,
    /// The most bytes that are alive at one layer: no plan needs less.
    pub bound: usize,
}

/// Lays out the buffers of a program.
pub fn plan(program: &Program) -> Result<Plan, Problems> {
    let alive = lifetimes(program)?;
    let layers = program.layers.len();
    let live =
        |t: usize| alive.iter().flatten().filter(|s| s.first <= t && t <= s.last).map(|s| s.bytes).sum();
    let crowd: Vec<usize> = (0..layers).map(live).collect();
    let bound = crowd.iter().copied().max().unwrap_or_default();
    let best = orders(&alive, &crowd).into_iter().map(|order| pack(&alive, &order)).min_by_key(|p| p.1);
    let (slots, bytes) = best.unwrap_or_default();
    let plan = Plan { slots, bytes, bound };
    prove(&plan)?;
    Ok(plan)
}

/// When buffers are alive; offsets are still zero.
fn lifetimes(program: &Program) -> Result<Vec<Option<Slot>>, Problems> {
    let mut slots: Vec<Option<Slot>> = vec![None; program.buffers.len()];
    for (t, layer) in program.layers.iter().enumerate() {
        let arena = |memory: Memory| if let Memory::Arena(BufferId(b)) = memory { Some(b) } else { None };
        for b in layer.call.reads().filter_map(|x| arena(x.memory)) {
            let Some(slot) = slots.get_mut(b).and_then(Option::as_mut) else {
                let found = format!("layer {t} reads `{}` before it is written", program.buffers[b].name);
                return Err(Problems::at(&layer.node, &layer.op, Reason::new(found)));
            };
            slot.last = t;
        }
        for b in layer.call.writes().filter_map(|y| arena(y.memory)) {
            let bytes = program.buffers[b].bytes();
            slots[b].get_or_insert(Slot { offset: 0, bytes, first: t, last: t }).last = t;
        }
    }
    Ok(slots)
}

/// The orders that are tried, each with all buffers that are used.
fn orders(alive: &[Option<Slot>], crowd: &[usize]) -> Vec<Vec<usize>> {
    let used: Vec<(usize, Slot)> = alive.iter().enumerate().filter_map(|(b, s)| Some((b, (*s)?))).collect();
    let sorted = |key: &dyn Fn(&Slot) -> usize| {
        let mut order: Vec<_> = used.clone();
        order.sort_by_key(|(b, s)| (std::cmp::Reverse(key(s)), *b));
        order.into_iter().map(|(b, _)| b).collect::<Vec<_>>()
    };
    let lifetime = |s: &Slot| s.last - s.first + 1;
    let busiest = |s: &Slot| crowd[s.first..=s.last].iter().copied().max().unwrap_or_default();
    vec![
        sorted(&|s| s.bytes),
        sorted(&|s| s.bytes * lifetime(s)),
        sorted(&|s| lifetime(s) * (1 << 32) + s.bytes),
        sorted(&|s| busiest(s) * (1 << 20) + s.bytes / 64),
        sorted(&|s| usize::MAX - s.first),
    ]
}

/// Places buffers in that order, each as low as it can be. Returns the slots and the arena's size.
fn pack(alive: &[Option<Slot>], order: &[usize]) -> (Vec<Option<Slot>>, usize) {
    let mut slots = vec![None; alive.len()];
    let mut placed: Vec<Slot> = vec![];
    for &b in order {
        let Some(mut slot) = alive[b] else { continue };
        // `placed` is sorted by offset, so one pass finds the lowest gap.
        for other in &placed {
            if other.alive_with(&slot) && slot.overlaps(other) {
                slot.offset = other.offset + other.bytes;
            }
        }
        placed.insert(placed.partition_point(|other| other.offset <= slot.offset), slot);
        slots[b] = Some(slot);
    }
    let bytes = placed.iter().map(|s| s.offset + s.bytes).max().unwrap_or_default();
    (slots, bytes)
}

/// The proofs that generated code relies on. A failure is an error of ours, and says so.
fn prove(plan: &Plan) -> Result<(), Problems> {
    let slots: Vec<&Slot> = plan.slots.iter().flatten().collect();
    let wrong =
        |what: String| Problems::file(Reason::new(format!("internal error in the memory plan: {what}")));
    for (i, a) in slots.iter().enumerate() {
        if !a.offset.is_multiple_of(64) || a.offset + a.bytes > plan.bytes {
            return Err(wrong(format!("{a:?} is not inside an arena of {} bytes", plan.bytes)));
        }
        if let Some(b) = slots[..i].iter().find(|b| a.alive_with(b) && a.overlaps(b)) {
            return Err(wrong(format!("{a:?} overlaps {b:?}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(bytes: usize, first: usize, last: usize) -> Option<Slot> {
        Some(Slot { offset: 0, bytes, first, last })
    }

    /// Lifetimes like those of a random network: most buffers are short-lived, some are residuals.
    fn network(seed: u64) -> Vec<Option<Slot>> {
        let mut state = seed;
        let mut random = move |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let size = |r: u64| 64 * (1 + r as usize);
        (0..60).map(|t| slot(size(random(200)), t, t + 1 + (random(4) * random(4)) as usize)).collect()
    }

    #[test]
    fn lowest_gap_is_taken() {
        let alive = vec![slot(128, 0, 3), slot(64, 0, 1), slot(64, 1, 3), slot(64, 2, 3)];
        let (slots, bytes) = pack(&alive, &[0, 1, 2, 3]);
        let offsets: Vec<_> = slots.iter().flatten().map(|s| s.offset).collect();
        assert_eq!((offsets, bytes), (vec![0, 128, 192, 128], 256));
    }

    #[test]
    fn plans_are_close_to_the_bound_and_proved() {
        for seed in 0..50 {
            let alive = network(seed);
            let crowd: Vec<usize> = (0..80)
                .map(|t| {
                    alive.iter().flatten().filter(|s| s.first <= t && t <= s.last).map(|s| s.bytes).sum()
                })
                .collect();
            let bound = crowd.iter().copied().max().unwrap();
            let plans = orders(&alive, &crowd).into_iter().map(|order| pack(&alive, &order));
            let (slots, bytes) = plans.min_by_key(|p| p.1).unwrap();
            assert!(bytes >= bound && bytes * 100 <= bound * 115, "seed {seed}: {bytes} of {bound}");
            assert_eq!(prove(&Plan { slots, bytes, bound }), Ok(()));
        }
    }

    #[test]
    fn an_overlap_is_found() {
        let slots = vec![slot(128, 0, 3), slot(64, 2, 4)];
        let error = prove(&Plan { slots, bytes: 192, bound: 192 }).unwrap_err().to_string();
        assert!(error.contains("overlaps"), "{error}");
        let slots = vec![slot(128, 0, 3)];
        assert!(prove(&Plan { slots, bytes: 64, bound: 64 }).is_err());
    }
}
