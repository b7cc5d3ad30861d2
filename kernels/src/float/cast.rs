//! `y[i] = x[i] as another type`: floats are cut towards zero and stop at the range. Cost: memory bound.

use crate::isa::{Isa, Kernel};

/// What can become `Y`.
pub trait CastTo<Y>: Copy {
    /// The conversion.
    fn cast(self) -> Y;
}

macro_rules! casts {
    ($($x:ident: $($y:ident)*;)*) => {$($(
        impl CastTo<$y> for $x {
            #[inline(always)]
            fn cast(self) -> $y {
                self as $y
            }
        }
    )*)*};
}

casts! {
    u8: f32 i32 i64;
    i32: f32 i64;
    i64: f32 i32;
    f32: i32 i64;
}

/// The conversion of all of `x`; `y` is as long.
pub struct Cast<'a, X, Y> {
    /// The input.
    pub x: &'a [X],
    /// The output.
    pub y: &'a mut [Y],
}

impl<X: CastTo<Y>, Y> Kernel for Cast<'_, X, Y> {
    type Output = ();
    const DOTS: bool = false;

    #[inline(always)]
    fn call<I: Isa>(self, _: I) {
        self.y.iter_mut().zip(self.x).for_each(|(y, x)| *y = x.cast());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn bytes_and_floats() {
        for isa in testing::isas() {
            let (mut floats, mut integers) = ([0.0f32; 2], [0i32; 3]);
            testing::run(isa, Cast { x: &[0u8, 255], y: &mut floats });
            testing::run(isa, Cast { x: &[-1.9f32, 1.9, 1e10], y: &mut integers });
            assert_eq!((floats, integers), ([0.0, 255.0], [-1, 1, i32::MAX]), "{isa}");
        }
    }
}
