//! What a layer runs: a kernel with its parameters, its buffers borrowed from the arena, its constants from the blob.
use crate::emit::{next, number};
use crate::lower::{BufferId, Element, Field, Layer, Literal, Memory, Operand, Program, Section};
use crate::plan::Plan;
use bakelite_kernels::{Place, halo};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// A layer with what its code needs.
pub(super) struct Kernel<'a> {
    t: usize,
    pub(super) layer: &'a Layer,
    program: &'a Program,
    plan: &'a Plan,
    /// Buffers of the arena, each under the name of the first field that is bound to it.
    buffers: Vec<(BufferId, Ident)>,
}

impl<'a> Kernel<'a> {
    pub(super) fn new(t: usize, program: &'a Program, plan: &'a Plan) -> Self {
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

    /// Whether it has buffers in the arena.
    pub(super) fn in_arena(&self) -> bool {
        !self.buffers.is_empty()
    }

    /// Its parameters.
    pub(super) fn params(&self) -> Option<TokenStream> {
        self.layer.call.params.as_ref().map(|[ty, value]| quote! { const PARAMS: #ty = #value; })
    }

    /// The kernel's own value, behind what it borrows.
    pub(super) fn value(&self) -> TokenStream {
        let call = &self.layer.call;
        let split = self.in_arena().then(|| self.split());
        let kernel: TokenStream = call.kernel.parse().expect("a kernel is a path");
        let bind = call.params.is_some().then(|| quote!(params: &PARAMS,));
        let fields = call.fields.iter().map(|(name, field)| self.field(name, field));
        quote! {
            #split
            #kernel { #bind #(#fields),* }
        }
    }

    /// Kernels that fill the halos of buffers that begin here.
    pub(super) fn halos(&self) -> impl Iterator<Item = TokenStream> {
        self.layer.call.writes().filter_map(|y| self.halo(y))
    }

    /// Borrows the buffers.
    fn split(&self) -> TokenStream {
        let names = self.buffers.iter().map(|(_, name)| name);
        let ranges = self.buffers.iter().map(|(id, _)| self.range(*id));
        if self.buffers.len() == 1 {
            return quote! { #(let #names = arena.buffer(#ranges);)* };
        }
        quote! { let [#(#names),*] = arena.split([#(#ranges),*]); }
    }

    /// Where a buffer is in the arena.
    fn range(&self, id: BufferId) -> TokenStream {
        let (offset, bytes) = self.plan.slots[id.0].map_or((0, 0), |s| (s.offset, s.bytes));
        let (from, to) = (number(offset), number(offset + bytes));
        quote!(#from..#to)
    }

    fn halo(&self, y: &Operand) -> Option<TokenStream> {
        let Memory::Arena(id) = y.memory else { return None };
        let buffer = &self.program.buffers[id.0];
        let begins = self.plan.slots[id.0].is_some_and(|slot| slot.first == self.t);
        if !begins || buffer.halo == [0; 4] {
            return None;
        }
        let y = Place::with_halo(buffer.shape, buffer.halo);
        let params = halo::Params { y, halo: buffer.halo, zero_point: buffer.zero_point };
        let (value, range) = (params.value(), self.range(id));
        Some(quote! {
            const HALO: halo::Params = #value;
            halo::Fill { params: &HALO, y: arena.buffer(#range) }
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
