//! A planned program as Rust: one documented function a layer, a forward pass that lists them, and the weights.
//!
//! ```text
//! // header: name, digest, sizes, inputs and outputs, the arena drawn
//! static WEIGHTS                     include_bytes!, aligned
//! pub struct Model { arena }         impl Network for Model: INFO, observed = the list of calls
//! fn layer_007_conv<I: Isa>(..)      /// node (op): [shape] type → [shape] type, MACs, kernel
//! static LAYERS                      what a profile says of each layer
//! ```
//!
//! The text goes through `quote` and `prettyplease` and holds nothing that changes from run to run. The header is
//! made of line comments, since a file that is included cannot begin with inner documentation.
use crate::cost::Tiled;
use crate::lower::{Element, Program};
use crate::plan::Plan;
use crate::tensor::DataType;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

mod cut;
mod header;
mod kernel;
mod layer;
mod next;
mod table;
mod uses;

/// What is known of a compiled network beside its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The network's name.
    pub name: String,
    /// FNV-1a 64 of the GraphDef.
    pub digest: u64,
    /// For each layer its product with the tile, if it is one.
    pub products: Vec<Option<Tiled>>,
    /// Multiply-accumulates of one inference.
    pub macs: u64,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// The least that any arena of these buffers needs.
    pub arena_bound: usize,
    /// Bytes of packed weights and other constants.
    pub weight_bytes: usize,
    /// Predicted cycles of one inference, for each of [`crate::cost::CORES`].
    pub cycles: [u64; 4],
    /// Inputs in the order of the program.
    pub inputs: Vec<TensorInfo>,
    /// Outputs in the order of the graph.
    pub outputs: Vec<TensorInfo>,
}

impl Info {
    /// How many of the products are proven to fit 16 bits, step by step, so that AVX2 has VPMADDUBSW for them.
    pub fn short(&self) -> String {
        let products = || self.products.iter().flatten();
        let short = products().filter(|product| product.short_steps > 0).count();
        format!("{short} of {}", products().count())
    }
}

/// An input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// `name` or `name:port`.
    pub name: String,
    /// Its TensorFlow type.
    pub dtype: DataType,
    /// Its dimensions.
    pub shape: Vec<usize>,
}

