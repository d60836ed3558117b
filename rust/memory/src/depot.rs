//! Where threads leave free blocks for each other: one stack for each class and size, shared by all.
//!
//! A thread that allocates what another frees would otherwise pay the allocator for every block; here
//! half a magazine changes hands at once. Nobody waits: who finds a stack taken goes to the allocator
//! instead, and so does the child of a fork in which a thread that is gone had taken it.
//!
//! What threads share is behind a trait, so that Loom can put its own in place and try every order.

use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What a stack holds at most: three refills of a magazine, and half of one more.
pub const CAPACITY: usize = 56;

type Slots = [*mut u8; CAPACITY];

/// What the threads at a stack share.
pub trait Shared {
    /// Enters, unless somebody is inside. Whoever enters sees what those before wrote.
    fn try_enter(&self) -> bool;
    /// Lets the next one in.
    fn leave(&self);
    /// Runs `body` with the slots; called between entering and leaving alone.
    fn with_slots<R>(&self, body: impl FnOnce(&mut Slots) -> R) -> R;
    /// How many slots are full; anybody may ask, and be a moment late.
    fn count(&self) -> usize;
    /// Changes that, between entering and leaving.
    fn set_count(&self, count: usize);
}

/// [`Shared`] as the processor has it.
pub struct Native {
    taken: AtomicBool,
    count: AtomicU32,
    slots: UnsafeCell<Slots>,
}

// SAFETY: slots are touched only by the thread that set `taken`; the rest is atomic.
unsafe impl Sync for Native {}

impl Shared for Native {
    fn try_enter(&self) -> bool {
        self.taken
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    fn leave(&self) {
        self.taken.store(false, Ordering::Release);
    }

    fn with_slots<R>(&self, body: impl FnOnce(&mut Slots) -> R) -> R {
        // SAFETY: this thread set `taken`, so the slots are its own until it clears it.
        body(unsafe { &mut *self.slots.get() })
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed) as usize
    }

    fn set_count(&self, count: usize) {
        self.count
            .store(u32::try_from(count).unwrap_or(0), Ordering::Relaxed);
    }
}

/// A stack of free blocks of one class and size.
pub struct Stack<S = Native> {
    shared: S,
    /// Whether it was used since [`Stack::was_used`] last asked.
    used: AtomicBool,
}

impl Stack {
    /// An empty one.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self::of(Native {
            taken: AtomicBool::new(false),
            count: AtomicU32::new(0),
            slots: UnsafeCell::new([null_mut(); CAPACITY]),
        })
    }
}

impl<S> Stack<S> {
    /// One over something shared that is empty.
    const fn of(shared: S) -> Self {
        Self {
            shared,
            used: AtomicBool::new(false),
        }
    }
}

impl<S: Shared> Stack<S> {
    /// Runs `body` with the slots and their count, unless another thread has them.
    fn with<R>(&self, body: impl FnOnce(&mut Slots, &mut usize) -> R) -> Option<R> {
        if !self.shared.try_enter() {
            return None;
        }
        let mut count = self.shared.count();
        let result = self.shared.with_slots(|slots| body(slots, &mut count));
        self.shared.set_count(count);
        self.used.store(true, Ordering::Relaxed);
        self.shared.leave();
        Some(result)
    }

    /// Takes up to `wanted` blocks and hands them to `take`; says how many.
    pub fn take(&self, wanted: usize, mut take: impl FnMut(NonNull<u8>)) -> usize {
        if self.shared.count() == 0 {
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
        self.shared.count()
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

#[cfg(test)]
mod model {
    use super::*;
    use crate::magazine::{Head, Magazine, Slots as Room};
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool as LoomBool, AtomicUsize as LoomCount};

    /// [`Shared`] as Loom has it: it tries every order, and says when the slots are touched by two.
    struct Modelled {
        taken: LoomBool,
        count: LoomCount,
        slots: loom::cell::UnsafeCell<Slots>,
    }

    // SAFETY: as for `Native`.
    unsafe impl Sync for Modelled {}
    // SAFETY: the blocks are numbers here, which anybody may have.
    unsafe impl Send for Modelled {}

    impl Shared for Modelled {
        fn try_enter(&self) -> bool {
            self.taken
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
        }

        fn leave(&self) {
            self.taken.store(false, Ordering::Release);
        }

        fn with_slots<R>(&self, body: impl FnOnce(&mut Slots) -> R) -> R {
            // SAFETY: Loom panics where two threads are here at once.
            self.slots.with_mut(|slots| body(unsafe { &mut *slots }))
        }

        fn count(&self) -> usize {
            self.count.load(Ordering::Relaxed)
        }

        fn set_count(&self, count: usize) {
            self.count.store(count, Ordering::Relaxed);
        }
    }

    fn stack() -> Arc<Stack<Modelled>> {
        Arc::new(Stack::of(Modelled {
            taken: LoomBool::new(false),
            count: LoomCount::new(0),
            slots: loom::cell::UnsafeCell::new([null_mut(); CAPACITY]),
        }))
    }

    /// A thread's magazine, filled with the blocks of these numbers.
    fn run(numbers: core::ops::Range<usize>, body: impl FnOnce(Magazine<'_>)) -> Vec<usize> {
        let (head, room) = (Head::new(), Room::new());
        // SAFETY: one thread has both.
        let magazine = unsafe { Magazine::new(&head, &room) };
        magazine.set_capacity(crate::sizes::CAPACITY);
        for number in numbers {
            magazine.stock(NonNull::new(core::ptr::without_provenance_mut(number * 16)).unwrap());
        }
        body(magazine);
        core::iter::from_fn(|| magazine.pop())
            .map(|block| block.as_ptr() as usize / 16)
            .collect()
    }

    /// Leaves the two oldest blocks; those that find no room stay with the thread.
    fn leave(stack: &Stack<Modelled>, magazine: Magazine<'_>) {
        let batch = magazine.drain(2);
        let left = stack.leave(batch.blocks(), 3);
        for &block in &batch.blocks()[left..] {
            magazine.stock(NonNull::new(block).unwrap());
        }
    }

    #[test]
    fn no_block_is_lost_or_had_twice_whatever_the_order() {
        loom::model(|| {
            let stack = stack();
            let giver = {
                let stack = Arc::clone(&stack);
                loom::thread::spawn(move || run(1..5, |magazine| leave(&stack, magazine)))
            };
            let taker = {
                let stack = Arc::clone(&stack);
                loom::thread::spawn(move || {
                    run(5..8, |magazine| {
                        leave(&stack, magazine);
                        stack.take(2, |block| magazine.stock(block));
                    })
                })
            };
            let mut all = giver.join().unwrap();
            all.extend(taker.join().unwrap());
            stack.take(CAPACITY, |block| all.push(block.as_ptr() as usize / 16));
            all.sort_unstable();
            assert_eq!(all, (1..8).collect::<Vec<_>>());
        });
    }
}
