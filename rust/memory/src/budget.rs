//! Limits on memory, and what the calling thread was last refused.

use crate::class::Class;
use crate::error::{Error, set_errno_out_of_memory};
use core::cell::Cell;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The class that it was asked of.
    pub class: Class,
    /// The limit that was in the way; 0 where it was the system's.
    pub limit: usize,
    /// The size that was asked for.
    pub size: usize,
    /// `Budget`, or `NoMemory` where the system had none.
    pub error: Error,
}

thread_local! {
    static LAST: Cell<Option<Refusal>> = const { Cell::new(None) };
}

/// What this thread was last refused.
pub fn last_refusal() -> Option<Refusal> {
    LAST.get()
}

/// Why the allocation that just failed on this thread did.
pub(crate) fn last_code() -> Error {
    LAST.get().map_or(Error::NoMemory, |refusal| refusal.error)
}

/// Notes that a region's limit refused `size` bytes, and sets `errno`.
#[cold]
pub(crate) fn refuse_region(class: Class, limit: usize, size: usize) {
    refuse(Refusal {
        class,
        limit,
        size,
        error: Error::Budget,
    });
}

/// Notes that the system had no `size` bytes, and sets `errno`.
#[cold]
pub(crate) fn refuse_for_want(class: Class, size: usize) {
    refuse(Refusal {
        class,
        limit: 0,
        size,
        error: Error::NoMemory,
    });
}

fn refuse(refusal: Refusal) {
    LAST.set(Some(refusal));
    set_errno_out_of_memory();
}
