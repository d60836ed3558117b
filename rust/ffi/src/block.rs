//! Blocks by class: the functions that existed before this library, on one body each.

use crate::types::to_c;
use catzilla_memory::block;
use catzilla_memory::class::Class;
use core::ffi::c_void;
use core::ptr::NonNull;

#[inline]
fn alloc(class: Class, size: usize) -> *mut c_void {
    to_c(block::alloc(class, size))
}

/// # Safety
/// As `block::realloc`.
#[inline]
unsafe fn realloc(class: Class, block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    to_c(unsafe { block::realloc(class, NonNull::new(block.cast()), size) })
}

/// # Safety
/// As `block::free`.
#[inline]
unsafe fn free(believed: Option<Class>, block: *mut c_void) {
    if let Some(block) = NonNull::new(block.cast()) {
        // SAFETY: the caller's promise.
        unsafe { block::free_believing(block, believed, None) };
    }
}

/// Allocates `size` bytes in the general class.
///
/// Memory:  the caller owns the block; `catzilla_free` gives it back. 0 bytes make a block too.
///          Aligned to 16 bytes from 16 bytes on.
/// Threads: any, before or after any init or cleanup.
/// Errors:  NULL with `errno` ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_malloc(size: usize) -> *mut c_void {
    alloc(Class::General, size)
}

/// Allocates `count` times `size` bytes, all 0, in the general class.
///
/// Memory:  as `catzilla_malloc`.
/// Threads: any.
/// Errors:  NULL with `errno` ENOMEM, also when the product overflows.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_calloc(count: usize, size: usize) -> *mut c_void {
    to_c(block::alloc_zeroed(Class::General, count, size))
}

/// Makes `block` `size` bytes, in the general class, wherever it was before.
///
/// Memory:  takes `block` and gives a block back, at the same or another address; NULL behaves as
///          `catzilla_malloc`. A size of 0 shrinks to the minimum and never frees.
/// Threads: any; the block must not be in use elsewhere.
/// Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
/// Needs:   `block` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { realloc(Class::General, block, size) }
}

/// Frees a block of any class, from whichever of this library's functions it came.
///
/// Memory:  takes `block`; NULL does nothing. A block of `catzilla_python_safe_alloc` is not taken
///          here, but by `catzilla_python_safe_free`: one that comes here is kept, and reported to the
///          callback of `catzilla_memory_set_log`, as any that is not this library's.
/// Threads: any, before or after any init or cleanup.
/// Errors:  none; `errno` stays.
/// Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { free(None, block) };
}

/// Allocates `size` bytes in the request class, whose memory ends when the reply is written.
///
/// Memory:  the caller owns the block; any of this library's free functions gives it back.
/// Threads: any.
/// Errors:  NULL with `errno` ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_request_alloc(size: usize) -> *mut c_void {
    alloc(Class::Request, size)
}

/// Makes `block` `size` bytes, in the request class, wherever it was before.
///
/// Memory:  as `catzilla_realloc`.
/// Threads: any; the block must not be in use elsewhere.
/// Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
/// Needs:   `block` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_request_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { realloc(Class::Request, block, size) }
}

/// Frees a block of the request class. A block of another class is freed as well, and in debug mode
/// reported.
///
/// Memory:  takes `block`; NULL does nothing.
/// Threads: any.
/// Errors:  none; `errno` stays.
/// Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_request_free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { free(Some(Class::Request), block) };
}

/// Allocates `size` bytes in the response class, whose memory ends when its last byte is written.
///
/// Memory:  the caller owns the block; any of this library's free functions gives it back.
/// Threads: any.
/// Errors:  NULL with `errno` ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_response_alloc(size: usize) -> *mut c_void {
    alloc(Class::Response, size)
}

/// Makes `block` `size` bytes, in the response class, wherever it was before.
///
/// Memory:  as `catzilla_realloc`.
/// Threads: any; the block must not be in use elsewhere.
/// Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
/// Needs:   `block` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_response_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { realloc(Class::Response, block, size) }
}

/// Frees a block of the response class. A block of another class is freed as well, and in debug mode
/// reported.
///
/// Memory:  takes `block`; NULL does nothing.
/// Threads: any.
/// Errors:  none; `errno` stays.
/// Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_response_free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { free(Some(Class::Response), block) };
}

/// Allocates `size` bytes in the cache class, whose memory ends when its entry is evicted.
///
/// Memory:  the caller owns the block; any of this library's free functions gives it back.
/// Threads: any.
/// Errors:  NULL with `errno` ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_cache_alloc(size: usize) -> *mut c_void {
    alloc(Class::Cache, size)
}

/// Makes `block` `size` bytes, in the cache class, wherever it was before.
///
/// Memory:  as `catzilla_realloc`.
/// Threads: any; the block must not be in use elsewhere.
/// Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
/// Needs:   `block` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_cache_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { realloc(Class::Cache, block, size) }
}

/// Frees a block of the cache class. A block of another class is freed as well, and in debug mode
/// reported.
///
/// Memory:  takes `block`; NULL does nothing.
/// Threads: any.
/// Errors:  none; `errno` stays.
/// Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_cache_free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { free(Some(Class::Cache), block) };
}

/// Allocates `size` bytes in the static class, whose memory ends with a mount or an instance.
///
/// Memory:  the caller owns the block; any of this library's free functions gives it back.
/// Threads: any.
/// Errors:  NULL with `errno` ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_static_alloc(size: usize) -> *mut c_void {
    alloc(Class::Static, size)
}

/// Makes `block` `size` bytes, in the static class, wherever it was before.
///
/// Memory:  as `catzilla_realloc`.
/// Threads: any; the block must not be in use elsewhere.
/// Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
/// Needs:   `block` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_static_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { realloc(Class::Static, block, size) }
}

/// Frees a block of the static class. A block of another class is freed as well, and in debug mode
/// reported.
///
/// Memory:  takes `block`; NULL does nothing.
/// Threads: any.
/// Errors:  none; `errno` stays.
/// Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_static_free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { free(Some(Class::Static), block) };
}

/// Allocates `size` bytes in the task class, whose memory ends with its task.
///
/// Memory:  the caller owns the block; any of this library's free functions gives it back.
/// Threads: any.
/// Errors:  NULL with `errno` ENOMEM.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_task_alloc(size: usize) -> *mut c_void {
    alloc(Class::Task, size)
}

/// Makes `block` `size` bytes, in the task class, wherever it was before.
///
/// Memory:  as `catzilla_realloc`.
/// Threads: any; the block must not be in use elsewhere.
/// Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
/// Needs:   `block` is NULL or a live block of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_task_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { realloc(Class::Task, block, size) }
}

/// Frees a block of the task class. A block of another class is freed as well, and in debug mode
/// reported.
///
/// Memory:  takes `block`; NULL does nothing.
/// Threads: any.
/// Errors:  none; `errno` stays.
/// Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_task_free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { free(Some(Class::Task), block) };
}
