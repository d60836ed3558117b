//! Blocks of jemalloc's arenas, past the magazines: charged and counted one by one.

use super::report_foreign;
use crate::backend::jemalloc::{self, Owner};
use crate::cache::{self, Source};
use crate::class::Class;
use crate::{arena, budget, options, partition, sizes, stats, thread};
use core::ffi::c_int;
use core::ptr::NonNull;
use tikv_jemalloc_sys as je;

pub fn alloc(class: Class, size: usize, zeroed: bool) -> Option<NonNull<u8>> {
    options::after_fork();
    if size <= sizes::LARGEST {
        // SAFETY: just compared.
        match cache::refill(class, unsafe { sizes::bin_of(size) }) {
            Source::Block(block) => return Some(block),
            Source::Refused => return None,
            Source::Direct => {}
        }
    }
    direct(class, size, if zeroed { je::MALLOCX_ZERO } else { 0 })
}

pub fn alloc_aligned(class: Class, size: usize, alignment: usize) -> Option<NonNull<u8>> {
    options::after_fork();
    let rounded = size.checked_next_multiple_of(alignment);
    if let Some(rounded) = rounded.filter(|&rounded| rounded <= sizes::LARGEST) {
        // A magazine's block whose size is a multiple of the alignment has that alignment, since slabs
        // start at pages.
        // SAFETY: just compared.
        let bin = unsafe { sizes::bin_of(rounded) };
        if let Some(block) = thread::current().magazine(class, bin).pop() {
            return Some(block);
        }
        match cache::refill(class, bin) {
            Source::Block(block) => return Some(block),
            Source::Refused => return None,
            Source::Direct => {}
        }
    }
    direct(
        class,
        size,
        je::MALLOCX_LG_ALIGN(alignment.trailing_zeros() as usize),
    )
}

pub fn alloc_chunk(class: Class) -> Option<NonNull<u8>> {
    options::after_fork();
    match cache::refill(class, sizes::CHUNK_BIN) {
        Source::Block(block) => Some(block),
        Source::Refused => None,
        Source::Direct => direct(class, crate::region::CHUNK, 0),
    }
}

/// A block that no magazine will see, made with `flags` beside those of its class.
fn direct(class: Class, size: usize, flags: c_int) -> Option<NonNull<u8>> {
    let (class_flags, counted) = jemalloc::flags_of(class);
    let flags = class_flags | flags;
    let Some(usable) = jemalloc::rounded(size, flags) else {
        budget::refuse_for_want(class, size);
        return None;
    };
    if !budget::reserve(counted, usable) {
        return None;
    }
    let Some(block) = jemalloc::alloc(class, size, flags) else {
        budget::release(counted, usable);
        budget::refuse_for_want(class, size);
        return None;
    };
    stats::count_alloc(counted);
    mark(block);
    if let Some(record) = thread::attach() {
        cache::tick(record);
    }
    Some(block)
}

/// The pages of the block may have held blocks of a magazine before.
fn mark(block: NonNull<u8>) {
    if let Some(place) = partition::find(block.as_ptr() as usize) {
        place.mark(0);
    }
}

/// The bin of the block; 0 where it is no magazine's.
fn bin_of(block: NonNull<u8>) -> u8 {
    partition::find(block.as_ptr() as usize).map_or(0, partition::Place::bin)
}

/// The usable size of a block; 0 of a foreign one.
///
/// # Safety
/// `block` is a live one, of whichever allocator.
pub unsafe fn usable_size(block: NonNull<u8>) -> usize {
    match bin_of(block) {
        0 if jemalloc::owner_of(block.as_ptr() as usize) == Owner::Foreign => 0,
        // SAFETY: the caller's promise; the owner is known, so the block is jemalloc's.
        0 => unsafe { jemalloc::usable(block) },
        bin => sizes::size_of_bin(bin),
    }
}

