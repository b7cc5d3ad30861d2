//! A value in a `static` that is given out once, mutably: an arena of megabytes, which must not be on a stack.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value for one taker.
#[derive(Debug)]
pub struct Once<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by `take` alone, and by one thread alone, since `taken` changes once; `T: Send` lets that
// be any thread.
unsafe impl<T: Send> Sync for Once<T> {}

impl<T> Once<T> {
    /// A value that nobody has taken yet.
    pub const fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// The value; nothing the second time.
    #[expect(clippy::mut_from_ref, reason = "it is given out once")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        match self.taken.swap(true, Ordering::Relaxed) {
            true => None,
            // SAFETY: this is the first call, so that no other reference to the value exists; it lives for ever.
            false => Some(unsafe { &mut *self.value.get() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_gets_nothing() {
        static VALUE: Once<[u8; 3]> = Once::new([1, 2, 3]);
        let value = VALUE.take().unwrap();
        value[0] = 7;
        assert_eq!(value, &[7, 2, 3]);
        assert!(VALUE.take().is_none());
    }
}
