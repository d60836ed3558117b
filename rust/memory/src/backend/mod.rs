//! The allocators that can serve the blocks.

#[cfg(feature = "jemalloc")]
mod errand;
#[cfg(feature = "jemalloc")]
pub mod jemalloc;
pub mod raw;
pub mod system;
