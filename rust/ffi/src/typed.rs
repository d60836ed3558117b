//! Blocks of a class that is an argument: one shape for all classes.

use crate::types::{catzilla_memory_type_t, class_from_c, to_c};
use catzilla_memory::block;
use catzilla_memory::class::Class;
use catzilla_memory::error::set_errno_invalid;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

/// The class, or none and `errno` EINVAL.
fn class(of: MaybeUninit<catzilla_memory_type_t>) -> Option<Class> {
    let class = class_from_c(of).ok();
    if class.is_none() {
        set_errno_invalid();
    }
    class
}

/// Allocates `size` bytes in class `of`.
///
/// Memory:  the caller owns the block; any of this library's free functions gives it back. 0 bytes make a
///          block too. Aligned to 16 bytes from 16 bytes on.
/// Threads: any.
/// Errors:  NULL with `errno` ENOMEM (`catzilla_memory_last_refusal` says why), or EINVAL for a value
///          that is no class.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_alloc(
    of: MaybeUninit<catzilla_memory_type_t>,
    size: usize,
) -> *mut c_void {
    to_c(class(of).and_then(|class| block::alloc(class, size)))
}

/// As `catzilla_memory_alloc`; the bytes are 0.
///
/// Memory, threads, errors: as `catzilla_memory_alloc`.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_zalloc(
    of: MaybeUninit<catzilla_memory_type_t>,
    size: usize,
) -> *mut c_void {
    to_c(class(of).and_then(|class| block::alloc_zeroed(class, 1, size)))
}

/// As `catzilla_memory_alloc`, at a multiple of `alignment`, a power of two.
///
/// Memory, threads: as `catzilla_memory_alloc`.
/// Errors:  as `catzilla_memory_alloc`; EINVAL for any other alignment too.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_aligned(
    of: MaybeUninit<catzilla_memory_type_t>,
    alignment: usize,
    size: usize,
) -> *mut c_void {
    if !alignment.is_power_of_two() {
        set_errno_invalid();
        return null_mut();
    }
    to_c(class(of).and_then(|class| block::alloc_aligned(class, size, alignment)))
}

/// Makes `block` `size` bytes, in class `of`, wherever it was before.
///
/// Memory:  takes `block` and gives a block back, at the same or another address; NULL behaves as
///          `catzilla_memory_alloc`. A size of 0 shrinks to the minimum and never frees.
/// Threads: any; the block must not be in use elsewhere.
/// Errors:  as `catzilla_memory_alloc`; `block` is then as it was.
/// Needs:   `block` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_realloc(
    of: MaybeUninit<catzilla_memory_type_t>,
    block: *mut c_void,
    size: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    to_c(
        class(of)
            .and_then(|class| unsafe { block::realloc(class, NonNull::new(block.cast()), size) }),
    )
}

/// Frees a block whose class and size the caller knows; both only serve to find mistakes in debug mode.
///
/// Memory:  takes `block`; NULL does nothing. A block of another class is freed as well.
/// Threads: any.
/// Errors:  none; `errno` stays.
/// Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_free_sized(
    of: MaybeUninit<catzilla_memory_type_t>,
    block: *mut c_void,
    size: usize,
) {
    if let Some(block) = NonNull::new(block.cast()) {
        // SAFETY: the caller's promise.
        unsafe { block::free_believing(block, class_from_c(of).ok(), Some(size)) };
    }
}

/// How many bytes of `block` may be used: its size, rounded up as the allocator does. 0 for NULL.
///
/// Threads: any.
/// Source:  `sallocx`; with the system's allocator and in debug mode the size that was asked for.
/// Needs:   `block` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_usable_size(block: *const c_void) -> usize {
    NonNull::new(block.cast_mut().cast()).map_or(0, |block| {
        // SAFETY: the caller's promise.
        unsafe { block::usable_size(block) }
    })
}

/// Copies `text` into class `of`.
///
/// Memory:  borrows `text` for the call; the copy is the caller's.
/// Threads: any.
/// Errors:  as `catzilla_memory_alloc`; EINVAL for a NULL too.
/// Needs:   `text` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_strdup(
    of: MaybeUninit<catzilla_memory_type_t>,
    text: *const c_char,
) -> *mut c_char {
    if text.is_null() {
        set_errno_invalid();
        return null_mut();
    }
    // SAFETY: the caller's promise.
    unsafe { copy(of, CStr::from_ptr(text).to_bytes()) }
}

/// Copies the first `length` bytes of `text`, or as many as there are before a NUL, and ends them in NUL.
///
/// Memory, threads, errors: as `catzilla_memory_strdup`.
/// Needs:   `text` is NULL or has `length` bytes or a NUL before that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_strndup(
    of: MaybeUninit<catzilla_memory_type_t>,
    text: *const c_char,
    length: usize,
) -> *mut c_char {
    if text.is_null() {
        set_errno_invalid();
        return null_mut();
    }
    // SAFETY: the caller's promise.
    unsafe {
        let length = libc::strnlen(text, length);
        copy(of, core::slice::from_raw_parts(text.cast(), length))
    }
}

fn copy(of: MaybeUninit<catzilla_memory_type_t>, bytes: &[u8]) -> *mut c_char {
    let made = class(of).and_then(|class| block::alloc(class, bytes.len().saturating_add(1)));
    // SAFETY: a new block has one byte more than is copied.
    made.map_or(null_mut(), |block| unsafe {
        crate::types::write_text(block, bytes)
    })
}

/// Moves `block` to class `of`, to live as long as that; one that is there already stays where it is.
///
/// Memory:  takes `block` and gives a block of the same usable size back.
/// Threads: any; the block must not be in use elsewhere.
/// Errors:  as `catzilla_memory_alloc`; `block` is then as it was. EINVAL for a NULL too.
/// Needs:   `block` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_promote(
    block: *mut c_void,
    of: MaybeUninit<catzilla_memory_type_t>,
) -> *mut c_void {
    let Some(block) = NonNull::new(block.cast()) else {
        set_errno_invalid();
        return null_mut();
    };
    // SAFETY: the caller's promise.
    to_c(class(of).and_then(|class| unsafe { block::promote(class, block) }))
}

/// The class of the block that `address` lies in, or -1 for an address that is not this library's: the
/// answer is one subtraction where classes have address ranges of their own.
///
/// Threads: any.
/// Source:  mallctl `arenas.lookup` where they have not; with the system's allocator a mark in the 16 bytes
///          before the block, so that there only the address of the block itself is known. Debug mode knows
///          live blocks alone, and says -1 for what was freed.
/// Needs:   With the system's allocator, outside debug mode, `address` is NULL or not a multiple of 16, or
///          the 16 bytes before it can be read. Of a foreign block, that is the caller's to know; valgrind
///          reports it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_class_of(address: *const c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { block::class_of(address.cast()) }
        .map_or(-1, |class| c_int::try_from(class.index()).unwrap_or(-1))
}
