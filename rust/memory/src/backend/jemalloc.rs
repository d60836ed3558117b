//! jemalloc: every block from its class's arena, every free to the arena that the block is in.

use super::errand;
use crate::arena::{self, ArenaId};
use crate::class::Class;
use crate::partition;
use core::ffi::c_int;
use core::ptr::NonNull;
use tikv_jemalloc_sys as je;

/// Whose block this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// In this class's arena.
    Class(Class),
    /// jemalloc's, but of none of our arenas: made while the class's arena was missing. Counts as general.
    Default,
    /// Not jemalloc's at all.
    Foreign,
}

impl Owner {
    /// The class that it counts for.
    pub const fn class(self) -> Option<Class> {
        match self {
            Self::Class(class) => Some(class),
            Self::Default => Some(Class::General),
            Self::Foreign => None,
        }
    }
}

/// Whose block is at `address`.
#[inline]
pub fn owner_of(address: usize) -> Owner {
    partition::find(address).map_or_else(
        || owner_by_lookup(address),
        |place| Owner::Class(place.class),
    )
}

/// How many bits of an address jemalloc's map of pages looks at; see `.cargo/config.toml`. It takes a higher
/// address, which the system gives to nobody who did not ask for one, for the one without the bits above.
#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
const ADDRESS_BITS: u32 = 48;
#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
const ADDRESS_BITS: u32 = usize::BITS;

#[cold]
fn owner_by_lookup(address: usize) -> Owner {
    if address.checked_shr(ADDRESS_BITS).unwrap_or(0) != 0 {
        return Owner::Foreign;
    }
    arena::lookup(address).map_or(Owner::Foreign, |id| {
        arena::class_of(id).map_or(Owner::Default, Owner::Class)
    })
}

/// The flags for a block of the class, and the class that it counts for: the general one while the
/// class's own arena is missing.
pub fn flags_of(class: Class) -> (c_int, Class) {
    arena::of(class).map_or((je::MALLOCX_TCACHE_NONE, Class::General), |id: ArenaId| {
        (id.flag() | je::MALLOCX_TCACHE_NONE, class)
    })
}

/// The usable size of a block of `size` > 0 made with `flags`; none where there is no such block.
pub fn rounded(size: usize, flags: c_int) -> Option<usize> {
    // SAFETY: the size is not 0.
    Some(unsafe { je::nallocx(size, flags) }).filter(|&usable| usable != 0)
}

/// A new block of `size` > 0 made with `flags`. Where there is no memory, what `class` has unused is given
/// back and asked for once more.
///
/// Where the block lies is looked at each time: whether jemalloc has forgotten a thread that exits cannot be
/// known, since a host's exit handlers may run between jemalloc's and this crate's own.
pub fn alloc(class: Class, size: usize, flags: c_int) -> Option<NonNull<u8>> {
    let make = || {
        // SAFETY: the size is not 0, and the flags name a live arena or none.
        let block = NonNull::new(unsafe { je::mallocx(size, flags) }.cast::<u8>())?;
        if arena::of(class).is_some() && !is_in(class, block) {
            // SAFETY: just made, and nobody knows of it.
            unsafe { free(block) };
            return errand::alloc(size, flags);
        }
        Some(block)
    };
    make().or_else(|| {
        // The second attempt tells whether that helped.
        let _ = arena::purge(&[class]);
        make()
    })
}

fn is_in(class: Class, block: NonNull<u8>) -> bool {
    owner_of(block.as_ptr() as usize) == Owner::Class(class)
}

/// A new block of a magazine's size.
pub fn alloc_small(class: Class, size: usize) -> Option<NonNull<u8>> {
    alloc(class, size, flags_of(class).0)
}

/// How many bytes of the block the caller may use.
///
/// # Safety
/// `block` is a live one of jemalloc's.
pub unsafe fn usable(block: NonNull<u8>) -> usize {
    // SAFETY: the caller's promise.
    unsafe { je::sallocx(block.as_ptr().cast(), 0) }
}

/// Whether the block could be made `usable` bytes, a size of jemalloc's own, where it lies.
///
/// # Safety
/// `block` is a live one of jemalloc's.
pub unsafe fn resize_in_place(block: NonNull<u8>, usable: usize) -> bool {
    // SAFETY: the caller's promise, and the size is not 0.
    let now = unsafe { je::xallocx(block.as_ptr().cast(), usable, 0, je::MALLOCX_TCACHE_NONE) };
    now == usable
}

/// Gives a block of a magazine's size back to its arena.
///
/// # Safety
/// `block` is a live one of jemalloc's and of that size, and is not used afterwards.
pub unsafe fn free_small(block: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { je::sdallocx(block.as_ptr().cast(), size, je::MALLOCX_TCACHE_NONE) };
}

/// Gives the block back to its arena.
///
/// # Safety
/// `block` is a live one of jemalloc's, and is not used afterwards.
pub unsafe fn free(block: NonNull<u8>) {
    // SAFETY: the caller's promise.
    unsafe { je::dallocx(block.as_ptr().cast(), je::MALLOCX_TCACHE_NONE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_beyond_jemallocs_bits_is_foreign() {
        let _serial = crate::process::prepared_for_test();
        // SAFETY: the size is not 0; freed below.
        let block = NonNull::new(unsafe { je::mallocx(100, 0) }).expect("a block");
        let address = block.as_ptr() as usize;
        assert_eq!(owner_of(address), Owner::Default);
        if usize::BITS == 64 {
            assert_eq!(owner_of(address | 1 << (usize::BITS - 9)), Owner::Foreign);
        }
        // SAFETY: made above, and not used afterwards.
        unsafe { free(block.cast()) };
    }
}
