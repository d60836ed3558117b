//! Debug mode: every block is known, fenced and poisoned.
//!
//! Chosen before the first use, by a call or by `CATZILLA_DEBUG` in the environment. Magazines stay off, so
//! that every call comes by here. Behind each block lie canaries, which are looked at when it is freed; a
//! freed block is filled, kept in quarantine for a while, and looked at again when it leaves. Usage counts
//! the bytes asked for, and a block in quarantine no more.

pub mod inject;
mod lifetime;
mod registry;
pub mod report;
pub mod site;

use crate::backend::raw;
use crate::budget;
use crate::class::Class;
use crate::error::Result;
use crate::{process, stats};
use core::cell::Cell;
use core::ffi::{c_char, c_int};
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, Ordering};
use registry::Entry;
use report::{Kind, Named, Report};
use site::Site;
use std::collections::BTreeMap;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Nothing.
    Off = 0,
    /// Every block.
    Blocks = 1,
    /// And whether pointers outlive what they point to, when a region ends.
    Lifetimes = 2,
}

static LEVEL: AtomicU8 = AtomicU8::new(0);

/// Behind every block.
const CANARY: [u8; 16] = *b"\xC5\x1F\xE9\x0D\x7A\xB3\x42\x96\x5C\xF1\x9E\xD0\xA7\x3B\x24\x69";
/// What a new block holds, so that nobody mistakes it for zeros.
const FRESH: u8 = 0xA5;
/// What a freed block holds.
const FREED: u8 = 0xDB;

thread_local! {
    /// What `track_deallocation` was told, for the free that follows.
    static FREEING: Cell<(usize, Site)> = const { Cell::new((0, Site::UNKNOWN)) };
}

/// Whether every block is looked at.
#[inline]
pub fn is_on() -> bool {
    LEVEL.load(Ordering::Relaxed) >= Level::Blocks as u8
}

fn looks_at_lifetimes() -> bool {
    LEVEL.load(Ordering::Relaxed) >= Level::Lifetimes as u8
}

/// Sets the level, before the first use.
///
/// # Errors
/// `State` afterwards, unless it is in force already.
pub fn set_level(level: Level) -> Result<()> {
    process::before_first_use(|| LEVEL.store(level as u8, Ordering::Relaxed)).or_else(|error| {
        if LEVEL.load(Ordering::Relaxed) == level as u8 {
            Ok(())
        } else {
            Err(error)
        }
    })
}

/// Takes the level from the environment, where it asks for more. Called once, at the first use.
pub(crate) fn read_environment() {
    // SAFETY: the name ends in NUL; the text is read at once.
    let level = unsafe {
        let text = libc::getenv(c"CATZILLA_DEBUG".as_ptr());
        if text.is_null() {
            0
        } else {
            text.cast::<u8>().read().saturating_sub(b'0')
        }
    };
    if level <= Level::Lifetimes as u8 {
        LEVEL.fetch_max(level, Ordering::Relaxed);
    }
}

/// A new block.
#[inline(never)]
pub fn alloc(class: Class, size: usize, alignment: usize, zeroed: bool) -> Option<NonNull<u8>> {
    if inject::fails(class) {
        budget::refuse_for_want(class, size);
        return None;
    }
    let entry = Entry {
        size,
        lead: 0,
        class,
        allocated: Site::here(),
        freed: None,
    };
    let charge = entry.charge();
    if !budget::reserve(class, charge) {
        return None;
    }
    let total = size.checked_add(CANARY.len());
    let Some(block) = total.and_then(|total| raw::alloc(class, total, alignment)) else {
        budget::release(class, charge);
        budget::refuse_for_want(class, size);
        return None;
    };
    // SAFETY: the block is new, and has `size` bytes and room for the canary.
    unsafe {
        block.write_bytes(if zeroed { 0 } else { FRESH }, size);
        block.add(size).cast().write_unaligned(CANARY);
    }
    registry::lock().insert(block, &entry);
    stats::count_alloc(class);
    Some(block)
}

/// What is known of a live block.
fn live(block: NonNull<u8>) -> Option<Entry> {
    registry::lock()
        .get(block.as_ptr() as usize)
        .filter(|entry| entry.freed.is_none())
}

/// The size of a live block, as it was asked for.
pub fn size_of(block: NonNull<u8>) -> usize {
    live(block).map_or(0, |entry| entry.size)
}

/// The class of the live block that `address` lies in.
pub fn class_of(address: *const u8) -> Option<Class> {
    let found = registry::lock().containing(address as usize);
    found
        .filter(|(_, entry)| entry.freed.is_none())
        .map(|(_, entry)| entry.class)
}

/// Takes a block back. `class` and `size` are what the caller believes, where it says.
///
/// # Safety
/// `block` is not used afterwards.
#[inline(never)]
pub unsafe fn free(block: NonNull<u8>, class: Option<Class>, size: Option<usize>) {
    let address = block.as_ptr() as usize;
    let (announced, at) = FREEING.replace((0, Site::UNKNOWN));
    let mut here = Site::here();
    if announced == address {
        here = here.at(at.file, at.line);
    }
    let Some((entry, intact)) = take(block, here) else {
        return;
    };
    if !intact {
        tell(Kind::Overrun, address, &entry, here);
    }
    if class.is_some_and(|class| class != entry.class) {
        tell(Kind::WrongClass, address, &entry, here);
    }
    if size.is_some_and(|size| size != entry.size) {
        tell(Kind::WrongSize, address, &entry, here);
    }
    budget::release(entry.class, entry.charge());
    stats::count_free(entry.class);
    release(false);
}

