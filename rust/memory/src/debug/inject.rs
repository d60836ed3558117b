//! Fault injection: one allocation of a class fails, when it is its turn.

use crate::class::{Class, PerClass};
use crate::error::{Error, Result};
use core::sync::atomic::{AtomicI64, Ordering::Relaxed};

const OFF: i64 = -1;

static LEFT: PerClass<AtomicI64> = PerClass::new([const { AtomicI64::new(OFF) }; Class::COUNT]);

/// Lets `successes` more allocations of `class` succeed and the next one fail; after that all succeed.
/// Negative turns it off.
///
/// # Errors
/// `State` outside debug mode.
pub fn fail_after(class: Class, successes: i64) -> Result<()> {
    if !super::is_on() {
        return Err(Error::State);
    }
    LEFT.get(class).store(successes.max(OFF), Relaxed);
    Ok(())
}

/// Whether the allocation that asks is the one to fail.
pub(super) fn fails(class: Class) -> bool {
    let step = |left: i64| (left > OFF).then(|| left.saturating_sub(1));
    LEFT.get(class).fetch_update(Relaxed, Relaxed, step) == Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fails_and_those_around_it_do_not() {
        LEFT.get(Class::Static).store(2, Relaxed);
        let outcomes = [(); 5].map(|()| fails(Class::Static));
        assert_eq!(outcomes, [false, false, true, false, false]);
        assert!(!fails(Class::Task));
    }
}
