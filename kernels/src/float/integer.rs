//! Integers that name places in a tensor.

/// i32 or i64 as an index.
pub trait Integer: Copy {
    /// The index of one of `count` elements, or `None` where there is none.
    fn index(self, count: usize) -> Option<usize>;
    /// An index as this integer; tensors are small enough.
    fn of(index: usize) -> Self;
}

macro_rules! integers {
    ($($ty:ident)*) => {$(
        impl Integer for $ty {
            #[inline(always)]
            fn index(self, count: usize) -> Option<usize> {
                usize::try_from(self).ok().filter(|&i| i < count)
            }
            #[inline(always)]
            fn of(index: usize) -> Self {
                index as $ty
            }
        }
    )*};
}

integers! { i32 i64 }
