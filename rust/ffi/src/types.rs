//! The types that C shares, and the ways to and from the core's.

use catzilla_memory::class::Class;
use catzilla_memory::error::{Error, Result};
use catzilla_memory::process::Backend;
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// Another choice is already in force.
pub const CATZILLA_ERR_STATE: c_int = -1;
/// Not built in, or this jemalloc cannot.
pub const CATZILLA_ERR_UNSUPPORTED: c_int = -2;
/// Out of memory or address space.
pub const CATZILLA_ERR_NOMEM: c_int = -3;
/// An argument is out of range.
pub const CATZILLA_ERR_INVALID: c_int = -4;
/// A memory budget or limit would be exceeded.
pub const CATZILLA_ERR_BUDGET: c_int = -5;
/// A block's surroundings were overwritten, or it was freed twice.
pub const CATZILLA_ERR_CORRUPT: c_int = -6;

/// A report's level: the call that led to it failed.
pub const CATZILLA_MEMORY_LOG_ERROR: c_int = 1;
/// A report's level: something works less well than asked.
pub const CATZILLA_MEMORY_LOG_WARNING: c_int = 2;

/// The allocators that can serve the blocks.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types)]
pub enum catzilla_allocator_type_t {
    /// The system's malloc, with a 16-byte header before each block.
    CATZILLA_ALLOCATOR_MALLOC = 0,
    /// jemalloc, with an arena for each class.
    CATZILLA_ALLOCATOR_JEMALLOC = 1,
}

/// The lifetime classes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types)]
pub enum catzilla_memory_type_t {
    /// Ends when the reply is written.
    CATZILLA_MEMORY_REQUEST = 0,
    /// Ends when its last byte is written.
    CATZILLA_MEMORY_RESPONSE = 1,
    /// Ends when its entry is evicted.
    CATZILLA_MEMORY_CACHE = 2,
    /// Ends with a mount or an instance.
    CATZILLA_MEMORY_STATIC = 3,
    /// Ends with its task.
    CATZILLA_MEMORY_TASK = 4,
    /// Ends when its owner is destroyed.
    CATZILLA_MEMORY_GENERAL = 5,
}

/// What is in use. Sizes are in bytes. Counts and usage are this layer's own; active, metadata and
/// resident are jemalloc's, and 0 with the system's allocator, where both ratios are 1.0.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types)]
pub struct catzilla_memory_stats_t {
    /// Number of the request class's arena (`arenas.create`); 0 without one.
    pub request_arena: c_uint,
    /// Number of the response class's arena.
    pub response_arena: c_uint,
    /// Number of the cache class's arena.
    pub cache_arena: c_uint,
    /// Number of the static class's arena.
    pub static_arena: c_uint,
    /// Number of the task class's arena.
    pub task_arena: c_uint,
    /// Live bytes of all classes.
    pub allocated: usize,
    /// Bytes of pages in use (`stats.arenas.<i>.pactive`).
    pub active: usize,
    /// Bytes of jemalloc's own records (`stats.arenas.<i>.base` and `.internal`).
    pub metadata: usize,
    /// Bytes in physical memory (`stats.arenas.<i>.resident`).
    pub resident: usize,
    /// The most that was live at once since the last reset, or more by what threads' magazines held then: at
    /// most 360 kB a thread and class.
    pub peak_allocated: usize,
    /// active / resident; 1.0 when nothing is resident.
    pub fragmentation_ratio: f64,
    /// Blocks handed out since the last reset.
    pub allocation_count: u64,
    /// Blocks taken back since the last reset.
    pub deallocation_count: u64,
    /// Live bytes of the request class.
    pub request_arena_usage: usize,
    /// Live bytes of the response class.
    pub response_arena_usage: usize,
    /// Live bytes of the cache class.
    pub cache_arena_usage: usize,
    /// Live bytes of the static class.
    pub static_arena_usage: usize,
    /// Live bytes of the task class.
    pub task_arena_usage: usize,
    /// allocated / resident; 1.0 when nothing is resident.
    pub memory_efficiency_score: f64,
    /// Region chunks that a thread used again.
    pub cache_hits: u64,
    /// Region chunks that were newly taken.
    pub cache_misses: u64,
}

/// The ways to write statistics.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types)]
pub enum catzilla_memory_format_t {
    /// A line per class, for people.
    CATZILLA_MEMORY_TEXT = 0,
    /// One object.
    CATZILLA_MEMORY_JSON = 1,
    /// Prometheus's exposition format, with a label for the class.
    CATZILLA_MEMORY_PROMETHEUS = 2,
}

