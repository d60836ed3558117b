//! Blocks of the system's allocator, charged and counted.

use super::report_foreign;
use crate::backend::system::{self, Block, Found};
use crate::class::Class;
use crate::{budget, stats};
use core::ptr::NonNull;

pub use system::describe;

/// Charges and counts what `make` makes.
fn charge(
    class: Class,
    size: usize,
    make: impl FnOnce() -> Option<NonNull<u8>>,
) -> Option<NonNull<u8>> {
    // What needs nothing is not refused where a budget was lowered below what is live.
    if size != 0 && !budget::reserve(class, size) {
        return None;
    }
    let block = make();
    if block.is_some() {
        stats::count_alloc(class);
    } else {
        budget::release(class, size);
        budget::refuse_for_want(class, size);
    }
    block
}

pub fn alloc(class: Class, size: usize, zeroed: bool) -> Option<NonNull<u8>> {
    charge(class, size, || system::alloc(class, size, zeroed))
}

pub fn alloc_aligned(class: Class, size: usize, alignment: usize) -> Option<NonNull<u8>> {
    charge(class, size, || {
        system::alloc_aligned(class, size, alignment)
    })
}

/// # Safety
/// As `block::realloc`.
pub unsafe fn resize(class: Class, block: NonNull<u8>, size: usize) -> Option<NonNull<u8>> {
    // SAFETY: the caller's promise.
    let Some(old) = (unsafe { describe(block) }) else {
        report_foreign("resized");
        budget::refuse_for_want(class, size);
        return None;
    };
    // Within a class only the growth is new.
    let kept = if class == old.class {
        old.size.min(size)
    } else {
        0
    };
    let growth = size.saturating_sub(kept);
    // SAFETY: the caller's promise.
    let moved = charge(class, growth, || unsafe {
        system::resize(block, class, size)
    })?;
    budget::release(old.class, old.size.saturating_sub(kept));
    stats::count_free(old.class);
    Some(moved)
}

/// # Safety
/// As `block::free`.
pub unsafe fn free(block: NonNull<u8>) {
    // SAFETY: the caller's promise.
    unsafe {
        match system::find(block) {
            Found::Live(Block { class, size }) => {
                system::free(block);
                budget::release(class, size);
                stats::count_free(class);
            }
            Found::Freed => system::free_again(block),
            Found::Foreign => report_foreign("freed"),
        }
    }
}
