//! Every block that debug mode handed out, and those that it keeps a while after they were freed.

use super::report::Named;
use super::site::Site;
use crate::class::Class;
use crate::sync::{Guard, Lock};
use core::ptr::NonNull;
use std::collections::{BTreeMap, VecDeque};

/// Bytes and blocks that quarantine holds at most.
const QUARANTINE_BYTES: usize = 4 << 20;
const QUARANTINE_BLOCKS: usize = 8192;

/// What is known of a block.
#[derive(Clone, Copy)]
pub struct Entry {
    /// As it was asked for.
    pub size: usize,
    /// So many bytes of it, at its start, are this library's own.
    pub lead: usize,
    /// The class that it counts for.
    pub class: Class,
    /// Where it was allocated.
    pub allocated: Site,
    /// Where it was freed, once it was.
    pub freed: Option<Site>,
}

impl Entry {
    /// What it counts in usage and budgets: even an empty block counts.
    pub fn charge(&self) -> usize {
        self.size.max(1)
    }

    /// The block as a report names it: what the program knows of it.
    pub const fn named(&self, address: usize) -> Named {
        Named {
            address: address.saturating_add(self.lead),
            size: self.size.saturating_sub(self.lead),
            class: Some(self.class),
            allocated: self.allocated,
        }
    }
}

/// The blocks, by address.
pub struct Registry {
    blocks: BTreeMap<usize, Entry>,
    /// Freed blocks, the longest free first.
    quarantine: VecDeque<usize>,
    quarantined: usize,
}

static REGISTRY: Lock<Registry> = Lock::new(Registry {
    blocks: BTreeMap::new(),
    quarantine: VecDeque::new(),
    quarantined: 0,
});

/// The registry, while the guard lives. Whoever has it reports nothing and calls nothing of this crate.
pub fn lock() -> Guard<Registry> {
    REGISTRY.lock()
}

impl Registry {
    /// Notes a new block.
    pub fn insert(&mut self, block: NonNull<u8>, entry: &Entry) {
        self.blocks.insert(block.as_ptr() as usize, *entry);
    }

    /// What is known of the block that starts at `address`.
    pub fn get(&self, address: usize) -> Option<Entry> {
        self.blocks.get(&address).copied()
    }

    /// The block that `address` lies in.
    pub fn containing(&self, address: usize) -> Option<(usize, Entry)> {
        let (&start, entry) = self.blocks.range(..=address).next_back()?;
        let inside = address.wrapping_sub(start) < entry.charge();
        inside.then_some((start, *entry))
    }

    /// Changes what is known of the block that starts at `address`.
    pub fn amend(&mut self, address: usize, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.blocks.get_mut(&address) {
            change(entry);
        }
    }

    /// Puts a live block into quarantine; says what was known of it.
    pub fn quarantine(&mut self, address: usize, freed: Site) {
        if let Some(entry) = self.blocks.get_mut(&address) {
            entry.freed = Some(freed);
            self.quarantined = self.quarantined.saturating_add(entry.size);
            self.quarantine.push_back(address);
        }
    }

    /// Takes the block that was free for longest out, if quarantine is full, or in any case if `all`.
    pub fn release(&mut self, all: bool) -> Option<(usize, Entry)> {
        let full = self.quarantined > QUARANTINE_BYTES || self.quarantine.len() > QUARANTINE_BLOCKS;
        if !full && !all {
            return None;
        }
        let address = self.quarantine.pop_front()?;
        let entry = self.blocks.remove(&address)?;
        self.quarantined = self.quarantined.saturating_sub(entry.size);
        Some((address, entry))
    }

    /// All blocks that were not freed.
    pub fn live(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.blocks
            .iter()
            .filter(|(_, entry)| entry.freed.is_none())
            .map(|(&address, entry)| (address, entry))
    }
}

pub(crate) fn before_fork() {
    REGISTRY.acquire();
}

/// # Safety
/// Follows `before_fork` on the same thread, or in the child of it.
pub(crate) unsafe fn after_fork() {
    // SAFETY: the caller's promise.
    unsafe { REGISTRY.release() };
}
