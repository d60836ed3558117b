//! Regions: blocks that end together, handed out by moving a cursor through chunks of one class.
//!
//! The header's inline functions move the cursor themselves; this module sees only what does not fit
//! before `end`. So a limit costs nothing where it is not met: `end` is drawn in to where it lies. A block
//! that fits nowhere and is larger than a quarter of a chunk is allocated by itself and kept on a list;
//! the rest of the chunk goes on serving. The region itself lies at the start of its first chunk, which it
//! keeps for as long as it lives: among blocks of its own size, a few regions that outlive a burst would
//! each keep a slab of such blocks resident. In *checked* mode every block is allocated by itself, the
//! region too, so that a tool that watches the allocator (`AddressSanitizer` the system's, this crate's
//! debug mode any) watches each block.

use crate::block;
use crate::class::Class;
use crate::error::{Error, Result};
use crate::process::{self, Backend};
use crate::{budget, debug};
use core::cell::Cell;
use core::ffi::c_void;
use core::ops::Range;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU8, Ordering};

/// A chunk's size, header included.
pub const CHUNK: usize = 8192;
/// What every block is aligned to, and the grain of the cursor.
pub const ALIGNMENT: usize = 16;
/// Blocks up to this size start a new chunk; larger ones are kept by themselves.
const LARGEST_IN_CHUNK: usize = CHUNK / 4;

/// Runs when a region is reset or destroyed.
pub type CleanupFn = unsafe extern "C" fn(*mut c_void);

/// Before a chunk's bytes, and before a block that is allocated by itself.
#[repr(C, align(16))]
struct Head {
    next: *mut Head,
    /// Bytes behind the head that count as used; of a chunk, once it is no longer the first.
    used: usize,
}

const HEAD: usize = size_of::<Head>();
const _: () = assert!(HEAD == ALIGNMENT);

/// A cleanup to run. Lives in the region itself, and is thus read before the region's bytes are reused.
struct Cleanup {
    next: *mut Cleanup,
    function: Cell<Option<CleanupFn>>,
    data: *mut c_void,
}

/// A region. C knows the first two fields, and moves `cursor` towards `end` itself.
#[repr(C)]
pub struct Region {
    /// The next free byte.
    cursor: Cell<*mut u8>,
    /// Where the bytes end that may be taken without asking; a multiple of [`ALIGNMENT`] from `cursor`.
    end: Cell<*mut u8>,
    /// The chunk that the cursor is in, and behind it those that are full; the last is the region's own.
    chunks: Cell<*mut Head>,
    /// Blocks that were allocated by themselves.
    singles: Cell<*mut Head>,
    /// The latest first.
    cleanups: Cell<*mut Cleanup>,
    limit: Cell<usize>,
    /// Bytes used outside the chunk that the cursor is in.
    used_elsewhere: Cell<usize>,
    high_water: Cell<usize>,
    class: Class,
    checked: bool,
}

/// What the region takes of its own chunk, behind the head.
const OWN: usize = size_of::<Region>().next_multiple_of(ALIGNMENT);
// The shortest room behind a head that there is takes every block that may start a chunk.
const _: () = assert!(HEAD + OWN + LARGEST_IN_CHUNK <= CHUNK);

impl Region {
    /// Where C finds the cursor.
    pub const CURSOR: usize = core::mem::offset_of!(Self, cursor);
    /// Where C finds the end.
    pub const END: usize = core::mem::offset_of!(Self, end);

