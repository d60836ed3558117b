//! jemalloc's control tree, typed.
//!
//! A name is resolved once, to its MIB; after that a read costs no string handling. A read counts only
//! when the call returned 0 *and* the full length: a name of the wrong type is an error, not a zero.

use crate::error::{Error, Result};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::marker::PhantomData;
use std::sync::OnceLock;
use tikv_jemalloc_sys as je;

mod sealed {
    pub trait Scalar: Copy {
        const ZERO: Self;
    }
    impl Scalar for bool {
        const ZERO: Self = false;
    }
    impl Scalar for u32 {
        const ZERO: Self = 0;
    }
    impl Scalar for u64 {
        const ZERO: Self = 0;
    }
    impl Scalar for usize {
        const ZERO: Self = 0;
    }
    impl Scalar for isize {
        const ZERO: Self = 0;
    }
    impl<T> Scalar for *const T {
        const ZERO: Self = core::ptr::null();
    }
}
use sealed::Scalar;

/// A node of the tree that holds a `T`, its name `N` words long.
pub struct Ctl<T, const N: usize> {
    name: &'static CStr,
    /// Which word is the index that `at` replaces.
    slot: usize,
    mib: OnceLock<[usize; N]>,
    value: PhantomData<fn() -> T>,
}

/// A node that acts when it is called and holds nothing.
pub type Action<const N: usize> = Ctl<(), N>;

impl<T, const N: usize> Ctl<T, N> {
    /// A node without an index.
    pub const fn new(name: &'static CStr) -> Self {
        Self::indexed(name, N)
    }

    /// A node whose word `slot` is an index.
    pub const fn indexed(name: &'static CStr, slot: usize) -> Self {
        Self {
            name,
            slot,
            mib: OnceLock::new(),
            value: PhantomData,
        }
    }

    /// What jemalloc calls it.
    pub fn name(&self) -> &'static str {
        self.name.to_str().unwrap_or("?")
    }

    fn mib(&self, index: Option<usize>) -> Result<[usize; N]> {
        let mut mib = if let Some(mib) = self.mib.get() {
            *mib
        } else {
            let mut mib = [0; N];
            let mut words = N;
            // SAFETY: the name ends in NUL, and `mib` has room for `words` words.
            let rc = unsafe {
                je::mallctlnametomib(self.name.as_ptr(), mib.as_mut_ptr(), &raw mut words)
            };
            if rc != 0 || words != N {
                return Err(Error::Unsupported);
            }
            *self.mib.get_or_init(|| mib)
        };
        if let Some(index) = index {
            *mib.get_mut(self.slot).ok_or(Error::Invalid)? = index;
        }
        Ok(mib)
    }

    /// # Safety
    /// `old` and `new` are null or point to values of the node's type, `length` and `new_length` bytes.
    unsafe fn call(
        &self,
        index: Option<usize>,
        old: *mut c_void,
        length: *mut usize,
        new: *mut c_void,
        new_length: usize,
    ) -> Result<()> {
        let mib = self.mib(index)?;
        // SAFETY: the MIB has N words; the rest is the caller's promise.
        let rc = unsafe { je::mallctlbymib(mib.as_ptr(), N, old, length, new, new_length) };
        match rc {
            0 => Ok(()),
            libc::EAGAIN | libc::ENOMEM => Err(Error::NoMemory),
            libc::ENOENT | libc::EPERM => Err(Error::Unsupported),
            _ => Err(Error::Invalid),
        }
    }
}

impl<T: Scalar, const N: usize> Ctl<T, N> {
    fn read_with(&self, index: Option<usize>, new: Option<&mut T>) -> Result<T> {
        let mut value = T::ZERO;
        let mut length = size_of::<T>();
        let (new, new_length) = new.map_or((core::ptr::null_mut(), 0), |new| {
            (core::ptr::from_mut(new).cast(), length)
        });
        // SAFETY: both values are `T`, and their lengths are given.
        unsafe {
            self.call(
                index,
                (&raw mut value).cast(),
                &raw mut length,
                new,
                new_length,
            )?;
        }
        if length == size_of::<T>() {
            Ok(value)
        } else {
            Err(Error::Invalid)
        }
    }

