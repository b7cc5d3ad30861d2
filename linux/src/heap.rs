//! A global allocator: what decoding a picture and printing a result need, not what is fast under load.
//!
//! ```text
//! size <= 32 KiB   the next power of two: from that size's list of free blocks, or from the rest of a 256 KiB chunk
//! larger           pages of its own, which the kernel gives, grows, moves and takes back
//! ```
//!
//! A small block stays in the list of its size once it is free. Blocks are aligned to their size, to a page at most.

use crate::system;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

/// The kernel's unit, and the greatest alignment.
const PAGE: usize = 4096;
/// What small blocks are cut from.
const CHUNK: usize = 1 << 18;
/// The least and the greatest small block, as powers of two.
const LEAST: u32 = 4;
const GREATEST: u32 = 15;
const CLASSES: usize = (GREATEST - LEAST + 1) as usize;

/// The allocator; `#[global_allocator] static HEAP: Heap = Heap::new();` makes it the program's.
#[derive(Debug)]
pub struct Heap {
    locked: AtomicBool,
    small: UnsafeCell<Small>,
}

// SAFETY: `small` is reached by the holder of the lock alone.
unsafe impl Sync for Heap {}

/// Small blocks.
#[derive(Debug)]
struct Small {
    /// For each size the first free block; a free block starts with the address of the next.
    free: [*mut u8; CLASSES],
    /// What is left of the last chunk.
    rest: *mut u8,
    left: usize,
}

/// The class of a small block.
fn class(layout: Layout) -> Option<usize> {
    let bytes = layout.size().max(layout.align()).max(1 << LEAST);
    let class = bytes.next_power_of_two().trailing_zeros();
    (class <= GREATEST).then_some((class - LEAST) as usize)
}

/// Whole pages.
fn pages(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE)
}

impl Small {
    fn take(&mut self, class: usize) -> *mut u8 {
        let block = self.free[class];
        if block.is_null() {
            return self.cut(1 << (class + LEAST as usize));
        }
        // SAFETY: a free block starts with the address of the next.
        self.free[class] = unsafe { block.cast::<*mut u8>().read() };
        block
    }

    /// Gives back a block.
    ///
    /// # Safety
    /// It is from `take` of the same class, and nothing refers to it.
    unsafe fn give(&mut self, block: *mut u8, class: usize) {
        // SAFETY: the block has 16 bytes or more, aligned to as many.
        unsafe { block.cast::<*mut u8>().write(self.free[class]) };
        self.free[class] = block;
    }

    /// A new block; what a chunk cannot hold any more is left unused.
    fn cut(&mut self, bytes: usize) -> *mut u8 {
        let mut skip = self.rest.align_offset(bytes.min(PAGE));
        if self.left < skip.saturating_add(bytes) {
            let chunk = system::map(CHUNK);
            if chunk.is_null() {
                return chunk;
            }
            (self.rest, self.left, skip) = (chunk, CHUNK, 0);
        }
        // SAFETY: `skip + bytes` are left.
        let block = unsafe { self.rest.add(skip) };
        // SAFETY: as above.
        self.rest = unsafe { block.add(bytes) };
        self.left -= skip + bytes;
        block
    }
}

impl Heap {
    /// An allocator that has no memory yet.
    pub const fn new() -> Self {
        let small = Small { free: [ptr::null_mut(); CLASSES], rest: ptr::null_mut(), left: 0 };
        Self { locked: AtomicBool::new(false), small: UnsafeCell::new(small) }
    }

    fn with_small<T>(&self, work: impl FnOnce(&mut Small) -> T) -> T {
        while self.locked.swap(true, Ordering::Acquire) {
            spin_loop();
        }
        // SAFETY: this thread holds the lock, and `work` is ours and takes no other reference.
        let value = work(unsafe { &mut *self.small.get() });
        self.locked.store(false, Ordering::Release);
        value
    }
}

