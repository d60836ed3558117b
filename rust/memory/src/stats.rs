//! What this layer itself counts, and the picture made of it and of jemalloc's figures.

use crate::class::{Class, PerClass};
#[cfg(feature = "jemalloc")]
use crate::{arena, process};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The counters of one class.
#[derive(Debug)]
pub struct Counters {
    allocations: AtomicU64,
    deallocations: AtomicU64,
    live: AtomicUsize,
}

impl Counters {
    const fn new() -> Self {
        Self {
            allocations: AtomicU64::new(0),
            deallocations: AtomicU64::new(0),
            live: AtomicUsize::new(0),
        }
    }
}

static COUNTERS: PerClass<Counters> = PerClass::new([
    Counters::new(),
    Counters::new(),
    Counters::new(),
    Counters::new(),
    Counters::new(),
    Counters::new(),
]);

static TOTAL_LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// What the totals were at the last reset; they themselves only ever rise.
static ALLOCATIONS_AT_RESET: AtomicU64 = AtomicU64::new(0);
static DEALLOCATIONS_AT_RESET: AtomicU64 = AtomicU64::new(0);

/// Counts a block of `bytes` that was handed out.
#[inline]
pub fn count_alloc(class: Class, bytes: usize) {
    let counters = COUNTERS.get(class);
    counters.allocations.fetch_add(1, Ordering::Relaxed);
    counters.live.fetch_add(bytes, Ordering::Relaxed);
    let total = TOTAL_LIVE
        .fetch_add(bytes, Ordering::Relaxed)
        .saturating_add(bytes);
    if total > PEAK.load(Ordering::Relaxed) {
        PEAK.fetch_max(total, Ordering::Relaxed);
    }
}

/// Counts a block of `bytes` that came back.
#[inline]
pub fn count_free(class: Class, bytes: usize) {
    let counters = COUNTERS.get(class);
    counters.deallocations.fetch_add(1, Ordering::Relaxed);
    counters.live.fetch_sub(bytes, Ordering::Relaxed);
    TOTAL_LIVE.fetch_sub(bytes, Ordering::Relaxed);
}

/// Live bytes of `class`.
pub fn live(class: Class) -> usize {
    COUNTERS.get(class).live.load(Ordering::Relaxed)
}

/// Live bytes of all classes.
pub fn total_live() -> usize {
    Class::ALL
        .into_iter()
        .fold(0, |sum, class| sum.saturating_add(live(class)))
}

/// The most that was live at once since the last reset.
pub fn peak() -> usize {
    PEAK.load(Ordering::Relaxed).max(total_live())
}

fn raw_counts() -> (u64, u64) {
    COUNTERS
        .iter()
        .fold((0, 0), |(allocated, freed), (_, counters)| {
            (
                counters
                    .allocations
                    .load(Ordering::Relaxed)
                    .wrapping_add(allocated),
                counters
                    .deallocations
                    .load(Ordering::Relaxed)
                    .wrapping_add(freed),
            )
        })
}

/// Calls that handed out a block, and calls that took one back, since the last reset.
pub fn counts() -> (u64, u64) {
    let (allocated, freed) = raw_counts();
    (
        allocated.saturating_sub(ALLOCATIONS_AT_RESET.load(Ordering::Relaxed)),
        freed.saturating_sub(DEALLOCATIONS_AT_RESET.load(Ordering::Relaxed)),
    )
}

/// Counts from zero again, and lets the peak be what is live now. Usage stays.
pub fn reset() {
    let (allocated, freed) = raw_counts();
    ALLOCATIONS_AT_RESET.store(allocated, Ordering::Relaxed);
    DEALLOCATIONS_AT_RESET.store(freed, Ordering::Relaxed);
    PEAK.store(total_live(), Ordering::Relaxed);
}

/// The allocator's own view of a class.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// The arena's number; 0 where there is none.
    pub arena: u32,
    /// Bytes in blocks, those in caches included.
    pub allocated: usize,
    /// Bytes of pages in use.
    pub active: usize,
    /// Bytes of pages unused and not yet given back.
    pub dirty: usize,
    /// Bytes mapped.
    pub mapped: usize,
    /// Bytes in physical memory.
    pub resident: usize,
    /// Bytes of the allocator's own records.
    pub metadata: usize,
}

/// The allocator's figures, fresh, for each class; all zero with the system's allocator.
pub fn figures() -> PerClass<Figures> {
    #[cfg(feature = "jemalloc")]
    if process::started() == Some(process::Backend::Jemalloc) {
        arena::refresh();
        return PerClass::new(Class::ALL.map(arena::figures));
    }
    PerClass::new([Figures::default(); Class::COUNT])
}