    /// A new, empty region of `class`, itself in that class.
    ///
    /// # Errors
    /// `NoMemory` or `Budget`.
    pub fn create(class: Class) -> Result<NonNull<Self>> {
        let checked = debug::is_on() || is_watched(process::backend());
        let place = if checked {
            block::alloc(class, size_of::<Self>())
        } else {
            budget::asked(class, CHUNK, block::alloc_chunk(class))
        };
        let place = place.ok_or_else(budget::last_code)?;
        let (chunk, region) = if checked {
            (null_mut(), place.cast::<Self>())
        } else {
            let head = place.cast::<Head>();
            // SAFETY: a chunk begins with a head, and has room for the region behind it.
            let behind = unsafe {
                head.write(Head {
                    next: null_mut(),
                    used: 0,
                });
                head.add(1)
            };
            (head.as_ptr(), behind.cast::<Self>())
        };
        let new = Self {
            cursor: Cell::new(null_mut()),
            end: Cell::new(null_mut()),
            chunks: Cell::new(chunk),
            singles: Cell::new(null_mut()),
            cleanups: Cell::new(null_mut()),
            limit: Cell::new(usize::MAX),
            used_elsewhere: Cell::new(0),
            high_water: Cell::new(0),
            class,
            checked,
        };
        // SAFETY: the place is new, large enough, and aligned to 16.
        let made = unsafe {
            region.write(new);
            region.as_ref()
        };
        made.begin();
        Ok(region)
    }

    /// Puts the cursor before the first block of the chunk, if there is one.
    fn begin(&self) {
        let chunk = self.chunks.get();
        if !chunk.is_null() {
            self.cursor.set(self.bytes_of(chunk));
            self.draw_end();
        }
    }

    /// The first byte of a chunk that blocks may take.
    fn bytes_of(&self, chunk: *mut Head) -> *mut u8 {
        let behind = behind(chunk);
        if behind.cast_const().cast() == core::ptr::from_ref(self) {
            return behind.wrapping_add(OWN);
        }
        behind
    }

    /// The class that its blocks are in.
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Bytes handed out since the last reset, each block rounded up to the alignment.
    pub fn used(&self) -> usize {
        self.used_elsewhere
            .get()
            .saturating_add(self.used_in_chunk())
    }

    fn used_in_chunk(&self) -> usize {
        let chunk = self.chunks.get();
        if chunk.is_null() {
            return 0;
        }
        (self.cursor.get() as usize).wrapping_sub(self.bytes_of(chunk) as usize)
    }

    /// The most that was in use at once since the region was made.
    pub fn high_water(&self) -> usize {
        self.high_water.get().max(self.used())
    }

    /// Refuses blocks from where `used` would exceed `bytes`; what is in use stays.
    pub fn set_limit(&self, bytes: usize) {
        self.limit.set(bytes);
        self.draw_end();
    }

    /// Puts `end` where the chunk ends or the limit lies, whichever comes first.
    fn draw_end(&self) {
        let chunk = self.chunks.get();
        if chunk.is_null() {
            return;
        }
        let start = self.bytes_of(chunk);
        let whole = (chunk as usize)
            .saturating_add(CHUNK)
            .saturating_sub(start as usize);
        let in_chunk = self.used_in_chunk();
        let by_limit = self.limit.get().saturating_sub(self.used_elsewhere.get());
        let room = by_limit.min(whole) & !ALIGNMENT.wrapping_sub(1);
        // SAFETY: at most the chunk's bytes; never before the cursor.
        self.end.set(unsafe { start.add(room.max(in_chunk)) });
    }

    /// A block of at least `size` bytes: what C's inline function asks when `end` is too near.
    pub fn alloc(&self, size: usize) -> Option<NonNull<u8>> {
        budget::asked(self.class, size, self.take(size))
    }

    fn take(&self, size: usize) -> Option<NonNull<u8>> {
        let Some(need) = size.max(1).checked_next_multiple_of(ALIGNMENT) else {
            budget::refuse_for_want(self.class, size);
            return None;
        };
        self.admit(need)?;
        if self.checked {
            return self.alloc_single(size, need);
        }
        if need > self.room() {
            if need > LARGEST_IN_CHUNK {
                return self.alloc_single(need, need);
            }
            self.add_chunk()?;
            // A budget's callback may have taken from the region before it had the chunk.
            self.admit(need)?;
        }
        let block = NonNull::new(self.cursor.get())?;
        // SAFETY: `need` bytes lie before the end of the chunk.
        self.cursor.set(unsafe { block.add(need).as_ptr() });
        Some(block)
    }

