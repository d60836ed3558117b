//! The one thing that ends the process: corruption that is proven.

use crate::class::Class;
use crate::text::Stderr;
use core::fmt::Write;
use core::ptr::NonNull;

/// A block that is free already was freed again.
#[cold]
pub fn double_free(block: NonNull<u8>, class: Class, size: usize) -> ! {
    // Where stderr is gone, the abort says it all.
    let _ = writeln!(
        Stderr,
        "catzilla: double free of {block:p}, a block of {size} bytes in the {} class",
        class.name()
    );
    // SAFETY: no preconditions.
    unsafe { libc::abort() }
}
