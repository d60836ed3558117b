//! Each thread's magazines, where the fast path finds them, and what becomes of them.
//!
//! A thread-local pointer leads to the thread's record. It starts at a record that is all zeros: its
//! magazines are empty and take nothing, so a thread's first call takes the slow way without a test for
//! null, and only there a record is made. When the thread exits, its blocks go back and the pointer leads
//! to another record of zeros, so that handlers which run later still allocate, the slow way.
//!
//! Records are never unmapped. The next thread takes a free one over, counters and all, so totals over
//! all records stay exact. In the child of a fork the records of the threads that are gone stay as they
//! were, and nobody takes them over.

use crate::class::Class;
use crate::magazine::{Head, Magazine, Slots};
use crate::sizes;
use crate::sync::Lock;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

mod local;

/// A thread's magazines.
#[repr(C)]
pub struct Record {
    heads: [[Head; sizes::BINS]; Class::COUNT],
    slots: [[Slots; sizes::BINS]; Class::COUNT],
    /// Of the magazines' capacities; see [`crate::cache`].
    pub(crate) generation: Cell<u32>,
    /// Slow paths taken, by which the thread remembers to look at the clock.
    pub(crate) ticks: Cell<u32>,
    /// When it last did, in milliseconds.
    pub(crate) looked: Cell<u64>,
    /// By how much its clock is ahead of others' where threads should not all do the same at once, in
    /// milliseconds.
    pub(crate) phase: Cell<u64>,
    /// The next in the list of all records.
    next: AtomicPtr<Record>,
    /// The next in the list of free ones.
    next_free: Cell<*mut Record>,
}

// SAFETY: cells are touched by the owner alone, or under the free list's lock; the rest is atomic.
unsafe impl Sync for Record {}

/// Where threads that have no record yet look.
static FRESH: Record = Record::new();
/// Where threads that gave theirs back look.
static GONE: Record = Record::new();

static ALL: AtomicPtr<Record> = AtomicPtr::new(null_mut());

/// How many records were mapped.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The phase of the record that is mapped as the `number`th: by the golden section of the time between
/// two gatherings, however many there are, they lie apart.
fn phase_of(number: u32) -> u64 {
    u64::from(number).saturating_mul(309) % crate::cache::GATHER_EVERY_MS
}

struct FreeList {
    first: *mut Record,
}

// SAFETY: records outlive every thread.
unsafe impl Send for FreeList {}

static FREE: Lock<FreeList> = Lock::new(FreeList { first: null_mut() });

static KEY: AtomicU32 = AtomicU32::new(0);
static HAS_KEY: AtomicBool = AtomicBool::new(false);

impl Record {
    #[allow(clippy::large_stack_arrays)] // Only ever evaluated by the compiler, for the two statics.
    const fn new() -> Self {
        Self {
            heads: [const { [const { Head::new() }; sizes::BINS] }; Class::COUNT],
            slots: [const { [const { Slots::new() }; sizes::BINS] }; Class::COUNT],
            generation: Cell::new(0),
            ticks: Cell::new(0),
            looked: Cell::new(0),
            phase: Cell::new(0),
            next: AtomicPtr::new(null_mut()),
            next_free: Cell::new(null_mut()),
        }
    }

    /// The magazine of a class and a bin; only the record's thread asks for it.
    #[inline]
    pub fn magazine(&self, class: Class, bin: u8) -> Magazine<'_> {
        let bin = usize::from(bin) & sizes::BINS.wrapping_sub(1);
        // SAFETY: a class's number is below COUNT, and `bin` was masked. The two belong together, and this
        // thread is their owner; the records of zeros, which many threads ask for, are never changed.
        unsafe {
            Magazine::new(
                self.heads.get_unchecked(class.index()).get_unchecked(bin),
                self.slots.get_unchecked(class.index()).get_unchecked(bin),
            )
        }
    }

    /// What is known of the magazines of `class`, with the bytes of a block of each; any thread may ask.
    pub fn heads(&self, class: Class) -> impl Iterator<Item = (usize, &Head)> {
        let heads = self.heads.get(class.index()).into_iter().flatten();
        (0_u8..).map(sizes::size_of_bin).zip(heads)
    }
}

/// The calling thread's record; one of zeros where it has none.
#[inline]
pub fn current() -> &'static Record {
    // SAFETY: the pointer starts at FRESH, and is only ever set to records, which are never unmapped.
    unsafe { &*local::get() }
}

