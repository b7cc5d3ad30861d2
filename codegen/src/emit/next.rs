//! What a product prefetches: the weights that the next one begins with, whatever other layers lie between.

use crate::cost::CORES;
use crate::emit::kernel::section_tokens;
use crate::emit::number;
use crate::lower::{Layer, Program, Section};
use proc_macro2::TokenStream;
use quote::quote;

/// The weights of the product that follows layer `t`. None where all weights of the network stay near the core.
pub(super) fn next(program: &Program, t: usize) -> TokenStream {
    let far = program.blob.bytes().len() > CORES[0].cache;
    let next = program.layers[t + 1..].iter().find_map(image).filter(|_| far);
    let Some((section, lanes)) = next else { return quote!(Weights::NONE) };
    let (bytes, lanes) = (section_tokens(section, section.bytes), number(lanes));
    quote!(Weights::new(#bytes, #lanes))
}

/// A product's packed image, and its channels with their padding.
fn image(layer: &Layer) -> Option<(&Section, usize)> {
    let lanes = layer.product()?.shape.channels.next_multiple_of(16);
    Some((layer.call.weights()?, lanes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Shape, Tiled, Work};
    use crate::lower::{Call, Field};

    /// A product, something else, and another product, whose weights have so many bytes together.
    fn program(bytes: usize) -> Program {
        let mut program = Program::default();
        let sections = [1, 2].map(|byte| program.blob.add(vec![byte; bytes / 2]));
        let shape = Shape { pixels: 1, channels: 100, runs: 1, k4: 1, sum: false };
        let product = |section| {
            let work = Work::Product(Tiled { shape, padding: None, rows: 1, short_steps: 0 });
            Call::bare("conv::Conv").work(work).field("weights", Field::Weights(section))
        };
        let calls = [product(sections[0]), Call::bare("pool::Max"), product(sections[1])];
        let layer =
            |call| Layer { node: String::new(), op: String::new(), signature: String::new(), macs: 0, call };
        Program { layers: calls.map(layer).into(), ..program }
    }

    #[test]
    fn the_next_product_is_told_where_weights_are_far() {
        let text = |bytes, t| next(&program(bytes), t).to_string().replace(' ', "");
        assert_eq!(text(16 << 20, 0), "Weights::new(&WEIGHTS.0[8388672..16777280],112)");
        assert_eq!([text(16 << 20, 2), text(8 << 20, 0)], ["Weights::NONE"; 2]);
    }
}
