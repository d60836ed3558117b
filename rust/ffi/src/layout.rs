//! Sizes and offsets that C code was compiled with; the header repeats them as `_Static_assert`s.

use crate::types::{catzilla_allocator_type_t, catzilla_memory_type_t};
use catzilla_memory::error::Error;

const _: () = assert!(size_of::<catzilla_allocator_type_t>() == 4);
const _: () = assert!(size_of::<catzilla_memory_type_t>() == 4);

const _: () = assert!(Error::State.code() == crate::types::CATZILLA_ERR_STATE);
const _: () = assert!(Error::Unsupported.code() == crate::types::CATZILLA_ERR_UNSUPPORTED);
const _: () = assert!(Error::NoMemory.code() == crate::types::CATZILLA_ERR_NOMEM);
const _: () = assert!(Error::Invalid.code() == crate::types::CATZILLA_ERR_INVALID);
const _: () = assert!(Error::Budget.code() == crate::types::CATZILLA_ERR_BUDGET);
const _: () = assert!(Error::Corrupt.code() == crate::types::CATZILLA_ERR_CORRUPT);

#[cfg(target_pointer_width = "64")]
const _: () = {
    use crate::types::{
        catzilla_memory_class_stats_t, catzilla_memory_refusal_t, catzilla_memory_report_t,
        catzilla_memory_stats_t, catzilla_region_t,
    };
    use catzilla_memory::region::Region;
    use core::mem::offset_of;
    type Stats = catzilla_memory_stats_t;
    assert!(size_of::<Stats>() == 152);
    assert!(offset_of!(Stats, request_arena) == 0);
    assert!(offset_of!(Stats, task_arena) == 16);
    assert!(offset_of!(Stats, allocated) == 24);
    assert!(offset_of!(Stats, peak_allocated) == 56);
    assert!(offset_of!(Stats, fragmentation_ratio) == 64);
    assert!(offset_of!(Stats, allocation_count) == 72);
    assert!(offset_of!(Stats, request_arena_usage) == 88);
    assert!(offset_of!(Stats, memory_efficiency_score) == 128);
    assert!(offset_of!(Stats, cache_misses) == 144);
    assert!(size_of::<catzilla_memory_refusal_t>() == 24);
    assert!(offset_of!(catzilla_memory_refusal_t, limit) == 8);
    assert!(size_of::<catzilla_memory_class_stats_t>() == 120);
    assert!(size_of::<catzilla_memory_report_t>() == 96);
    // Compiled into C callers' inline functions; these two never move.
    assert!(offset_of!(catzilla_region_t, cursor) == 0);
    assert!(offset_of!(catzilla_region_t, end) == 8);
    assert!(Region::CURSOR == 0 && Region::END == 8);
};
