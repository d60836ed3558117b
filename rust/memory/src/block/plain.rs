//! Blocks of the system's allocator, charged and counted.

use crate::backend::system;
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
/// As `system::resize`.
pub unsafe fn resize(class: Class, block: NonNull<u8>, size: usize) -> Option<NonNull<u8>> {
    // SAFETY: the caller's promise.
    let (old_class, old_size) = unsafe { describe(block) };
    // Within a class only the growth is new.
    let kept = if class == old_class {
        old_size.min(size)
    } else {
        0
    };
    let growth = size.saturating_sub(kept);
    // SAFETY: the caller's promise.
    let moved = charge(class, growth, || unsafe {
        system::resize(block, class, size)
    })?;
    budget::release(old_class, old_size.saturating_sub(kept));
    stats::count_free(old_class);
    Some(moved)
}

/// # Safety
/// As `system::free`.
pub unsafe fn free(block: NonNull<u8>) {
    // SAFETY: the caller's promise.
    unsafe {
        let (class, size) = describe(block);
        system::free(block);
        budget::release(class, size);
        stats::count_free(class);
    }
}
