//! The sizes that magazines hold: jemalloc's small size classes up to 4 KiB, and a region's chunk.
//!
//! A bin is the number of such a size. Bin 0 is none: it never holds a block, so whatever the page table
//! calls 0 takes the slow way without a branch of its own.

/// Blocks up to this size come from magazines.
pub const LARGEST: usize = 4096;
/// One more than the largest bin; a power of two, so that finding a bin is a shift.
pub const BINS: usize = 32;
/// The bin of region chunks.
pub const CHUNK_BIN: u8 = 30;
/// The most that a bin of any size holds.
pub const CAPACITY: usize = 32;

/// Bytes of a bin's blocks; 0 for a bin that is none.
const SIZES: [u16; BINS] = [
    0, 8, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896,
    1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 8192, 0,
];

const GRAIN_SHIFT: usize = 3;
const GRAINS: usize = (LARGEST >> GRAIN_SHIFT) + 1;

/// The bin of a size, by eights.
static BIN_OF: [u8; GRAINS] = bins_by_grain();

#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // Evaluated by the compiler.
const fn bins_by_grain() -> [u8; GRAINS] {
    let mut table = [1; GRAINS];
    let mut bin = 1_u8;
    let mut grain = 0;
    while grain < GRAINS {
        while (SIZES[bin as usize] as usize) < grain << GRAIN_SHIFT {
            bin += 1;
        }
        table[grain] = bin;
        grain += 1;
    }
    table
}

/// The bin whose blocks have `size` bytes or a little more.
///
/// # Safety
/// `size` is at most [`LARGEST`].
#[inline]
pub unsafe fn bin_of(size: usize) -> u8 {
    // SAFETY: the table has an entry for every grain up to that of LARGEST.
    unsafe { *BIN_OF.get_unchecked(size.wrapping_add(7) >> GRAIN_SHIFT) }
}

/// Bytes of the blocks of `bin`.
#[inline]
pub fn size_of_bin(bin: u8) -> usize {
    SIZES
        .get(usize::from(bin))
        .map_or(0, |&size| usize::from(size))
}

/// How many blocks a thread keeps of `bin`: fewer of the larger ones, so that a thread that has used
/// every size in every class holds about 2 MiB.
pub fn capacity_of_bin(bin: u8) -> usize {
    match size_of_bin(bin) {
        0 => 0,
        1..=512 => CAPACITY,
        513..=1024 => 24,
        1025..=2048 => 10,
        2049..=4096 => 6,
        _ => 4,
    }
}

/// Every bin that holds blocks.
pub fn bins() -> impl Iterator<Item = u8> {
    1..=CHUNK_BIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_the_smallest_bin_that_fits() {
        for size in 0..=LARGEST {
            // SAFETY: in range.
            let bin = unsafe { bin_of(size) };
            assert!(size_of_bin(bin) >= size, "size {size}");
            assert!(bin == 1 || size_of_bin(bin - 1) < size, "size {size}");
        }
    }

    #[cfg(feature = "jemalloc")]
    #[test]
    fn the_bins_are_jemallocs_size_classes() {
        for bin in bins() {
            let size = size_of_bin(bin);
            // SAFETY: no preconditions but a size above 0.
            let (own, next) = unsafe {
                (
                    tikv_jemalloc_sys::nallocx(size, 0),
                    tikv_jemalloc_sys::nallocx(size + 1, 0),
                )
            };
            assert_eq!(own, size);
            assert!(
                bin + 1 >= CHUNK_BIN || next == size_of_bin(bin + 1),
                "after {size}"
            );
        }
    }

    #[cfg(feature = "jemalloc")]
    #[test]
    fn slabs_are_as_large_as_was_baked_in() {
        let read = |bin: usize, what: &str| {
            let name = std::ffi::CString::new(format!("arenas.bin.{bin}.{what}")).unwrap();
            crate::ctl::read_by_name::<usize>(&name).unwrap()
        };
        let slab_of = |size| {
            (0..=BINS)
                .find(|&bin| read(bin, "size") == size)
                .map(|bin| read(bin, "slab_size"))
        };
        for (size, pages) in [
            (16, 1),
            (32, 2),
            (224, 2),
            (256, 8),
            (448, 14),
            (640, 10),
            (4096, 8),
            (8192, 4),
        ] {
            assert_eq!(slab_of(size), Some(pages * 4096), "{size}");
        }
    }

    #[test]
    fn a_busy_thread_holds_about_two_mebibytes() {
        let held: usize = bins()
            .map(|bin| size_of_bin(bin) * capacity_of_bin(bin))
            .sum();
        assert!(held * crate::class::Class::COUNT <= 2_150_000);
    }
}
