//! Blocks: handing them out, changing their size, taking them back, whatever allocator serves.

use crate::backend::system;
use crate::budget;
use crate::class::Class;
use crate::{process, stats};
use core::ptr::NonNull;
#[cfg(feature = "jemalloc")]
use {
    crate::backend::jemalloc::{self, Owner},
    crate::log::{self, Level},
    crate::process::Backend,
    crate::{arena, partition},
};

/// No object is larger: differences of its pointers would overflow.
const LARGEST: usize = isize::MAX.unsigned_abs();

/// A block of at least `size` bytes in `class`, or none and `errno` ENOMEM.
#[inline]
pub fn alloc(class: Class, size: usize) -> Option<NonNull<u8>> {
    obtain(class, size, 0, false)
}

/// As [`alloc`], for `count` times `size` bytes that read as 0.
pub fn alloc_zeroed(class: Class, count: usize, size: usize) -> Option<NonNull<u8>> {
    if let Some(total) = count.checked_mul(size) {
        obtain(class, total, 0, true)
    } else {
        budget::refuse_for_want(class, usize::MAX);
        None
    }
}

fn obtain(wanted: Class, size: usize, alignment: usize, zeroed: bool) -> Option<NonNull<u8>> {
    // Even an empty block is a block of its own.
    let size = size.max(1);
    let made = if size > LARGEST {
        None
    } else {
        make(wanted, size, alignment, zeroed)
    };
    if let Some((block, class, usable)) = made {
        stats::count_alloc(class, usable);
        Some(block)
    } else {
        budget::refuse_for_want(wanted, size);
        None
    }
}

fn make(
    class: Class,
    size: usize,
    alignment: usize,
    zeroed: bool,
) -> Option<(NonNull<u8>, Class, usize)> {
    match process::backend() {
        #[cfg(feature = "jemalloc")]
        Backend::Jemalloc => {
            let made = jemalloc::alloc(class, size, alignment, zeroed)?;
            if let Some(place) = partition::find(made.0.as_ptr() as usize) {
                place.mark(0);
            }
            Some(made)
        }
        _ if alignment > system::NATURAL_ALIGNMENT => {
            let block = system::alloc_aligned(class, size, alignment)?;
            if zeroed {
                // SAFETY: the block is new and has `size` bytes.
                unsafe { block.write_bytes(0, size) };
            }
            Some((block, class, size))
        }
        _ => Some((system::alloc(class, size, zeroed)?, class, size)),
    }
}

/// Makes `block` at least `size` bytes and of `class`, moving it where needed; its content stays, up to
/// the smaller size. Without a block this is [`alloc`]. On failure the block is as before, `errno` ENOMEM.
///
/// # Safety
/// `block` is live and from this crate; after success the old address is not used.
pub unsafe fn realloc(
    class: Class,
    block: Option<NonNull<u8>>,
    size: usize,
) -> Option<NonNull<u8>> {
    let Some(block) = block else {
        return alloc(class, size);
    };
    let size = size.max(1);
    let resized = if size > LARGEST {
        None
    } else {
        match process::backend() {
            #[cfg(feature = "jemalloc")]
            // SAFETY: the caller's promise.
            Backend::Jemalloc => unsafe { resize_jemalloc(class, block, size) },
            // SAFETY: the caller's promise.
            _ => unsafe { resize_system(class, block, size) },
        }
    };
    if resized.is_none() {
        budget::refuse_for_want(class, size);
    }
    resized
}

unsafe fn resize_system(class: Class, block: NonNull<u8>, size: usize) -> Option<NonNull<u8>> {
    // SAFETY: the caller's promise.
    unsafe {
        let (old_class, old_size) = system::describe(block);
        let moved = system::resize(block, class, size)?;
        stats::count_free(old_class, old_size);
        stats::count_alloc(class, size);
        Some(moved)
    }
}

#[cfg(feature = "jemalloc")]
unsafe fn resize_jemalloc(class: Class, block: NonNull<u8>, size: usize) -> Option<NonNull<u8>> {
    let owner = jemalloc::owner_of(block.as_ptr() as usize);
    let old_class = owner.class()?;
    // SAFETY: the owner is known, so the block is jemalloc's.
    let old_size = unsafe { jemalloc::usable(block) };
    let stays = match owner {
        Owner::Class(owner) => owner == class,
        Owner::Default => arena::of(class).is_none(),
        Owner::Foreign => false,
    };
    if stays {
        // SAFETY: the block is in the arena that serves this class.
        let moved = unsafe { jemalloc::resize(block, class, size)? };
        if let Some(place) = partition::find(moved.as_ptr() as usize) {
            place.mark(0);
        }
        stats::count_free(old_class, old_size);
        // SAFETY: the block is live.
        stats::count_alloc(old_class, unsafe { jemalloc::usable(moved) });
        return Some(moved);
    }
    let moved = obtain(class, size, 0, false)?;
    // SAFETY: both blocks are live, distinct, and at least that long.
    unsafe {
        block.copy_to_nonoverlapping(moved, old_size.min(size));
        free(block);
    }
    Some(moved)
}

/// Takes a block back, of whatever class.
///
/// # Safety
/// `block` is live and from this crate, and is not used afterwards.
#[inline]
pub unsafe fn free(block: NonNull<u8>) {
    match process::backend() {
        #[cfg(feature = "jemalloc")]
        Backend::Jemalloc => {
            let Some(class) = jemalloc::owner_of(block.as_ptr() as usize).class() else {
                return report_foreign();
            };
            // SAFETY: the owner is known, so the block is jemalloc's.
            unsafe {
                stats::count_free(class, jemalloc::usable(block));
                jemalloc::free(block);
            }
        }
        // SAFETY: the caller's promise.
        _ => unsafe {
            let (class, size) = system::describe(block);
            stats::count_free(class, size);
            system::free(block);
        },
    }
}

/// A pointer of another allocator was handed to us; leaving it alone is all that is certainly right.
#[cfg(feature = "jemalloc")]
#[cold]
fn report_foreign() {
    log::report(
        Level::Error,
        format_args!("a block of another allocator was freed here, and kept"),
    );
    log::flush();
}
