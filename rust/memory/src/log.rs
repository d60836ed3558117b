//! Reports about settings that failed, to the callback that the host registers.
//!
//! What fails before a callback is there is kept and delivered when it comes, so that a host may
//! register it whenever it likes. Nothing here allocates: a report may come from an allocation.

use crate::cut::Cut;
use crate::sync::Lock;
use core::ffi::{c_char, c_int, c_void};
use core::fmt::{self, Write};

/// How grave a report is; the numbers are C's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Level {
    /// The call that led here failed.
    Error = 1,
    /// Something works less well than asked.
    Warning = 2,
}

/// C's callback: level, message, user data.
pub type Callback = unsafe extern "C" fn(c_int, *const c_char, *mut c_void);

const KEPT: usize = 16;
type Line = Cut<192>;

#[derive(Clone, Copy)]
struct Report {
    level: Level,
    line: Line,
}

struct State {
    callback: Option<Callback>,
    user_data: *mut c_void,
    kept: [Option<Report>; KEPT],
}

// SAFETY: the pointer is the host's and only handed back to its own callback.
unsafe impl Send for State {}

static STATE: Lock<State> = Lock::new(State {
    callback: None,
    user_data: core::ptr::null_mut(),
    kept: [None; KEPT],
});

/// Names the callback, or none, and delivers what was kept for it.
pub fn set_callback(callback: Option<Callback>, user_data: *mut c_void) {
    {
        let mut state = STATE.lock();
        state.callback = callback;
        state.user_data = user_data;
    }
    flush();
}

/// Keeps one line for the callback; past sixteen undelivered ones, further ones are lost.
///
/// It is delivered by the next [`flush`], which callers reach without holding a lock.
pub fn report(level: Level, text: fmt::Arguments<'_>) {
    let mut line = Line::new();
    // A cut text never fails.
    let _ = line.write_fmt(text);
    if let Some(slot) = STATE.lock().kept.iter_mut().find(|slot| slot.is_none()) {
        *slot = Some(Report { level, line });
    }
}

/// Hands what was kept to the callback, if there is one.
pub fn flush() {
    let (callback, user_data, kept) = {
        let mut state = STATE.lock();
        if state.callback.is_none() {
            return;
        }
        (
            state.callback,
            state.user_data,
            core::mem::replace(&mut state.kept, [None; KEPT]),
        )
    };
    // Called without the lock: the callback may well allocate, or name another callback.
    if let Some(callback) = callback {
        for report in kept.iter().flatten() {
            deliver(callback, user_data, report);
        }
    }
}

fn deliver(callback: Callback, user_data: *mut c_void, report: &Report) {
    let text = report.line.as_c_str().as_ptr();
    // SAFETY: the host registered this callback with this data; the text ends in NUL.
    unsafe { callback(report.level as c_int, text, user_data) };
}

pub(crate) fn before_fork() {
    STATE.acquire();
}

/// # Safety
/// Follows `before_fork` on the same thread, or in the child of it.
pub(crate) unsafe fn after_fork() {
    // SAFETY: the caller's promise.
    unsafe { STATE.release() };
}
