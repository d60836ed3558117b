//! What this layer itself counts, and the picture made of it and of jemalloc's figures.
//!
//! The fast path counts nothing. What is charged to a class, less what lies in magazines, is live; what
//! was stocked in magazines and came back to them, less what they hold, was handed out.

use crate::budget::{self, Scope};
use crate::cache;
use crate::class::{Class, PerClass};
#[cfg(feature = "jemalloc")]
use crate::{arena, partition, process};
use core::sync::atomic::AtomicU64;
#[cfg(feature = "jemalloc")]
use core::sync::atomic::Ordering::Release;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

/// The counters of one class. All of them only rise.
struct Counters {
    /// Blocks handed out past the magazines, or put into one to be handed out.
    issued: AtomicU64,
    /// Blocks that left a magazine without being handed out.
    emptied: AtomicU64,
    taken_back: AtomicU64,
    /// The most blocks handed out that anybody was told of.
    told: AtomicU64,
    handed_out_at_reset: AtomicU64,
    taken_back_at_reset: AtomicU64,
    chunks_reused: AtomicU64,
    chunks_new: AtomicU64,
}

impl Counters {
    const fn new() -> Self {
        Self {
            issued: AtomicU64::new(0),
            emptied: AtomicU64::new(0),
            taken_back: AtomicU64::new(0),
            told: AtomicU64::new(0),
            handed_out_at_reset: AtomicU64::new(0),
            taken_back_at_reset: AtomicU64::new(0),
            chunks_reused: AtomicU64::new(0),
            chunks_new: AtomicU64::new(0),
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

/// Counts a block that was handed out past the magazines.
pub(crate) fn count_alloc(class: Class) {
    COUNTERS.get(class).issued.fetch_add(1, Relaxed);
    budget::raise_peaks(class);
}

/// Counts a block that came back past the magazines.
pub(crate) fn count_free(class: Class) {
    COUNTERS.get(class).taken_back.fetch_add(1, Relaxed);
}

/// Counts blocks that were put into a magazine to be handed out, after they were.
#[cfg(feature = "jemalloc")]
pub(crate) fn count_stocked(class: Class, blocks: usize) {
    COUNTERS.get(class).issued.fetch_add(blocks as u64, Release);
    budget::raise_peaks(class);
}

/// Counts blocks that leave a magazine without being handed out, before they do.
#[cfg(feature = "jemalloc")]
pub(crate) fn count_emptied(class: Class, blocks: usize) {
    COUNTERS
        .get(class)
        .emptied
        .fetch_add(blocks as u64, Relaxed);
}

/// Where the bytes of a class are.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// In live blocks.
    pub live: usize,
    /// In magazines and between threads.
    pub cached: usize,
    /// In live blocks and in magazines: what budgets count.
    pub charged: usize,
}

/// Where the bytes of `class` are.
pub fn usage(class: Class) -> Usage {
    // In this order a block that changes hands meanwhile counts as live.
    let held = cache::held(class);
    let charged = budget::charged(Scope::Class(class));
    Usage {
        live: charged.saturating_sub(held),
        cached: held.saturating_add(cache::between(class)),
        charged,
    }
}

/// Live bytes of `class`.
pub fn live(class: Class) -> usize {
    usage(class).live
}

/// The most that was live at once since the last reset, or more by what magazines held then, which may be
/// handed out without a call that counts; no less than `live`, which the caller has just read.
pub fn peak(live: usize) -> usize {
    budget::raised_peak(Scope::Process, live)
}

/// Blocks of `class` that were ever handed out, and that ever came back. Neither is ever told lower than
/// before, as whoever turns totals into rates takes that for a start from zero.
///
/// A block counts as handed out that is neither in a magazine nor left one otherwise. Others may be in the
/// middle of a move while this adds up, so it reads in an order that can only miss blocks: what adds first,
/// then what magazines hold, then what is taken off, each against the order in which those who move change
/// them. A sum that misses some is below one that was told before, at the worst, and that one is told again.
fn counts_ever(class: Class) -> (u64, u64) {
    let counters = COUNTERS.get(class);
    let issued = counters.issued.load(Acquire);
    let taken_back = counters.taken_back.load(Relaxed);
    let (pushed, held) = cache::pushed_and_held(class);
    let emptied = counters.emptied.load(Relaxed);
    let handed_out = issued
        .saturating_add(pushed)
        .saturating_sub(held)
        .saturating_sub(emptied);
    let before = counters.told.fetch_max(handed_out, Relaxed);
    (handed_out.max(before), taken_back.saturating_add(pushed))
}

/// Blocks of `class` that were handed out, and blocks that came back, since the last reset.
pub fn counts(class: Class) -> (u64, u64) {
    let (handed_out, taken_back) = counts_ever(class);
    let counters = COUNTERS.get(class);
    // Others may have reset meanwhile.
    let since = |now: u64, then: &AtomicU64| now.saturating_sub(then.load(Relaxed));
    (
        since(handed_out, &counters.handed_out_at_reset),
        since(taken_back, &counters.taken_back_at_reset),
    )
}

/// The counts of all classes.
pub fn total_counts() -> (u64, u64) {
    sum_pairs(counts)
}

fn sum_pairs(of: fn(Class) -> (u64, u64)) -> (u64, u64) {
    Class::ALL.into_iter().map(of).fold((0, 0), |sum, of| {
        (of.0.saturating_add(sum.0), of.1.saturating_add(sum.1))
    })
}

/// Counts from zero again, and lets the peaks be what is live now. Usage stays.
pub fn reset() {
    for (class, counters) in COUNTERS.iter() {
        let (handed_out, taken_back) = counts_ever(class);
        counters.handed_out_at_reset.fetch_max(handed_out, Relaxed);
        counters.taken_back_at_reset.fetch_max(taken_back, Relaxed);
    }
    budget::reset_peaks(&PerClass::new(Class::ALL.map(live)));
}

/// Counts a region's chunk, `reused` where the thread had it already.
pub(crate) fn count_chunk(class: Class, reused: bool) {
    let counters = COUNTERS.get(class);
    let counter = if reused {
        &counters.chunks_reused
    } else {
        &counters.chunks_new
    };
    counter.fetch_add(1, Relaxed);
}

/// Region chunks of `class` that a thread used again, and those that were newly taken.
pub fn chunks(class: Class) -> (u64, u64) {
    let counters = COUNTERS.get(class);
    (
        counters.chunks_reused.load(Relaxed),
        counters.chunks_new.load(Relaxed),
    )
}

/// The chunks of all classes.
pub fn total_chunks() -> (u64, u64) {
    sum_pairs(chunks)
}

/// The allocator's own view of a class.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// The arena's number; 0 where there is none.
    pub arena: u32,
    /// Bytes in blocks, those in magazines included.
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

/// Whether every class has an address range of its own.
pub fn is_partitioned() -> bool {
    #[cfg(feature = "jemalloc")]
    return partition::is_reserved();
    #[cfg(not(feature = "jemalloc"))]
    return false;
}
