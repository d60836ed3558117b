//! Blocks: handing them out, changing their size, taking them back.
//!
//! The fast path is a thread's magazine (`magazine`), for sizes up to 4 KiB; everything else is
//! behind it, in functions that are not inlined.

use crate::class::Class;
use crate::error::Errno;
use crate::log::{self, Level};
use crate::{budget, debug, process, stats};
use core::ptr::NonNull;

#[cfg(feature = "jemalloc")]
mod arenas;
mod plain;

#[cfg(feature = "jemalloc")]
use {
    crate::magazine::Push,
    crate::process::Backend,
    crate::{partition, sizes, thread},
};

/// No object is larger: differences of its pointers would overflow.
const LARGEST: usize = isize::MAX.unsigned_abs();

/// A block of at least `size` bytes in `class`, or none and `errno` ENOMEM.
#[inline]
pub fn alloc(class: Class, size: usize) -> Option<NonNull<u8>> {
    #[cfg(feature = "jemalloc")]
    if size <= sizes::LARGEST {
        // SAFETY: just compared.
        let bin = unsafe { sizes::bin_of(size) };
        if let Some(block) = thread::current().magazine(class, bin).pop() {
            return Some(block);
        }
    }
    alloc_slow(class, size)
}

/// A pointer was handed to us that is no block of ours, or none any more; leaving it alone is all that is
/// certainly right.
#[cold]
fn report_foreign(what: &str) {
    log::report(
        Level::Error,
        format_args!("a block that is not this library's, or no longer, was {what} here, and kept"),
    );
    log::flush();
}

#[cold]
#[inline(never)]
fn alloc_slow(class: Class, size: usize) -> Option<NonNull<u8>> {
    budget::asked(class, size, obtain(class, size, false))
}

/// As [`alloc`], for `count` times `size` bytes that read as 0.
pub fn alloc_zeroed(class: Class, count: usize, size: usize) -> Option<NonNull<u8>> {
    let Some(total) = count.checked_mul(size) else {
        budget::refuse_for_want(class, usize::MAX);
        return None;
    };
    #[cfg(feature = "jemalloc")]
    if total <= sizes::LARGEST {
        let block = alloc(class, total)?;
        // SAFETY: the block is new and has `total` bytes.
        unsafe { block.write_bytes(0, total) };
        return Some(block);
    }
    budget::asked(class, total, obtain(class, total, true))
}

fn obtain(class: Class, size: usize, zeroed: bool) -> Option<NonNull<u8>> {
    if size > LARGEST {
        budget::refuse_for_want(class, size);
        return None;
    }
    let backend = process::backend();
    if debug::is_on() {
        return debug::alloc(class, size, 0, zeroed);
    }
    // Even an empty block is a block of its own.
    let size = size.max(1);
    match backend {
        #[cfg(feature = "jemalloc")]
        Backend::Jemalloc => arenas::alloc(class, size, zeroed),
        _ => plain::alloc(class, size, zeroed),
    }
}

/// As [`alloc`], at a multiple of `alignment`, a power of two.
pub fn alloc_aligned(class: Class, size: usize, alignment: usize) -> Option<NonNull<u8>> {
    let rounded = size.max(1).checked_next_multiple_of(alignment);
    if rounded.is_none_or(|rounded| rounded > LARGEST) {
        budget::refuse_for_want(class, size);
        return None;
    }
    let backend = process::backend();
    // Even an empty block is a block of its own; debug mode knows it as empty.
    let least = size.max(1);
    let block = if debug::is_on() {
        debug::alloc(class, size, alignment, false)
    } else {
        match backend {
            #[cfg(feature = "jemalloc")]
            Backend::Jemalloc => arenas::alloc_aligned(class, least, alignment),
            _ => plain::alloc_aligned(class, least, alignment),
        }
    };
    budget::asked(class, size, block)
}

