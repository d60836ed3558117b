//! jemalloc's sampled heap profile, switched at run time.

use crate::error::{Error, Result};
use crate::process::{self, Backend};

/// Starts or stops sampling.
///
/// # Errors
/// `Unsupported` where the allocator in force has no profile.
pub fn set_active(active: bool) -> Result<()> {
    match process::backend() {
        Backend::Jemalloc => write(active),
        Backend::System => Err(Error::Unsupported),
    }
}

#[cfg(feature = "jemalloc")]
fn write(active: bool) -> Result<()> {
    use crate::ctl;
    // Without `opt.prof` jemalloc takes the write and samples nothing.
    if !ctl::OPT_PROF.read()? {
        return Err(Error::Unsupported);
    }
    ctl::PROF_ACTIVE.write(active)
}

#[cfg(not(feature = "jemalloc"))]
fn write(_active: bool) -> Result<()> {
    Err(Error::Unsupported)
}