/// All figures of one class. Sizes are in bytes; those of jemalloc are 0 with the system's allocator.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct catzilla_memory_class_stats_t {
    /// Number of the class's arena; 0 without one.
    pub arena: c_uint,
    /// 1 where each class has an address range of its own, 0 where that could not be had.
    pub partitioned: c_uint,
    /// Live bytes.
    pub live: usize,
    /// Bytes that lie ready in threads' magazines and between threads.
    pub cached: usize,
    /// The most that was live at once since the last reset, or more by what threads' magazines held then: at
    /// most 360 kB a thread.
    pub peak: usize,
    /// The budget; SIZE_MAX without one.
    pub budget: usize,
    /// Bytes of pages in use (`stats.arenas.<i>.pactive`).
    pub active: usize,
    /// Bytes in physical memory (`stats.arenas.<i>.resident`).
    pub resident: usize,
    /// Bytes mapped (`stats.arenas.<i>.mapped`).
    pub mapped: usize,
    /// Bytes of pages not yet given back (`stats.arenas.<i>.pdirty`).
    pub dirty: usize,
    /// Bytes of jemalloc's own records (`stats.arenas.<i>.base` and `.internal`).
    pub metadata: usize,
    /// Bytes in blocks as jemalloc sees it, live and cached (`stats.arenas.<i>.small.allocated` and
    /// `.large.allocated`).
    pub in_use: usize,
    /// Blocks handed out since the last reset.
    pub allocation_count: u64,
    /// Blocks taken back since the last reset.
    pub deallocation_count: u64,
    /// Region chunks that a thread used again.
    pub region_chunks_reused: u64,
    /// Region chunks that were newly taken.
    pub region_chunks_new: u64,
}

/// Receives one piece of text, `length` bytes that do not end in NUL, borrowed for the call.
#[allow(non_camel_case_types)]
pub type catzilla_memory_write_fn =
    Option<unsafe extern "C" fn(text: *const c_char, length: usize, user_data: *mut c_void)>;

/// Told once each time that what is charged rises to the percentage asked for, or would pass the budget: the
/// class's number, or -1 for the process; the bytes charged and the budget; the pointer that was registered.
#[allow(non_camel_case_types)]
pub type catzilla_memory_budget_fn =
    Option<unsafe extern "C" fn(of: c_int, charged: usize, budget: usize, user_data: *mut c_void)>;

/// What debug mode found: a block that was free already was freed again.
pub const CATZILLA_MEMORY_REPORT_DOUBLE_FREE: c_int = 1;
/// What debug mode found: bytes behind the block were written.
pub const CATZILLA_MEMORY_REPORT_OVERRUN: c_int = 2;
/// What debug mode found: the block was written after it was freed.
pub const CATZILLA_MEMORY_REPORT_USE_AFTER_FREE: c_int = 3;
/// What debug mode found: a class's free function got a block of another class, and freed it.
pub const CATZILLA_MEMORY_REPORT_WRONG_CLASS: c_int = 4;
/// What debug mode found: a block was freed with a size that is not its own.
pub const CATZILLA_MEMORY_REPORT_WRONG_SIZE: c_int = 5;
/// What debug mode found: what was freed is no block of this library.
pub const CATZILLA_MEMORY_REPORT_UNKNOWN: c_int = 6;
/// What debug mode found: blocks of one class and place are still live.
pub const CATZILLA_MEMORY_REPORT_LEAK: c_int = 7;
/// What debug mode found: a block that lives longer points into a region that ended.
pub const CATZILLA_MEMORY_REPORT_ESCAPE: c_int = 8;

/// What debug mode found.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct catzilla_memory_report_t {
    /// One of CATZILLA_MEMORY_REPORT_*.
    pub kind: c_int,
    /// The block's class; -1 where it is not known.
    pub of: c_int,
    /// The block; of several, one.
    pub block: *const c_void,
    /// Its size as it was asked for; of several, of all together.
    pub size: usize,
    /// How many blocks there are alike; more than 1 in leaks alone.
    pub count: usize,
    /// Where it was allocated; NULL where no macro recorded it.
    pub file: *const c_char,
    /// The line in `file`.
    pub line: c_int,
    /// The line in `free_file`.
    pub free_line: c_int,
    /// Where it was freed, first if twice; NULL where no macro recorded it.
    pub free_file: *const c_char,
    /// The block that points to it; NULL but for CATZILLA_MEMORY_REPORT_ESCAPE.
    pub holder: *const c_void,
    /// Where in the holder the pointer is.
    pub holder_offset: usize,
    /// The holder's class, or -1.
    pub holder_of: c_int,
    /// The line in `holder_file`.
    pub holder_line: c_int,
    /// Where the holder was allocated; NULL where no macro recorded it.
    pub holder_file: *const c_char,
    /// All of it as text, callers included; ends in NUL.
    pub text: *const c_char,
}

