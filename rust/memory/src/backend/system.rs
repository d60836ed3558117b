//! The system's allocator, with a header before each block that says class and size.
//!
//! For valgrind, the sanitizers and platforms without jemalloc. The block's size is the caller's, not
//! rounded, so that those tools see an overrun of a single byte.
//!
//! A mark in the header tells blocks of this backend from all else. Whoever asks about another pointer must
//! be able to bear that the bytes before it are read; of random ones, 1 in 700 million is taken for ours.

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
    /// [`LIVE`] or [`FREED`], and the class in the lowest byte.
    mark: u32,
}

/// What a header says while its block is live.
const LIVE: u32 = 0xC7A5_9E00;
/// What it says when the block was freed, as long as nobody else writes there.
const FREED: u32 = 0x5F3D_6B00;
const CLASS: u32 = 0xFF;

/// A live block, as its header describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The class that it counts for.
    pub class: Class,
    /// As it was asked for.
    pub size: usize,
}

/// What a pointer points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A live block of this backend.
    Live(Block),
    /// What was one, and was freed.
    Freed,
    /// Nothing of this backend's, or nothing any more.
    Foreign,
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
        mark: LIVE | class as u32,
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

/// What is at `block`.
///
/// # Safety
/// If `block` is a multiple of 16, the 16 bytes before it can be read.
pub unsafe fn find(block: NonNull<u8>) -> Found {
    if block.as_ptr() as usize % NATURAL_ALIGNMENT != 0 {
        return Found::Foreign;
    }
    // SAFETY: the caller's promise; any bytes make a header.
    let header = unsafe { header_of(block).read() };
    let class = usize::try_from(header.mark & CLASS).map(Class::from_index);
    match (header.mark & !CLASS, class) {
        (LIVE, Ok(Some(class))) => Found::Live(Block {
            class,
            size: header.size,
        }),
        (FREED, Ok(Some(_))) => Found::Freed,
        _ => Found::Foreign,
    }
}

/// The live block at `block`, if there is one.
///
/// # Safety
/// As [`find`].
pub unsafe fn describe(block: NonNull<u8>) -> Option<Block> {
    // SAFETY: the caller's promise.
    match unsafe { find(block) } {
        Found::Live(block) => Some(block),
        Found::Freed | Found::Foreign => None,
    }
}

/// Sets the mark of a header: what the compiler would leave out, since the memory is about to be freed.
///
/// # Safety
/// `block` is a live one of this backend.
unsafe fn set_mark(block: NonNull<u8>, mark: u32) {
    // SAFETY: the header is this backend's own.
    unsafe { (&raw mut (*header_of(block).as_ptr()).mark).write_volatile(mark) };
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
        // SAFETY: the header is the start of the system's block; `finish` takes what came of it. The old
        // address says that it is free, unless nothing came of it.
        return unsafe {
            set_mark(block, FREED | header.mark & CLASS);
            let raw = libc::realloc(header_of(block).as_ptr().cast(), total);
            if raw.is_null() {
                set_mark(block, header.mark);
            }
            finish(raw, HEADER, size, class)
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
        let header = header_of(block).read();
        set_mark(block, FREED | header.mark & CLASS);
        libc::free(block.sub(header.offset as usize).as_ptr().cast());
    }
}

/// Hands a block that was freed already to the system's allocator once more: it, or a tool in its place, can
/// say more about that.
///
/// # Safety
/// [`find`] says that the block was freed.
pub unsafe fn free_again(block: NonNull<u8>) {
    // SAFETY: what was written for the first time is still there, where the system's block started.
    unsafe {
        let offset = header_of(block).read().offset as usize;
        libc::free(block.sub(offset).as_ptr().cast());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_known_while_it_is_live_and_nothing_else_is() {
        for class in Class::ALL {
            for alignment in [16, 64, 4096] {
                let block = alloc_aligned(class, 100, alignment).unwrap();
                // SAFETY: the block is live, and has bytes before each address that is asked for.
                unsafe {
                    let known = Block { class, size: 100 };
                    assert_eq!(find(block), Found::Live(known));
                    assert_eq!(find(block.add(1)), Found::Foreign);
                    block.write_bytes(0, 100);
                    assert_eq!(find(block.add(32)), Found::Foreign);
                    let moved = resize(block, Class::Task, 5000).unwrap();
                    assert_eq!(describe(moved).map(|block| block.size), Some(5000));
                    assert_eq!(resize(moved, Class::Cache, usize::MAX / 4), None);
                    assert_eq!(describe(moved).map(|block| block.class), Some(Class::Task));
                    free(moved);
                }
            }
        }
    }

    #[test]
    fn a_header_of_no_class_is_nobodys() {
        let mut bytes = [Header {
            size: 1,
            offset: 16,
            mark: LIVE | 6,
        }; 2];
        let block = NonNull::from(&mut bytes[1]).cast();
        // SAFETY: there is a header before it.
        assert_eq!(unsafe { find(block) }, Found::Foreign);
        bytes[0].mark = FREED;
        let block = NonNull::from(&mut bytes[1]).cast();
        // SAFETY: as above.
        assert_eq!(unsafe { find(block) }, Found::Freed);
    }
}
