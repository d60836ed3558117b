//! A mutex that can be held across `fork`.
//!
//! `std`'s guard cannot be kept from a fork's prepare handler to its two others, and the locks of this
//! crate must be: a child that inherits one locked could never allocate again.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

/// A value that one thread at a time may touch.
pub struct Lock<T> {
    raw: UnsafeCell<libc::pthread_mutex_t>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through the mutex alone, so one thread at a time has it.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// An unlocked one; fit for statics, where it stays in place for ever.
    pub const fn new(value: T) -> Self {
        Self {
            raw: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits for the lock and holds it until the guard goes.
    pub fn lock(&'static self) -> Guard<T> {
        self.acquire();
        Guard { lock: self }
    }

    /// Takes the lock for a fork's prepare handler.
    pub fn acquire(&'static self) {
        // SAFETY: the mutex is initialised, and a static never moves.
        unsafe { libc::pthread_mutex_lock(self.raw.get()) };
    }

    /// Gives back what `acquire` took.
    ///
    /// # Safety
    /// This thread holds the lock, or is the child of the one that did.
    pub unsafe fn release(&'static self) {
        // SAFETY: the caller's promise.
        unsafe { libc::pthread_mutex_unlock(self.raw.get()) };
    }
}

/// Holds a [`Lock`].
pub struct Guard<T: 'static> {
    lock: &'static Lock<T>,
}

impl<T> Deref for Guard<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: this guard holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock, and is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        // SAFETY: this guard's thread took the lock.
        unsafe { self.lock.release() };
    }
}
