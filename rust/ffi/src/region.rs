//! Regions. The header's trailer has the inline functions, which move the cursor themselves.

use crate::guard::guard;
use crate::types::{
    catzilla_memory_type_t, catzilla_region_cleanup_fn, catzilla_region_t, class_from_c, to_c,
    write_text,
};
use catzilla_memory::error::{Error, set_errno_invalid};
use catzilla_memory::region::Region;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// # Safety
/// `region` is NULL or live.
unsafe fn from_c<'a>(region: *const catzilla_region_t) -> Option<&'a Region> {
    // SAFETY: the caller's promise; C's struct is the first part of the core's.
    unsafe { region.cast::<Region>().as_ref() }
}

/// Makes an empty region in class `of`. It lives at the start of its first chunk, 8,192 bytes of the
/// class, which it keeps until it is destroyed.
///
/// Memory:  `*out` is the caller's; `catzilla_region_destroy` ends it. NULL on failure.
/// Threads: any; the region then belongs to one thread at a time.
/// Errors:  CATZILLA_ERR_INVALID for a value that is no class or a NULL, CATZILLA_ERR_NOMEM,
///          CATZILLA_ERR_BUDGET.
/// Needs:   `out` is NULL or valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_create(
    of: MaybeUninit<catzilla_memory_type_t>,
    out: *mut *mut catzilla_region_t,
) -> c_int {
    guard(|| {
        let out = NonNull::new(out).ok_or(Error::Invalid)?;
        // SAFETY: the caller's promise.
        unsafe { out.write(core::ptr::null_mut()) };
        let region = Region::create(class_from_c(of)?)?;
        // SAFETY: the caller's promise.
        unsafe { out.write(region.as_ptr().cast()) };
        Ok(())
    })
}

/// As `catzilla_region_alloc`, which asks here when the chunk has too little left. For callers that
/// cannot use the inline function.
///
/// Memory, threads, errors: as `catzilla_region_alloc`.
/// Needs:   `region` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_alloc_slow(
    region: *mut catzilla_region_t,
    size: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    to_c(unsafe { from_c(region) }.and_then(|region| region.alloc(size)))
}

/// Hands out `size` bytes at a multiple of `alignment`, a power of two.
///
/// Memory:  borrowed until the region is reset or destroyed.
/// Threads: the region's.
/// Errors:  NULL with `errno` ENOMEM, or EINVAL for an alignment that is no power of two.
/// Needs:   `region` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_aligned(
    region: *mut catzilla_region_t,
    alignment: usize,
    size: usize,
) -> *mut c_void {
    if !alignment.is_power_of_two() {
        set_errno_invalid();
        return core::ptr::null_mut();
    }
    // SAFETY: the caller's promise.
    to_c(unsafe { from_c(region) }.and_then(|region| region.alloc_aligned(size, alignment)))
}

/// Copies `text` into the region.
///
/// Memory:  borrows `text` for the call; the copy is borrowed until the region is reset or destroyed.
/// Threads: the region's.
/// Errors:  NULL with `errno` ENOMEM, or EINVAL for a NULL.
/// Needs:   `region` is live; `text` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_strdup(
    region: *mut catzilla_region_t,
    text: *const c_char,
) -> *mut c_char {
    if text.is_null() {
        set_errno_invalid();
        return core::ptr::null_mut();
    }
    // SAFETY: the caller's promise.
    unsafe { copy(region, CStr::from_ptr(text).to_bytes()) }
}

/// Copies the first `length` bytes of `text`, or as many as there are before a NUL, and ends them in NUL.
///
/// Memory, threads, errors: as `catzilla_region_strdup`.
/// Needs:   `region` is live; `text` is NULL or has `length` bytes or a NUL before that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_strndup(
    region: *mut catzilla_region_t,
    text: *const c_char,
    length: usize,
) -> *mut c_char {
    if text.is_null() {
        set_errno_invalid();
        return core::ptr::null_mut();
    }
    // SAFETY: the caller's promise.
    unsafe {
        let length = libc::strnlen(text, length);
        copy(region, core::slice::from_raw_parts(text.cast(), length))
    }
}