    /// None where the limit is in the way of `need` more bytes; the refusal is noted.
    fn admit(&self, need: usize) -> Option<()> {
        if need > self.limit.get().saturating_sub(self.used()) {
            budget::refuse_by_limit(self.class, self.limit.get(), need);
            return None;
        }
        Some(())
    }

    fn room(&self) -> usize {
        (self.end.get() as usize).saturating_sub(self.cursor.get() as usize)
    }

    fn alloc_single(&self, size: usize, counted: usize) -> Option<NonNull<u8>> {
        let Some(total) = size.checked_add(HEAD) else {
            budget::refuse_for_want(self.class, size);
            return None;
        };
        let block = block::alloc(self.class, total)?;
        // As in `take`.
        if self.admit(counted).is_none() {
            // SAFETY: just made, and nobody knows of it.
            unsafe { block::free(block) };
            return None;
        }
        let head = block.cast::<Head>();
        debug::begins_behind(block, HEAD);
        // SAFETY: the block is new and has room for a head and `size` bytes.
        unsafe {
            head.write(Head {
                next: self.singles.get(),
                used: counted,
            });
            self.singles.set(head.as_ptr());
            self.used_elsewhere
                .set(self.used_elsewhere.get().saturating_add(counted));
            self.draw_end();
            Some(head.add(1).cast())
        }
    }

    fn add_chunk(&self) -> Option<()> {
        let chunk = block::alloc_chunk(self.class)?.cast::<Head>();
        let full = self.chunks.get();
        if !full.is_null() {
            let used = self.used_in_chunk();
            // SAFETY: the region's chunks are live, and nobody else touches their heads.
            unsafe { (*full).used = used };
            self.used_elsewhere
                .set(self.used_elsewhere.get().saturating_add(used));
        }
        // SAFETY: the block is new and has room for a head.
        unsafe {
            chunk.write(Head {
                next: full,
                used: 0,
            });
        }
        self.chunks.set(chunk.as_ptr());
        self.begin();
        Some(())
    }

    /// A block of at least `size` bytes whose address is a multiple of `alignment`, a power of two.
    pub fn alloc_aligned(&self, size: usize, alignment: usize) -> Option<NonNull<u8>> {
        if alignment <= ALIGNMENT {
            return self.alloc(size);
        }
        // Every block is a multiple of 16 already, so this much more always reaches the next multiple. An
        // empty block keeps a byte, or it could begin where the next one does.
        let slack = alignment.saturating_sub(ALIGNMENT);
        let block = self.take(size.max(1).saturating_add(slack));
        let block = budget::asked(self.class, size, block)?;
        let skip = block.align_offset(alignment);
        // SAFETY: `skip` is at most the slack.
        Some(unsafe { block.add(skip) })
    }

    /// Runs `function` with `data` at the next reset or at destruction, before those added earlier.
    ///
    /// # Errors
    /// `NoMemory` or `Budget`.
    pub fn add_cleanup(&self, function: CleanupFn, data: *mut c_void) -> Result<()> {
        let place = self
            .alloc(size_of::<Cleanup>())
            .ok_or_else(budget::last_code)?;
        let cleanup = place.cast::<Cleanup>();
        let new = Cleanup {
            next: self.cleanups.get(),
            function: Cell::new(Some(function)),
            data,
        };
        // SAFETY: the block is new, large enough, and aligned to 16.
        unsafe { cleanup.write(new) };
        self.cleanups.set(cleanup.as_ptr());
        Ok(())
    }

    /// Takes back the latest cleanup that was added with `function` and `data`.
    ///
    /// # Errors
    /// `Invalid` when there is none.
    pub fn cancel_cleanup(&self, function: CleanupFn, data: *mut c_void) -> Result<()> {
        let mut at = self.cleanups.get();
        // SAFETY: cleanups live in the region until it is reset.
        while let Some(cleanup) = unsafe { at.as_ref() } {
            let same = |own: CleanupFn| core::ptr::fn_addr_eq(own, function);
            if cleanup.data == data && cleanup.function.get().is_some_and(same) {
                cleanup.function.set(None);
                return Ok(());
            }
            at = cleanup.next;
        }
        Err(Error::Invalid)
    }