/// Receives what debug mode found, borrowed for the call.
#[allow(non_camel_case_types)]
pub type catzilla_memory_report_fn =
    Option<unsafe extern "C" fn(report: *const catzilla_memory_report_t, user_data: *mut c_void)>;

/// Receives one report: its level (`CATZILLA_MEMORY_LOG_*`), one line that ends in NUL and is borrowed
/// for the call, and the pointer that was registered with the function. May be called on any thread.
#[allow(non_camel_case_types)]
pub type catzilla_memory_log_fn =
    Option<unsafe extern "C" fn(level: c_int, message: *const c_char, user_data: *mut c_void)>;

/// A region: blocks that end together. The two fields are for the inline functions below; what follows
/// them is the library's own, so a region is only ever used through a pointer.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct catzilla_region_t {
    /// The next free byte.
    pub cursor: *mut u8,
    /// Where the bytes end that may be taken without a call.
    pub end: *mut u8,
}

/// Runs when a region is reset or destroyed, with the data that it was added with.
#[allow(non_camel_case_types)]
pub type catzilla_region_cleanup_fn = Option<unsafe extern "C" fn(data: *mut c_void)>;

/// What an allocation of the calling thread was last refused.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types)]
pub struct catzilla_memory_refusal_t {
    /// CATZILLA_ERR_BUDGET or CATZILLA_ERR_NOMEM; 0 when nothing was refused yet.
    pub code: c_int,
    /// The class that was asked.
    pub of: catzilla_memory_type_t,
    /// The limit that was in the way, in bytes; 0 where the system had no memory.
    pub limit: usize,
    /// The size that was asked for, in bytes; SIZE_MAX when it overflowed.
    pub size: usize,
}

/// Reads a C enum, which may hold any integer.
///
/// # Errors
/// None where an int fits a size.
pub fn number_from_c<E: Copy>(value: MaybeUninit<E>) -> Result<usize> {
    const { assert!(size_of::<E>() == size_of::<c_uint>()) };
    // SAFETY: C passed an int's worth of initialised bytes, and any of their values is a `c_uint`.
    let number = unsafe { value.as_ptr().cast::<c_uint>().read() };
    usize::try_from(number).map_err(|_| Error::Invalid)
}

/// The class that C means.
///
/// # Errors
/// `Invalid` when it is none.
pub fn class_from_c(of: MaybeUninit<catzilla_memory_type_t>) -> Result<Class> {
    Class::from_index(number_from_c(of)?).ok_or(Error::Invalid)
}

/// The allocator that C means.
///
/// # Errors
/// `Invalid` when it is none.
pub fn backend_from_c(allocator: MaybeUninit<catzilla_allocator_type_t>) -> Result<Backend> {
    match number_from_c(allocator)? {
        0 => Ok(Backend::System),
        1 => Ok(Backend::Jemalloc),
        _ => Err(Error::Invalid),
    }
}

/// The allocator, as C names it.
pub fn backend_to_c(backend: Backend) -> catzilla_allocator_type_t {
    match backend {
        Backend::System => catzilla_allocator_type_t::CATZILLA_ALLOCATOR_MALLOC,
        Backend::Jemalloc => catzilla_allocator_type_t::CATZILLA_ALLOCATOR_JEMALLOC,
    }
}

/// The class, as C names it.
pub const fn class_to_c(class: Class) -> catzilla_memory_type_t {
    match class {
        Class::Request => catzilla_memory_type_t::CATZILLA_MEMORY_REQUEST,
        Class::Response => catzilla_memory_type_t::CATZILLA_MEMORY_RESPONSE,
        Class::Cache => catzilla_memory_type_t::CATZILLA_MEMORY_CACHE,
        Class::Static => catzilla_memory_type_t::CATZILLA_MEMORY_STATIC,
        Class::Task => catzilla_memory_type_t::CATZILLA_MEMORY_TASK,
        Class::General => catzilla_memory_type_t::CATZILLA_MEMORY_GENERAL,
    }
}

/// A block's address, or NULL where there is none.
#[inline]
pub fn to_c(block: Option<NonNull<u8>>) -> *mut c_void {
    block.map_or(core::ptr::null_mut(), |block| block.as_ptr().cast())
}

/// Writes `bytes` and a NUL to a new block.
///
/// # Safety
/// The block has room for one byte more than `bytes`.
pub unsafe fn write_text(block: NonNull<u8>, bytes: &[u8]) -> *mut c_char {
    // SAFETY: the caller's promise.
    unsafe {
        block.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        block.add(bytes.len()).write(0);
    }
    block.as_ptr().cast()
}
