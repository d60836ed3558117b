//! Memory by lifetime class.
//!
//! A block belongs to one of six classes ([`class::Class`]), by how long it lives. [`block`] hands blocks
//! out and takes them back; [`process`] holds what there is one of; [`stats`] knows what is live. Blocks
//! come from jemalloc, each class in an arena of its own inside its own range of addresses
//! ([`partition`]), or from the system's allocator ([`backend`]).

// A test that fails may well panic.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod backend;
pub mod block;
pub mod budget;
pub mod class;
pub mod debug;
pub mod error;
pub mod log;
pub mod process;
pub mod profile;
pub mod region;
pub mod stats;
mod sync;
pub mod test_hooks;
pub mod text;
pub mod writer;

#[cfg(feature = "jemalloc")]
pub mod arena;
#[cfg(feature = "jemalloc")]
mod cache;
#[cfg(feature = "jemalloc")]
mod ctl;
#[cfg(feature = "jemalloc")]
mod depot;
#[cfg(feature = "jemalloc")]
mod hooks;
#[cfg(feature = "jemalloc")]
mod magazine;
#[cfg(feature = "jemalloc")]
pub mod options;
#[cfg(feature = "jemalloc")]
pub mod partition;
#[cfg(feature = "jemalloc")]
mod report;
#[cfg(feature = "jemalloc")]
mod sizes;
#[cfg(feature = "jemalloc")]
mod thread;
