//! The boundary that a panic never crosses, and the way from a result to C's code.

use catzilla_memory::error::{Error, Result};
use core::ffi::c_int;

/// Runs `body` and turns what comes of it into a code. A panic becomes `CATZILLA_ERR_CORRUPT` where the
/// build unwinds; where it aborts, nothing is left of that.
pub fn guard(body: impl FnOnce() -> Result<()>) -> c_int {
    let result = if cfg!(panic = "unwind") {
        std::panic::catch_unwind(core::panic::AssertUnwindSafe(body)).unwrap_or(Err(Error::Corrupt))
    } else {
        body()
    };
    result.map_or_else(Error::code, |()| 0)
}
