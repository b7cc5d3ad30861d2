//! What `--profile` says of each layer, as a table beside the code.
use crate::cost::CORES;
use crate::emit::number;
use crate::lower::Layer;
use proc_macro2::TokenStream;
use quote::quote;

/// What a profile says of each layer of a network with so many bytes of weights.
pub(super) fn table(layers: &[Layer], total: usize) -> TokenStream {
    let rows = layers.iter().map(|layer| {
        let Layer { node, op, macs, call, .. } = layer;
        let [read, written] = call.tensor_bytes().map(number);
        let (kernel, macs, weights) = (&call.id, number(macs), number(call.constant_bytes()));
        let cycles = CORES.iter().map(|core| number(layer.cycles(core, total)));
        quote! {
            Layer {
                node: #node,
                op: #op,
                kernel: #kernel,
                macs: #macs,
                read_bytes: #read,
                weight_bytes: #weights,
                written_bytes: #written,
                cycles: [#(#cycles),*],
            }
        }
    });
    let count = number(layers.len());
    quote! {
        #[doc = " What a profile says of each layer."]
        static LAYERS: [Layer; #count] = [#(#rows),*];
    }
}