    /// The value now.
    pub fn read(&self) -> Result<T> {
        self.read_with(None, None)
    }

    /// The value of the thing numbered `index`.
    pub fn read_at(&self, index: usize) -> Result<T> {
        self.read_with(Some(index), None)
    }

    /// Hands `value` in and reads the answer, as `arenas.lookup` and `arenas.create` want it.
    pub fn exchange<V: Scalar>(&self, mut value: V) -> Result<T> {
        let mut answer = T::ZERO;
        let mut length = size_of::<T>();
        // SAFETY: both values are live, and their lengths are given.
        unsafe {
            self.call(
                None,
                (&raw mut answer).cast(),
                &raw mut length,
                (&raw mut value).cast(),
                size_of::<V>(),
            )?;
        }
        if length == size_of::<T>() {
            Ok(answer)
        } else {
            Err(Error::Invalid)
        }
    }

    /// Changes the value.
    pub fn write(&self, value: T) -> Result<()> {
        self.write_with(None, value)
    }

    /// Changes the value of the thing numbered `index`.
    pub fn write_at(&self, index: usize, value: T) -> Result<()> {
        self.write_with(Some(index), value)
    }

    fn write_with(&self, index: Option<usize>, mut value: T) -> Result<()> {
        // SAFETY: the value is a `T`, and its length is given.
        unsafe {
            self.call(
                index,
                core::ptr::null_mut(),
                core::ptr::null_mut(),
                (&raw mut value).cast(),
                size_of::<T>(),
            )
        }
    }
}

impl<const N: usize> Ctl<*const c_char, N> {
    /// The text that the node points to; jemalloc's texts live as long as the process.
    pub fn read_text(&self) -> Result<&'static CStr> {
        let text = self.read()?;
        if text.is_null() {
            return Err(Error::Unsupported);
        }
        // SAFETY: jemalloc's option and version texts are static and end in NUL.
        Ok(unsafe { CStr::from_ptr(text) })
    }
}

impl<const N: usize> Action<N> {
    /// Acts on the thing numbered `index`.
    pub fn call_at(&self, index: usize) -> Result<()> {
        // SAFETY: nothing goes in or out.
        unsafe {
            self.call(
                Some(index),
                core::ptr::null_mut(),
                core::ptr::null_mut(),
                core::ptr::null_mut(),
                0,
            )
        }
    }
}

/// Asks once for a text whose name is not known in advance.
///
/// # Errors
/// `Invalid` for an unknown name.
pub fn read_by_name<T: Scalar>(name: &CStr) -> Result<T> {
    let mut value = T::ZERO;
    let mut length = size_of::<T>();
    // SAFETY: the name ends in NUL, the value is a `T`, and its length is given.
    let rc: c_int = unsafe {
        je::mallctl(
            name.as_ptr(),
            (&raw mut value).cast(),
            &raw mut length,
            core::ptr::null_mut(),
            0,
        )
    };
    if rc == 0 && length == size_of::<T>() {
        Ok(value)
    } else {
        Err(Error::Invalid)
    }
}

