//! What there is one of in a process: the choice of allocator, and the start that it makes.
//!
//! The choice is fixed by the first allocation or init and never changes, so blocks of two allocators
//! never meet. Everything is made once: cleaning up gives memory back but keeps the arenas, and the next
//! init finds them.

use crate::budget::Scope;
use crate::class::Class;
use crate::error::{Error, Result};
use crate::sync::Lock;
#[cfg(feature = "jemalloc")]
use crate::{arena, cache, options, partition, test_hooks, thread};
use crate::{budget, debug, log, profile, stats};
use core::ffi::CStr;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Who serves the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The system's `malloc`, with a header before each block.
    System = 1,
    /// jemalloc, with an arena for each class.
    Jemalloc = 2,
}

impl Backend {
    /// The word that names it in reports and statistics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "malloc",
            Self::Jemalloc => "jemalloc",
        }
    }
}

const UNDECIDED: u8 = 0;
/// The choice in force; written once, under `STATE`.
static BACKEND: AtomicU8 = AtomicU8::new(UNDECIDED);

struct State {
    /// What was asked for before the first use.
    preferred: Option<Backend>,
}

static STATE: Lock<State> = Lock::new(State { preferred: None });

/// When [`auto_optimize`] last did something, in seconds of the monotonic clock, plus 1; 0 is never.
static LAST_OPTIMIZED: AtomicU64 = AtomicU64::new(0);
const OPTIMIZE_EVERY: u64 = 60;

/// Whether jemalloc is built in.
pub const fn has_jemalloc() -> bool {
    cfg!(feature = "jemalloc")
}

/// jemalloc's version as it names itself; empty where it is not built in.
pub fn jemalloc_version() -> &'static CStr {
    #[cfg(feature = "jemalloc")]
    return options::version().unwrap_or_default();
    #[cfg(not(feature = "jemalloc"))]
    return c"";
}

const fn built_in() -> Backend {
    if has_jemalloc() {
        Backend::Jemalloc
    } else {
        Backend::System
    }
}

/// The allocator in force; none before the first use, which asking is not.
pub fn started() -> Option<Backend> {
    match BACKEND.load(Ordering::Acquire) {
        1 => Some(Backend::System),
        2 => Some(Backend::Jemalloc),
        _ => None,
    }
}

/// The allocator in force; asking is the first use, and fixes it.
#[inline]
pub fn backend() -> Backend {
    started().unwrap_or_else(start)
}

/// The allocator in force, or the one that the first use will choose.
pub fn current() -> Backend {
    started().unwrap_or_else(|| STATE.lock().preferred.unwrap_or(built_in()))
}

#[cold]
fn start() -> Backend {
    let backend = start_locked(&mut STATE.lock());
    log::flush();
    backend
}

fn start_locked(state: &mut State) -> Backend {
    if let Some(backend) = started() {
        return backend;
    }
    debug::read_environment();
    let mut backend = state.preferred.unwrap_or(built_in());
    if backend == Backend::Jemalloc && !start_jemalloc() {
        backend = Backend::System;
    }
    BACKEND.store(backend as u8, Ordering::Release);
    backend
}

/// Makes the partition and the arenas; `false` where this jemalloc will not do.
#[cfg(feature = "jemalloc")]
fn start_jemalloc() -> bool {
    if !options::is_usable() {
        return false;
    }
    options::silence();
    options::apply();
    if !test_hooks::reservation_fails() {
        partition::reserve();
    }
    // A class without an arena uses the default one until an init makes it; that init reports.
    let _ = arena::create_missing();
    thread::start();
    profile::follow();
    true
}

#[cfg(not(feature = "jemalloc"))]
const fn start_jemalloc() -> bool {
    false
}

/// Starts the layer, or finishes what an earlier start could not.
///
/// # Errors
/// What kept an arena from being made; its class then uses the default arena, and the next call tries again.
pub fn init() -> Result<()> {
    let result = {
        let mut state = STATE.lock();
        start_locked(&mut state);
        complete()
    };
    log::flush();
    result
}

#[cfg_attr(not(feature = "jemalloc"), expect(clippy::unnecessary_wraps))]
fn complete() -> Result<()> {
    #[cfg(feature = "jemalloc")]
    if started() == Some(Backend::Jemalloc) {
        return arena::create_missing();
    }
    Ok(())
}

/// Runs `change` while nobody else runs one.
#[cfg(feature = "jemalloc")]
pub(crate) fn alone<R>(change: impl FnOnce() -> R) -> R {
    let _state = STATE.lock();
    change()
}

/// Runs `change` if nothing was allocated or started yet.
///
/// # Errors
/// `State` if it was.
pub fn before_first_use(change: impl FnOnce()) -> Result<()> {
    let _state = STATE.lock();
    if started().is_some() {
        return Err(Error::State);
    }
    change();
    Ok(())
}

/// Asks for `backend` before the first use.
///
/// # Errors
/// `Unsupported` where it is not built in, `State` where another one is in force.
pub fn prefer(backend: Backend) -> Result<()> {
    if backend == Backend::Jemalloc && !has_jemalloc() {
        return Err(Error::Unsupported);
    }
    let mut state = STATE.lock();
    match started() {
        Some(in_force) if in_force == backend => Ok(()),
        Some(_) => Err(Error::State),
        None => {
            state.preferred = Some(backend);
            Ok(())
        }
    }
}

