//! The system's allocator, with a header before each block that says class and size.
//!
//! For valgrind, the sanitizers and platforms without jemalloc. The block's size is the caller's, not
//! rounded, so that those tools see an overrun of a single byte.

use crate::class::Class;
use core::ffi::c_void;
use core::ptr::NonNull;

/// Before each block. A multiple of the alignment that every block has.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
struct Header {
    size: usize,
    /// From the start of the system's block to ours: more than a header where the alignment asks for it.
    offset: u32,
    class: u8,
}

const HEADER: usize = size_of::<Header>();
const _: () = assert!(HEADER == 16);

/// The alignment that a system's block has by itself, and ours therefore too.
pub const NATURAL_ALIGNMENT: usize = 16;

fn header_of(block: NonNull<u8>) -> NonNull<Header> {
    // SAFETY: every block of this backend has a header right before it.
    unsafe { block.cast::<Header>().sub(1) }
}

/// # Safety
/// `raw` is null or has `offset + size` bytes, and `offset` bytes in is aligned for a header.
unsafe fn finish(
    raw: *mut c_void,
    offset: usize,
    size: usize,
    class: Class,
) -> Option<NonNull<u8>> {
    let raw = NonNull::new(raw.cast::<u8>())?;
    let header = Header {
        size,
        offset: u32::try_from(offset).ok()?,
        class: class as u8,
    };
    // SAFETY: the header lies in the first `offset` bytes, which nobody else uses.
    unsafe {
        let block = raw.add(offset);
        header_of(block).write(header);
        Some(block)
    }
}

/// A new block. With `zeroed`, its bytes are 0.
pub fn alloc(class: Class, size: usize, zeroed: bool) -> Option<NonNull<u8>> {
    let total = size.checked_add(HEADER)?;
    // SAFETY: no preconditions; `finish` takes what came of it.
    unsafe {
        let raw = if zeroed {
            libc::calloc(1, total)
        } else {
            libc::malloc(total)
        };
        finish(raw, HEADER, size, class)
    }
}

/// A new block whose address is a multiple of `alignment`, a power of two.
pub fn alloc_aligned(class: Class, size: usize, alignment: usize) -> Option<NonNull<u8>> {
    if alignment <= NATURAL_ALIGNMENT {
        return alloc(class, size, false);
    }
    let total = size.checked_add(alignment)?;
    u32::try_from(alignment).ok()?;
    let mut raw = core::ptr::null_mut();
    // SAFETY: the alignment is a power of two and a multiple of a pointer's size.
    unsafe {
        if libc::posix_memalign(&raw mut raw, alignment, total) != 0 {
            return None;
        }
        finish(raw, alignment, size, class)
    }
}

/// The class and size of a block.
///
/// # Safety
/// `block` is a live one of this backend.
pub unsafe fn describe(block: NonNull<u8>) -> (Class, usize) {
    // SAFETY: the caller's promise.
    let header = unsafe { header_of(block).read() };
    (
        Class::from_index(usize::from(header.class)).unwrap_or(Class::General),
        header.size,
    )
}

/// Makes the block `size` bytes and of `class`, elsewhere if need be; on failure it stays as it is.
///
/// # Safety
/// `block` is a live one of this backend; after success it is no longer.
pub unsafe fn resize(block: NonNull<u8>, class: Class, size: usize) -> Option<NonNull<u8>> {
    // SAFETY: the caller's promise.
    let header = unsafe { header_of(block).read() };
    if header.offset as usize == HEADER {
        let total = size.checked_add(HEADER)?;
        // SAFETY: the header is the start of the system's block; `finish` takes what came of it.
        return unsafe {
            finish(
                libc::realloc(header_of(block).as_ptr().cast(), total),
                HEADER,
                size,
                class,
            )
        };
    }
    let moved = alloc(class, size, false)?;
    // SAFETY: both blocks are live, distinct, and at least that long.
    unsafe {
        block.copy_to_nonoverlapping(moved, header.size.min(size));
        free(block);
    }
    Some(moved)
}

/// Gives the block back.
///
/// # Safety
/// `block` is a live one of this backend, and is not used afterwards.
pub unsafe fn free(block: NonNull<u8>) {
    // SAFETY: the header says where the system's block starts.
    unsafe {
        let offset = header_of(block).read().offset as usize;
        libc::free(block.sub(offset).as_ptr().cast());
    }
}
