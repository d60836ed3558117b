//! jemalloc's options: which version it is, what was baked into it, and what is set at first use.

use crate::ctl;
use crate::cut::Cut;
use crate::error::{Error, Result};
use crate::log::{self, Level};
use crate::test_hooks;
use core::ffi::{CStr, c_char, c_void};
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, Ordering};
use tikv_jemalloc_sys as je;

/// The oldest jemalloc whose arenas take hooks as this crate uses them.
const OLDEST_MAJOR: u32 = 5;

/// jemalloc's version, as it names itself.
///
/// # Errors
/// jemalloc's.
pub fn version() -> Result<&'static CStr> {
    ctl::VERSION.read_text()
}

fn major() -> Option<u32> {
    if let Some(major) = test_hooks::jemalloc_major() {
        return Some(major);
    }
    version()
        .ok()?
        .to_str()
        .ok()?
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// Whether this jemalloc is new enough; reports when it is not.
pub fn is_usable() -> bool {
    let major = major().unwrap_or(0);
    if major < OLDEST_MAJOR {
        log::report(
            Level::Warning,
            format_args!(
                "jemalloc {major} is too old (5 is needed); the system's allocator serves"
            ),
        );
        return false;
    }
    true
}

/// Takes what jemalloc would print, which nobody asked for, and keeps the first line for the log.
unsafe extern "C" fn keep_message(_: *mut c_void, text: *const c_char) {
    static KEPT: AtomicBool = AtomicBool::new(false);
    if !text.is_null() && !KEPT.swap(true, Ordering::Relaxed) {
        // SAFETY: jemalloc's messages end in NUL, and live for the call.
        let text = unsafe { CStr::from_ptr(text) };
        log::report(
            Level::Warning,
            format_args!("{}", text.to_str().unwrap_or("jemalloc").trim_end()),
        );
    }
}

/// Has jemalloc's messages kept instead of printed: it says so, at each attempt, when it cannot make its
/// background thread. Called once, before anything is set.
pub fn silence() {
    // SAFETY: only jemalloc reads it, and this is before any arena of ours is used.
    unsafe { je::malloc_message = Some(keep_message) };
}

/// Sets what can only be set at run time, and reports by name what could not be.
///
/// The background thread is not among the baked-in options: loading a library starts no thread.
///
/// One thread is enough for all arenas, and a host sees each: jemalloc would start four.
pub fn apply() {
    let _ = ctl::BACKGROUND_THREADS_MAX.write(1);
    if ctl::BACKGROUND_THREAD.write(true).is_err() {
        log::report(
            Level::Warning,
            format_args!(
                "{} was not set; unused pages go back only when threads allocate or go idle",
                ctl::BACKGROUND_THREAD.name()
            ),
        );
    }
}

static FORKED: AtomicBool = AtomicBool::new(false);

/// Notes that this is the child of a fork, where jemalloc's background thread is gone.
pub(crate) fn note_fork() {
    FORKED.store(true, Ordering::Relaxed);
}

/// Starts what a fork ended, at the child's first slow path: most children only exec.
pub(crate) fn after_fork() {
    if FORKED.load(Ordering::Relaxed) && FORKED.swap(false, Ordering::Relaxed) {
        apply();
    }
}

/// Writes the value of jemalloc's option `name` (what follows `opt.`) as text.
///
/// # Errors
/// `Invalid` for an option that this jemalloc does not have.
pub fn describe(name: &CStr, out: &mut dyn Write) -> Result<()> {
    // One node, whose type is not known: the first that fits in length is printed.
    let mut full = Cut::<192>::new();
    let name = name.to_str().map_err(|_| Error::Invalid)?;
    write!(full, "opt.{name}").map_err(|_| Error::Invalid)?;
    let full = full.as_c_str();
    let done = if let Ok(value) = ctl::read_by_name::<bool>(full) {
        write!(out, "{value}")
    } else if let Ok(value) = ctl::read_by_name::<u32>(full) {
        write!(out, "{value}")
    } else {
        let value = ctl::read_by_name::<isize>(full)?;
        // Of the word-sized options, these are texts.
        if TEXTS.contains(&name) && value != 0 {
            // SAFETY: jemalloc's option texts are static and end in NUL.
            let text = unsafe { CStr::from_ptr(value as *const c_char) };
            out.write_str(text.to_str().map_err(|_| Error::Invalid)?)
        } else {
            write!(out, "{value}")
        }
    };
    done.map_err(|_| Error::NoMemory)
}

const TEXTS: &[&str] = &[
    "dss",
    "junk",
    "metadata_thp",
    "percpu_arena",
    "prof_prefix",
    "stats_interval_opts",
    "stats_print_opts",
    "thp",
    "zero_realloc",
];

#[cfg(test)]
mod tests {
    use super::*;
    use core::ffi::c_int;
    use std::sync::Mutex;

    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

    unsafe extern "C" fn collect(_level: c_int, message: *const c_char, _data: *mut c_void) {
        // SAFETY: the log's lines end in NUL.
        let line = unsafe { CStr::from_ptr(message) };
        TOLD.lock().unwrap().push(line.to_str().unwrap().to_owned());
    }

    #[test]
    fn the_first_of_jemallocs_messages_reaches_the_log() {
        silence();
        // SAFETY: what `silence` put there takes any text.
        unsafe {
            let say = je::malloc_message.unwrap();
            say(core::ptr::null_mut(), c"<jemalloc>: first\n".as_ptr());
            say(core::ptr::null_mut(), c"<jemalloc>: second\n".as_ptr());
        }
        log::set_callback(Some(collect), core::ptr::null_mut());
        log::set_callback(None, core::ptr::null_mut());
        let told = TOLD.lock().unwrap();
        assert!(told.iter().any(|line| line == "<jemalloc>: first"));
        assert!(!told.iter().any(|line| line.contains("second")));
    }
}
