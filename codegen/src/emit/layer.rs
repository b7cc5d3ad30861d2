//! One layer as a function of the generated code.
//!
//! ```text
//! fn layer<I: Isa>(isa, arena) {        for each instruction set: two calls
//!     fn kernel(arena) -> impl Kernel   once: parameters, buffers and weights, a hundred instructions
//!     isa.run(kernel(arena))
//! }
//! ```
use crate::cost::CORES;
use crate::emit::kernel::Kernel;
use crate::emit::{Info, array, cut, number};
use crate::lower::{Layer, Memory, Program};
use crate::plan::Plan;
use bakelite_kernels::Cut;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// A generated function and what it takes.
pub(super) struct Function<'a> {
    name: Ident,
    kernel: Kernel<'a>,
    /// How a team shares it.
    cut: Option<Cut>,
    /// Which of the caller's inputs it takes.
    pub(super) inputs: Vec<usize>,
    /// Which of the caller's outputs it takes.
    output: Option<usize>,
}

impl<'a> Function<'a> {
    pub(super) fn new(t: usize, program: &'a Program, plan: &'a Plan, info: &Info, shared_from: u64) -> Self {
        let layer = &program.layers[t];
        let name = format_ident!("layer_{t:03}_{}", slug(&layer.node));
        let operands = || layer.call.reads().chain(layer.call.writes());
        let inputs = operands().filter_map(|o| if let Memory::Input(k) = o.memory { Some(k) } else { None });
        let output = operands().find_map(|o| if let Memory::Output(k) = o.memory { Some(k) } else { None });
        let mut inputs: Vec<usize> = inputs.collect();
        inputs.sort_unstable();
        inputs.dedup();
        let shared = layer.cycles(&CORES[0], info.weight_bytes) >= shared_from;
        let cut = if shared { cut::cut(layer) } else { None };
        Self { name, kernel: Kernel::new(t, program, plan), cut, inputs, output }
    }

    /// Whether it takes the team.
    pub(super) fn team(&self) -> bool {
        self.cut.is_some()
    }

    /// Whether it takes the arena.
    pub(super) fn arena(&self) -> bool {
        self.kernel.in_arena()
    }

    /// The whole function: out of line, so that another observer is another list of calls and not another copy of the layers.
    pub(super) fn item(&self, info: &Info) -> TokenStream {
        let Self { name, kernel, cut, .. } = self;
        let (doc, params, value) = (doc(kernel.layer), kernel.params(), kernel.value());
        let arguments = self.arguments(info);
        let names: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
        let elided = arguments.iter().map(|argument| argument.tokens(None));
        // A lifetime with a name, so that every edition of Rust reads it the same way.
        let named = arguments.iter().map(|argument| argument.tokens(Some(quote!('a))));
        let team = cut.map(|_| quote!(team: &mut T,));
        let bound = cut.map(|_| quote!(, T: Team));
        let halos = kernel.halos().map(|halo| {
            quote! {{
                #[inline(never)]
                fn halo<'a>(arena: &'a mut Arena<ARENA>) -> impl Kernel<Output = ()> + 'a {
                    #halo
                }
                isa.run(halo(arena));
            }}
        });
        let (kind, run) = match cut {
            &Some(Cut { pixels, channels, channels_first }) => {
                let [pixels, channels] = [pixels, channels].map(number);
                let cut =
                    quote!(Cut { pixels: #pixels, channels: #channels, channels_first: #channels_first });
                (quote!(Split), quote!(team.run(isa, #cut, kernel(#(#names),*))))
            }
            None => (quote!(Kernel<Output = ()>), quote!(isa.run(kernel(#(#names),*)))),
        };
        quote! {
            #[doc = #doc]
            #[inline(never)]
            fn #name<I: Isa #bound>(isa: I, #team #(#elided),*) {
                #[inline(never)]
                fn kernel<'a>(#(#named),*) -> impl #kind + 'a {
                    #params
                    #value
                }
                #(#halos)*
                #run;
            }
        }
    }

    /// What it takes beside the instruction set and the team.
    fn arguments(&self, info: &Info) -> Vec<Argument> {
        let mut arguments = vec![];
        if self.arena() {
            arguments.push(Argument {
                name: format_ident!("arena"),
                written: true,
                ty: quote!(Arena<ARENA>),
            });
        }
        for &k in &self.inputs {
            let (name, ty) = (format_ident!("input_{k}"), slice(&info.inputs[k]));
            arguments.push(Argument { name, written: false, ty });
        }
        if let Some(k) = self.output {
            let (name, ty) = (format_ident!("output"), slice(&info.outputs[k]));
            arguments.push(Argument { name, written: true, ty });
        }
        arguments
    }

    /// The call in the forward pass.
    pub(super) fn call(&self, info: &Info) -> TokenStream {
        let name = &self.name;
        let mut arguments = vec![quote!(isa)];
        if self.team() {
            arguments.push(quote!(team));
        }
        if self.arena() {
            arguments.push(quote!(arena));
        }
        arguments.extend(self.inputs.iter().map(|k| format_ident!("input_{k}")).map(|k| quote!(#k)));
        if let Some(k) = self.output {
            let (array, k) = (array(&info.outputs[k]), number(k));
            arguments.push(quote!(outputs[#k].array::<#array>(&OUTPUTS[#k])?));
        }
        quote! { #name(#(#arguments),*); }
    }
}

/// A reference that a function takes.
struct Argument {
    name: Ident,
    written: bool,
    ty: TokenStream,
}

impl Argument {
    fn tokens(&self, lifetime: Option<TokenStream>) -> TokenStream {
        let Self { name, written, ty } = self;
        let mutable = written.then(|| quote!(mut));
        quote!(#name: &#lifetime #mutable #ty)
    }
}

/// The array type of a caller's tensor.
fn slice(tensor: &crate::emit::TensorInfo) -> TokenStream {
    let arguments = array(tensor).into_iter().collect::<Vec<_>>();
    let (element, count) = (&arguments[0], &arguments[2]);
    quote!([#element; #count])
}

fn doc(layer: &Layer) -> String {
    let Layer { node, op, signature, macs, call } = layer;
    let macs = match macs {
        0 => String::new(),
        _ => format!(", {:.3} MMAC", *macs as f64 / 1e6),
    };
    format!(" `{node}` ({op}): {signature}{macs}; {}", call.id)
}

/// A name for a function out of a node's name.
fn slug(node: &str) -> String {
    let mut slug = String::new();
    for c in node.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('_') && !slug.is_empty() {
            slug.push('_');
        }
    }
    // The tail says more than the scopes before it; it begins with a whole word.
    let (mut tail, words) = (slug.as_str(), slug.matches('_').count());
    for _ in 0..words {
        if tail.len() <= 48 {
            break;
        }
        tail = tail.split_once('_').map_or(tail, |(_, rest)| rest);
    }
    let start = tail.len().saturating_sub(96);
    tail[start..].trim_matches('_').to_owned()
}
