//! A stack of free blocks of one class and size, kept by one thread.
//!
//! Only the owner pushes and pops. Others read how many blocks there are and how many came back, for
//! statistics, so those two are atomic; the owner changes them with plain moves all the same, in an order
//! that lets others who read both miss a block, but never count one too many (`stats`). A thread's
//! heads lie side by side, apart from the slots, and slots are no power of two apart: what the fast path
//! touches of many sizes and classes then fits in the first cache.

use crate::sizes;
use core::cell::{Cell, UnsafeCell};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, AtomicU64};

/// One more than fits, since slot 0 stays null: the top of an empty stack then equals no block.
const SLOTS: usize = sizes::CAPACITY + 1;

/// What is known of a stack.
#[repr(C)]
pub struct Head {
    count: AtomicU32,
    capacity: Cell<u32>,
    /// Blocks pushed since the process started, whichever threads owned this.
    frees: AtomicU64,
}

impl Head {
    /// Of an empty stack that takes nothing.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
            capacity: Cell::new(0),
            frees: AtomicU64::new(0),
        }
    }

    /// How many blocks there are; any thread may ask.
    pub fn count(&self) -> usize {
        self.count.load(Acquire) as usize
    }

    /// How many blocks were pushed since the process started; any thread may ask.
    pub fn frees(&self) -> u64 {
        self.frees.load(Acquire)
    }
}

/// Where a stack's blocks are.
#[repr(transparent)]
pub struct Slots(UnsafeCell<[*mut u8; SLOTS]>);

impl Slots {
    /// Without blocks.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(UnsafeCell::new([null_mut(); SLOTS]))
    }
}

/// The stack.
#[derive(Clone, Copy)]
pub struct Magazine<'a> {
    head: &'a Head,
    slots: &'a Slots,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// It is kept.
    Kept,
    /// There is no room.
    Full,
    /// The block is on top already: freed twice in a row.
    Twice,
}

impl<'a> Magazine<'a> {
    /// The stack of a head and its slots.
    ///
    /// # Safety
    /// The caller is the owner of both, and they belong together.
    #[inline]
    pub const unsafe fn new(head: &'a Head, slots: &'a Slots) -> Self {
        Self { head, slots }
    }

    #[inline]
    fn slot(self, index: u32) -> *mut *mut u8 {
        // SAFETY: indices are counts, at most CAPACITY, so inside the array.
        unsafe { self.slots.0.get().cast::<*mut u8>().add(index as usize) }
    }

    /// Takes the block that came last.
    #[inline]
    pub fn pop(self) -> Option<NonNull<u8>> {
        let count = self.head.count.load(Relaxed);
        if count == 0 {
            return None;
        }
        // SAFETY: the owner alone touches the slots; those up to `count` hold blocks, never null.
        let block = unsafe { NonNull::new_unchecked(self.slot(count).read()) };
        self.head.count.store(count.wrapping_sub(1), Relaxed);
        Some(block)
    }

    /// Keeps a block that came back.
    #[inline]
    pub fn push(self, block: NonNull<u8>) -> Push {
        let count = self.head.count.load(Relaxed);
        if count >= self.head.capacity.get() {
            return Push::Full;
        }
        // SAFETY: the owner alone touches the slots; `count` is below the capacity.
        unsafe {
            if self.slot(count).read() == block.as_ptr() {
                return Push::Twice;
            }
            self.slot(count.wrapping_add(1)).write(block.as_ptr());
        }
        self.head.count.store(count.wrapping_add(1), Relaxed);
        self.head
            .frees
            .store(self.head.frees.load(Relaxed).wrapping_add(1), Release);
        Push::Kept
    }

    /// Adds a block that was not handed out before.
    pub fn stock(self, block: NonNull<u8>) {
        let count = self.head.count.load(Relaxed);
        if (count as usize) < sizes::CAPACITY {
            // SAFETY: the owner alone touches the slots, and there is room.
            unsafe { self.slot(count.wrapping_add(1)).write(block.as_ptr()) };
            self.head.count.store(count.wrapping_add(1), Relaxed);
        }
    }