/// Starts the layer with `backend`.
///
/// # Errors
/// As [`prefer`] and [`init`]; `Unsupported` where the jemalloc that is there will not do.
pub fn init_with(backend: Backend) -> Result<()> {
    prefer(backend)?;
    init()?;
    if self::backend() == backend {
        Ok(())
    } else {
        Err(Error::Unsupported)
    }
}

/// Gives back what is unused and counts from zero again. Blocks, arenas and usage stay.
pub fn cleanup() {
    let Some(backend) = started() else { return };
    if debug::is_on() {
        debug::report_leaks();
    }
    // Fails where there is no profile, which then is off.
    let _ = profile::set_active(false);
    #[cfg(feature = "jemalloc")]
    if backend == Backend::Jemalloc {
        cache::release_unused();
        // What cannot be purged now is purged by decay.
        let _ = arena::purge(&Class::ALL);
    }
    if backend == Backend::System {
        trim_system();
    }
    stats::reset();
}

/// Sets a budget, after the calling thread's caches are given back: what they hold is charged.
pub fn set_budget(scope: Scope, bytes: usize) {
    #[cfg(feature = "jemalloc")]
    if started() == Some(Backend::Jemalloc) {
        cache::release_unused();
    }
    budget::set_limit(scope, bytes);
}

/// Says that the calling thread has nothing to do for a while: gives the allocator what the thread keeps,
/// and lets the allocator give back what has aged.
pub fn thread_idle() {
    #[cfg(feature = "jemalloc")]
    if started() == Some(Backend::Jemalloc) {
        cache::idle();
    }
}

/// Gives back every unused page of `class`.
///
/// # Errors
/// jemalloc's.
pub fn purge(class: Class) -> Result<()> {
    match started() {
        Some(Backend::Jemalloc) => purge_arenas(&[class]),
        Some(Backend::System) => {
            // It keeps no classes apart.
            trim_system();
            Ok(())
        }
        None => Ok(()),
    }
}

#[cfg(feature = "jemalloc")]
use arena::purge as purge_arenas;

#[cfg(not(feature = "jemalloc"))]
const fn purge_arenas(_classes: &[Class]) -> Result<()> {
    Err(Error::Unsupported)
}

/// Gives unused pages back: at once for the classes whose blocks are short-lived, in time for the others.
pub fn optimize() {
    let Some(backend) = started() else { return };
    #[cfg(feature = "jemalloc")]
    if backend == Backend::Jemalloc {
        cache::release_unused();
        // What cannot be purged now is purged by decay.
        let _ = arena::purge(&[Class::Request, Class::Response, Class::Task, Class::General]);
        let _ = arena::decay(Class::Cache);
        let _ = arena::decay(Class::Static);
    }
    if backend == Backend::System {
        trim_system();
    }
}

/// [`optimize`], at most once a minute, whichever threads call it.
pub fn auto_optimize() {
    let now = seconds().saturating_add(1);
    let last = LAST_OPTIMIZED.load(Ordering::Relaxed);
    let due = last == 0 || now.saturating_sub(last) >= OPTIMIZE_EVERY;
    if due
        && LAST_OPTIMIZED
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    {
        optimize();
    }
}

/// One at a time: where another `malloc` serves the process, a sanitizer's or a preloaded one, this is what
/// starts glibc's own, and it starts without a lock.
static TRIM: Lock<()> = Lock::new(());

fn trim_system() {
    let _trim = TRIM.lock();
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn seconds() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is valid for one write, and this clock exists everywhere.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0)
}

/// Has forks handled from when the library is loaded. One that another thread makes while the first use
/// starts the layer, or has begun before, would give its child a lock that is taken for ever.
#[used]
#[cfg_attr(
    target_vendor = "apple",
    unsafe(link_section = "__DATA,__mod_init_func")
)]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static AT_LOAD: extern "C" fn() = handle_forks;

extern "C" fn handle_forks() {
    // SAFETY: the size is not 0; the handlers are functions of this library, which is never unloaded.
    unsafe {
        // Asked anything, jemalloc registers its own handlers: as the earlier ones, they then take its locks
        // after ours, as everybody does. (Miri calls nothing foreign.)
        #[cfg(all(feature = "jemalloc", not(miri)))]
        tikv_jemalloc_sys::nallocx(1, 0);
        libc::pthread_atfork(
            Some(before_fork),
            Some(after_fork),
            Some(after_fork_in_child),
        );
    }
}

extern "C" fn before_fork() {
    STATE.acquire();
    TRIM.acquire();
    log::before_fork();
    budget::before_fork();
    debug::before_fork();
    #[cfg(feature = "jemalloc")]
    thread::before_fork();
}

extern "C" fn after_fork() {
    // SAFETY: this thread took them all in `before_fork`; in the child it is the only one left.
    unsafe {
        #[cfg(feature = "jemalloc")]
        thread::after_fork();
        debug::after_fork();
        budget::after_fork();
        log::after_fork();
        TRIM.release();
        STATE.release();
    }
}

extern "C" fn after_fork_in_child() {
    after_fork();
    #[cfg(feature = "jemalloc")]
    if started() == Some(Backend::Jemalloc) {
        options::note_fork();
    }
}

/// Starts the layer for a unit test of a part that needs it.
#[cfg(all(test, feature = "jemalloc"))]
pub(crate) fn prepared_for_test() -> Backend {
    backend()
}
