//! jemalloc's sampled heap profile, switched at run time.
//!
//! While it samples, magazines are off: jemalloc sees refills alone, and would blame whoever happened to
//! cause one for the blocks of all.

use crate::error::{Error, Result};
use crate::process::{self, Backend};
use core::ffi::CStr;

/// Starts or stops sampling.
///
/// # Errors
/// `Unsupported` where the allocator in force has no profile.
pub fn set_active(active: bool) -> Result<()> {
    match process::backend() {
        Backend::Jemalloc => built_in::set_active(active),
        Backend::System => Err(Error::Unsupported),
    }
}

/// Writes what was sampled and is live to the file `path`, in the format that `jeprof` reads.
///
/// # Errors
/// `Unsupported` where the allocator in force has no profile, `Invalid` where the file cannot be written.
pub fn dump(path: &CStr) -> Result<()> {
    match process::backend() {
        Backend::Jemalloc => built_in::dump(path),
        Backend::System => Err(Error::Unsupported),
    }
}

#[cfg(feature = "jemalloc")]
pub(crate) use built_in::follow;

#[cfg(feature = "jemalloc")]
mod built_in {
    use crate::error::{Error, Result};
    use crate::{cache, ctl, debug, partition, process};
    use core::ffi::CStr;

    /// Without `opt.prof` jemalloc takes every write here and samples nothing.
    fn check() -> Result<()> {
        if ctl::OPT_PROF.read()? {
            Ok(())
        } else {
            Err(Error::Unsupported)
        }
    }

    pub fn set_active(active: bool) -> Result<()> {
        check()?;
        process::alone(|| {
            if ctl::PROF_ACTIVE.read()? == active {
                return Ok(());
            }
            ctl::PROF_ACTIVE.write(active)?;
            follow();
            // Other threads follow at their next slow path.
            cache::release_unused();
            Ok(())
        })
    }

    /// Turns magazines off where jemalloc samples, as the environment may have it from the start, and where
    /// debug mode is on; without a partition a free could not tell which magazine a block belongs to.
    pub fn follow() {
        let samples = ctl::OPT_PROF.read() == Ok(true) && ctl::PROF_ACTIVE.read() == Ok(true);
        cache::enable(!samples && partition::is_reserved() && !debug::is_on());
    }

    pub fn dump(path: &CStr) -> Result<()> {
        check()?;
        // jemalloc says EFAULT for a file that it cannot open or write.
        ctl::PROF_DUMP
            .write(path.as_ptr())
            .map_err(|_| Error::Invalid)
    }
}

#[cfg(not(feature = "jemalloc"))]
mod built_in {
    use crate::error::{Error, Result};
    use core::ffi::CStr;

    pub fn set_active(_active: bool) -> Result<()> {
        Err(Error::Unsupported)
    }

    pub fn dump(_path: &CStr) -> Result<()> {
        Err(Error::Unsupported)
    }
}
