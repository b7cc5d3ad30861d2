//! Kernel parameters as Rust source: a type and a constant expression with named fields.
//!
//! [`literal!`] makes the implementation from the list of fields, and does not compile if one is forgotten.
use bakelite_kernels as kernels;
use proc_macro2::TokenStream;
use quote::quote;

/// A value that generated code can hold as a constant.
pub trait Literal {
    /// The type, by its path from the kernels' root.
    fn ty(&self) -> TokenStream;
    /// The value.
    fn value(&self) -> TokenStream;
}

/// `literal! { pool::Params { x, y, window } }` for a struct of `bakelite_kernels` whose fields are all public;
/// `literal! { conv::Params<epilogue> { x, epilogue } }` where its type parameter is the type of that field;
/// `literal! { in epilogue: ToI32 { inverse } }` for one that generated code imports by its name.
#[macro_export]
macro_rules! literal {
    (in $module:ident: $name:ident { $($field:ident),* $(,)? }) => {
        $crate::literal!(@impl [::bakelite_kernels::$module::$name] [$name] [] [$($field),*]);
    };
    ($($path:ident)::+ $(<$generic:ident>)? { $($field:ident),* $(,)? }) => {
        $crate::literal!(@impl [::bakelite_kernels::$($path)::+] [$($path)::+] [$($generic)?] [$($field),*]);
    };
    (@impl [$whole:path] [$($path:ident)::+] [] [$($field:ident),*]) => {
        impl $crate::lower::Literal for $whole {
            fn ty(&self) -> ::proc_macro2::TokenStream {
                ::quote::quote!($($path)::+)
            }
            fn value(&self) -> ::proc_macro2::TokenStream {
                let Self { $($field),* } = self;
                $(let $field = $crate::lower::Literal::value($field);)*
                ::quote::quote!($($path)::+ { $($field: #$field),* })
            }
        }
    };
    (@impl [$(::$whole:ident)+] [$($path:ident)::+] [$generic:ident] [$($field:ident),*]) => {
        impl<E: $crate::lower::Literal> $crate::lower::Literal for $(::$whole)+<E> {
            fn ty(&self) -> ::proc_macro2::TokenStream {
                let generic = $crate::lower::Literal::ty(&self.$generic);
                ::quote::quote!($($path)::+<#generic>)
            }
            fn value(&self) -> ::proc_macro2::TokenStream {
                let Self { $($field),* } = self;
                $(let $field = $crate::lower::Literal::value($field);)*
                ::quote::quote!($($path)::+ { $($field: #$field),* })
            }
        }
    };
}

literal! { Window { kernel, stride, dilation, pad } }
literal! { copy::Params { x, y, flip } }
literal! { halo::Params { y, halo, zero_point } }
literal! { conv::Params<epilogue> { x, y, window, zero_point, widest, short_steps, epilogue } }
literal! { winograd::InputParams { x, y, extent, pad } }
literal! { winograd::FilterParams { channels, y } }
literal! { dwconv::Params<epilogue> { x, y, window, zero_point, epilogue } }
literal! { in epilogue: SumU8 { place, scale } }
literal! { in epilogue: SumI8 { place, scale } }
literal! { in epilogue: SumF32 { place } }
literal! { in epilogue: LeakyRelu { alpha } }
literal! { in epilogue: Requantize { inverse, low, high, zero_point } }
literal! { in epilogue: ToU8 { inverse } }
literal! { in epilogue: ToI8 { inverse } }
literal! { in epilogue: ToI32 { inverse } }

literal! { combine::Decode { zero_point, scale } }
literal! { combine::Params { a, b, y, function, decode, output } }
literal! { combine::ChannelsParams { x, y, next, function, decode, output } }
literal! { lut::Params { x, y } }
literal! { decode::Rule { half, scale, base } }
literal! { decode::Params { x, y, rule } }
literal! { range::Params { x, range } }
literal! { range::PerChannelParams { x, clip } }
literal! { pool::Params { x, y, window, zero_point } }
literal! { quantize::Rule { offset, scale, ties_away, shift, low, high, zero_point } }
literal! { quantize::Params { x, y, rule } }
literal! { requantize::Params { x, y, base, rule } }
literal! { requantize::FixedParams { x, y, scale, offset } }
literal! { float::conv::Params { x, y, window } }
literal! { float::dwconv::Params { x, y, window } }
literal! { float::resize::Axis { x, y, scale, centers } }
literal! { float::pool::Params { function, x, y, window } }

impl<const T: usize> Literal for kernels::float::Nest<T> {
    fn ty(&self) -> TokenStream {
        quote!(float::Nest<#T>)
    }
    fn value(&self) -> TokenStream {
        let Self { extent, stride, first } = self;
        let (extent, stride, first) = (extent.value(), stride.value(), first.value());
        quote!(float::Nest { extent: #extent, stride: #stride, first: #first })
    }
}

/// A place is written as it was made where that says it all: dense, or with a halo.
impl Literal for kernels::Place {
    fn ty(&self) -> TokenStream {
        quote!(Place)
    }
    fn value(&self) -> TokenStream {
        let Self { batch, height, width, channels, first, image, row, pixel } = *self;
        let shape = [batch, height, width, channels];
        let (above, before) = (first.checked_div(row).unwrap_or(0), first.checked_rem(row).unwrap_or(0));
        let left = before.checked_div(pixel).unwrap_or(0);
        let rows = image.checked_div(row).unwrap_or(0);
        let columns = row.checked_div(pixel).unwrap_or(0);
        let halo = [above, rows.saturating_sub(above + height), left, columns.saturating_sub(left + width)];
        let tokens = shape.value();
        if *self == Self::dense(shape) {
            return quote!(Place::dense(#tokens));
        }
        if *self == Self::with_halo(shape, halo) {
            let halo = halo.value();
            return quote!(Place::with_halo(#tokens, #halo));
        }
        let [batch, height, width, channels] = shape.map(|d| d.value());
        let [first, image, row, pixel] = [first, image, row, pixel].map(|d| d.value());
        quote! {
            Place {
                batch: #batch, height: #height, width: #width, channels: #channels,
                first: #first, image: #image, row: #row, pixel: #pixel
            }
        }
    }
}

/// Enums print as `Debug` does, behind their path.
macro_rules! enums {
    ($($path:literal: $ty:ty),* $(,)?) => {$(
        impl Literal for $ty {
            fn ty(&self) -> TokenStream {
                $path.parse().expect("a path")
            }
            fn value(&self) -> TokenStream {
                format!("{}::{self:?}", $path).parse().expect("an enum prints as tokens")
            }
        }
    )*};
}

enums! {
    "combine::Function": kernels::combine::Function,
    "float::unary::Function": kernels::float::unary::Function,
    "float::binary::Function": kernels::float::binary::Function,
    "float::compare::Function": kernels::float::compare::Function,
    "float::integers::Function": kernels::float::integers::Function,
    "float::pool::Function": kernels::float::pool::Function,
    "float::reduce::Function": kernels::float::reduce::Function,
}

/// Integers print as they are.
macro_rules! integers {
    ($($ty:ident),*) => {$(
        impl Literal for $ty {
            fn ty(&self) -> TokenStream {
                quote!($ty)
            }
            fn value(&self) -> TokenStream {
                self.to_string().parse().expect("an integer prints as tokens")
            }
        }
    )*};
}

integers! { i8, i16, i32, i64, u8, u16, u32, u64, usize, isize }

impl Literal for bool {
    fn ty(&self) -> TokenStream {
        quote!(bool)
    }
    fn value(&self) -> TokenStream {
        quote!(#self)
    }
}

/// Floats print the shortest decimal that reads back as the same bits, with an exponent where that is shorter.
macro_rules! floats {
    ($($ty:ident),*) => {$(
        impl Literal for $ty {
            fn ty(&self) -> TokenStream {
                quote!($ty)
            }
            fn value(&self) -> TokenStream {
                if !self.is_finite() {
                    let bits = self.to_bits();
                    return quote!($ty::from_bits(#bits));
                }
                format!("{self:?}").parse().expect("a finite float prints as tokens")
            }
        }
    )*};
}

floats! { f32, f64 }

impl<T: Literal, const N: usize> Literal for [T; N] {
    fn ty(&self) -> TokenStream {
        match self.first().map(Literal::ty) {
            Some(ty) => quote!([#ty; #N]),
            None => quote!([u8; 0]),
        }
    }
    fn value(&self) -> TokenStream {
        let values = self.iter().map(Literal::value);
        quote!([#(#values),*])
    }
}

impl<T: Literal> Literal for Option<T> {
    fn ty(&self) -> TokenStream {
        match self.as_ref().map(Literal::ty) {
            Some(ty) => quote!(Option<#ty>),
            None => quote!(Option<()>),
        }
    }
    fn value(&self) -> TokenStream {
        match self.as_ref().map(Literal::value) {
            Some(value) => quote!(Some(#value)),
            None => quote!(None),
        }
    }
}

/// Stages without parameters.
macro_rules! units {
    ($($ty:ident),*) => {$(
        impl Literal for kernels::epilogue::$ty {
            fn ty(&self) -> TokenStream {
                quote!($ty)
            }
            fn value(&self) -> TokenStream {
                quote!($ty)
            }
        }
    )*};
}

units! { NoSum, Linear, Relu, Relu6, ToF32 }

#[cfg(test)]
mod tests {
    use super::*;

    fn text(x: impl Literal) -> String {
        x.value().to_string().replace(' ', "")
    }

    #[test]
    fn numbers_read_back_as_they_were() {
        for x in [0.0f32, -0.0, 0.1, -1.5e-30, f32::MAX, f32::MIN_POSITIVE, 16_777_217.0] {
            assert_eq!(text(x).parse::<f32>().map(f32::to_bits), Ok(x.to_bits()));
        }
        assert_eq!(text(i32::MIN), "-2147483648");
        assert_eq!(text(f32::INFINITY), "f32::from_bits(2139095040u32)");
        assert_eq!(text([1u8, 2]), "[1,2]");
    }

    #[test]
    fn structs_name_their_fields() {
        let window = kernels::Window { kernel: [3, 3], stride: [2, 2], dilation: [1, 1], pad: [0, 1] };
        let want = "Window{kernel:[3,3],stride:[2,2],dilation:[1,1],pad:[0,1]}";
        assert_eq!(text(window), want);
    }
}
