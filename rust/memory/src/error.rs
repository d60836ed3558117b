//! What can go wrong, with the number and the text that C sees.

use core::ffi::{CStr, c_int};

/// A failure, as callers can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Another choice is already in force.
    State,
    /// Not built in, or this jemalloc cannot.
    Unsupported,
    /// The system has no more memory or address space.
    NoMemory,
    /// An argument is out of range.
    Invalid,
    /// A budget or a limit would be exceeded.
    Budget,
    /// A block's surroundings were overwritten, or it was freed twice.
    Corrupt,
}

impl Error {
    const ALL: [Self; 6] = [
        Self::State,
        Self::Unsupported,
        Self::NoMemory,
        Self::Invalid,
        Self::Budget,
        Self::Corrupt,
    ];

    /// The code that C functions return.
    pub const fn code(self) -> c_int {
        match self {
            Self::State => -1,
            Self::Unsupported => -2,
            Self::NoMemory => -3,
            Self::Invalid => -4,
            Self::Budget => -5,
            Self::Corrupt => -6,
        }
    }

    /// One line that says what happened.
    pub const fn text(self) -> &'static CStr {
        match self {
            Self::State => c"another choice is already in force",
            Self::Unsupported => c"not supported by this build or this jemalloc",
            Self::NoMemory => c"out of memory",
            Self::Invalid => c"argument out of range",
            Self::Budget => c"memory budget exceeded",
            Self::Corrupt => c"memory corrupted",
        }
    }

    /// The text for `code`; success and unknown codes have one too.
    pub fn text_of_code(code: c_int) -> &'static CStr {
        if code == 0 {
            return c"success";
        }
        Self::ALL
            .into_iter()
            .find(|error| error.code() == code)
            .map_or(c"unknown memory error", Self::text)
    }
}

/// What fallible calls of this crate return.
pub type Result<T> = core::result::Result<T, Error>;

/// Sets `errno` to ENOMEM, as allocating functions do when they return NULL.
#[cold]
pub fn set_errno_out_of_memory() {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *errno_location() = libc::ENOMEM };
}

/// Sets `errno` to EINVAL, as allocating functions do when an argument is out of range.
#[cold]
pub fn set_errno_invalid() {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *errno_location() = libc::EINVAL };
}

/// Whether a signal interrupted the call that just failed.
pub(crate) fn is_interrupted() -> bool {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *errno_location() == libc::EINTR }
}

/// Keeps `errno` as it was: what a free does on its way may change it, and what succeeds must not.
pub(crate) struct Errno(c_int);

impl Errno {
    pub(crate) fn save() -> Self {
        // SAFETY: the address of this thread's errno is always valid.
        Self(unsafe { *errno_location() })
    }
}

impl Drop for Errno {
    fn drop(&mut self) {
        // SAFETY: as in `save`.
        unsafe { *errno_location() = self.0 };
    }
}

#[cfg(any(target_os = "linux", target_os = "emscripten"))]
unsafe fn errno_location() -> *mut c_int {
    // SAFETY: no preconditions.
    unsafe { libc::__errno_location() }
}

#[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
unsafe fn errno_location() -> *mut c_int {
    // SAFETY: no preconditions.
    unsafe { libc::__error() }
}

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
unsafe fn errno_location() -> *mut c_int {
    // SAFETY: no preconditions.
    unsafe { libc::__errno() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_text() {
        for error in Error::ALL {
            assert_eq!(Error::text_of_code(error.code()), error.text());
        }
        assert_eq!(Error::text_of_code(0), c"success");
        assert_eq!(Error::text_of_code(-99), c"unknown memory error");
    }
}
