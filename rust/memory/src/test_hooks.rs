//! Steps that do not fail by themselves, failing when a test asks. Without the feature `test-hooks` each
//! is a constant, and nothing of it is left in the library.

// Without jemalloc none of these steps exists, but a test may still ask.
#![cfg_attr(not(feature = "jemalloc"), allow(dead_code, unused_imports))]

#[cfg(feature = "test-hooks")]
mod chosen {
    use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

    const OFF: i32 = -1;
    static CREATIONS_LEFT: AtomicI32 = AtomicI32::new(OFF);
    static JEMALLOC_MAJOR: AtomicU32 = AtomicU32::new(0);
    static RESERVATION_FAILS: AtomicU32 = AtomicU32::new(0);

    /// Lets `successes` more arenas be made, and then none; negative turns that off.
    pub fn fail_arena_creation_after(successes: i32) {
        CREATIONS_LEFT.store(successes.max(OFF), Ordering::SeqCst);
    }

    /// Pretends that jemalloc's major version is `major`; 0 turns that off.
    pub fn fake_jemalloc_major(major: u32) {
        JEMALLOC_MAJOR.store(major, Ordering::SeqCst);
    }

    /// Pretends that no address range can be reserved.
    pub fn fail_reservation(fails: bool) {
        RESERVATION_FAILS.store(u32::from(fails), Ordering::SeqCst);
    }

    pub(crate) fn arena_creation_fails() -> bool {
        match CREATIONS_LEFT.load(Ordering::SeqCst) {
            OFF => false,
            0 => true,
            left => {
                CREATIONS_LEFT.store(left.saturating_sub(1), Ordering::SeqCst);
                false
            }
        }
    }

    pub(crate) fn jemalloc_major() -> Option<u32> {
        Some(JEMALLOC_MAJOR.load(Ordering::SeqCst)).filter(|&major| major != 0)
    }

    pub(crate) fn reservation_fails() -> bool {
        RESERVATION_FAILS.load(Ordering::SeqCst) != 0
    }
}

#[cfg(not(feature = "test-hooks"))]
mod chosen {
    pub(crate) const fn arena_creation_fails() -> bool {
        false
    }

    pub(crate) const fn jemalloc_major() -> Option<u32> {
        None
    }

    pub(crate) const fn reservation_fails() -> bool {
        false
    }
}

#[cfg(not(feature = "test-hooks"))]
pub(crate) use chosen::*;
#[cfg(feature = "test-hooks")]
pub use chosen::*;
