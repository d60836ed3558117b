//! Whatever is asked of blocks and regions, in whatever order, bytes stay where they were put, and what is
//! live is what was not given back. Runs on the backend that the build has.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use catzilla_memory::budget::{self, Scope};
use catzilla_memory::class::Class;
use catzilla_memory::region::Region;
use catzilla_memory::{block, stats};
use proptest::prelude::*;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counters are the process's, so that one property at a time may look at them.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Debug)]
enum Step {
    Alloc {
        class: usize,
        size: usize,
    },
    Zeroed {
        class: usize,
        count: usize,
        size: usize,
    },
    Aligned {
        class: usize,
        size: usize,
        shift: u32,
    },
    Resize {
        class: usize,
        which: usize,
        size: usize,
    },
    Promote {
        class: usize,
        which: usize,
    },
    Free {
        which: usize,
    },
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0_usize..1200, 2 => 1200_usize..10_000, 1 => 10_000_usize..300_000]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let class = 0..Class::COUNT;
    let which = any::<prop::sample::Index>().prop_map(|index| index.index(1 << 20));
    let step = prop_oneof![
        4 => (class.clone(), sizes()).prop_map(|(class, size)| Step::Alloc { class, size }),
        1 => (class.clone(), 0_usize..50, 0_usize..300)
            .prop_map(|(class, count, size)| Step::Zeroed { class, count, size }),
        1 => (class.clone(), sizes(), 0_u32..16)
            .prop_map(|(class, size, shift)| Step::Aligned { class, size, shift }),
        2 => (class.clone(), which.clone(), sizes())
            .prop_map(|(class, which, size)| Step::Resize { class, which, size }),
        1 => (class, which.clone()).prop_map(|(class, which)| Step::Promote { class, which }),
        4 => which.prop_map(|which| Step::Free { which }),
    ];
    prop::collection::vec(step, 1..if cfg!(miri) { 20 } else { 300 })
}

/// A block that the test holds: where, of which class, how long, and what it was filled with.
struct Held {
    block: NonNull<u8>,
    class: Class,
    size: usize,
    fill: u8,
}

impl Held {
    fn new(block: NonNull<u8>, class: Class, size: usize, fill: u8) -> Self {
        // SAFETY: the block has `size` bytes.
        unsafe { block.write_bytes(fill, size) };
        Self {
            block,
            class,
            size,
            fill,
        }
    }

    fn check(&self, length: usize) {
        // SAFETY: the block is live, and was written in full.
        let bytes = unsafe { std::slice::from_raw_parts(self.block.as_ptr(), length) };
        // Compared as a whole, which Miri does far faster than byte by byte.
        assert!(bytes == vec![self.fill; length], "block of {}", self.size);
        // SAFETY: the block is live.
        let (class, usable) = unsafe {
            (
                block::class_of(self.block.as_ptr()),
                block::usable_size(self.block),
            )
        };
        assert_eq!(class, Some(self.class));
        assert!(usable >= self.size);
    }
}

fn free(held: &Held) {
    held.check(held.size);
    // SAFETY: live until here, and not used again.
    unsafe { block::free(held.block) };
}