    /// Ends all blocks: runs the cleanups, the latest first, and gives all chunks but the first back.
    ///
    /// # Safety
    /// No block of the region is used afterwards.
    pub unsafe fn reset(&self) {
        self.run_cleanups();
        self.high_water.set(self.high_water());
        let singles = self.singles.replace(null_mut());
        if self.checked {
            debug::region_ends(self.class, ranges(singles));
        }
        if !singles.is_null() {
            free_list(singles);
        }
        // SAFETY: the region's chunks are live, and nobody else touches their heads.
        while let Some(chunk) = unsafe { self.chunks.get().as_ref() } {
            if chunk.next.is_null() {
                break;
            }
            let last = self.chunks.replace(chunk.next);
            if let Some(last) = NonNull::new(last) {
                // SAFETY: live, not the region's own, and out of the list.
                unsafe { block::free(last.cast()) };
            }
        }
        self.used_elsewhere.set(0);
        self.begin();
    }

    fn run_cleanups(&self) {
        // Taken one by one: a cleanup may allocate here, add another, or cancel one that is still to run.
        // SAFETY: cleanups live in the region until it is reset, which is after this.
        while let Some(cleanup) = unsafe { self.cleanups.get().as_ref() } {
            self.cleanups.set(cleanup.next);
            if let Some(function) = cleanup.function.get() {
                // SAFETY: whoever added the cleanup promised that it can be called with its data.
                unsafe { function(cleanup.data) };
            }
        }
    }

    /// As [`Region::reset`], and gives the region itself back.
    ///
    /// # Safety
    /// Neither the region nor a block of it is used afterwards.
    pub unsafe fn destroy(region: NonNull<Self>) {
        // SAFETY: the region is live, and the rest is the caller's promise.
        unsafe {
            region.as_ref().reset();
            // The one that is left has the region in it.
            let chunk = NonNull::new(region.as_ref().chunks.get());
            block::free(chunk.map_or(region.cast(), NonNull::cast));
        }
    }
}

/// The first byte behind a head.
fn behind(head: *mut Head) -> *mut u8 {
    head.wrapping_add(1).cast()
}

/// Where the blocks of a list are.
fn ranges(mut head: *mut Head) -> impl Iterator<Item = Range<usize>> {
    core::iter::from_fn(move || {
        let start = behind(head) as usize;
        // SAFETY: the list's blocks are live.
        let block = unsafe { head.as_ref()? };
        head = block.next;
        Some(start..start.saturating_add(block.used))
    })
}

/// Gives a list of single blocks back.
fn free_list(mut head: *mut Head) {
    while let Some(block) = NonNull::new(head) {
        // SAFETY: the list's blocks are live, its own, and not used after the reset that called this.
        unsafe {
            head = block.as_ref().next;
            block::free(block.cast());
        }
    }
}

const UNKNOWN: u8 = 2;
static WATCHED: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Whether something watches the blocks of `backend` one by one. `AddressSanitizer` knows nothing of
/// jemalloc's: there a region would pay for blocks of their own, and a read after a reset pass all the same.
fn is_watched(backend: Backend) -> bool {
    backend == Backend::System && address_sanitizer_is_here()
}

