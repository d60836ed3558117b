//! Blocks of the allocator in force, neither charged nor counted: what debug mode builds on.

use super::system;
use crate::class::Class;
use crate::process;
use core::ptr::NonNull;
#[cfg(feature = "jemalloc")]
use {super::jemalloc, crate::options, crate::process::Backend, tikv_jemalloc_sys as je};

/// A new block of `size` > 0; `alignment` is 0 or a power of two.
pub fn alloc(class: Class, size: usize, alignment: usize) -> Option<NonNull<u8>> {
    match process::backend() {
        #[cfg(feature = "jemalloc")]
        Backend::Jemalloc => {
            options::after_fork();
            let shift = alignment.max(1).trailing_zeros() as usize;
            let flags = jemalloc::flags_of(class).0 | je::MALLOCX_LG_ALIGN(shift);
            jemalloc::alloc(class, size, flags)
        }
        _ => system::alloc_aligned(class, size, alignment),
    }
}

/// Gives a block back.
///
/// # Safety
/// `block` is a live one of [`alloc`], and is not used afterwards.
pub unsafe fn free(block: NonNull<u8>) {
    match process::backend() {
        #[cfg(feature = "jemalloc")]
        // SAFETY: the caller's promise.
        Backend::Jemalloc => unsafe { jemalloc::free(block) },
        // SAFETY: the caller's promise.
        _ => unsafe { system::free(block) },
    }
}
