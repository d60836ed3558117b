//! jemalloc arenas: one per class, made once per process.

use crate::class::Class;
use crate::ctl;
use crate::error::{Error, Result};
use crate::log::{self, Level};
use crate::stats::Figures;
use crate::{hooks, test_hooks};
use core::ffi::{CStr, c_char, c_int};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use tikv_jemalloc_sys as je;

/// An arena grows by ever larger steps; past this one they stay as they are.
const LARGEST_STEP: usize = 64 << 20;

/// The number jemalloc gave an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArenaId(u32);

impl ArenaId {
    /// As jemalloc counts.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The flag that names this arena to `mallocx`.
    pub const fn flag(self) -> c_int {
        je::MALLOCX_ARENA(self.0 as usize)
    }

    const fn index(self) -> usize {
        self.0 as usize
    }
}

const NONE: u32 = u32::MAX;
static IDS: [AtomicU32; Class::COUNT] = [const { AtomicU32::new(NONE) }; Class::COUNT];

/// The arena of `class`, once it is made.
#[inline]
pub fn of(class: Class) -> Option<ArenaId> {
    IDS.get(class.index())
        .map(|id| id.load(Ordering::Acquire))
        .filter(|&id| id != NONE)
        .map(ArenaId)
}

/// Makes the arenas that are not there yet. Called under the process's lock.
///
/// # Errors
/// The first failure; what was made so far is kept, and used, and not made again.
pub fn create_missing() -> Result<()> {
    for class in Class::ALL {
        if of(class).is_none() {
            let id = create(class)?;
            if let Some(slot) = IDS.get(class.index()) {
                slot.store(id.0, Ordering::Release);
            }
        }
    }
    Ok(())
}

fn create(class: Class) -> Result<ArenaId> {
    if test_hooks::arena_creation_fails() {
        return Err(Error::NoMemory);
    }
    let id = ctl::ARENA_CREATE.exchange(hooks::of(class))?;
    let id = ArenaId(id);
    if ctl::ARENA_GROW_LIMIT
        .write_at(id.index(), LARGEST_STEP)
        .is_err()
    {
        log::report(
            Level::Warning,
            format_args!(
                "{} of the {} class was not set",
                ctl::ARENA_GROW_LIMIT.name(),
                class.name()
            ),
        );
    }
    // A name only helps those who read jemalloc's own statistics, and older versions have none.
    let _ = ctl::ARENA_NAME.write_at(id.index(), name_of(class).as_ptr().cast::<c_char>());
    Ok(id)
}

const fn name_of(class: Class) -> &'static CStr {
    match class {
        Class::Request => c"catzilla_request",
        Class::Response => c"catzilla_response",
        Class::Cache => c"catzilla_cache",
        Class::Static => c"catzilla_static",
        Class::Task => c"catzilla_task",
        Class::General => c"catzilla_general",
    }
}

/// Which arena the block at `address` is in.
///
/// # Errors
/// `Invalid` for an address that is not jemalloc's.
pub fn lookup(address: usize) -> Result<ArenaId> {
    ctl::ARENA_LOOKUP
        .exchange(address as *const core::ffi::c_void)
        .map(ArenaId)
}

/// How many arenas jemalloc has, its automatic ones included.
pub fn count() -> u32 {
    ctl::ARENA_COUNT.read().unwrap_or(0)
}

/// The class whose arena `id` is.
pub fn class_of(id: ArenaId) -> Option<Class> {
    Class::ALL.into_iter().find(|&class| of(class) == Some(id))
}

/// How often [`purge`] asks again where the background thread was at work, and how long it waits before.
const PURGE_ATTEMPTS: usize = 50;
const PURGE_WAIT: Duration = Duration::from_millis(1);
/// Unused pages that others may have freed since, for which it is not worth asking again.
const PURGE_LEAVES: usize = 256;

/// Gives back every unused page of the classes.
///
/// jemalloc passes over an arena that its background thread is purging just then, without a word, so
/// this looks afterwards and asks again once that thread may be done.
///
/// # Errors
/// jemalloc's.
pub fn purge(classes: &[Class]) -> Result<()> {
    for _ in 0..PURGE_ATTEMPTS {
        for id in classes.iter().copied().filter_map(of) {
            ctl::ARENA_PURGE.call_at(id.index())?;
        }
        refresh();
        if !classes.iter().copied().filter_map(of).any(has_unused) {
            break;
        }
        std::thread::sleep(PURGE_WAIT);
    }
    Ok(())
}

fn has_unused(id: ArenaId) -> bool {
    ctl::STATS_PAGES_DIRTY
        .read_at(id.index())
        .is_ok_and(|pages| pages > PURGE_LEAVES)
}

/// Gives back the unused pages of the class whose time has come.
///
/// # Errors
/// jemalloc's.
pub fn decay(class: Class) -> Result<()> {
    of(class).map_or(Ok(()), |id| ctl::ARENA_DECAY.call_at(id.index()))
}

/// Brings jemalloc's statistics up to date.
pub fn refresh() {
    // The epoch's old value is of no interest, and refreshing cannot fail once the node resolves.
    let _ = ctl::EPOCH.write(1);
}

/// The figures of `class` as of the last [`refresh`]; zeros where it has no arena.
pub fn figures(class: Class) -> Figures {
    let Some(id) = of(class) else {
        return Figures::default();
    };
    let at = id.index();
    let read = |node: &ctl::Ctl<usize, 4>| node.read_at(at).unwrap_or(0);
    let blocks = |node: &ctl::Ctl<usize, 5>| node.read_at(at).unwrap_or(0);
    let page = ctl::PAGE.read().unwrap_or(0);
    Figures {
        arena: id.number(),
        allocated: blocks(&ctl::STATS_SMALL).saturating_add(blocks(&ctl::STATS_LARGE)),
        active: read(&ctl::STATS_PAGES_ACTIVE).saturating_mul(page),
        dirty: read(&ctl::STATS_PAGES_DIRTY).saturating_mul(page),
        mapped: read(&ctl::STATS_MAPPED),
        resident: read(&ctl::STATS_RESIDENT),
        metadata: read(&ctl::STATS_BASE).saturating_add(read(&ctl::STATS_INTERNAL)),
    }
}
