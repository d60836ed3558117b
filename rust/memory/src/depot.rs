//! Where threads leave free blocks for each other: one stack for each class and size, shared by all.
//!
//! A thread that allocates what another frees would otherwise pay the allocator for every block; here
//! half a magazine changes hands at once. Nobody waits: who finds a stack taken goes to the allocator
//! instead, and so does the child of a fork in which a thread that is gone had taken it.

use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What a stack holds at most: four halves of a magazine.
pub const CAPACITY: usize = 56;

/// A stack of free blocks of one class and size.
pub struct Stack {
    taken: AtomicBool,
    /// Whether it was used since [`Stack::was_used`] last asked.
    used: AtomicBool,
    count: AtomicU32,
    slots: UnsafeCell<[*mut u8; CAPACITY]>,
}

// SAFETY: slots are touched only by the thread that set `taken`; the rest is atomic.
unsafe impl Sync for Stack {}

impl Stack {
    /// An empty one.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self {
            taken: AtomicBool::new(false),
            used: AtomicBool::new(false),
            count: AtomicU32::new(0),
            slots: UnsafeCell::new([null_mut(); CAPACITY]),
        }
    }

    /// Runs `body` with the slots and their count, unless another thread has them.
    fn with<R>(&self, body: impl FnOnce(&mut [*mut u8; CAPACITY], &mut usize) -> R) -> Option<R> {
        if self.taken.swap(true, Ordering::Acquire) {
            return None;
        }
        let mut count = self.count.load(Ordering::Relaxed) as usize;
        // SAFETY: this thread set `taken`, so the slots are its own until it clears it.
        let result = body(unsafe { &mut *self.slots.get() }, &mut count);
        self.count
            .store(u32::try_from(count).unwrap_or(0), Ordering::Relaxed);
        self.used.store(true, Ordering::Relaxed);
        self.taken.store(false, Ordering::Release);
        Some(result)
    }

    /// Takes up to `wanted` blocks and hands them to `take`; says how many.
    pub fn take(&self, wanted: usize, mut take: impl FnMut(NonNull<u8>)) -> usize {
        if self.count.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        self.with(|slots, count| {
            let from = count.saturating_sub(wanted);
            let blocks = slots.get(from..*count).unwrap_or_default();
            blocks
                .iter()
                .filter_map(|&block| NonNull::new(block))
                .for_each(&mut take);
            core::mem::replace(count, from).saturating_sub(from)
        })
        .unwrap_or(0)
    }

    /// Leaves as many of `blocks` as there is room for; says how many, from the front.
    pub fn leave(&self, blocks: &[*mut u8], limit: usize) -> usize {
        self.with(|slots, count| {
            let limit = limit.min(CAPACITY).max(*count);
            let room = slots.get_mut(*count..limit).unwrap_or_default();
            let left = room.len().min(blocks.len());
            for (slot, block) in room.iter_mut().zip(blocks) {
                *slot = *block;
            }
            *count = count.saturating_add(left);
            left
        })
        .unwrap_or(0)
    }

    /// How many blocks lie here; any thread may ask.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed) as usize
    }

    /// Whether it was used since this was last asked.
    pub fn was_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(numbers: core::ops::Range<usize>) -> Vec<*mut u8> {
        numbers
            .map(|number| core::ptr::without_provenance_mut(number * 16))
            .collect()
    }

    #[test]
    fn what_is_left_can_be_taken() {
        let stack = Stack::new();
        assert_eq!(stack.leave(&blocks(1..15), CAPACITY), 14);
        let mut taken = Vec::new();
        assert_eq!(stack.take(10, |block| taken.push(block.as_ptr())), 10);
        assert_eq!(taken, blocks(5..15));
        assert_eq!(stack.take(10, |_| ()), 4);
        assert_eq!(stack.take(10, |_| ()), 0);
    }

    #[test]
    fn no_more_is_left_than_the_limit() {
        let stack = Stack::new();
        assert_eq!(stack.leave(&blocks(1..100), CAPACITY), CAPACITY);
        assert_eq!(stack.leave(&blocks(1..100), CAPACITY), 0);
        assert_eq!(stack.count(), CAPACITY);
        assert_eq!(stack.leave(&blocks(1..100), 10), 0);
    }
}