/// A region's chunk: [`crate::region::CHUNK`] bytes.
pub(crate) fn alloc_chunk(class: Class) -> Option<NonNull<u8>> {
    #[cfg(feature = "jemalloc")]
    if let Some(chunk) = thread::current().magazine(class, sizes::CHUNK_BIN).pop() {
        stats::count_chunk(class, true);
        return Some(chunk);
    }
    let chunk = match process::backend() {
        #[cfg(feature = "jemalloc")]
        Backend::Jemalloc => arenas::alloc_chunk(class),
        _ => plain::alloc(class, crate::region::CHUNK, false),
    };
    if chunk.is_some() {
        stats::count_chunk(class, false);
    }
    chunk
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
    if size > LARGEST {
        budget::refuse_for_want(class, size);
        return None;
    }
    let backend = process::backend();
    let least = size.max(1);
    // SAFETY: the caller's promise, for all three.
    let moved = unsafe {
        if debug::is_on() {
            debug::resize(class, block, size)
        } else {
            match backend {
                #[cfg(feature = "jemalloc")]
                Backend::Jemalloc => arenas::resize(class, block, least),
                _ => plain::resize(class, block, least),
            }
        }
    };
    budget::asked(class, size, moved)
}

/// Takes a block back, of whatever class.
///
/// # Safety
/// `block` is live and from this crate, and is not used afterwards.
#[inline]
pub unsafe fn free(block: NonNull<u8>) {
    // SAFETY: the caller's promise.
    unsafe { free_believing(block, None, None) };
}

/// As [`free`], of a block that the caller believes to be of `class`, and of `size` where it says. Only
/// debug mode cares, and reports where that is wrong.
///
/// # Safety
/// As [`free`].
#[inline]
pub unsafe fn free_believing(block: NonNull<u8>, class: Option<Class>, size: Option<usize>) {
    #[cfg(feature = "jemalloc")]
    if let Some(place) = partition::find(block.as_ptr() as usize) {
        let bin = place.bin();
        match thread::current().magazine(place.class, bin).push(block) {
            Push::Kept => return,
            Push::Full => {}
            Push::Twice => crate::report::double_free(block, place.class, sizes::size_of_bin(bin)),
        }
    }
    // SAFETY: the caller's promise.
    unsafe { free_slow(block, class, size) };
}

#[cold]
#[inline(never)]
unsafe fn free_slow(block: NonNull<u8>, class: Option<Class>, size: Option<usize>) {
    let _errno = Errno::save();
    let backend = process::backend();
    if debug::is_on() {
        // SAFETY: the caller's promise.
        return unsafe { debug::free(block, class, size) };
    }
    match backend {
        #[cfg(feature = "jemalloc")]
        // SAFETY: the caller's promise.
        Backend::Jemalloc => unsafe { arenas::free(block) },
        // SAFETY: the caller's promise.
        _ => unsafe { plain::free(block) },
    }
}

/// Moves `block` to `class`, unless it is there already, and gives its new address. On failure it is as
/// before, `errno` ENOMEM.
///
/// # Safety
/// `block` is live and from this crate; after success the old address is not used.
pub unsafe fn promote(class: Class, block: NonNull<u8>) -> Option<NonNull<u8>> {
    // SAFETY: the caller's promise.
    unsafe {
        if class_of(block.as_ptr()) == Some(class) {
            return Some(block);
        }
        realloc(class, Some(block), usable_size(block))
    }
}

/// How many bytes of the block its holder may use.
///
/// # Safety
/// `block` is live and from this crate.
pub unsafe fn usable_size(block: NonNull<u8>) -> usize {
    if debug::is_on() {
        return debug::size_of(block);
    }
    match process::backend() {
        #[cfg(feature = "jemalloc")]
        // SAFETY: the caller's promise.
        Backend::Jemalloc => unsafe { arenas::usable_size(block) },
        // SAFETY: the caller's promise.
        _ => unsafe { plain::describe(block).map_or(0, |block| block.size) },
    }
}

/// The class that the address lies in; none for one that is not of this crate. With the system's
/// allocator, only the start of a live block is known.
///
/// # Safety
/// With the system's allocator, `address` is null, no multiple of 16, or has 16 bytes before it that can be
/// read.
pub unsafe fn class_of(address: *const u8) -> Option<Class> {
    let backend = process::started()?;
    if debug::is_on() {
        return debug::class_of(address);
    }
    match backend {
        #[cfg(feature = "jemalloc")]
        Backend::Jemalloc => crate::backend::jemalloc::owner_of(address as usize).class(),
        // SAFETY: the caller's promise.
        _ => NonNull::new(address.cast_mut())
            .and_then(|block| unsafe { plain::describe(block) })
            .map(|block| block.class),
    }
}
