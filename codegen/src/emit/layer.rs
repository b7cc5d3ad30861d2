//! One layer as a function: its parameters as a constant, its buffers borrowed from the arena, one kernel call.
use crate::cost::CORES;
use crate::emit::{Info, array, cut, next, number};
use crate::lower::{BufferId, Element, Field, Layer, Literal, Memory, Operand, Program, Section};
use crate::plan::Plan;
use bakelite_kernels::{Cut, Place, halo};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// A generated function and what it takes.
pub(super) struct Function {
    name: Ident,
    /// The whole function.
    pub(super) item: TokenStream,
    /// Whether it takes the team.
    pub(super) team: bool,
    /// Whether it takes the arena.
    pub(super) arena: bool,
    /// Which of the caller's inputs it takes.
    pub(super) inputs: Vec<usize>,
    /// Which of the caller's outputs it takes.
    output: Option<usize>,
}

/// A layer with what its code needs.
struct Body<'a> {
    t: usize,
    layer: &'a Layer,
    program: &'a Program,
    plan: &'a Plan,
    /// Buffers of the arena, each under the name of the first field that is bound to it.
    buffers: Vec<(BufferId, Ident)>,
}

impl Function {
    pub(super) fn new(t: usize, program: &Program, plan: &Plan, info: &Info, shared_from: u64) -> Self {
        let layer = &program.layers[t];
        let body = Body::new(t, program, plan);
        let name = format_ident!("layer_{t:03}_{}", slug(&layer.node));
        let operands = || layer.call.reads().chain(layer.call.writes());
        let inputs = operands().filter_map(|o| if let Memory::Input(k) = o.memory { Some(k) } else { None });
        let output = operands().find_map(|o| if let Memory::Output(k) = o.memory { Some(k) } else { None });
        let mut inputs: Vec<usize> = inputs.collect();
        inputs.sort_unstable();
        inputs.dedup();
        let arena = !body.buffers.is_empty();
        let mut arguments = vec![quote!(isa: I)];
        let shared = layer.cycles(&CORES[0], info.weight_bytes) >= shared_from;
        let cut = if shared { cut::cut(layer) } else { None };
        let team = cut.is_some().then(|| {
            arguments.push(quote!(team: &mut T));
            quote!(, T: Team)
        });
        if arena {
            arguments.push(quote!(arena: &mut Arena<ARENA>));
        }
        for k in &inputs {
            let (input, ty) = (format_ident!("input_{k}"), slice(&info.inputs[*k]));
            arguments.push(quote!(#input: &#ty));
        }
        if let Some(k) = output {
            let ty = slice(&info.outputs[k]);
            arguments.push(quote!(output: &mut #ty));
        }
        let (doc, code) = (body.doc(), body.code(cut));
        // Out of line, so that another observer is another list of calls and not another copy of the layers.
        let item = quote! {
            #[doc = #doc]
            #[inline(never)]
            fn #name<I: Isa #team>(#(#arguments),*) {
                #code
            }
        };
        Self { name, item, team: team.is_some(), arena, inputs, output }
    }

    /// The call in the forward pass.
    pub(super) fn call(&self, info: &Info) -> TokenStream {
        let name = &self.name;
        let mut arguments = vec![quote!(isa)];
        if self.team {
            arguments.push(quote!(team));
        }
        if self.arena {
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

/// The array type of a caller's tensor.
fn slice(tensor: &crate::emit::TensorInfo) -> TokenStream {
    let arguments = array(tensor).into_iter().collect::<Vec<_>>();
    let (element, count) = (&arguments[0], &arguments[2]);
    quote!([#element; #count])
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

impl<'a> Body<'a> {
    fn new(t: usize, program: &'a Program, plan: &'a Plan) -> Self {
        let layer = &program.layers[t];
        let mut buffers: Vec<(BufferId, Ident)> = vec![];
        for (name, field) in &layer.call.fields {
            let (Field::Read(o) | Field::Write(o)) = field else { continue };
            if let Memory::Arena(id) = o.memory
                && !buffers.iter().any(|(other, _)| *other == id)
            {
                buffers.push((id, format_ident!("{name}")));
            }
        }
        Self { t, layer, program, plan, buffers }
    }

    fn doc(&self) -> String {
        let Layer { node, op, signature, macs, call } = self.layer;
        let macs = match macs {
            0 => String::new(),
            _ => format!(", {:.3} MMAC", *macs as f64 / 1e6),
        };
        format!(" `{node}` ({op}): {signature}{macs}; {}", call.id)
    }

    fn code(&self, cut: Option<Cut>) -> TokenStream {
        let call = &self.layer.call;
        let params = call.params.as_ref().map(|[ty, value]| quote! { const PARAMS: #ty = #value; });
        let split = (!self.buffers.is_empty()).then(|| self.split());
        let halos = call.writes().filter_map(|y| self.halo(y));
        let kernel: TokenStream = call.kernel.parse().expect("a kernel is a path");
        let bind = call.params.is_some().then(|| quote!(params: &PARAMS,));
        let fields = call.fields.iter().map(|(name, field)| self.field(name, field));
        let kernel = quote!(#kernel { #bind #(#fields),* });
        let run = match cut {
            Some(cut) => {
                let Cut { pixels, channels, channels_first } = cut;
                let [pixels, channels] = [pixels, channels].map(number);
                let cut =
                    quote!(Cut { pixels: #pixels, channels: #channels, channels_first: #channels_first });
                quote!(team.run(isa, #cut, #kernel))
            }
            None => quote!(isa.run(#kernel)),
        };
        quote! {
            #params
            #split
            #(#halos)*
            #run;
        }
    }

    /// Borrows the buffers.
    fn split(&self) -> TokenStream {
        let names = self.buffers.iter().map(|(_, name)| name);
        let ranges = self.buffers.iter().map(|(id, _)| {
            let (offset, bytes) = self.plan.slots[id.0].map_or((0, 0), |s| (s.offset, s.bytes));
            let (from, to) = (number(offset), number(offset + bytes));
            quote!(#from..#to)
        });
        if self.buffers.len() == 1 {
            return quote! { #(let #names = arena.buffer(#ranges);)* };
        }
        quote! { let [#(#names),*] = arena.split([#(#ranges),*]); }
    }

    /// Fills the halo of a buffer that begins here.
    fn halo(&self, y: &Operand) -> Option<TokenStream> {
        let Memory::Arena(id) = y.memory else { return None };
        let buffer = &self.program.buffers[id.0];
        let begins = self.plan.slots[id.0].is_some_and(|slot| slot.first == self.t);
        if !begins || buffer.halo == [0; 4] {
            return None;
        }
        let y = Place::with_halo(buffer.shape, buffer.halo);
        let params = halo::Params { y, halo: buffer.halo, zero_point: buffer.zero_point };
        let (value, name) = (params.value(), self.buffer(id));
        Some(quote! {
            const HALO: halo::Params = #value;
            isa.run(halo::Fill { params: &HALO, y: &mut *#name });
        })
    }

    fn buffer(&self, id: BufferId) -> &Ident {
        let found = self.buffers.iter().find(|(other, _)| *other == id);
        &found.expect("`new` named the buffers of all fields").1
    }

    fn field(&self, name: &str, field: &Field) -> TokenStream {
        let name = format_ident!("{name}");
        let value = match field {
            Field::Read(x) => self.read(x),
            Field::Write(y) => self.write(y),
            Field::Weights(section) => {
                let bytes = section_tokens(section, section.bytes);
                quote!(PARAMS.weights(#bytes))
            }
            Field::Next => next::next(self.program, self.t),
            Field::Constant(section, element) => {
                as_elements(*element, section_tokens(section, section.bytes))
            }
            Field::Empty => quote!(&[]),
            Field::Value(value) => value.clone(),
        };
        if name == value.to_string() { quote!(#name) } else { quote!(#name: #value) }
    }

    fn read(&self, x: &Operand) -> TokenStream {
        let exact = x.elements() * x.element.bytes();
        match x.memory {
            Memory::Arena(id) => {
                let buffer = self.buffer(id);
                let bytes = number(exact);
                let bytes = if x.exact { quote!(&#buffer[..#bytes]) } else { quote!(#buffer) };
                as_elements(x.element, bytes)
            }
            Memory::Input(k) => {
                let input = format_ident!("input_{k}");
                let ty = format_ident!("{}", x.element.rust());
                quote!(elements::<#ty>(#input))
            }
            Memory::Blob(section) => {
                // Without `exact` a kernel may read over the end, into the section's padding.
                let bytes = if x.exact { exact } else { section.bytes + 63 };
                as_elements(x.element, section_tokens(&section, bytes))
            }
            Memory::Output(_) => quote!(output),
        }
    }

    fn write(&self, y: &Operand) -> TokenStream {
        let memory = match y.memory {
            Memory::Arena(id) => {
                let (buffer, bytes) = (self.buffer(id), number(y.elements() * y.element.bytes()));
                if y.exact { quote!(&mut #buffer[..#bytes]) } else { quote!(#buffer) }
            }
            _ if y.element == Element::Bool => return quote!(output),
            _ => quote!(output),
        };
        let ty = format_ident!("{}", y.element.rust());
        let bytes = ty == "u8" && matches!(y.memory, Memory::Arena(_));
        if bytes { memory } else { quote!(elements_mut::<#ty>(#memory)) }
    }
}

/// Bytes of the blob from the start of a section.
pub(super) fn section_tokens(section: &Section, bytes: usize) -> TokenStream {
    let (from, to) = (number(section.start), number(section.start + bytes));
    quote!(&WEIGHTS.0[#from..#to])
}

/// Bytes as elements.
fn as_elements(element: Element, bytes: TokenStream) -> TokenStream {
    let ty = format_ident!("{}", element.rust());
    if ty == "u8" { bytes } else { quote!(elements::<#ty>(#bytes)) }
}
