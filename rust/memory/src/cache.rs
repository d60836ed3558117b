//! Between the magazines and jemalloc: filling, emptying, and giving back what is unused.
//!
//! A magazine is filled by halves, from what other threads left ([`crate::depot`]) or else from jemalloc,
//! and emptied by halves the same way back. What enters a magazine is charged to its class's budget and
//! counted, so that the fast path does neither. Every block marks its page with its bin before it may be
//! handed out.
//!
//! Turning magazines off makes their capacity 0, which sends everything down the slow way; threads learn
//! of it by a generation that they compare there.

use crate::backend::jemalloc;
use crate::class::Class;
use crate::depot::{self, Stack};
use crate::magazine::{Head, Magazine, Push};
use crate::thread::{self, Record};
use crate::{arena, budget, partition, sizes, stats};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

static DEPOT: [[Stack; sizes::BINS]; Class::COUNT] =
    [const { [const { Stack::new() }; sizes::BINS] }; Class::COUNT];
/// No stack of the depot holds more than this, and those of the larger sizes fewer blocks than they could.
const STACK_BYTES: usize = 64 << 10;

/// Odd while magazines are on; one more at each change.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// When the depot was last emptied, in milliseconds.
static DEPOT_EMPTIED: AtomicU64 = AtomicU64::new(0);
/// When the arenas were last asked to give back what has aged, in milliseconds.
static DECAYED: AtomicU64 = AtomicU64::new(0);
const DECAY_EVERY_MS: u64 = 1000;
/// How often a thread that never says that it is idle empties its magazines, used or not. Each time those
/// blocks alone move to fuller slabs that lie in them just then, about a tenth of what a busy thread has.
pub(crate) const GATHER_EVERY_MS: u64 = 500;
/// Slow paths between two glances at the clock.
const TICKS: u32 = 16;

/// Turns magazines on or off; other threads follow at their next slow path.
pub fn enable(on: bool) {
    let change = |now: u32| (on != is_on(now)).then(|| now.wrapping_add(1));
    // Nothing to change is no failure.
    let _ = GENERATION.fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
}

const fn is_on(generation: u32) -> bool {
    generation & 1 == 1
}

/// Where a block is to come from.
pub enum Source {
    /// From here.
    Block(NonNull<u8>),
    /// From jemalloc directly: this thread has no magazine for it.
    Direct,
    /// From nowhere; the refusal is noted.
    Refused,
}

fn stack(class: Class, bin: u8) -> &'static Stack {
    static NONE: Stack = Stack::new();
    DEPOT
        .get(class.index())
        .and_then(|bins| bins.get(usize::from(bin)))
        .unwrap_or(&NONE)
}

/// The calling thread's record, brought up to the generation, with one tick of its clock.
fn ready() -> Option<&'static Record> {
    let record = thread::attach()?;
    let generation = GENERATION.load(Ordering::Acquire);
    if record.generation.get() != generation {
        if is_on(generation) {
            flush(record);
        } else {
            // Nobody would take from the depot any more.
            empty_all(record);
        }
        record.generation.set(generation);
        for class in Class::ALL {
            for bin in sizes::bins() {
                let capacity = if is_on(generation) {
                    sizes::capacity_of_bin(bin)
                } else {
                    0
                };
                record.magazine(class, bin).set_capacity(capacity);
            }
        }
    }
    tick(record);
    Some(record)
}

