//! Where in the program something happened: the file and line that a macro recorded, and the callers.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::fmt::{self, Write};

/// Callers kept for a block.
const FRAMES: usize = 14;
/// Of these, so many of the latest may be this library's own.
const OWN: usize = 6;

/// A place in the program.
#[derive(Clone, Copy)]
pub struct Site {
    /// What `__FILE__` was; null where no macro recorded it. Lives as long as the program.
    pub file: *const c_char,
    /// What `__LINE__` was.
    pub line: c_int,
    frames: [usize; FRAMES],
}

// SAFETY: the text is a literal of the program, which nobody changes.
unsafe impl Send for Site {}

#[repr(C)]
struct Context {
    _private: [u8; 0],
}

// The unwinder that the C compiler's runtime brings, and that Rust's standard library uses too.
unsafe extern "C" {
    fn _Unwind_Backtrace(
        each: unsafe extern "C" fn(*mut Context, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut Context) -> usize;
}

const GO_ON: c_int = 0;
const STOP: c_int = 5;

struct Walk {
    frames: [usize; FRAMES],
    used: usize,
}

unsafe extern "C" fn each_frame(context: *mut Context, data: *mut c_void) -> c_int {
    // SAFETY: `here` passes a live walk, and the unwinder a live context.
    let (walk, address) = unsafe { (&mut *data.cast::<Walk>(), _Unwind_GetIP(context)) };
    let Some(slot) = walk.frames.get_mut(walk.used) else {
        return STOP;
    };
    *slot = address;
    walk.used = walk.used.saturating_add(1);
    GO_ON
}

impl Site {
    /// A place of which nothing is known.
    pub const UNKNOWN: Self = Self {
        file: core::ptr::null(),
        line: 0,
        frames: [0; FRAMES],
    };

    /// Where this is called from.
    #[inline(never)]
    pub fn here() -> Self {
        let mut walk = Walk {
            frames: [0; FRAMES],
            used: 0,
        };
        // SAFETY: the callback fits, and the walk lives until the call returns.
        unsafe { _Unwind_Backtrace(each_frame, (&raw mut walk).cast()) };
        Self {
            frames: walk.frames,
            ..Self::UNKNOWN
        }
    }

    /// The same callers, at a file and line.
    #[must_use]
    pub const fn at(self, file: *const c_char, line: c_int) -> Self {
        Self { file, line, ..self }
    }

    /// What tells two sites apart: file and line where they are known, the callers elsewhere.
    pub fn key(&self) -> (usize, c_int, [usize; FRAMES]) {
        if self.file.is_null() {
            (0, 0, self.frames)
        } else {
            (self.file as usize, self.line, [0; FRAMES])
        }
    }

    /// Writes the site: `file:line`, or a line for each caller outside this library.
    ///
    /// # Errors
    /// `out`'s.
    pub fn write(&self, out: &mut dyn Write) -> fmt::Result {
        if !self.file.is_null() {
            // SAFETY: whoever recorded the site promised a text that ends in NUL and stays.
            let file = unsafe { CStr::from_ptr(self.file) };
            return writeln!(out, " {}:{}", file.to_string_lossy(), self.line);
        }
        out.write_str("\n")?;
        let frames = self
            .frames
            .split(|&frame| frame == 0)
            .next()
            .unwrap_or_default();
        // What lies before the function that was called from outside is this library's own affair.
        let own = frames.iter().take(OWN).rposition(|&frame| is_entry(frame));
        let outside = own.map_or(0, |at| at.saturating_add(1));
        frames
            .iter()
            .skip(outside)
            .try_for_each(|&frame| write_frame(out, frame))
    }
}

fn describe(address: usize) -> Option<libc::Dl_info> {
    let mut info = core::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `info` is valid for a write, and read only where the call filled it; zero is a valid value.
    unsafe {
        (libc::dladdr(address as *const c_void, info.as_mut_ptr()) != 0).then(|| info.assume_init())
    }
}

/// Whether a caller is a public function of this library, as far as its symbols tell.
fn is_entry(address: usize) -> bool {
    let Some(name) = name_of(address) else {
        return false;
    };
    let name = name.to_bytes();
    let starts = [&b"catzilla_memory_"[..], b"catzilla_region_"];
    let ends = [&b"alloc"[..], b"_free"];
    name.starts_with(b"catzilla_")
        && (starts.iter().any(|start| name.starts_with(start))
            || ends.iter().any(|end| name.ends_with(end)))
}

fn name_of(address: usize) -> Option<&'static CStr> {
    let name = describe(address)?.dli_sname;
    if name.is_null() {
        return None;
    }
    // SAFETY: the linker's names end in NUL, and stay while their object is loaded.
    Some(unsafe { CStr::from_ptr(name) })
}

fn write_frame(out: &mut dyn Write, address: usize) -> fmt::Result {
    let Some(info) = describe(address) else {
        return writeln!(out, "    {address:#x}");
    };
    let object = if info.dli_fname.is_null() {
        c"?"
    } else {
        // SAFETY: the linker's names end in NUL, and stay while their object is loaded.
        unsafe { CStr::from_ptr(info.dli_fname) }
    };
    let object = object.to_string_lossy();
    let offset = address.wrapping_sub(info.dli_fbase as usize);
    match name_of(address) {
        Some(name) => writeln!(out, "    {} ({object}+{offset:#x})", name.to_string_lossy()),
        None => writeln!(out, "    {object}+{offset:#x}"),
    }
}
