//! One range of addresses per class, so that the class of a block is arithmetic on its address.
//!
//! At first use one reservation takes, back to back, a range for each class and a table with one byte per
//! page of them. Nothing of it is accessible until an arena grows into it ([`carve`]). Every class's
//! range starts with a guard that is never handed out, and one more lies before the table, so an overrun
//! of one class faults before it reaches the next.
//!
//! The table says which magazine a block belongs to: 0 means "ask the allocator", which is always right.

use crate::class::Class;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// jemalloc's page, and the grain of the table.
pub const PAGE_SHIFT: u32 = 12;
const PAGE: usize = 1 << PAGE_SHIFT;
/// Never handed out, at the start of each class's range; of this size to keep huge pages aligned.
const GUARD: usize = 2 << 20;

/// Sizes of a class's range, as powers of two, from the largest that is worth asking for down to the
/// smallest that is worth having: 256 GiB, then what `ulimit -v`, valgrind or 32 bits may leave.
#[cfg(target_pointer_width = "64")]
const SHIFTS: &[u32] = &[38, 36, 34, 32, 31, 30];
#[cfg(not(target_pointer_width = "64"))]
const SHIFTS: &[u32] = &[];

static BASE: AtomicUsize = AtomicUsize::new(0);
/// Bytes of all classes together; 0 without a partition, so that no address is inside.
static LENGTH: AtomicUsize = AtomicUsize::new(0);
static SHIFT: AtomicUsize = AtomicUsize::new(0);
static TABLE: AtomicUsize = AtomicUsize::new(0);
/// Offsets from `BASE` up to which each class's range is in use.
static USED: [AtomicUsize; Class::COUNT] = [const { AtomicUsize::new(0) }; Class::COUNT];

/// Where an address of a class lies.
#[derive(Clone, Copy)]
pub struct Place {
    /// The class whose range it is.
    pub class: Class,
    page: usize,
}

impl Place {
    /// The page's byte in the table.
    #[inline]
    fn byte(self) -> &'static AtomicU8 {
        let table = TABLE.load(Ordering::Relaxed) as *const AtomicU8;
        // SAFETY: a place is inside the partition, the table has a byte for each of its pages, and the
        // bytes of pages that an arena grew into are accessible, for ever.
        unsafe { &*table.add(self.page) }
    }

    /// Which magazine the blocks that start in this page belong to.
    #[inline]
    pub fn bin(self) -> u8 {
        self.byte().load(Ordering::Relaxed)
    }

    /// Says which magazine the blocks that start in this page belong to; whoever hands a block out does.
    #[inline]
    pub fn mark(self, bin: u8) {
        let byte = self.byte();
        // Most pages hold many blocks: reading first keeps the line shared.
        if byte.load(Ordering::Relaxed) != bin {
            byte.store(bin, Ordering::Relaxed);
        }
    }
}

/// Where `address` lies, if it lies in the partition.
#[inline]
pub fn find(address: usize) -> Option<Place> {
    let offset = address.wrapping_sub(BASE.load(Ordering::Relaxed));
    if offset >= LENGTH.load(Ordering::Relaxed) {
        return None;
    }
    let index = offset >> (SHIFT.load(Ordering::Relaxed) & 63);
    // SAFETY: `offset` is below `LENGTH`, which is COUNT << SHIFT.
    let class = unsafe { Class::from_index(index).unwrap_unchecked() };
    Some(Place {
        class,
        page: offset >> PAGE_SHIFT,
    })
}

/// Whether there is a partition; without one, classes are found by asking jemalloc.
pub fn is_reserved() -> bool {
    LENGTH.load(Ordering::Acquire) != 0
}

/// Reserves the ranges, smaller where large ones cannot be had. Called once, under the process's lock.
pub fn reserve() {
    if is_reserved() {
        return;
    }
    for &shift in SHIFTS {
        if try_reserve(shift).is_some() {
            return;
        }
    }
}

