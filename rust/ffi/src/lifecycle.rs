//! Start, choice of allocator, and giving memory back.

use crate::guard::guard;
use crate::types::{
    backend_from_c, backend_to_c, catzilla_allocator_type_t, catzilla_memory_log_fn,
    catzilla_memory_type_t, class_from_c,
};
use catzilla_memory::error::Error;
use catzilla_memory::{log, process, text};
use core::ffi::{c_char, c_int, c_void};
use core::mem::MaybeUninit;

/// Starts the memory layer, silently. Allocating starts it too; calling this first tells what failed.
///
/// Memory:  makes one arena per class, once per process; later calls find them (`arenas.create`).
/// Threads: any, also at once; exactly one makes the arenas.
/// Errors:  a negative code when an arena could not be made. The process stays usable on the default
///          arena, and a later call makes what is missing.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_init() -> c_int {
    guard(process::init)
}

/// As `catzilla_memory_init`; with `quiet` = 0 one line on stderr names the allocator and the arenas.
///
/// Memory, threads, errors: as `catzilla_memory_init`.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_init_quiet(quiet: c_int) -> c_int {
    guard(|| {
        process::init()?;
        if quiet == 0 {
            text::announce();
        }
        Ok(())
    })
}

/// As `catzilla_memory_init`, with `allocator`.
///
/// Memory:  as `catzilla_memory_init`.
/// Threads: any.
/// Errors:  CATZILLA_ERR_STATE when another allocator is in force, CATZILLA_ERR_UNSUPPORTED when this
///          one is not built in or too old, CATZILLA_ERR_INVALID for any other value.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_init_with_allocator(
    allocator: MaybeUninit<catzilla_allocator_type_t>,
) -> c_int {
    guard(|| process::init_with(backend_from_c(allocator)?))
}

/// Chooses the allocator for the process. The first allocation or init fixes the choice.
///
/// Threads: any.
/// Errors:  CATZILLA_ERR_STATE when another allocator is in force (naming the one in force is 0),
///          CATZILLA_ERR_UNSUPPORTED when it is not built in, CATZILLA_ERR_INVALID for any other value.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_set_allocator(
    allocator: MaybeUninit<catzilla_allocator_type_t>,
) -> c_int {
    guard(|| process::prefer(backend_from_c(allocator)?))
}

/// The allocator in force, or the one that the first use will choose.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_get_current_allocator() -> catzilla_allocator_type_t {
    backend_to_c(process::current())
}

/// Whether jemalloc is built in.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_has_jemalloc() -> bool {
    process::has_jemalloc()
}

/// Whether jemalloc is built in; another name of `catzilla_memory_has_jemalloc`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_jemalloc_available() -> bool {
    process::has_jemalloc()
}

/// jemalloc's version as it names itself, such as "5.3.1-0-g…"; empty where it is not built in.
///
/// Memory:  borrows the library's text, for ever.
/// Threads: any.
/// Source:  mallctl `version`.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_jemalloc_version() -> *const c_char {
    process::jemalloc_version().as_ptr()
}

/// Writes the value of jemalloc's option `name` (such as "dirty_decay_ms") as text to `out`, which has
/// `size` bytes: "1000", "true", "auto". What the build baked in can be read back so.
///
/// Memory:  borrows `name` and `out` for the call; the text ends in NUL.
/// Threads: any.
/// Errors:  CATZILLA_ERR_UNSUPPORTED with the system's allocator, CATZILLA_ERR_INVALID for an unknown
///          name or a NULL, CATZILLA_ERR_NOMEM when `out` is too small; `out` is then empty.
/// Source:  mallctl `opt.<name>`.
/// Needs:   `name` is NULL or ends in NUL, `out` is NULL or has room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_get_option(
    name: *const c_char,
    out: *mut c_char,
    size: usize,
) -> c_int {
    guard(|| {
        if name.is_null() || out.is_null() || size == 0 {
            return Err(Error::Invalid);
        }
        // SAFETY: neither is NULL; the rest is the caller's promise.
        let (name, out) = unsafe {
            out.write(0);
            (
                core::ffi::CStr::from_ptr(name),
                core::slice::from_raw_parts_mut(out.cast::<MaybeUninit<u8>>(), size),
            )
        };
        text::describe_option(name, out)
    })
}

/// Gives everything unused back and counts from zero again: flushes the calling thread's caches, purges
/// every class, turns profiling off. Arenas, live blocks and usage stay.
///
/// Threads: any, also while others allocate; without an init before it, and any number of times.
/// Source:  mallctl `arena.<i>.purge`, `prof.active`.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_cleanup() {
    process::cleanup();
}

/// Gives unused pages back: request, response, task and general at once, cache and static as they age.
///
/// Threads: any.
/// Source:  mallctl `arena.<i>.purge`, `arena.<i>.decay`.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_optimize() {
    process::optimize();
}

/// As `catzilla_memory_optimize`, at most once in 60 seconds, whichever threads call it.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_auto_optimize() {
    process::auto_optimize();
}

/// Says that the calling thread has nothing to do for a while: gives jemalloc the free blocks that the
/// thread keeps and those that threads left for each other, and lets it give back what has aged. An idle
/// thread that calls this keeps nothing; one that does not keeps at most 2.2 MB. What threads left for each
/// other is at most 5.7 MB in all, however many they are, and nothing after one such call of any thread.
///
/// Threads: any; meant for an event loop that has run dry, not for every turn of a busy one.
/// Source:  mallctl `arena.<i>.decay`, at most once a second.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_thread_idle() {
    process::thread_idle();
}

/// Gives every unused page of class `of` back.
///
/// Threads: any.
/// Errors:  CATZILLA_ERR_INVALID for a value that is no class.
/// Source:  mallctl `arena.<i>.purge`.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_purge_arena(of: MaybeUninit<catzilla_memory_type_t>) -> c_int {
    guard(|| process::purge(class_from_c(of)?))
}

/// Names the function that is told, once, of each setting that failed. What failed before is told at
/// once. NULL stops it; reports are then kept, sixteen at most.
///
/// Memory:  keeps `user_data` and hands it to `callback`, nothing more.
/// Threads: any; `callback` runs on whichever thread meets the failure, and holds no lock of this
///          library.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_set_log(
    callback: catzilla_memory_log_fn,
    user_data: *mut c_void,
) {
    log::set_callback(callback, user_data);
}

/// One line that says what `code` means; 0 and unknown codes have one too.
///
/// Memory:  borrows the library's text, for ever.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_strerror(code: c_int) -> *const c_char {
    Error::text_of_code(code).as_ptr()
}