/// # Safety
/// As `block::realloc`.
pub unsafe fn resize(class: Class, block: NonNull<u8>, size: usize) -> Option<NonNull<u8>> {
    let owner = jemalloc::owner_of(block.as_ptr() as usize);
    if owner == Owner::Foreign {
        report_foreign("resized");
        budget::refuse_for_want(class, size);
        return None;
    }
    // SAFETY: the owner is known, so the block is jemalloc's.
    let old_size = unsafe { usable_size(block) };
    let stays = match owner {
        Owner::Class(owner) => owner == class,
        Owner::Default => arena::of(class).is_none(),
        Owner::Foreign => false,
    };
    if stays {
        let bin = bin_of(block);
        // SAFETY: just compared.
        if bin != 0 && size <= sizes::LARGEST && unsafe { sizes::bin_of(size) } == bin {
            // The same size again.
            return Some(same(class, block));
        }
        if bin == 0 && size > sizes::LARGEST {
            // SAFETY: the block is in the arena that serves this class, and no magazine's.
            return unsafe { resize_direct(class, block, old_size, size) };
        }
    }
    // Where a budget was lowered below what is live, shrinking still succeeds, in place.
    let shrinks = stays && size <= old_size;
    let moved = if shrinks {
        budget::without_trace(|| super::alloc(class, size))
    } else {
        super::alloc(class, size)
    };
    let Some(moved) = moved else {
        return shrinks.then(|| same(class, block));
    };
    // SAFETY: both blocks are live, distinct, and at least that long.
    unsafe {
        block.copy_to_nonoverlapping(moved, old_size.min(size));
        super::free(block);
    }
    Some(moved)
}

/// Counts `block` as resized to what it is.
fn same(class: Class, block: NonNull<u8>) -> NonNull<u8> {
    stats::count_alloc(class);
    stats::count_free(class);
    block
}

/// # Safety
/// `block` is a live one of the arena that serves `class`, of `old_size` bytes, and no magazine's.
unsafe fn resize_direct(
    class: Class,
    block: NonNull<u8>,
    old_size: usize,
    size: usize,
) -> Option<NonNull<u8>> {
    let (flags, counted) = jemalloc::flags_of(class);
    let Some(usable) = jemalloc::rounded(size, flags) else {
        budget::refuse_for_want(class, size);
        return None;
    };
    let growth = usable.saturating_sub(old_size);
    if growth > 0 && !budget::reserve(counted, growth) {
        return None;
    }
    // SAFETY: the caller's promise.
    let Some(moved) = (unsafe { grow_or_move(class, block, old_size, usable, flags) }) else {
        if growth == 0 {
            return Some(same(counted, block));
        }
        budget::release(counted, growth);
        budget::refuse_for_want(class, size);
        return None;
    };
    budget::release(counted, old_size.saturating_sub(usable));
    stats::count_alloc(counted);
    stats::count_free(counted);
    mark(moved);
    Some(moved)
}

/// Makes the block `usable` bytes. `rallocx` does the same in one call, but would move the block of a thread
/// that jemalloc has forgotten to another arena.
///
/// # Safety
/// As `resize_direct`.
unsafe fn grow_or_move(
    class: Class,
    block: NonNull<u8>,
    old_size: usize,
    usable: usize,
    flags: c_int,
) -> Option<NonNull<u8>> {
    // SAFETY: the caller's promise; both blocks are live, distinct, and at least that long.
    unsafe {
        if jemalloc::resize_in_place(block, usable) {
            return Some(block);
        }
        let moved = jemalloc::alloc(class, usable, flags)?;
        block.copy_to_nonoverlapping(moved, old_size.min(usable));
        jemalloc::free(block);
        Some(moved)
    }
}

/// # Safety
/// As `block::free`.
pub unsafe fn free(block: NonNull<u8>) {
    let bin = bin_of(block);
    let Some(class) = jemalloc::owner_of(block.as_ptr() as usize).class() else {
        return report_foreign("freed");
    };
    // SAFETY: the owner is known, so the block is jemalloc's; its page says which magazine's it is.
    unsafe {
        if bin == 0 || !cache::overflow(class, bin, block) {
            let size = usable_size(block);
            jemalloc::free(block);
            budget::release(class, size);
            stats::count_free(class);
        }
    }
}