fn address_sanitizer_is_here() -> bool {
    match WATCHED.load(Ordering::Relaxed) {
        UNKNOWN => {
            // SAFETY: the name ends in NUL.
            let found =
                unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__asan_poison_memory_region".as_ptr()) };
            WATCHED.store(u8::from(!found.is_null()), Ordering::Relaxed);
            !found.is_null()
        }
        known => known == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_systems_blocks_are_watched() {
        for (symbol, watched) in [(0, false), (1, true)] {
            WATCHED.store(symbol, Ordering::Relaxed);
            assert!(!is_watched(Backend::Jemalloc));
            assert_eq!(is_watched(Backend::System), watched);
        }
        WATCHED.store(UNKNOWN, Ordering::Relaxed);
    }

    struct Owned(NonNull<Region>);

    impl Owned {
        fn new(class: Class) -> Self {
            Self(Region::create(class).unwrap())
        }
    }

    impl core::ops::Deref for Owned {
        type Target = Region;
        fn deref(&self) -> &Region {
            // SAFETY: live until `drop`.
            unsafe { self.0.as_ref() }
        }
    }

    impl Drop for Owned {
        fn drop(&mut self) {
            // SAFETY: made by `new`, and nothing of it outlives the test.
            unsafe { Region::destroy(self.0) };
        }
    }

    #[test]
    fn blocks_of_all_sizes_keep_their_bytes() {
        let region = Owned::new(Class::Request);
        let mut blocks = Vec::new();
        for size in (1..400).chain([2048, 2049, 8176, 8177, 100_000]) {
            let block = region.alloc(size).unwrap();
            assert_eq!(block.as_ptr() as usize % ALIGNMENT, 0);
            let value = u8::try_from(size % 251).unwrap();
            // SAFETY: the block has `size` bytes.
            unsafe { block.write_bytes(value, size) };
            blocks.push((block, size, value));
        }
        for (block, size, value) in blocks {
            // SAFETY: as above, and written in full.
            let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), size) };
            assert!(bytes == vec![value; size], "block of {size}");
        }
    }

    #[test]
    fn a_limit_is_exact_and_leaves_what_is_there() {
        let region = Owned::new(Class::Task);
        region.set_limit(10 * ALIGNMENT);
        for _ in 0..10 {
            region.alloc(1).unwrap();
        }
        assert!(region.alloc(1).is_none());
        assert_eq!(region.used(), 10 * ALIGNMENT);
        region.set_limit(10 * ALIGNMENT + 100_000);
        assert!(region.alloc(100_000 - 8).is_some());
        assert!(region.alloc(1).is_none());
        region.set_limit(1);
        assert!(region.alloc(1).is_none());
        // SAFETY: no block is used any more.
        unsafe { region.reset() };
        assert_eq!(region.used(), 0);
        assert!(region.alloc(1).is_none());
        assert!(region.high_water() >= 100_000);
    }

    #[test]
    fn alignments_are_kept() {
        let region = Owned::new(Class::Cache);
        for shift in 0..14 {
            let alignment = 1_usize << shift;
            let block = region.alloc_aligned(24, alignment).unwrap();
            assert_eq!(block.as_ptr() as usize % alignment, 0);
        }
    }

    unsafe extern "C" fn push(data: *mut c_void) {
        // SAFETY: the test passes a live cell.
        let order = unsafe { &*data.cast::<Cell<u32>>() };
        order.set(order.get() * 10 + 1);
    }

    unsafe extern "C" fn double(data: *mut c_void) {
        // SAFETY: the test passes a live cell.
        let order = unsafe { &*data.cast::<Cell<u32>>() };
        order.set(order.get() * 2);
    }

    #[test]
    fn cleanups_run_once_and_the_latest_first() {
        // One address for each: a function may have several.
        let (push, double): (CleanupFn, CleanupFn) = (push, double);
        let order = Cell::new(1_u32);
        let data = core::ptr::from_ref(&order).cast_mut().cast();
        let region = Owned::new(Class::Response);
        region.add_cleanup(double, data).unwrap();
        region.add_cleanup(push, data).unwrap();
        region.add_cleanup(push, data).unwrap();
        region.cancel_cleanup(push, data).unwrap();
        assert_eq!(region.cancel_cleanup(push, null_mut()), Err(Error::Invalid));
        // SAFETY: no block is used any more.
        unsafe { region.reset() };
        assert_eq!(order.get(), 22);
        drop(region);
        assert_eq!(order.get(), 22);
    }
}
