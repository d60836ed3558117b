//! Where an arena's pages come from: its class's range, or the system where there is no partition.
//!
//! jemalloc calls these under an arena's locks, so they allocate nothing and report nothing. An arena's
//! own metadata comes through here as well. What an arena no longer needs it keeps (there is no `dalloc`),
//! and gives the pages behind it back by `purge`.

use crate::class::{Class, PerClass};
use crate::partition;
use core::ffi::{c_uint, c_void};
use tikv_jemalloc_sys::extent_hooks_t;

/// jemalloc's table of hooks, with the class that it serves behind it.
#[repr(C)]
struct ClassHooks {
    table: extent_hooks_t,
    class: Class,
}

static HOOKS: PerClass<ClassHooks> = PerClass::new([
    ClassHooks::new(Class::Request),
    ClassHooks::new(Class::Response),
    ClassHooks::new(Class::Cache),
    ClassHooks::new(Class::Static),
    ClassHooks::new(Class::Task),
    ClassHooks::new(Class::General),
]);

impl ClassHooks {
    const fn new(class: Class) -> Self {
        let table = extent_hooks_t {
            alloc: Some(alloc),
            dalloc: None,
            destroy: None,
            commit: None,
            decommit: None,
            purge_lazy: None,
            purge_forced: Some(purge),
            split: Some(split),
            merge: Some(merge),
        };
        Self { table, class }
    }
}

/// The hooks of `class`, to hand to `arenas.create`.
pub fn of(class: Class) -> *const extent_hooks_t {
    core::ptr::from_ref(HOOKS.get(class)).cast()
}

unsafe extern "C" fn alloc(
    hooks: *mut extent_hooks_t,
    wanted: *mut c_void,
    size: usize,
    alignment: usize,
    zero: *mut bool,
    commit: *mut bool,
    _arena: c_uint,
) -> *mut c_void {
    // An extent at a given address is wanted only to grow one in place; that is never ours to promise.
    if !wanted.is_null() {
        return core::ptr::null_mut();
    }
    // SAFETY: jemalloc hands back the pointer that it was given, which is the first field of one of HOOKS.
    let class = unsafe { (*hooks.cast::<ClassHooks>()).class };
    let start = if partition::is_reserved() {
        partition::carve(class, size, alignment)
    } else {
        map(size, alignment)
    };
    start.map_or(core::ptr::null_mut(), |start| {
        // SAFETY: both point to a C `bool`; new pages are zero and accessible.
        unsafe {
            zero.write(true);
            commit.write(true);
        }
        start as *mut c_void
    })
}

/// Fresh pages of the system, aligned by mapping more and giving the ends back.
fn map(size: usize, alignment: usize) -> Option<usize> {
    let total = size.checked_add(alignment)?;
    // SAFETY: a new mapping, at an address of the system's choice.
    let start = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            total,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return None;
    }
    let start = start as usize;
    let end = start.checked_add(total)?;
    let aligned = start.checked_next_multiple_of(alignment)?;
    let aligned_end = aligned.checked_add(size)?;
    for (from, to) in [(start, aligned), (aligned_end, end)] {
        if from < to {
            // SAFETY: this part of the new mapping is used by nobody.
            unsafe { libc::munmap(from as *mut c_void, to.wrapping_sub(from)) };
        }
    }
    Some(aligned)
}

unsafe extern "C" fn purge(
    _hooks: *mut extent_hooks_t,
    start: *mut c_void,
    _size: usize,
    offset: usize,
    length: usize,
    _arena: c_uint,
) -> bool {
    // SAFETY: jemalloc names pages of an extent of ours that hold nothing.
    unsafe {
        libc::madvise(
            start.cast::<u8>().add(offset).cast(),
            length,
            libc::MADV_DONTNEED,
        ) != 0
    }
}

unsafe extern "C" fn split(
    _hooks: *mut extent_hooks_t,
    _start: *mut c_void,
    _size: usize,
    _first: usize,
    _second: usize,
    _committed: bool,
    _arena: c_uint,
) -> bool {
    false
}

unsafe extern "C" fn merge(
    _hooks: *mut extent_hooks_t,
    _first: *mut c_void,
    _first_size: usize,
    _second: *mut c_void,
    _second_size: usize,
    _committed: bool,
    _arena: c_uint,
) -> bool {
    // Both are one arena's, so one class's, and pages have no identity.
    false
}