fn take(step: &Step, held: &mut Vec<Held>, fill: u8) {
    let of = |class: usize| Class::from_index(class).unwrap();
    match *step {
        Step::Alloc { class, size } => {
            let block = block::alloc(of(class), size).unwrap();
            held.push(Held::new(block, of(class), size, fill));
        }
        Step::Zeroed { class, count, size } => {
            let block = block::alloc_zeroed(of(class), count, size).unwrap();
            Held {
                block,
                class: of(class),
                size: count * size,
                fill: 0,
            }
            .check(count * size);
            held.push(Held::new(block, of(class), count * size, fill));
        }
        Step::Aligned { class, size, shift } => {
            let block = block::alloc_aligned(of(class), size, 1 << shift).unwrap();
            assert_eq!(block.as_ptr() as usize % (1 << shift), 0);
            held.push(Held::new(block, of(class), size, fill));
        }
        Step::Resize { class, which, size } if !held.is_empty() => {
            let which = which % held.len();
            let old = held.swap_remove(which);
            // SAFETY: the block is live, and its old address is not used again.
            let block = unsafe { block::realloc(of(class), Some(old.block), size) }.unwrap();
            let kept = Held {
                block,
                class: of(class),
                size,
                fill: old.fill,
            };
            kept.check(old.size.min(size));
            held.push(Held::new(block, of(class), size, fill));
        }
        Step::Promote { class, which } if !held.is_empty() => {
            let which = which % held.len();
            let old = &mut held[which];
            // SAFETY: the block is live, and its old address is not used again.
            old.block = unsafe { block::promote(of(class), old.block) }.unwrap();
            old.class = of(class);
            old.check(old.size);
        }
        Step::Free { which } if !held.is_empty() => {
            let which = which % held.len();
            free(&held.swap_remove(which));
        }
        _ => {}
    }
}

fn usable(held: &[Held], class: Class) -> usize {
    // SAFETY: the blocks are live.
    held.iter()
        .filter(|of| of.class == class)
        .map(|of| unsafe { block::usable_size(of.block) })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 150 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn bytes_stay_and_usage_is_what_is_held(steps in steps()) {
        let _alone = alone();
        let before = Class::ALL.map(stats::live);
        let mut held = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            take(step, &mut held, u8::try_from(number % 251 + 1).unwrap());
            for class in Class::ALL {
                let risen = stats::live(class) - before[class.index()];
                prop_assert_eq!(risen, usable(&held, class));
            }
        }
        held.iter().for_each(free);
        prop_assert_eq!(Class::ALL.map(stats::live), before);
    }

    #[test]
    fn a_budget_is_never_passed_and_always_usable(
        limit in 0_usize..200_000,
        wanted in prop::collection::vec(1_usize..20_000, 1..100),
    ) {
        let _alone = alone();
        let class = Class::Task;
        let before = stats::live(class);
        catzilla_memory::process::set_budget(Scope::Class(class), before + limit);
        let mut held = Vec::new();
        for size in wanted {
            match block::alloc(class, size) {
                Some(block) => held.push(Held::new(block, class, size, 1)),
                None => prop_assert!(usable(&held, class) + size * 5 / 4 + 16 > limit),
            }
            prop_assert!(usable(&held, class) <= limit);
        }
        held.iter().for_each(free);
        budget::set_limit(Scope::Class(class), budget::NONE);
        prop_assert_eq!(stats::live(class), before);
    }

    #[test]
    fn blocks_of_a_region_never_overlap(
        rounds in prop::collection::vec(prop::collection::vec((0_usize..6000, 0_u32..9), 0..60), 1..4),
        limit in prop::option::of(0_usize..60_000),
    ) {
        let _alone = alone();
        let before = stats::live(Class::Request);
        let region = Region::create(Class::Request).unwrap();
        // SAFETY: live until `destroy`.
        let of = unsafe { region.as_ref() };
        of.set_limit(limit.unwrap_or(usize::MAX));
        for round in rounds {
            let mut spans = Vec::new();
            for (size, shift) in round {
                let Some(block) = of.alloc_aligned(size, 1 << shift) else {
                    prop_assert!(limit.is_some());
                    continue;
                };
                prop_assert_eq!(block.as_ptr() as usize % (1 << shift), 0);
                // SAFETY: the block has `size` bytes.
                unsafe { block.write_bytes(7, size) };
                spans.push((block.as_ptr() as usize, size.max(1)));
                prop_assert!(of.used() <= limit.unwrap_or(usize::MAX));
            }
            spans.sort_unstable();
            prop_assert!(spans.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
            // SAFETY: no block is used any more.
            unsafe { of.reset() };
            prop_assert_eq!(of.used(), 0);
        }
        // SAFETY: neither the region nor a block of it is used any more.
        unsafe { Region::destroy(region) };
        prop_assert_eq!(stats::live(Class::Request), before);
    }
}