/// # Safety
/// `region` is NULL or live.
unsafe fn copy(region: *mut catzilla_region_t, bytes: &[u8]) -> *mut c_char {
    let length = bytes.len();
    // SAFETY: the caller's promise.
    let block = unsafe { from_c(region) }.and_then(|region| region.alloc(length.saturating_add(1)));
    // SAFETY: a new block has one byte more than is copied.
    block.map_or(core::ptr::null_mut(), |block| unsafe {
        write_text(block, bytes)
    })
}

/// Has `cleanup` called with `data` when the region is reset or destroyed, before the cleanups that were
/// added earlier. It may use the region's blocks, allocate from it, and add or cancel cleanups.
///
/// Memory:  the note is in the region; `data` stays the caller's.
/// Threads: the region's.
/// Errors:  CATZILLA_ERR_INVALID for a NULL function, CATZILLA_ERR_NOMEM, CATZILLA_ERR_BUDGET.
/// Needs:   `region` is live, and `cleanup` may be called with `data` until then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_add_cleanup(
    region: *mut catzilla_region_t,
    cleanup: catzilla_region_cleanup_fn,
    data: *mut c_void,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let region = unsafe { from_c(region) }.ok_or(Error::Invalid)?;
        region.add_cleanup(cleanup.ok_or(Error::Invalid)?, data)
    })
}

/// Takes back the latest cleanup that was added with this function and `data`.
///
/// Threads: the region's.
/// Errors:  CATZILLA_ERR_INVALID when there is none that has not run.
/// Needs:   `region` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_cancel_cleanup(
    region: *mut catzilla_region_t,
    cleanup: catzilla_region_cleanup_fn,
    data: *mut c_void,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let region = unsafe { from_c(region) }.ok_or(Error::Invalid)?;
        region.cancel_cleanup(cleanup.ok_or(Error::Invalid)?, data)
    })
}

/// Refuses blocks from where `catzilla_region_used` would exceed `bytes`. What is in use stays, also
/// when it is more; SIZE_MAX is no limit.
///
/// Threads: the region's.
/// Needs:   `region` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_set_limit(region: *mut catzilla_region_t, bytes: usize) {
    // SAFETY: the caller's promise.
    if let Some(region) = unsafe { from_c(region) } {
        region.set_limit(bytes);
    }
}

/// Bytes handed out since the last reset; each block counts as the next multiple of 16, one of a larger
/// alignment with that less 16 beside it, and the note of a cleanup as a block.
///
/// Threads: the region's.
/// Needs:   `region` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_used(region: *const catzilla_region_t) -> usize {
    // SAFETY: the caller's promise.
    unsafe { from_c(region) }.map_or(0, Region::used)
}

/// The most bytes that were in use at once since the region was made.
///
/// Threads: the region's.
/// Needs:   `region` is live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_high_water(region: *const catzilla_region_t) -> usize {
    // SAFETY: the caller's promise.
    unsafe { from_c(region) }.map_or(0, Region::high_water)
}

/// Ends all blocks of the region: runs the cleanups, the latest first, then reuses the memory. One chunk
/// stays with the region, the others go back to its class.
///
/// Threads: the region's.
/// Needs:   `region` is NULL or live, and no block of it is used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_reset(region: *mut catzilla_region_t) {
    // SAFETY: the caller's promise.
    if let Some(region) = unsafe { from_c(region) } {
        // SAFETY: the caller's promise.
        unsafe { region.reset() };
    }
}

/// As `catzilla_region_reset`, and gives the region itself back. NULL does nothing.
///
/// Threads: the region's.
/// Needs:   `region` is NULL or live, and neither it nor a block of it is used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_region_destroy(region: *mut catzilla_region_t) {
    if let Some(region) = NonNull::new(region) {
        // SAFETY: the caller's promise; C's struct is the first part of the core's.
        unsafe { Region::destroy(region.cast()) };
    }
}
