//! jemalloc: every block from its class's arena, every free to the arena that the block is in.

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

#[cold]
fn owner_by_lookup(address: usize) -> Owner {
    arena::lookup(address).map_or(Owner::Foreign, |id| {
        arena::class_of(id).map_or(Owner::Default, Owner::Class)
    })
}

/// The flags for a block of the class, and the class that it counts for.
fn flags_of(class: Class) -> (c_int, Class) {
    arena::of(class).map_or((je::MALLOCX_TCACHE_NONE, Class::General), |id: ArenaId| {
        (id.flag() | je::MALLOCX_TCACHE_NONE, class)
    })
}

/// A new block of `size` > 0, the class that it counts for, and its usable size.
///
/// With `zeroed`, its bytes are 0; `alignment` is 0 or a power of two.
pub fn alloc(
    class: Class,
    size: usize,
    alignment: usize,
    zeroed: bool,
) -> Option<(NonNull<u8>, Class, usize)> {
    let (mut flags, class) = flags_of(class);
    if zeroed {
        flags |= je::MALLOCX_ZERO;
    }
    if alignment > 1 {
        flags |= je::MALLOCX_LG_ALIGN(alignment.trailing_zeros() as usize);
    }
    // SAFETY: the size is not 0, and the flags name a live arena or none.
    let block = NonNull::new(unsafe { je::mallocx(size, flags) }.cast::<u8>())?;
    // SAFETY: the block is live.
    Some((block, class, unsafe { usable(block) }))
}

/// How many bytes of the block the caller may use.
///
/// # Safety
/// `block` is a live one of jemalloc's.
pub unsafe fn usable(block: NonNull<u8>) -> usize {
    // SAFETY: the caller's promise.
    unsafe { je::sallocx(block.as_ptr().cast(), 0) }
}

/// Makes the block `size` > 0 bytes without leaving its arena; on failure it stays as it is.
///
/// # Safety
/// `block` is a live one of `class`'s arena; after success it is no longer.
pub unsafe fn resize(block: NonNull<u8>, class: Class, size: usize) -> Option<NonNull<u8>> {
    let (flags, _) = flags_of(class);
    // SAFETY: the caller's promise, and the size is not 0.
    NonNull::new(unsafe { je::rallocx(block.as_ptr().cast(), size, flags) }.cast())
}

/// Gives the block back to its arena.
///
/// # Safety
/// `block` is a live one of jemalloc's, and is not used afterwards.
pub unsafe fn free(block: NonNull<u8>) {
    // SAFETY: the caller's promise.
    unsafe { je::dallocx(block.as_ptr().cast(), je::MALLOCX_TCACHE_NONE) };
}
