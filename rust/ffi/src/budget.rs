//! What was refused, and why.

use crate::types::{catzilla_memory_refusal_t, class_to_c};
use catzilla_memory::budget;
use catzilla_memory::class::Class;
use catzilla_memory::error::Error;
use core::ptr::NonNull;

/// Writes what an allocation of the calling thread was last refused to `out`, all zero if nothing was.
///
/// Memory:  borrows `out` for the call; NULL does nothing.
/// Threads: any; each has its own.
///
/// # Safety
/// `out` is NULL or valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_last_refusal(out: *mut catzilla_memory_refusal_t) {
    let last = budget::last_refusal();
    let answer = catzilla_memory_refusal_t {
        code: last.map_or(0, |last| Error::code(last.error)),
        of: class_to_c(last.map_or(Class::Request, |last| last.class)),
        limit: last.map_or(0, |last| last.limit),
        size: last.map_or(0, |last| last.size),
    };
    if let Some(out) = NonNull::new(out) {
        // SAFETY: the caller's promise.
        unsafe { out.write(answer) };
    }
}
