//! Memory by lifetime class.
//!
//! A block belongs to one of six classes ([`class::Class`]), by how long it lives. From the caller inwards:
//!
//! - [`block`] hands blocks out and takes them back; [`region`] hands out those that end together.
//! - `magazine` keeps a thread's free blocks, `thread` finds them, `depot` passes them between threads, and
//!   `cache` moves them to and from jemalloc.
//! - `partition` gives each class a range of addresses, `arena` and `hooks` a jemalloc arena inside it;
//!   `ctl` is jemalloc's control tree, typed. `backend` is what serves the blocks in the end: those arenas,
//!   or the system's allocator.
//! - [`budget`] charges what was handed out; [`stats`] makes figures of that and of jemalloc's, [`writer`]
//!   and [`text`] print them, [`profile`] samples.
//! - [`debug`] knows, fences and poisons every block, where it is on.
//! - [`process`] holds what there is one of, and says when it begins; [`log`] tells what failed then.

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
mod cut;
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
#[cfg_attr(not(feature = "jemalloc"), path = "no_cache.rs")]
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