impl Default for Heap {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: a block is given to one caller until it is given back, has the layout's size or more, and is aligned to the
// lesser of its size and a page; greater alignments are refused. Nothing here panics or allocates.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class(layout) {
            _ if layout.align() > PAGE => ptr::null_mut(),
            Some(class) => self.with_small(|small| small.take(class)),
            None => system::map(pages(layout.size())),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, and the block's size.
        unsafe {
            let block = self.alloc(layout);
            // The kernel's pages are zeros, and stay out of memory until they are used.
            if class(layout).is_some() && !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise: the block is from `alloc` with this layout, and nothing refers to it.
        unsafe {
            match class(layout) {
                Some(class) => self.with_small(|small| small.give(block, class)),
                None => system::unmap(block, pages(layout.size())),
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise: `bytes`, rounded up to the alignment, does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
        match (class(layout), class(new)) {
            (Some(old), Some(new)) if old == new => block,
            // SAFETY: the caller's promise; both are pages of their own.
            (None, None) => unsafe { system::remap(block, pages(layout.size()), pages(bytes)) },
            // SAFETY: the caller's promise; the blocks are two, and both have the lesser size.
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(block, bytes.min(layout.size()));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    struct Block {
        address: *mut u8,
        layout: Layout,
        mark: u8,
    }

    impl Block {
        fn bytes(&self) -> &[u8] {
            // SAFETY: the test keeps blocks until it gives them back, and writes them whole.
            unsafe { std::slice::from_raw_parts(self.address, self.layout.size()) }
        }
    }

    fn allocate(heap: &Heap, bytes: usize, align: usize, mark: u8) -> Block {
        let layout = Layout::from_size_align(bytes, align).unwrap();
        // SAFETY: the size is not 0, and the block is written before it is read.
        let address = unsafe { heap.alloc(layout) };
        assert!(!address.is_null() && address.addr().is_multiple_of(align), "{layout:?}");
        // SAFETY: as above.
        unsafe { address.write_bytes(mark, bytes) };
        Block { address, layout, mark }
    }

    #[test]
    fn blocks_stay_apart_through_any_order() {
        let heap = Heap::new();
        let (mut state, mut blocks) = (7_u64, Vec::<Block>::new());
        for step in 0..4000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let draw = (state >> 33) as usize;
            if blocks.len() > 60 || draw.is_multiple_of(3) && !blocks.is_empty() {
                let block = blocks.swap_remove(draw % blocks.len());
                assert!(block.bytes().iter().all(|byte| *byte == block.mark), "{:?}", block.layout);
                // SAFETY: the block is the heap's, and forgotten here.
                unsafe { heap.dealloc(block.address, block.layout) };
            } else if draw % 3 == 1 && !blocks.is_empty() {
                let at = draw / 3 % blocks.len();
                let (block, bytes) = (&mut blocks[at], 1 + draw % 100_000);
                let kept = bytes.min(block.layout.size());
                // SAFETY: the block is the heap's, and its old address is forgotten here.
                block.address = unsafe { heap.realloc(block.address, block.layout, bytes) };
                block.layout = Layout::from_size_align(bytes, block.layout.align()).unwrap();
                // SAFETY: the block has so many bytes, and what is new is written before it is read.
                unsafe { block.address.add(kept).write_bytes(block.mark, bytes - kept) };
                assert!(block.bytes().iter().all(|byte| *byte == block.mark), "{:?}", block.layout);
            } else {
                let bytes = 1 + draw % (1 << (4 + draw % 14));
                blocks.push(allocate(&heap, bytes, 1 << (draw % 13), step as u8));
            }
        }
    }

    #[test]
    fn what_is_given_back_is_used_again() {
        let heap = Heap::new();
        let first = allocate(&heap, 100, 8, 0xff);
        // SAFETY: the block is the heap's, and forgotten here but for its address.
        unsafe { heap.dealloc(first.address, first.layout) };
        // SAFETY: the layout's size is not 0.
        let second = unsafe { heap.alloc_zeroed(first.layout) };
        assert_eq!(second, first.address);
        // SAFETY: the block has so many bytes.
        assert!(unsafe { std::slice::from_raw_parts(second, 100) }.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_cannot_be_had_is_null() {
        let heap = Heap::new();
        let (huge, aligned) = ((1 << 60, 8), (8, 8192));
        for (bytes, align) in [huge, aligned] {
            // SAFETY: the size is not 0.
            let block = unsafe { heap.alloc(Layout::from_size_align(bytes, align).unwrap()) };
            assert!(block.is_null());
        }
    }
}
