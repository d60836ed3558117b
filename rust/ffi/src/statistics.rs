//! What is in use, and reports about it.

use crate::guard::guard;
use crate::types::{
    catzilla_memory_class_stats_t, catzilla_memory_format_t, catzilla_memory_stats_t,
    catzilla_memory_type_t, catzilla_memory_write_fn, class_from_c, number_from_c,
};
use catzilla_memory::class::{Class, PerClass};
use catzilla_memory::error::Error;
use catzilla_memory::writer::{Format, Snapshot};
use catzilla_memory::{profile, stats, text, writer};
use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// Fills every field of `out`.
///
/// Memory:  borrows `out` for the call; NULL does nothing.
/// Threads: any. Counts and usage are exact when no other thread is inside a call of this library;
///          otherwise they are a moment old, and never negative.
/// Source:  mallctl `epoch`, `stats.arenas.<i>.*`.
/// Needs:   `out` is NULL or valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_get_stats(out: *mut catzilla_memory_stats_t) {
    if let Some(out) = NonNull::new(out) {
        // SAFETY: the caller's promise.
        unsafe { out.write(picture()) };
    }
}

fn picture() -> catzilla_memory_stats_t {
    let figures = stats::figures();
    let sum = |field: fn(&stats::Figures) -> usize| {
        figures
            .iter()
            .fold(0, |sum: usize, (_, of)| sum.saturating_add(field(of)))
    };
    let active = sum(|of| of.active);
    let resident = sum(|of| of.resident);
    // Read once, so that the total is the sum of its parts.
    let live = PerClass::new(Class::ALL.map(stats::live));
    let allocated = live
        .iter()
        .fold(0, |sum: usize, (_, &bytes)| sum.saturating_add(bytes));
    let (allocation_count, deallocation_count) = stats::total_counts();
    let (cache_hits, cache_misses) = stats::total_chunks();
    catzilla_memory_stats_t {
        request_arena: figures.get(Class::Request).arena,
        response_arena: figures.get(Class::Response).arena,
        cache_arena: figures.get(Class::Cache).arena,
        static_arena: figures.get(Class::Static).arena,
        task_arena: figures.get(Class::Task).arena,
        allocated,
        active,
        metadata: sum(|of| of.metadata),
        resident,
        peak_allocated: stats::peak(allocated),
        fragmentation_ratio: ratio(active, resident),
        allocation_count,
        deallocation_count,
        request_arena_usage: *live.get(Class::Request),
        response_arena_usage: *live.get(Class::Response),
        cache_arena_usage: *live.get(Class::Cache),
        static_arena_usage: *live.get(Class::Static),
        task_arena_usage: *live.get(Class::Task),
        memory_efficiency_score: ratio(allocated, resident),
        cache_hits,
        cache_misses,
    }
}

// A ratio of sizes is read by people: beyond 2^53 bytes its last digit may be off.
#[allow(clippy::cast_precision_loss)]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// Writes the live bytes of class `of` to `allocated`, and those of its pages in use to `active`.
///
/// Memory:  borrows both for the call; either may be NULL.
/// Threads: any.
/// Errors:  CATZILLA_ERR_INVALID for a value that is no class; nothing is then written.
/// Source:  mallctl `stats.arenas.<i>.pactive`; `active` is 0 with the system's allocator.
/// Needs:   Each pointer is NULL or valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_get_arena_stats(
    of: MaybeUninit<catzilla_memory_type_t>,
    allocated: *mut usize,
    active: *mut usize,
) -> c_int {
    guard(|| {
        let class = class_from_c(of)?;
        if let Some(allocated) = NonNull::new(allocated) {
            // SAFETY: the caller's promise.
            unsafe { allocated.write(stats::live(class)) };
        }
        if let Some(active) = NonNull::new(active) {
            // SAFETY: the caller's promise.
            unsafe { active.write(stats::figures().get(class).active) };
        }
        Ok(())
    })
}