/// Fills the calling thread's empty magazine and takes a block from it.
pub fn refill(class: Class, bin: u8) -> Source {
    // A class without an arena is served, and counted, by another.
    let Some(record) = ready().filter(|_| arena::of(class).is_some()) else {
        return Source::Direct;
    };
    let magazine = record.magazine(class, bin);
    // The log's callback may have filled it.
    if let Some(block) = magazine.pop() {
        return Source::Block(block);
    }
    let size = sizes::size_of_bin(bin);
    let mut wanted = match magazine.capacity() {
        0 => return Source::Direct,
        // A chunk is large: one at a time.
        _ if bin == sizes::CHUNK_BIN => 1,
        capacity => capacity.div_ceil(2),
    };
    if budget::reserve_plainly(class, size.saturating_mul(wanted)).is_err() {
        wanted = 1;
        if !budget::reserve(class, size) {
            return Source::Refused;
        }
    }
    // So may a budget's callback, which has just had its turn; then there may be no room for more.
    if let Some(block) = magazine.pop() {
        budget::release(class, size.saturating_mul(wanted));
        return Source::Block(block);
    }
    let mut stocked = stack(class, bin).take(wanted, |block| magazine.stock(block));
    while stocked < wanted {
        let Some(block) = jemalloc::alloc_small(class, size) else {
            break;
        };
        mark(block, bin);
        magazine.stock(block);
        stocked = stocked.saturating_add(1);
    }
    budget::release(class, size.saturating_mul(wanted.saturating_sub(stocked)));
    stats::count_stocked(class, stocked);
    magazine.pop().map_or_else(
        || {
            budget::refuse_for_want(class, size);
            Source::Refused
        },
        Source::Block,
    )
}

fn mark(block: NonNull<u8>, bin: u8) {
    if let Some(place) = partition::find(block.as_ptr() as usize) {
        place.mark(bin);
    }
}

/// Keeps a block for which the calling thread's magazine had no room; `false` where it takes none.
///
/// # Safety
/// `block` is a live one of this class and bin, and is not used afterwards if it is kept.
pub unsafe fn overflow(class: Class, bin: u8, block: NonNull<u8>) -> bool {
    let Some(record) = ready() else { return false };
    let magazine = record.magazine(class, bin);
    if magazine.count() >= magazine.capacity() {
        empty(class, bin, magazine, magazine.capacity().div_ceil(2), true);
    }
    match magazine.push(block) {
        Push::Kept => true,
        Push::Full => false,
        Push::Twice => crate::report::double_free(block, class, sizes::size_of_bin(bin)),
    }
}

/// How many blocks of `size` bytes a stack of the depot holds at most.
fn room_for(size: usize) -> usize {
    STACK_BYTES
        .checked_div(size)
        .unwrap_or(0)
        .min(depot::CAPACITY)
}

/// Moves the oldest `wanted` blocks of a magazine on, to other threads if `share`, and to jemalloc.
fn empty(class: Class, bin: u8, magazine: Magazine<'_>, wanted: usize, share: bool) {
    let wanted = wanted.min(magazine.count());
    if wanted == 0 {
        return;
    }
    let size = sizes::size_of_bin(bin);
    stats::count_emptied(class, wanted);
    let batch = magazine.drain(wanted);
    let blocks = batch.blocks();
    budget::release(class, size.saturating_mul(blocks.len()));
    let left = if share {
        stack(class, bin).leave(blocks, room_for(size))
    } else {
        0
    };
    for &block in blocks.get(left..).unwrap_or_default() {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: a magazine's blocks are live, of its size, and nobody's.
            unsafe { jemalloc::free_small(block, size) };
        }
    }
}

