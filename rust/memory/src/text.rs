//! What the calls print whose purpose is printing, and options as text.

use crate::class::Class;
use crate::cut::Cut;
use crate::error::{Error, Result, is_interrupted};
use crate::process::{self, Backend};
use crate::writer::{self, Format};
use crate::{debug, stats};
use core::ffi::CStr;
use core::fmt::{self, Write};
use core::mem::MaybeUninit;

/// The process's stderr, without `std`'s lock and buffers: reports may come from inside an allocation.
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            // SAFETY: the bytes are live for the call.
            let written =
                unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
            let Ok(written) = usize::try_from(written) else {
                if is_interrupted() {
                    continue;
                }
                // Where stderr is closed or full, there is nobody to tell.
                return Err(fmt::Error);
            };
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

/// One line on stderr: the allocator and the arenas.
pub fn announce() {
    let mut line = Cut::<192>::new();
    // A cut text never fails.
    let _ = write!(line, "catzilla: memory from {}", process::current().name());
    if process::current() == Backend::Jemalloc {
        for (class, figures) in stats::figures().iter() {
            let _ = write!(line, " {}={}", class.name(), figures.arena);
        }
    }
    let _ = line.write_str("\n");
    // A failure to print has nobody to tell.
    let _ = Stderr.write_str(line.as_str());
}

/// Usage and counts on stderr, a line per class.
pub fn dump() {
    // A failure to print has nobody to tell.
    let _ = writer::write(Format::Text, &mut Stderr);
}

/// What is still live, on stderr: a line for each class that has something, or one that says nothing is.
pub fn leaks() {
    if debug::is_on() {
        return debug::report_leaks();
    }
    let mut found = false;
    for class in Class::ALL {
        let live = stats::live(class);
        if live != 0 {
            found = true;
            let _ = writeln!(Stderr, "catzilla: {} live={live}", class.name());
        }
    }
    if !found {
        let _ = writeln!(Stderr, "catzilla: nothing is live");
    }
}

/// A caller's buffer, filled with text that ends in NUL.
struct Buffer<'a> {
    bytes: &'a mut [MaybeUninit<u8>],
    used: usize,
}

impl Write for Buffer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used.checked_add(text.len()).ok_or(fmt::Error)?;
        // One byte is for the NUL.
        if end >= self.bytes.len() {
            return Err(fmt::Error);
        }
        let room = self.bytes.get_mut(self.used..end).ok_or(fmt::Error)?;
        for (to, from) in room.iter_mut().zip(text.bytes()) {
            to.write(from);
        }
        self.used = end;
        if let Some(last) = self.bytes.get_mut(end) {
            last.write(0);
        }
        Ok(())
    }
}

/// Writes the value of the allocator's option `name`, as text that ends in NUL.
///
/// # Errors
/// `Unsupported` with the system's allocator, `Invalid` for an unknown name, `NoMemory` when `out` is too
/// small; `out` is then empty.
pub fn describe_option(name: &CStr, out: &mut [MaybeUninit<u8>]) -> Result<()> {
    let mut buffer = Buffer {
        bytes: out,
        used: 0,
    };
    let result = match process::current() {
        Backend::System => Err(Error::Unsupported),
        Backend::Jemalloc => describe(name, &mut buffer),
    };
    if let (Err(_), Some(first)) = (result, buffer.bytes.first_mut()) {
        first.write(0);
    }
    result
}

#[cfg(feature = "jemalloc")]
fn describe(name: &CStr, out: &mut dyn Write) -> Result<()> {
    crate::options::describe(name, out)
}

#[cfg(not(feature = "jemalloc"))]
fn describe(_name: &CStr, _out: &mut dyn Write) -> Result<()> {
    Err(Error::Unsupported)
}