fn try_reserve(shift: u32) -> Option<()> {
    let range = 1_usize.checked_shl(shift)?;
    let length = range.checked_mul(Class::COUNT)?;
    let table = length >> PAGE_SHIFT;
    // Room to align the first range, and a guard before the table.
    let total = length
        .checked_add(table)?
        .checked_add(GUARD.checked_mul(2)?)?;
    // SAFETY: a new mapping, at an address of the system's choice.
    let start = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            total,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return None;
    }
    let base = (start as usize).checked_next_multiple_of(GUARD)?;
    for (index, used) in USED.iter().enumerate() {
        used.store(
            index.checked_shl(shift)?.checked_add(GUARD)?,
            Ordering::Relaxed,
        );
    }
    BASE.store(base, Ordering::Relaxed);
    SHIFT.store(shift as usize, Ordering::Relaxed);
    TABLE.store(
        base.checked_add(length)?.checked_add(GUARD)?,
        Ordering::Relaxed,
    );
    LENGTH.store(length, Ordering::Release);
    Some(())
}

/// Takes the next `size` bytes of the class's range and makes them accessible; they read as zero.
///
/// Runs under an arena's locks: allocates nothing, reports nothing.
pub fn carve(class: Class, size: usize, alignment: usize) -> Option<usize> {
    let used = USED.get(class.index())?;
    let shift = u32::try_from(SHIFT.load(Ordering::Relaxed)).ok()?;
    let limit = class.index().checked_add(1)?.checked_shl(shift)?;
    let base = BASE.load(Ordering::Relaxed);
    let alignment = alignment.max(PAGE);
    let mut from = used.load(Ordering::Relaxed);
    loop {
        // What is aligned must be the address; the base itself is aligned to a guard only.
        let start = base
            .checked_add(from)?
            .checked_next_multiple_of(alignment)?;
        let offset = start.checked_sub(base)?;
        let end = offset.checked_add(size).filter(|&end| end <= limit)?;
        match used.compare_exchange_weak(from, end, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => {
                return if open(start, size) && open_table(offset, end) {
                    Some(start)
                } else {
                    // Given back unless another thread grew meanwhile; then it stays unused.
                    let _ = used.compare_exchange(end, from, Ordering::Relaxed, Ordering::Relaxed);
                    None
                };
            }
            Err(now) => from = now,
        }
    }
}

fn open(start: usize, size: usize) -> bool {
    // SAFETY: the range is inside the reservation, and nobody else's.
    unsafe {
        libc::mprotect(
            start as *mut libc::c_void,
            size,
            libc::PROT_READ | libc::PROT_WRITE,
        ) == 0
    }
}

/// Makes the table's bytes for pages from offset `from` to `to` accessible.
fn open_table(from: usize, to: usize) -> bool {
    let table = TABLE.load(Ordering::Relaxed);
    let first = (from >> PAGE_SHIFT) & !(PAGE.wrapping_sub(1));
    let Some(last) = (to >> PAGE_SHIFT).checked_next_multiple_of(PAGE) else {
        return false;
    };
    let Some(start) = table.checked_add(first) else {
        return false;
    };
    let length = last.saturating_sub(first).max(PAGE);
    open(start, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_owns_what_it_carves_and_nothing_below_the_guard() {
        let _serial = crate::process::prepared_for_test();
        if !is_reserved() {
            return;
        }
        for class in Class::ALL {
            let start = carve(class, 3 * PAGE, 8 * PAGE).expect("room for three pages");
            assert_eq!(start % (8 * PAGE), 0);
            for address in [start, start + 3 * PAGE - 1] {
                assert!(find(address).is_some_and(|place| place.class == class));
            }
            let place = find(start).expect("inside");
            assert_eq!(place.bin(), 0);
            place.mark(7);
            assert_eq!(place.bin(), 7);
            place.mark(0);
            // SAFETY: the pages were just carved, and are writable.
            unsafe { core::ptr::write_bytes(start as *mut u8, 1, 3 * PAGE) };
        }
        assert!(find(0).is_none());
        assert!(find(&raw const BASE as usize).is_none());
    }

    #[test]
    fn more_than_a_range_is_refused() {
        let _serial = crate::process::prepared_for_test();
        let range = 1_usize << SHIFT.load(Ordering::Relaxed);
        assert_eq!(carve(Class::Task, range, PAGE), None);
        assert_eq!(carve(Class::Task, usize::MAX - PAGE, PAGE), None);
    }
}
