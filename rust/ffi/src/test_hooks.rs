//! What tests may force or ask, in builds with the feature `test-hooks` alone.

use crate::guard::guard;
#[cfg(feature = "jemalloc")]
use catzilla_memory::arena;
use catzilla_memory::error::Error;
use catzilla_memory::test_hooks;
use core::ffi::{c_int, c_uint, c_void};
use core::ptr::NonNull;

/// Lets `successes` more arenas be made, and then none; negative turns that off.
///
/// Threads: any, before the start that is to fail.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_test_fail_arena_creation(successes: c_int) {
    test_hooks::fail_arena_creation_after(successes);
}

/// Pretends that jemalloc's major version is `major`; 0 turns that off.
///
/// Threads: any, before the first use.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_test_fake_jemalloc_major(major: c_uint) {
    test_hooks::fake_jemalloc_major(major);
}

/// Pretends that no address range can be reserved, so that classes are told apart by arena alone.
///
/// Threads: any, before the first use.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_test_fail_reservation(fails: bool) {
    test_hooks::fail_reservation(fails);
}

/// Writes the number of the arena that `block` is in to `arena`.
///
/// Threads: any.
/// Errors:  CATZILLA_ERR_UNSUPPORTED without jemalloc, CATZILLA_ERR_INVALID for a block that is not
///          jemalloc's, or a NULL.
/// Source:  mallctl `arenas.lookup`.
/// Needs:   `arena` is NULL or valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_test_arena_of(
    block: *const c_void,
    arena: *mut c_uint,
) -> c_int {
    guard(|| {
        let arena = NonNull::new(arena).ok_or(Error::Invalid)?;
        let number = lookup(block as usize)?;
        // SAFETY: the caller's promise.
        unsafe { arena.write(number) };
        Ok(())
    })
}

#[cfg(feature = "jemalloc")]
fn lookup(address: usize) -> Result<c_uint, Error> {
    arena::lookup(address).map(arena::ArenaId::number)
}

#[cfg(not(feature = "jemalloc"))]
fn lookup(_address: usize) -> Result<c_uint, Error> {
    Err(Error::Unsupported)
}

/// How many arenas jemalloc has, its automatic ones included; 0 without jemalloc.
///
/// Threads: any.
/// Source:  mallctl `arenas.narenas`.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_test_arena_count() -> c_uint {
    #[cfg(feature = "jemalloc")]
    return arena::count();
    #[cfg(not(feature = "jemalloc"))]
    return 0;
}
