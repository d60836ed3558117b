//! Debug mode: what is looked at, and who is told.

use crate::guard::guard;
use crate::types::{
    catzilla_memory_report_fn, catzilla_memory_report_t, catzilla_memory_type_t, class_from_c,
};
use catzilla_memory::class::Class;
use catzilla_memory::debug::report::{self, Named, Report};
use catzilla_memory::debug::{self, Level, inject};
use catzilla_memory::error::Error;
use catzilla_memory::text;
use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::mem::MaybeUninit;
use std::sync::Arc;

/// Chooses how much is looked at, before the first allocation or init: 0 nothing, 1 every block, 2 also
/// whether pointers outlive what they point to when a region is reset. The environment's `CATZILLA_DEBUG`
/// may ask for more.
///
/// Threads: any.
/// Errors:  CATZILLA_ERR_STATE after the first use, unless that level is in force already;
///          CATZILLA_ERR_INVALID for any other level.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_set_debug(level: c_int) -> c_int {
    guard(|| {
        debug::set_level(match level {
            0 => Level::Off,
            1 => Level::Blocks,
            2 => Level::Lifetimes,
            _ => return Err(Error::Invalid),
        })
    })
}

/// Names who is told what debug mode finds; the process then goes on. Without anybody (NULL), a report
/// goes to stderr, and one of damaged memory ends the process.
///
/// Memory:  keeps `user_data` and hands it to `callback`, nothing more.
/// Threads: any; `callback` runs on whichever thread found it, holds no lock of this library, and may
///          use it.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_set_report(
    callback: catzilla_memory_report_fn,
    user_data: *mut c_void,
) {
    let Some(callback) = callback else {
        return report::set_listener(None);
    };
    let host = Host {
        callback,
        user_data,
    };
    report::set_listener(Some(Arc::new(move |found: &Report, text: &CStr| {
        host.tell(found, text);
    })));
}

struct Host {
    callback: unsafe extern "C" fn(*const catzilla_memory_report_t, *mut c_void),
    user_data: *mut c_void,
}

// SAFETY: the pointer is the host's and only handed back to its own callback.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Host {
    fn tell(&self, found: &Report, text: &CStr) {
        let freed = found.freed.or(found.found);
        let (holder, offset) = found
            .holder
            .map_or((None, 0), |(of, offset)| (Some(of), offset));
        let told = catzilla_memory_report_t {
            kind: found.kind as c_int,
            of: number_of(found.block.class),
            block: found.block.address as *const c_void,
            size: found.block.size,
            count: found.count,
            file: found.block.allocated.file,
            line: found.block.allocated.line,
            free_line: freed.map_or(0, |site| site.line),
            free_file: freed.map_or(core::ptr::null(), |site| site.file),
            holder: holder.map_or(core::ptr::null(), |of| of.address as *const c_void),
            holder_offset: offset,
            holder_of: holder.map_or(-1, |of: Named| number_of(of.class)),
            holder_line: holder.map_or(0, |of| of.allocated.line),
            holder_file: holder.map_or(core::ptr::null(), |of| of.allocated.file),
            text: text.as_ptr(),
        };
        // SAFETY: the host registered this callback with this data.
        unsafe { (self.callback)(&raw const told, self.user_data) };
    }
}

fn number_of(class: Option<Class>) -> c_int {
    class
        .and_then(|class| c_int::try_from(class.index()).ok())
        .unwrap_or(-1)
}

/// In debug mode, lets `successes` more allocations of class `of` succeed and the next one fail as if
/// there were no memory; after that all succeed again. A negative number takes it back.
///
/// Threads: any; whichever allocates next.
/// Errors:  CATZILLA_ERR_STATE outside debug mode, CATZILLA_ERR_INVALID for a value that is no class.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_fail_after(
    of: MaybeUninit<catzilla_memory_type_t>,
    successes: c_long,
) -> c_int {
    // Where a long is shorter, the conversion does something.
    #[allow(clippy::useless_conversion)]
    guard(|| inject::fail_after(class_from_c(of)?, i64::from(successes)))
}

/// Says on stderr what is still live: a line for each class that has something. In debug mode it is a
/// report for each class and place of allocation, to whoever is told of such.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn catzilla_memory_check_leaks() {
    text::leaks();
}

/// In debug mode, records that `block` was allocated at `line` of `file`. `CATZILLA_MALLOC` and the other
/// recording macros call it.
///
/// Memory:  borrows `file` for as long as the process lives; NULL for either does nothing.
/// Threads: any.
/// Needs:   `file` is NULL, or ends in NUL and stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_track_allocation(
    block: *mut c_void,
    size: usize,
    file: *const c_char,
    line: c_int,
) {
    // The size that was asked for is known already.
    let _ = size;
    debug::allocated_at(block.cast(), file, line);
}

/// In debug mode, records that the calling thread is about to free `block` at `line` of `file`.
/// `CATZILLA_FREE` calls it.
///
/// Memory:  borrows `file` for as long as the process lives; NULL for either does nothing.
/// Threads: any.
/// Needs:   `file` is NULL, or ends in NUL and stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn catzilla_memory_track_deallocation(
    block: *mut c_void,
    file: *const c_char,
    line: c_int,
) {
    debug::freed_at(block.cast(), file, line);
}
