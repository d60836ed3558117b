//! Catzilla's C interface: thin functions over the crates that do the work.
//!
//! Doc comments here are the comments of `catzilla/memory.h`, which cbindgen makes of this crate.

// The comments are C's, where names take no backticks and "Needs:" says what is "# Safety" in Rust.
#![allow(clippy::doc_markdown, clippy::missing_safety_doc)]

mod block;
mod budget;
mod debug;
mod guard;
mod layout;
mod lifecycle;
mod python;
mod region;
mod statistics;
#[cfg(feature = "test-hooks")]
mod test_hooks;
mod typed;
pub mod types;
