//! Budgets, and what was refused.

use crate::guard::guard;
use crate::types::{
    catzilla_memory_budget_fn, catzilla_memory_refusal_t, catzilla_memory_type_t, class_from_c,
    class_to_c,
};
use catzilla_memory::budget::{self, Scope};
use catzilla_memory::class::Class;
use catzilla_memory::error::Error;
use catzilla_memory::process;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// Refuses what would let class `of` exceed `bytes`; SIZE_MAX is no budget, 0 refuses everything. It
/// counts the bytes handed out, and never passes by more than what threads' magazines held when it was
/// met (at most 360 kB a thread and class). What is there already stays, also when it is more.
///
/// Threads: any; the calling thread's own caches are given back first, so that they count no more.
/// Errors:  CATZILLA_ERR_INVALID for a value that is no class.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_set_budget(
    of: MaybeUninit<catzilla_memory_type_t>,
    bytes: usize,
) -> c_int {
    guard(|| {
        process::set_budget(Scope::Class(class_from_c(of)?), bytes);
        Ok(())
    })
}

/// As `catzilla_memory_set_budget`, for all classes together.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_set_total_budget(bytes: usize) {
    process::set_budget(Scope::Process, bytes);
}

/// The budget of class `of`; SIZE_MAX without one, and for a value that is no class.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_get_budget(of: MaybeUninit<catzilla_memory_type_t>) -> usize {
    class_from_c(of).map_or(budget::NONE, |class| budget::limit(Scope::Class(class)))
}

/// The budget of all classes together; SIZE_MAX without one.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_get_total_budget() -> usize {
    budget::limit(Scope::Process)
}

/// Has `callback` called once each time that a budget is used to this `percent` or, where an
/// allocation is too large to get there, before that is refused; again only after it was below. A refused
/// allocation is tried once more after the callback, which may have made room. A budget that is used to
/// that much already tells at once, when it or the callback is set. NULL stops it.
///
/// Memory:  keeps `user_data` and hands it to `callback`, nothing more.
/// Threads: any; `callback` runs on the thread that met the threshold, and holds no lock of this library. It
///          may free and allocate; it is not called for what it does itself.
/// Errors:  CATZILLA_ERR_INVALID for a percentage that is not 1 to 100.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_set_budget_callback(
    callback: catzilla_memory_budget_fn,
    percent: c_int,
    user_data: *mut c_void,
) -> c_int {
    guard(|| {
        let percent = usize::try_from(percent)
            .ok()
            .filter(|percent| (1..=100).contains(percent));
        match (callback, percent) {
            (Some(_), None) => return Err(Error::Invalid),
            (callback, percent) => budget::set_callback(callback, percent.unwrap_or(0), user_data),
        }
        Ok(())
    })
}

/// Writes what an allocation of the calling thread was last refused to `out`, all zero if nothing was.
///
/// Memory:  borrows `out` for the call; NULL does nothing.
/// Threads: any; each has its own.
/// Needs:   `out` is NULL or valid for one write.
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
