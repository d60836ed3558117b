//! Memory that a host releases with its own `free`: always the system's, never counted.

use core::ffi::c_void;

/// Allocates `size` bytes from the system's allocator, whichever serves the classes.
///
/// Memory:  the caller owns the block and gives it to `catzilla_python_safe_free` or to libc's `free`,
///          never to `catzilla_free`. 0 bytes make a block too.
/// Threads: any.
/// Errors:  NULL with `errno` ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_python_safe_alloc(size: usize) -> *mut c_void {
    // SAFETY: no preconditions.
    unsafe { libc::malloc(size.max(1)) }
}

/// As `catzilla_python_safe_alloc`, for `count` times `size` bytes, all 0.
///
/// Memory, threads: as `catzilla_python_safe_alloc`.
/// Errors:  NULL with `errno` ENOMEM, also when the product overflows.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_python_safe_calloc(count: usize, size: usize) -> *mut c_void {
    let (count, size) = if count == 0 || size == 0 {
        (1, 1)
    } else {
        (count, size)
    };
    // SAFETY: no preconditions.
    unsafe { libc::calloc(count, size) }
}

/// Makes `block` `size` bytes. NULL behaves as alloc; a size of 0 shrinks to the minimum, never frees.
///
/// Memory:  takes `block` and gives a block back.
/// Threads: any; the block must not be in use elsewhere.
/// Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
/// Needs:   `block` is NULL or a live block of the system's allocator.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_python_safe_realloc(
    block: *mut c_void,
    size: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { libc::realloc(block, size.max(1)) }
}

/// Frees a block of the three functions above; NULL does nothing.
///
/// Memory:  takes `block`.
/// Threads: any.
/// Needs:   `block` is NULL or a live block of the system's allocator, and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_python_safe_free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { libc::free(block) };
}
