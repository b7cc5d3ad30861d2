//! Which kernels the products of a network share.
//!
//! A kernel is compiled for its algorithm, its rows, its epilogue, and the code that its layers need (`conv::Params::forms`). Those that differ in
//! the widths of their groups alone become one with the widths of all: no loop looks at them, and their code would be there twice.

use crate::cost::Work;
use crate::lower::Layer;
use bakelite_kernels::conv;
use std::collections::BTreeMap;

/// Bits of forms that say which widths there are.
const WIDTHS: usize = conv::ANY & !(conv::WINDOWS | conv::PADDING | conv::LATE);

/// Names the kernels of products.
pub(super) fn join(layers: &mut [Layer]) {
    let mut widths = BTreeMap::<_, usize>::new();
    for layer in layers.iter() {
        if let Some((key, forms)) = kernel(layer) {
            *widths.entry(key).or_default() |= forms & WIDTHS;
        }
    }
    for layer in layers {
        if let Some((key, forms)) = kernel(layer) {
            layer.call.kernel = format!("{}{}, _>", key.0, forms | widths[&key]);
        }
    }
}

/// What must be equal (the kernel with its rows, code, type of the parameters), and the forms.
fn kernel(layer: &Layer) -> Option<((String, usize, String), usize)> {
    let forms = layer.call.forms?;
    let [ty, _] = layer.call.params.as_ref()?;
    let kernel = match layer.call.work {
        Work::Product(product) => format!("conv::Conv::<{}, ", product.rows),
        Work::Winograd(_) => "winograd::Product::<".to_owned(),
        Work::WinogradInput(_) | Work::Depthwise(_) | Work::Windows(_) | Work::Bytes => return None,
    };
    Some(((kernel, forms & !WIDTHS, ty.to_string()), forms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Shape, Tiled};
    use crate::lower::Call;
    use quote::quote;

    fn layer(rows: usize, forms: usize, ty: &str) -> Layer {
        let shape = Shape { pixels: 49, channels: 64, runs: 1, k4: 1, sum: false };
        let work = Work::Product(Tiled { shape, padding: None, rows, short_steps: 0 });
        let params = Some([ty.parse().unwrap(), quote!(PARAMS)]);
        let call = Call { params, ..Call::bare("conv::Conv").forms(forms).work(work) };
        Layer { node: String::new(), op: String::new(), signature: String::new(), macs: 0, call }
    }

    #[test]
    fn kernels_are_shared_by_all_widths_of_the_same_code() {
        let mut layers =
            [layer(5, 4, "A"), layer(5, 6, "A"), layer(5, 12, "A"), layer(5, 1, "B"), layer(4, 1, "A")];
        join(&mut layers);
        let kernels = layers.each_ref().map(|layer| layer.call.kernel.as_str());
        let [six, windows, other, rows] =
            ["5, 6", "5, 12", "5, 1", "4, 1"].map(|n| format!("conv::Conv::<{n}, _>"));
        assert_eq!(kernels, [&six, &six, &windows, &other, &rows]);
    }
}