    /// Takes up to `wanted` blocks from the bottom, those unused for longest.
    pub fn drain(self, wanted: usize) -> Batch {
        let count = self.head.count.load(Relaxed) as usize;
        let taken = wanted.min(count);
        let mut batch = Batch {
            blocks: [null_mut(); SLOTS],
            length: taken,
        };
        // SAFETY: the owner alone touches the slots, and both moves stay below `count` + 1.
        unsafe {
            let bottom = self.slot(1);
            bottom.copy_to_nonoverlapping(batch.blocks.as_mut_ptr(), taken);
            bottom
                .add(taken)
                .copy_to(bottom, count.saturating_sub(taken));
        }
        self.head.count.store(
            u32::try_from(count.saturating_sub(taken)).unwrap_or(0),
            Release,
        );
        batch
    }

    /// How many blocks it may hold; the owner changes it, while it holds no more.
    pub fn set_capacity(self, capacity: usize) {
        self.head
            .capacity
            .set(u32::try_from(capacity.min(sizes::CAPACITY)).unwrap_or(0));
    }

    /// How many blocks it may hold.
    pub fn capacity(self) -> usize {
        self.head.capacity.get() as usize
    }

    /// How many blocks it holds.
    pub fn count(self) -> usize {
        self.head.count()
    }
}

/// Blocks on their way out of a magazine.
pub struct Batch {
    blocks: [*mut u8; SLOTS],
    length: usize,
}

impl Batch {
    /// The blocks, none of them null.
    pub fn blocks(&self) -> &[*mut u8] {
        self.blocks.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: usize) -> NonNull<u8> {
        NonNull::new(core::ptr::without_provenance_mut(number * 16)).unwrap()
    }

    struct Owned(Head, Slots);

    impl Owned {
        fn with(count: usize) -> Self {
            let owned = Self(Head::new(), Slots::new());
            owned.magazine().set_capacity(sizes::CAPACITY);
            for number in 1..=count {
                assert_eq!(owned.magazine().push(block(number)), Push::Kept);
            }
            owned
        }

        fn magazine(&self) -> Magazine<'_> {
            // SAFETY: one thread has both.
            unsafe { Magazine::new(&self.0, &self.1) }
        }
    }

    #[test]
    fn an_untouched_one_is_empty_and_full() {
        let owned = Owned(Head::new(), Slots::new());
        assert_eq!(owned.magazine().pop(), None);
        assert_eq!(owned.magazine().push(block(1)), Push::Full);
    }

    #[test]
    fn what_came_last_goes_first() {
        let owned = Owned::with(sizes::CAPACITY);
        let magazine = owned.magazine();
        assert_eq!(magazine.push(block(99)), Push::Full);
        for number in (1..=sizes::CAPACITY).rev() {
            assert_eq!(magazine.pop(), Some(block(number)));
        }
        assert_eq!(magazine.pop(), None);
        assert_eq!(magazine.head.frees(), sizes::CAPACITY as u64);
    }

    #[test]
    fn the_top_is_not_taken_twice() {
        let owned = Owned::with(3);
        assert_eq!(owned.magazine().push(block(3)), Push::Twice);
        assert_eq!(owned.magazine().count(), 3);
    }

    #[test]
    fn the_oldest_are_drained_first() {
        let owned = Owned::with(10);
        let magazine = owned.magazine();
        let oldest: Vec<_> = (1..=4).map(|number| block(number).as_ptr()).collect();
        assert_eq!(magazine.drain(4).blocks(), oldest);
        assert_eq!(magazine.pop(), Some(block(10)));
        assert_eq!(magazine.drain(99).blocks().len(), 5);
        assert_eq!(magazine.count(), 0);
    }
}
