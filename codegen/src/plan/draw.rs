//! The arena as a drawing: a line a layer, a column a part of the arena.
use crate::lower::Program;
use crate::plan::Plan;

/// Columns of the drawing.
const WIDTH: usize = 64;

/// One line a layer. A letter is a buffer that is alive then, upper case where the layer writes it; a dot is free.
pub fn draw(program: &Program, plan: &Plan) -> Vec<String> {
    let column = |offset: usize| offset * WIDTH / plan.bytes.max(1);
    let mut lines = vec![];
    for t in 0..program.layers.len() {
        let mut line = vec!['.'; WIDTH];
        for (b, slot) in plan.slots.iter().enumerate() {
            let Some(slot) = slot.filter(|s| s.first <= t && t <= s.last) else { continue };
            let written = slot.first == t;
            let letter = char::from(b'a' + (b % 26) as u8);
            let letter = if written { letter.to_ascii_uppercase() } else { letter };
            // A buffer smaller than a column is drawn all the same.
            let (from, to) = (column(slot.offset), column(slot.offset + slot.bytes - 1));
            line[from.min(WIDTH - 1)..=to.min(WIDTH - 1)].fill(letter);
        }
        lines.push(line.into_iter().collect());
    }
    lines
}