/// Lets threads have records. Called once, under the process's lock.
pub fn start() {
    let mut key = 0;
    // SAFETY: `key` is valid for a write, and the destructor is never unloaded.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(thread_exits)) } == 0 {
        KEY.store(key, Ordering::Relaxed);
        HAS_KEY.store(true, Ordering::Release);
    }
}

/// Whether the calling thread is past its exit, and runs what handlers are left.
fn is_gone() -> bool {
    core::ptr::eq(local::get(), &raw const GONE)
}

/// The calling thread's record, if it has one.
pub fn attached() -> Option<&'static Record> {
    let now = current();
    let is_own = !core::ptr::eq(now, &raw const FRESH) && !core::ptr::eq(now, &raw const GONE);
    is_own.then_some(now)
}

/// As [`attached`], made if there is none yet; none once the thread exits, or where one cannot be had.
pub fn attach() -> Option<&'static Record> {
    if let Some(record) = attached() {
        return Some(record);
    }
    if is_gone() || !HAS_KEY.load(Ordering::Acquire) {
        return None;
    }
    let record = reuse().or_else(map)?;
    // Without the destructor the record would be lost with the thread.
    // SAFETY: the key was made by `start`.
    let rc =
        unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed), record.as_ptr().cast()) };
    if rc != 0 {
        give_back(record);
        return None;
    }
    local::set(record.as_ptr());
    // SAFETY: a record is never unmapped.
    Some(unsafe { record.as_ref() })
}

fn reuse() -> Option<NonNull<Record>> {
    let mut free = FREE.lock();
    let record = NonNull::new(free.first)?;
    // SAFETY: a record is never unmapped, and free ones belong to the lock's holder.
    free.first = unsafe { record.as_ref() }.next_free.get();
    Some(record)
}

fn map() -> Option<NonNull<Record>> {
    // SAFETY: a new mapping, at an address of the system's choice.
    let start = unsafe {
        libc::mmap(
            null_mut(),
            size_of::<Record>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return None;
    }
    // Zeros are what `Record::new` would write, and pages that stay zero cost nothing.
    let record = NonNull::new(start.cast::<Record>())?;
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the mapping is this thread's own until it is in the list.
    unsafe { record.as_ref() }.phase.set(phase_of(number));
    let mut first = ALL.load(Ordering::Relaxed);
    loop {
        // SAFETY: the mapping is this thread's own until it is in the list.
        unsafe { record.as_ref() }
            .next
            .store(first, Ordering::Relaxed);
        match ALL.compare_exchange_weak(
            first,
            record.as_ptr(),
            Ordering::Release,
            Ordering::Relaxed,
        ) {
            Ok(_) => return Some(record),
            Err(now) => first = now,
        }
    }
}

fn give_back(record: NonNull<Record>) {
    let mut free = FREE.lock();
    // SAFETY: a record is never unmapped, and this one is no thread's any more.
    unsafe { record.as_ref() }.next_free.set(free.first);
    free.first = record.as_ptr();
}

extern "C" fn thread_exits(record: *mut c_void) {
    let Some(record) = NonNull::new(record.cast::<Record>()) else {
        return;
    };
    // From here on this thread's calls take the slow way, those of handlers that run later too.
    local::set((&raw const GONE).cast_mut());
    // SAFETY: a record is never unmapped.
    crate::cache::flush(unsafe { record.as_ref() });
    give_back(record);
}

/// Every record there is, those of threads that exited too.
pub fn all() -> impl Iterator<Item = &'static Record> {
    let mut next = ALL.load(Ordering::Acquire);
    core::iter::from_fn(move || {
        // SAFETY: records in the list are never unmapped.
        let record = unsafe { next.as_ref()? };
        next = record.next.load(Ordering::Relaxed);
        Some(record)
    })
}

pub(crate) fn before_fork() {
    FREE.acquire();
}

/// # Safety
/// Follows `before_fork` on the same thread, or in the child of it.
pub(crate) unsafe fn after_fork() {
    // SAFETY: the caller's promise.
    unsafe { FREE.release() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_lie_apart_however_many_there_are() {
        for (threads, least) in [(2, 150), (4, 70), (8, 40), (16, 15)] {
            let mut phases: Vec<_> = (0..threads).map(phase_of).collect();
            phases.sort_unstable();
            let gaps = phases.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(gaps.min() >= Some(least), "{threads} threads: {phases:?}");
        }
    }
}
