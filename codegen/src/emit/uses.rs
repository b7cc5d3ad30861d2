//! The `use` lines of a generated file: only what it names, so that it compiles without a warning.
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote;
use std::collections::BTreeSet;

/// Names that are not found in their module, by where they come from.
const RUNTIME: &[&str] = &[
    "Aligned",
    "Arena",
    "DType",
    "Info",
    "Layer",
    "Mismatch",
    "Network",
    "Observer",
    "TensorInfo",
    "TensorMut",
    "TensorRef",
    "check",
];
const ARENA: &[&str] = &["elements", "elements_mut"];
const KERNELS: &[&str] = &["Cut", "Isa", "Kernel", "Place", "Split", "Team", "Weights", "Window"];
const EPILOGUE: &[&str] = &[
    "Finish",
    "LeakyRelu",
    "Linear",
    "NoSum",
    "Relu",
    "Relu6",
    "Requantize",
    "SumF32",
    "SumI8",
    "SumU8",
    "ToF32",
    "ToI32",
    "ToI8",
    "ToU8",
];

/// Imports for every name that is used.
pub(super) fn uses(body: &TokenStream) -> TokenStream {
    let (mut names, mut modules) = (BTreeSet::new(), BTreeSet::new());
    collect(body.clone(), &mut names, &mut modules);
    let used = |list: &[&str]| {
        let used = list.iter().filter(|name| names.contains(**name));
        used.map(|name| Ident::new(name, Span::call_site())).collect::<Vec<_>>()
    };
    let (runtime, arena, kernels, epilogue) = (used(RUNTIME), used(ARENA), used(KERNELS), used(EPILOGUE));
    let modules = modules.iter().map(|name| Ident::new(name, Span::call_site()));
    let arena = (!arena.is_empty()).then(|| quote! { use bakelite::arena::{#(#arena),*}; });
    let epilogue =
        (!epilogue.is_empty()).then(|| quote! { use bakelite::kernels::epilogue::{#(#epilogue),*}; });
    quote! {
        #arena
        #epilogue
        use bakelite::kernels::{#(#kernels,)* #(#modules),*};
        use bakelite::{#(#runtime),*};
    }
}

/// Collects all identifiers, and those that are the head of a path and a module of the kernels.
fn collect(tokens: TokenStream, names: &mut BTreeSet<String>, modules: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let colon = |i: usize| matches!(tokens.get(i), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    for (i, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect(group.stream(), names, modules),
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                let method = i > 0 && matches!(&tokens[i - 1], TokenTree::Punct(p) if p.as_char() == '.');
                let inner = i > 1 && colon(i - 1) && colon(i - 2);
                let head = colon(i + 1) && colon(i + 2) && !inner && !method;
                if head && name.starts_with(|c: char| c.is_ascii_lowercase()) && !is_primitive(&name) {
                    modules.insert(name.clone());
                }
                if !inner {
                    names.insert(name);
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn is_primitive(name: &str) -> bool {
    matches!(name, "core" | "f32" | "f64" | "i32" | "i64" | "u8" | "usize") || ARENA.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_imported() {
        let body = quote! {
            const A: conv::Params<Finish<f32>> = conv::Params { x: Place { first: f32::NAN, y: float::unary::Function::Relu, rule: quantize::Rule } };
            fn f<I: Isa>() { elements::<u8>(x.array::<u8, 3>()) }
        };
        let want = quote! {
            use bakelite::arena::{elements};
            use bakelite::kernels::epilogue::{Finish};
            use bakelite::kernels::{Isa, Place, conv, float, quantize};
            use bakelite::{};
        };
        assert_eq!(uses(&body).to_string(), want.to_string());
    }
}