/// Writes all figures of class `of` to the first `size` bytes of `out`: pass the size of the struct that
/// the caller was compiled with, so that later versions may add fields at its end.
///
/// Memory:  borrows `out` for the call.
/// Threads: as `catzilla_memory_get_stats`.
/// Errors:  CATZILLA_ERR_INVALID for a value that is no class or a NULL; nothing is then written.
/// Source:  mallctl `epoch`, `stats.arenas.<i>.*`.
/// Needs:   `out` is NULL or valid for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_get_class_stats(
    of: MaybeUninit<catzilla_memory_type_t>,
    out: *mut catzilla_memory_class_stats_t,
    size: usize,
) -> c_int {
    guard(|| {
        let class = class_from_c(of)?;
        let out = NonNull::new(out).ok_or(Error::Invalid)?;
        let now = Snapshot::take(class, *stats::figures().get(class));
        let answer = catzilla_memory_class_stats_t {
            arena: now.figures.arena,
            partitioned: c_uint::from(stats::is_partitioned()),
            live: now.live,
            cached: now.cached,
            peak: now.peak,
            budget: now.budget,
            active: now.figures.active,
            resident: now.figures.resident,
            mapped: now.figures.mapped,
            dirty: now.figures.dirty,
            metadata: now.figures.metadata,
            in_use: now.figures.allocated,
            allocation_count: now.allocations,
            deallocation_count: now.deallocations,
            region_chunks_reused: now.chunks_reused,
            region_chunks_new: now.chunks_new,
        };
        let length = size.min(size_of_val(&answer));
        // SAFETY: the caller's promise; the struct has no padding between or after its fields.
        unsafe {
            out.cast::<u8>()
                .copy_from_nonoverlapping(NonNull::from(&answer).cast(), length);
        }
        Ok(())
    })
}

/// Hands the figures of all classes, as `format` says, to `write`, a piece at a time.
///
/// Memory:  borrows each piece to `write` for its call; it does not end in NUL.
/// Threads: as `catzilla_memory_get_stats`; `write` runs on the calling thread, and holds no lock of this
///          library.
/// Errors:  CATZILLA_ERR_INVALID for a value that is no format or a NULL function.
/// Needs:   `write` may be called with `user_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_write_stats(
    format: MaybeUninit<catzilla_memory_format_t>,
    write: catzilla_memory_write_fn,
    user_data: *mut c_void,
) -> c_int {
    guard(|| {
        let format = match number_from_c(format)? {
            0 => Format::Text,
            1 => Format::Json,
            2 => Format::Prometheus,
            _ => return Err(Error::Invalid),
        };
        let mut out = Pieces {
            write: write.ok_or(Error::Invalid)?,
            user_data,
        };
        writer::write(format, &mut out).map_err(|_| Error::NoMemory)
    })
}

/// Passes text on to C.
struct Pieces {
    write: unsafe extern "C" fn(*const c_char, usize, *mut c_void),
    user_data: *mut c_void,
}

impl fmt::Write for Pieces {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: the caller of `catzilla_memory_write_stats` promised that this may be called.
        unsafe { (self.write)(text.as_ptr().cast(), text.len(), self.user_data) };
        Ok(())
    }
}

/// Counts allocations and deallocations from zero again, and lets the peak be what is live now.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_reset_stats() {
    stats::reset();
}

/// Starts jemalloc's sampled heap profile. While it runs every call reaches jemalloc, and is slower.
///
/// Threads: any.
/// Errors:  CATZILLA_ERR_UNSUPPORTED with the system's allocator, or where jemalloc was built or started
///          without it.
/// Source:  mallctl `prof.active`.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_enable_profiling() -> c_int {
    guard(|| profile::set_active(true))
}

/// Stops the heap profile; without one, does nothing.
///
/// Threads: any.
/// Source:  mallctl `prof.active`.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_disable_profiling() {
    // That there is none to stop is no failure.
    let _ = profile::set_active(false);
}

/// Writes what the heap profile sampled and is still live to the file `path`, for `jeprof` to read.
///
/// Memory:  borrows `path` for the call.
/// Threads: any.
/// Errors:  CATZILLA_ERR_UNSUPPORTED as `catzilla_memory_enable_profiling`, CATZILLA_ERR_INVALID for a
///          NULL or a file that cannot be written.
/// Source:  mallctl `prof.dump`.
/// Needs:   `path` is NULL or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_dump_profile(path: *const c_char) -> c_int {
    guard(|| {
        if path.is_null() {
            return Err(Error::Invalid);
        }
        // SAFETY: not NULL; the rest is the caller's promise.
        profile::dump(unsafe { CStr::from_ptr(path) })
    })
}

/// Writes usage and counts to stderr, a line per class.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_dump_stats() {
    text::dump();
}