/// Puts a live block into quarantine and fills it, and says whether its canary was intact; reports where
/// that cannot be. All of it under the lock: once that is free, others may push the block out again.
fn take(block: NonNull<u8>, here: Site) -> Option<(Entry, bool)> {
    let address = block.as_ptr() as usize;
    let mut registry = registry::lock();
    let entry = registry.get(address);
    match entry {
        Some(entry) if entry.freed.is_none() => {
            // SAFETY: the block is live, and nobody else gets it while the lock is held. The canary is
            // mended, so that it is not taken for a later write when the block leaves quarantine.
            let intact = unsafe {
                let intact = canary_is_intact(block, entry.size);
                block.add(entry.size).cast().write_unaligned(CANARY);
                block.write_bytes(FREED, entry.size);
                intact
            };
            registry.quarantine(address, here);
            Some((entry, intact))
        }
        Some(entry) => {
            drop(registry);
            report::tell(&Report {
                kind: Kind::DoubleFree,
                block: entry.named(address),
                count: 1,
                freed: entry.freed,
                found: Some(here),
                holder: None,
            });
            None
        }
        None => {
            let inside = registry.containing(address);
            drop(registry);
            let unknown = Named {
                address,
                size: 0,
                class: None,
                allocated: Site::UNKNOWN,
            };
            let block = inside.map_or(unknown, |(start, entry)| entry.named(start));
            report::tell(&Report {
                kind: Kind::Unknown,
                block,
                count: 1,
                freed: None,
                found: Some(here),
                holder: None,
            });
            None
        }
    }
}

/// # Safety
/// `block` has `size` bytes and a canary.
unsafe fn canary_is_intact(block: NonNull<u8>, size: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        block
            .add(size)
            .cast::<[u8; CANARY.len()]>()
            .read_unaligned()
            == CANARY
    }
}

fn tell(kind: Kind, address: usize, entry: &Entry, here: Site) {
    report::tell(&Report {
        kind,
        block: entry.named(address),
        count: 1,
        freed: None,
        found: Some(here),
        holder: None,
    });
}

/// Gives back what leaves quarantine, after a last look.
fn release(all: bool) {
    loop {
        let Some((address, entry)) = registry::lock().release(all) else {
            return;
        };
        let Some(block) = NonNull::new(address as *mut u8) else {
            return;
        };
        // SAFETY: it left quarantine, where nobody had it; it has its size and the canary.
        unsafe {
            let bytes = core::slice::from_raw_parts(block.as_ptr(), entry.size);
            if !bytes.iter().all(|&byte| byte == FREED) || !canary_is_intact(block, entry.size) {
                report::tell(&Report {
                    kind: Kind::UseAfterFree,
                    block: entry.named(address),
                    count: 1,
                    freed: entry.freed,
                    found: None,
                    holder: None,
                });
            }
            raw::free(block);
        }
    }
}

/// Makes a block another size, always at another address, so that those who kept the old one are found.
///
/// # Safety
/// `block` is live; after success the old address is not used.
pub unsafe fn resize(class: Class, block: NonNull<u8>, size: usize) -> Option<NonNull<u8>> {
    let Some(old) = live(block) else {
        // SAFETY: this only reports, since the block is not live.
        unsafe { free(block, None, None) };
        budget::refuse_for_want(class, size);
        return None;
    };
    let moved = alloc(class, size, 0, false)?;
    // SAFETY: both blocks are live, distinct, and at least that long.
    unsafe {
        block.copy_to_nonoverlapping(moved, old.size.min(size));
        free(block, None, None);
    }
    Some(moved)
}

/// Notes that `block` was allocated at a file and line.
pub fn allocated_at(block: *const u8, file: *const c_char, line: c_int) {
    if is_on() && !file.is_null() {
        registry::lock().amend(block as usize, |entry| {
            entry.allocated = entry.allocated.at(file, line);
        });
    }
}

/// Notes that the first `lead` bytes of `block` are this library's own, so that reports name what is
/// behind them.
pub fn begins_behind(block: NonNull<u8>, lead: usize) {
    if is_on() {
        registry::lock().amend(block.as_ptr() as usize, |entry| entry.lead = lead);
    }
}

/// Notes that `block` is about to be freed at a file and line, by this thread.
pub fn freed_at(block: *const u8, file: *const c_char, line: c_int) {
    if is_on() && !file.is_null() {
        FREEING.set((block as usize, Site::UNKNOWN.at(file, line)));
    }
}

/// Looks for pointers into the blocks of a region of `class` that is about to end.
pub fn region_ends(class: Class, blocks: impl Iterator<Item = Range<usize>>) {
    if looks_at_lifetimes() {
        let mut blocks: Vec<_> = blocks.collect();
        if !blocks.is_empty() {
            lifetime::check(class, &mut blocks);
        }
    }
}

/// Empties quarantine, and reports what is live: once for each class and site.
pub fn report_leaks() {
    release(true);
    let mut leaks = BTreeMap::new();
    for (address, entry) in registry::lock().live() {
        let key = (entry.class.index(), entry.allocated.key());
        let found = entry.named(address);
        leaks
            .entry(key)
            .and_modify(|(count, block): &mut (usize, Named)| {
                *count = count.saturating_add(1);
                block.size = block.size.saturating_add(found.size);
            })
            .or_insert((1, found));
    }
    for (count, block) in leaks.into_values() {
        report::tell(&Report {
            kind: Kind::Leak,
            block,
            count,
            freed: None,
            found: None,
            holder: None,
        });
    }
}

pub(crate) fn before_fork() {
    registry::before_fork();
    report::before_fork();
}

/// # Safety
/// Follows `before_fork` on the same thread, or in the child of it.
pub(crate) unsafe fn after_fork() {
    // SAFETY: the caller's promise.
    unsafe {
        report::after_fork();
        registry::after_fork();
    }
}
