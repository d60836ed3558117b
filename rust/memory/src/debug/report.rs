//! What debug mode found, told to the host's callback, or to stderr.

use super::site::Site;
use crate::class::Class;
use crate::cut::Cut;
use crate::sync::Lock;
use crate::text::Stderr;
use core::ffi::CStr;
use core::fmt::{self, Write};
use std::sync::Arc;

/// What was found; the numbers are C's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Kind {
    /// A block that is free already was freed again.
    DoubleFree = 1,
    /// Bytes behind the block were written.
    Overrun = 2,
    /// The block was written after it was freed.
    UseAfterFree = 3,
    /// A class's free function got a block of another class.
    WrongClass = 4,
    /// A block was freed with a size that is not its own.
    WrongSize = 5,
    /// What was freed is no block of this library.
    Unknown = 6,
    /// A block is still live.
    Leak = 7,
    /// A block that lives longer points into a region that ended.
    Escape = 8,
}

impl Kind {
    const fn text(self) -> &'static str {
        match self {
            Self::DoubleFree => "double free",
            Self::Overrun => "overrun",
            Self::UseAfterFree => "written after free",
            Self::WrongClass => "freed as another class",
            Self::WrongSize => "freed with another size",
            Self::Unknown => "free of an unknown block",
            Self::Leak => "leak",
            Self::Escape => "pointer kept beyond its lifetime",
        }
    }

    /// Whether it proves that memory is damaged.
    const fn is_corruption(self) -> bool {
        matches!(self, Self::DoubleFree | Self::Overrun | Self::UseAfterFree)
    }
}

/// A block as a report names it.
#[derive(Clone, Copy)]
pub struct Named {
    /// Its address.
    pub address: usize,
    /// Its size; of several, of all together.
    pub size: usize,
    /// Its class, where it has one.
    pub class: Option<Class>,
    /// Where it was allocated.
    pub allocated: Site,
}

/// One report.
#[derive(Clone, Copy)]
pub struct Report {
    /// What was found.
    pub kind: Kind,
    /// Of which block.
    pub block: Named,
    /// How many blocks there are alike.
    pub count: usize,
    /// Where it was freed first, where it was.
    pub freed: Option<Site>,
    /// Where it was found out.
    pub found: Option<Site>,
    /// Who points to it, and at which offset in there.
    pub holder: Option<(Named, usize)>,
}

/// Who is told: the report, and its text.
pub type Listener = dyn Fn(&Report, &CStr) + Send + Sync;

static LISTENER: Lock<Option<Arc<Listener>>> = Lock::new(None);

/// Names who is told; without anybody, stderr is, and corruption ends the process.
pub fn set_listener(listener: Option<Arc<Listener>>) {
    *LISTENER.lock() = listener;
}

type Text = Cut<4096>;

/// Tells. Called without a lock, so that the callback may use this library.
pub fn tell(report: &Report) {
    let mut text = Text::new();
    // A cut text never fails.
    let _ = describe(report, &mut text);
    let listener = LISTENER.lock().clone();
    if let Some(listener) = listener {
        return listener(report, text.as_c_str());
    }
    // Where stderr is gone, an abort says it all.
    let _ = Stderr.write_str(text.as_str());
    if report.kind.is_corruption() {
        // SAFETY: no preconditions.
        unsafe { libc::abort() };
    }
}

fn describe(report: &Report, out: &mut Text) -> fmt::Result {
    let block = &report.block;
    write!(out, "catzilla: {}: ", report.kind.text())?;
    if report.count > 1 {
        write!(
            out,
            "{} blocks of {} bytes together",
            report.count, block.size
        )?;
    } else {
        write!(out, "block {:#x} of {} bytes", block.address, block.size)?;
    }
    match block.class {
        Some(class) => writeln!(out, " in the {} class", class.name())?,
        None => out.write_str("\n")?,
    }
    if report.kind != Kind::Unknown {
        part(out, "allocated at", &block.allocated)?;
    }
    if let Some(freed) = &report.freed {
        part(out, "freed at", freed)?;
    }
    if let Some(found) = &report.found {
        part(out, "found at", found)?;
    }
    if let Some((holder, offset)) = &report.holder {
        let class = holder.class.map_or("unknown", Class::name);
        writeln!(
            out,
            "  held at offset {offset} of block {:#x} of {} bytes in the {class} class",
            holder.address, holder.size
        )?;
        part(out, "holder allocated at", &holder.allocated)?;
    }
    Ok(())
}

fn part(out: &mut Text, what: &str, site: &Site) -> fmt::Result {
    write!(out, "  {what}")?;
    site.write(out)
}

pub(crate) fn before_fork() {
    LISTENER.acquire();
}

/// # Safety
/// Follows `before_fork` on the same thread, or in the child of it.
pub(crate) unsafe fn after_fork() {
    // SAFETY: the caller's promise.
    unsafe { LISTENER.release() };
}