/// The text of `model.rs`. It includes `weights.bin`, the program's blob, from the same folder. Layers of `shared_from`
/// predicted cycles and more are shared by a team.
pub fn emit(program: &Program, plan: &Plan, info: &Info, shared_from: u64) -> String {
    let layers: Vec<_> = (0..program.layers.len())
        .map(|t| layer::Function::new(t, program, plan, info, shared_from))
        .collect();
    let items = [constants(info), model(info), network(info, &layers)];
    let functions = layers.iter().map(|layer| layer.item(info));
    let table = table::table(&program.layers, info.weight_bytes);
    let body = quote! { #(#items)* #(#functions)* #table };
    let uses = uses::uses(&body);
    let file = syn::parse2(quote! { #uses #body }).expect("the emitter writes items");
    header::header(program, plan, info) + &spaced(&prettyplease::unparse(&file))
}

/// The text with an empty line between items.
fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() + 4096);
    let mut before = "";
    for line in text.lines() {
        let documented = before.starts_with("///") || before.starts_with("#[");
        let begins =
            line.starts_with(|c: char| c.is_ascii_lowercase() || c == '/') && !line.starts_with("use ");
        if begins && !documented && !before.is_empty() {
            spaced.push('\n');
        }
        spaced.push_str(line);
        spaced.push('\n');
        before = line;
    }
    spaced
}

/// The weights, the sizes and the descriptions of inputs and outputs.
fn constants(info: &Info) -> TokenStream {
    let (arena, weights) = (number(info.arena_bytes), number(info.weight_bytes));
    let tensors = |tensors: &[TensorInfo]| {
        let infos = tensors.iter().map(tensor_info);
        let count = number(tensors.len());
        quote! { [TensorInfo; #count] = [#(#infos),*] }
    };
    let (inputs, outputs) = (tensors(&info.inputs), tensors(&info.outputs));
    let blob = (info.weight_bytes > 0).then(|| {
        quote! {
            #[doc = " Packed weights, scales and biases; a section a layer."]
            static WEIGHTS: Aligned<[u8; #weights]> = Aligned(*include_bytes!("weights.bin"));
        }
    });
    quote! {
        #[doc = " Bytes of the arena."]
        const ARENA: usize = #arena;
        #blob
        #[doc = " What the network reads."]
        static INPUTS: #inputs;
        #[doc = " What the network writes."]
        static OUTPUTS: #outputs;
    }
}

fn tensor_info(tensor: &TensorInfo) -> TokenStream {
    let TensorInfo { name, dtype, shape } = tensor;
    let dtype = Ident::new(border(*dtype).0, Span::call_site());
    let shape = shape.iter().map(|&d| number(d));
    quote! { TensorInfo { name: #name, dtype: DType::#dtype, shape: &[#(#shape),*] } }
}

/// The network's type.
fn model(info: &Info) -> TokenStream {
    let doc = format!(" The network `{}`: its working memory, {} bytes.", info.name, info.arena_bytes);
    quote! {
        #[doc = #doc]
        pub struct Model {
            arena: Arena<ARENA>,
        }

        impl Model {
            #[doc = " A network that is ready to run; large, so make it a `static`."]
            pub const fn new() -> Self {
                Self { arena: Arena::new() }
            }
        }

        impl Default for Model {
            fn default() -> Self {
                Self::new()
            }
        }
    }
}

/// The description and the forward pass: the list of layers.
fn network(info: &Info, layers: &[layer::Function<'_>]) -> TokenStream {
    let Info { name, macs, .. } = info;
    let digest: TokenStream = format!("{:#018x}", info.digest).parse().expect("a number");
    let (macs, weights) = (number(*macs), number(info.weight_bytes));
    let used = |k: usize| layers.iter().any(|layer| layer.inputs.contains(&k));
    let inputs = info.inputs.iter().enumerate().filter(|(k, _)| used(*k)).map(|(k, tensor)| {
        let (variable, array, k) = (format_ident!("input_{k}"), array(tensor), number(k));
        quote! { let #variable = inputs[#k].array::<#array>(&INPUTS[#k])?; }
    });
    let arena = layers.iter().any(|layer| layer.arena());
    let arena = if arena { quote!(let arena) } else { quote!(let _arena) };
    let team = if layers.iter().any(|layer| layer.team()) { quote!(team) } else { quote!(_team) };
    let calls = layers.iter().enumerate().map(|(t, layer)| {
        let (call, t) = (layer.call(info), number(t));
        quote! { #call observer.ran(#t); }
    });
    quote! {
        impl Network for Model {
            const INFO: Info = Info {
                name: #name,
                digest: #digest,
                macs: #macs,
                arena_bytes: ARENA,
                weight_bytes: #weights,
                inputs: &INPUTS,
                outputs: &OUTPUTS,
            };
            const LAYERS: &'static [Layer] = &LAYERS;

            fn observed<I: Isa, T: Team, O: Observer>(
                &mut self,
                isa: I,
                #team: &mut T,
                inputs: &[TensorRef<'_>],
                outputs: &mut [TensorMut<'_>],
                observer: &mut O,
            ) -> Result<(), Mismatch> {
                check(&Self::INFO, inputs, outputs)?;
                #arena = &mut self.arena;
                #(#inputs)*
                #(#calls)*
                Ok(())
            }
        }
    }
}

/// The arguments of `array`: element type and count.
fn array(tensor: &TensorInfo) -> TokenStream {
    let element = Ident::new(border(tensor.dtype).1, Span::call_site());
    let count = number(tensor.shape.iter().product::<usize>());
    quote!(#element, #count)
}

/// The variant of `DType` and the Rust type in which a caller gives or takes a tensor.
fn border(dtype: DataType) -> (&'static str, &'static str) {
    match Element::of(dtype) {
        Ok(Element::U8) if Element::zero_point(dtype) == 0 => ("U8", "u8"),
        Ok(Element::U8) => ("I8", "i8"),
        Ok(Element::Bool) => ("Bool", "bool"),
        Ok(Element::I32) => ("I32", "i32"),
        Ok(Element::I64) => ("I64", "i64"),
        // Other types do not come through lowering.
        Ok(Element::F32) | Err(_) => ("F32", "f32"),
    }
}

/// A number without a suffix.
fn number(n: impl ToString) -> TokenStream {
    n.to_string().parse().expect("a number prints as tokens")
}