macro_rules! nodes {
    ($($(#[$doc:meta])* $node:ident: $type:ty = $make:expr;)*) => {
        $($(#[$doc])* pub static $node: $type = $make;)*

        /// Resolves every name, and hands those that this jemalloc lacks to `missing`.
        #[cfg(test)]
        pub fn resolve_all(mut missing: impl FnMut(&'static str)) {
            $(if $node.mib(None).is_err() {
                missing($node.name());
            })*
        }
    };
}

nodes! {
    /// jemalloc's own version.
    VERSION: Ctl<*const c_char, 1> = Ctl::new(c"version");
    /// Writing refreshes all statistics.
    EPOCH: Ctl<u64, 1> = Ctl::new(c"epoch");
    /// Whether background threads purge.
    BACKGROUND_THREAD: Ctl<bool, 1> = Ctl::new(c"background_thread");
    /// How many of them there may be.
    BACKGROUND_THREADS_MAX: Ctl<usize, 1> = Ctl::new(c"max_background_threads");
    /// How many arenas there are.
    ARENA_COUNT: Ctl<u32, 2> = Ctl::new(c"arenas.narenas");
    /// Takes the hooks, gives the new arena's number.
    ARENA_CREATE: Ctl<u32, 2> = Ctl::new(c"arenas.create");
    /// Takes an address, gives its arena's number.
    ARENA_LOOKUP: Ctl<u32, 2> = Ctl::new(c"arenas.lookup");
    /// An arena's name.
    ARENA_NAME: Ctl<*const c_char, 3> = Ctl::indexed(c"arena.0.name", 1);
    /// The largest step by which an arena grows.
    ARENA_GROW_LIMIT: Ctl<usize, 3> = Ctl::indexed(c"arena.0.retain_grow_limit", 1);
    /// Gives back every unused page.
    ARENA_PURGE: Action<3> = Ctl::indexed(c"arena.0.purge", 1);
    /// Gives back the unused pages whose time has come.
    ARENA_DECAY: Action<3> = Ctl::indexed(c"arena.0.decay", 1);
    /// Pages in use.
    STATS_PAGES_ACTIVE: Ctl<usize, 4> = Ctl::indexed(c"stats.arenas.0.pactive", 2);
    /// Pages unused, and not yet given back.
    STATS_PAGES_DIRTY: Ctl<usize, 4> = Ctl::indexed(c"stats.arenas.0.pdirty", 2);
    /// Bytes mapped.
    STATS_MAPPED: Ctl<usize, 4> = Ctl::indexed(c"stats.arenas.0.mapped", 2);
    /// Bytes that are in physical memory.
    STATS_RESIDENT: Ctl<usize, 4> = Ctl::indexed(c"stats.arenas.0.resident", 2);
    /// Bytes of metadata at the base.
    STATS_BASE: Ctl<usize, 4> = Ctl::indexed(c"stats.arenas.0.base", 2);
    /// Bytes of metadata beside the base.
    STATS_INTERNAL: Ctl<usize, 4> = Ctl::indexed(c"stats.arenas.0.internal", 2);
    /// Bytes in small blocks.
    STATS_SMALL: Ctl<usize, 5> = Ctl::indexed(c"stats.arenas.0.small.allocated", 2);
    /// Bytes in large blocks.
    STATS_LARGE: Ctl<usize, 5> = Ctl::indexed(c"stats.arenas.0.large.allocated", 2);
    /// Whether heap profiling was built in and enabled at start.
    OPT_PROF: Ctl<bool, 2> = Ctl::new(c"opt.prof");
    /// Whether heap profiling samples now.
    PROF_ACTIVE: Ctl<bool, 2> = Ctl::new(c"prof.active");
    /// Writing a path writes the profile there.
    PROF_DUMP: Ctl<*const c_char, 2> = Ctl::new(c"prof.dump");
    /// The size of a page.
    PAGE: Ctl<usize, 2> = Ctl::new(c"arenas.page");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_to_this_jemalloc() {
        resolve_all(|name| panic!("{name} is unknown"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_an_error() {
        static WRONG: Ctl<u64, 2> = Ctl::new(c"arenas.narenas");
        assert_eq!(WRONG.read(), Err(Error::Invalid));
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        static UNKNOWN: Ctl<u64, 2> = Ctl::new(c"stats.nothing");
        assert_eq!(UNKNOWN.read(), Err(Error::Unsupported));
    }

    #[test]
    fn the_baked_in_options_arrived() {
        static OPT_DIRTY_DECAY: Ctl<isize, 2> = Ctl::new(c"opt.dirty_decay_ms");
        static OPT_MUZZY_DECAY: Ctl<isize, 2> = Ctl::new(c"opt.muzzy_decay_ms");
        assert_eq!(OPT_DIRTY_DECAY.read(), Ok(1000));
        assert_eq!(OPT_MUZZY_DECAY.read(), Ok(0));
        assert_eq!(OPT_PROF.read(), Ok(true));
    }
}
