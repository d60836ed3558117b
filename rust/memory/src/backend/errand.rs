//! Allocating for a thread that jemalloc has forgotten.
//!
//! A thread's exit handlers may run after jemalloc took the thread's state down. From then on jemalloc
//! serves that thread from its first arena, whichever one is asked for, and there is no way around that
//! from within, nor to see it but by where a block lies. So another thread is made, which goes to the right arena and ends. That takes some
//! microseconds, for the few blocks that are allocated so late.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null, null_mut};
use tikv_jemalloc_sys as je;

struct Errand {
    size: usize,
    flags: c_int,
    block: *mut c_void,
}

extern "C" fn run(errand: *mut c_void) -> *mut c_void {
    // SAFETY: `alloc` passes its own, and waits until this thread has ended.
    let errand = unsafe { &mut *errand.cast::<Errand>() };
    // SAFETY: the size is not 0, and the flags name a live arena or none.
    errand.block = unsafe { je::mallocx(errand.size, errand.flags) };
    null_mut()
}

/// A new block of `size` > 0 made with `flags`, by another thread.
pub fn alloc(size: usize, flags: c_int) -> Option<NonNull<u8>> {
    let mut errand = Errand {
        size,
        flags,
        block: null_mut(),
    };
    let mut thread = MaybeUninit::uninit();
    // SAFETY: the errand outlives the thread, which is joined before this function returns, and nobody
    // else touches it meanwhile.
    unsafe {
        if libc::pthread_create(
            thread.as_mut_ptr(),
            null(),
            run,
            (&raw mut errand).cast::<c_void>(),
        ) != 0
        {
            return None;
        }
        libc::pthread_join(thread.assume_init(), null_mut());
    }
    NonNull::new(errand.block.cast())
}