fn for_each_magazine(record: &Record, mut each: impl FnMut(Class, u8, Magazine<'_>)) {
    for class in Class::ALL {
        for bin in sizes::bins() {
            each(class, bin, record.magazine(class, bin));
        }
    }
}

/// Moves everything that the record's magazines hold on, to other threads and to jemalloc.
pub fn flush(record: &Record) {
    for_each_magazine(record, |class, bin, magazine| {
        empty(class, bin, magazine, sizes::CAPACITY, true);
    });
}

/// [`flush`], of the calling thread.
pub fn flush_own() {
    if let Some(record) = thread::attached() {
        flush(record);
    }
}

/// Gives jemalloc what the calling thread's magazines hold, and what threads left for each other.
pub fn release_unused() {
    if let Some(record) = thread::attached() {
        empty_all(record);
    }
    for class in Class::ALL {
        for bin in sizes::bins() {
            drain(class, bin);
        }
    }
}

fn drain(class: Class, bin: u8) {
    let size = sizes::size_of_bin(bin);
    // SAFETY: the depot's blocks are live, of its size, and nobody's.
    stack(class, bin).take(depot::CAPACITY, |block| unsafe {
        jemalloc::free_small(block, size);
    });
}

/// [`release_unused`], and lets jemalloc give back what has aged, at most once a second.
pub fn idle() {
    release_unused();
    if is_time(&DECAYED, DECAY_EVERY_MS, milliseconds()) {
        for class in Class::ALL {
            // What cannot be given back now is given back later.
            let _ = arena::decay(class);
        }
    }
}

/// One slow path of the calling thread.
pub fn tick(record: &Record) {
    let ticks = record.ticks.get().wrapping_add(1);
    record.ticks.set(ticks);
    if ticks % TICKS == 0 {
        let now = milliseconds();
        let before = record.looked.replace(now);
        // Each thread has a moment of its own, so that not all of them come to jemalloc at once.
        let beat = |time: u64| time.saturating_add(record.phase.get()) / GATHER_EVERY_MS;
        if beat(now) != beat(before) {
            empty_all(record);
            empty_depot(now);
        }
    }
}

/// Gives jemalloc all blocks of the thread's magazines. What a burst scattered over many slabs pins each of
/// them, also where it goes round among few blocks; jemalloc hands out again from the slabs that it has
/// longest, so this gathers them.
fn empty_all(record: &Record) {
    for_each_magazine(record, |class, bin, magazine| {
        empty(class, bin, magazine, sizes::CAPACITY, false);
    });
}

/// Gives jemalloc what threads left for each other, once for all threads.
fn empty_depot(now: u64) {
    if is_time(&DEPOT_EMPTIED, GATHER_EVERY_MS, now) {
        for class in Class::ALL {
            for bin in sizes::bins() {
                if !stack(class, bin).was_used() {
                    drain(class, bin);
                }
            }
        }
    }
}

fn is_time(last: &AtomicU64, every: u64, now: u64) -> bool {
    let before = last.load(Ordering::Relaxed);
    now.saturating_sub(before) >= every
        && last
            .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
}

#[cfg(target_os = "linux")]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
#[cfg(not(target_os = "linux"))]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// A monotonic clock; a few milliseconds of grain will do.
fn milliseconds() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is valid for one write, and this clock exists.
    unsafe { libc::clock_gettime(CLOCK, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let rest = u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000;
    seconds.saturating_mul(1000).saturating_add(rest)
}

/// Bytes that all threads' magazines of `class` hold.
pub fn held(class: Class) -> usize {
    heads(class).fold(0, |sum: usize, (size, head)| {
        sum.saturating_add(head.count().saturating_mul(size))
    })
}

/// As [`held`], of all classes.
pub fn held_by_all() -> usize {
    Class::ALL
        .into_iter()
        .map(held)
        .fold(0, usize::saturating_add)
}

fn heads(class: Class) -> impl Iterator<Item = (usize, &'static Head)> {
    thread::all().flat_map(move |record| record.heads(class))
}

/// Bytes that lie between threads.
pub fn between(class: Class) -> usize {
    sizes::bins().fold(0, |sum: usize, bin| {
        let blocks = stack(class, bin).count();
        sum.saturating_add(blocks.saturating_mul(sizes::size_of_bin(bin)))
    })
}

/// Blocks of `class` that came back to magazines, and how many they hold; read in that order, for each.
pub fn pushed_and_held(class: Class) -> (u64, u64) {
    heads(class).fold((0, 0), |(pushed, held): (u64, u64), (_, head)| {
        (
            pushed.wrapping_add(head.frees()),
            held.wrapping_add(head.count() as u64),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_threads_is_at_most_5_7_megabytes() {
        let held: usize = sizes::bins()
            .map(sizes::size_of_bin)
            .map(|size| size * room_for(size))
            .sum();
        assert!(held * Class::COUNT <= 5_700_000);
    }
}
