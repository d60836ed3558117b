//! Where blocks come from, and which are left.

use catzilla_memory::text;
use core::ffi::{c_char, c_int, c_void};

/// Writes what is still live to stderr, a line for each class that has something.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_check_leaks() {
    text::leaks();
}

/// In debug mode, records that `block` was allocated at `line` of `file`. `CATZILLA_MALLOC` calls it.
///
/// Memory:  borrows `file` for as long as the block lives; NULL for either does nothing.
/// Threads: any.
///
/// # Safety
/// `block` is NULL or a live block of this library, `file` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_track_allocation(
    _block: *mut c_void,
    _size: usize,
    _file: *const c_char,
    _line: c_int,
) {
}

/// In debug mode, records that `block` is about to be freed at `line` of `file`. `CATZILLA_FREE` calls it.
///
/// Memory:  borrows `file` for as long as the process lives; NULL for either does nothing.
/// Threads: any.
///
/// # Safety
/// `block` is NULL or a block of this library, `file` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_track_deallocation(
    _block: *mut c_void,
    _file: *const c_char,
    _line: c_int,
) {
}
