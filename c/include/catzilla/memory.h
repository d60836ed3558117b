/* Memory by lifetime class. Made by cbindgen from rust/ffi; edit that, then build memory-header. */
#ifndef CATZILLA_MEMORY_H
#define CATZILLA_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef CATZILLA_API
#if defined(_WIN32)
#define CATZILLA_API
#else
#define CATZILLA_API __attribute__((visibility("default")))
#endif
#endif


/**
 * Another choice is already in force.
 */
#define CATZILLA_ERR_STATE -1

/**
 * Not built in, or this jemalloc cannot.
 */
#define CATZILLA_ERR_UNSUPPORTED -2

/**
 * Out of memory or address space.
 */
#define CATZILLA_ERR_NOMEM -3

/**
 * An argument is out of range.
 */
#define CATZILLA_ERR_INVALID -4

/**
 * A memory budget or limit would be exceeded.
 */
#define CATZILLA_ERR_BUDGET -5

/**
 * A block's surroundings were overwritten, or it was freed twice.
 */
#define CATZILLA_ERR_CORRUPT -6

/**
 * A report's level: the call that led to it failed.
 */
#define CATZILLA_MEMORY_LOG_ERROR 1

/**
 * A report's level: something works less well than asked.
 */
#define CATZILLA_MEMORY_LOG_WARNING 2

/**
 * What debug mode found: a block that was free already was freed again.
 */
#define CATZILLA_MEMORY_REPORT_DOUBLE_FREE 1

/**
 * What debug mode found: bytes behind the block were written.
 */
#define CATZILLA_MEMORY_REPORT_OVERRUN 2

/**
 * What debug mode found: the block was written after it was freed.
 */
#define CATZILLA_MEMORY_REPORT_USE_AFTER_FREE 3

/**
 * What debug mode found: a class's free function got a block of another class, and freed it.
 */
#define CATZILLA_MEMORY_REPORT_WRONG_CLASS 4

/**
 * What debug mode found: a block was freed with a size that is not its own.
 */
#define CATZILLA_MEMORY_REPORT_WRONG_SIZE 5

/**
 * What debug mode found: what was freed is no block of this library.
 */
#define CATZILLA_MEMORY_REPORT_UNKNOWN 6

/**
 * What debug mode found: blocks of one class and place are still live.
 */
#define CATZILLA_MEMORY_REPORT_LEAK 7

/**
 * What debug mode found: a block that lives longer points into a region that ended.
 */
#define CATZILLA_MEMORY_REPORT_ESCAPE 8

/**
 * The lifetime classes.
 */
typedef enum catzilla_memory_type_t {
    /**
     * Ends when the reply is written.
     */
    CATZILLA_MEMORY_REQUEST = 0,
    /**
     * Ends when its last byte is written.
     */
    CATZILLA_MEMORY_RESPONSE = 1,
    /**
     * Ends when its entry is evicted.
     */
    CATZILLA_MEMORY_CACHE = 2,
    /**
     * Ends with a mount or an instance.
     */
    CATZILLA_MEMORY_STATIC = 3,
    /**
     * Ends with its task.
     */
    CATZILLA_MEMORY_TASK = 4,
    /**
     * Ends when its owner is destroyed.
     */
    CATZILLA_MEMORY_GENERAL = 5,
} catzilla_memory_type_t;

/**
 * The allocators that can serve the blocks.
 */
typedef enum catzilla_allocator_type_t {
    /**
     * The system's malloc, with a 16-byte header before each block.
     */
    CATZILLA_ALLOCATOR_MALLOC = 0,
    /**
     * jemalloc, with an arena for each class.
     */
    CATZILLA_ALLOCATOR_JEMALLOC = 1,
} catzilla_allocator_type_t;

/**
 * The ways to write statistics.
 */
typedef enum catzilla_memory_format_t {
    /**
     * A line per class, for people.
     */
    CATZILLA_MEMORY_TEXT = 0,
    /**
     * One object.
     */
    CATZILLA_MEMORY_JSON = 1,
    /**
     * Prometheus's exposition format, with a label for the class.
     */
    CATZILLA_MEMORY_PROMETHEUS = 2,
} catzilla_memory_format_t;

/**
 * Told once each time that what is charged rises to the percentage asked for, or would pass the budget: the
 * class's number, or -1 for the process; the bytes charged and the budget; the pointer that was registered.
 */
typedef void (*catzilla_memory_budget_fn)(int of, size_t charged, size_t budget, void *user_data);

/**
 * What an allocation of the calling thread was last refused.
 */
typedef struct catzilla_memory_refusal_t {
    /**
     * CATZILLA_ERR_BUDGET or CATZILLA_ERR_NOMEM; 0 when nothing was refused yet.
     */
    int code;
    /**
     * The class that was asked.
     */
    enum catzilla_memory_type_t of;
    /**
     * The limit that was in the way, in bytes; 0 where the system had no memory.
     */
    size_t limit;
    /**
     * The size that was asked for, in bytes; SIZE_MAX when it overflowed.
     */
    size_t size;
} catzilla_memory_refusal_t;

/**
 * What debug mode found.
 */
typedef struct catzilla_memory_report_t {
    /**
     * One of CATZILLA_MEMORY_REPORT_*.
     */
    int kind;
    /**
     * The block's class; -1 where it is not known.
     */
    int of;
    /**
     * The block; of several, one.
     */
    const void *block;
    /**
     * Its size as it was asked for; of several, of all together.
     */
    size_t size;
    /**
     * How many blocks there are alike; more than 1 in leaks alone.
     */
    size_t count;
    /**
     * Where it was allocated; NULL where no macro recorded it.
     */
    const char *file;
    /**
     * The line in `file`.
     */
    int line;
    /**
     * The line in `free_file`.
     */
    int free_line;
    /**
     * Where it was freed, first if twice; NULL where no macro recorded it.
     */
    const char *free_file;
    /**
     * The block that points to it; NULL but for CATZILLA_MEMORY_REPORT_ESCAPE.
     */
    const void *holder;
    /**
     * Where in the holder the pointer is.
     */
    size_t holder_offset;
    /**
     * The holder's class, or -1.
     */
    int holder_of;
    /**
     * The line in `holder_file`.
     */
    int holder_line;
    /**
     * Where the holder was allocated; NULL where no macro recorded it.
     */
    const char *holder_file;
    /**
     * All of it as text, callers included; ends in NUL.
     */
    const char *text;
} catzilla_memory_report_t;

/**
 * Receives what debug mode found, borrowed for the call.
 */
typedef void (*catzilla_memory_report_fn)(const struct catzilla_memory_report_t *report,
                                          void *user_data);

/**
 * Receives one report: its level (`CATZILLA_MEMORY_LOG_*`), one line that ends in NUL and is borrowed
 * for the call, and the pointer that was registered with the function. May be called on any thread.
 */
typedef void (*catzilla_memory_log_fn)(int level, const char *message, void *user_data);

/**
 * A region: blocks that end together. The two fields are for the inline functions below; what follows
 * them is the library's own, so a region is only ever used through a pointer.
 */
typedef struct catzilla_region_t {
    /**
     * The next free byte.
     */
    uint8_t *cursor;
    /**
     * Where the bytes end that may be taken without a call.
     */
    uint8_t *end;
} catzilla_region_t;

/**
 * Runs when a region is reset or destroyed, with the data that it was added with.
 */
typedef void (*catzilla_region_cleanup_fn)(void *data);

/**
 * What is in use. Sizes are in bytes. Counts and usage are this layer's own; active, metadata and
 * resident are jemalloc's, and 0 with the system's allocator, where both ratios are 1.0.
 */
typedef struct catzilla_memory_stats_t {
    /**
     * Number of the request class's arena (`arenas.create`); 0 without one.
     */
    unsigned int request_arena;
    /**
     * Number of the response class's arena.
     */
    unsigned int response_arena;
    /**
     * Number of the cache class's arena.
     */
    unsigned int cache_arena;
    /**
     * Number of the static class's arena.
     */
    unsigned int static_arena;
    /**
     * Number of the task class's arena.
     */
    unsigned int task_arena;
    /**
     * Live bytes of all classes.
     */
    size_t allocated;
    /**
     * Bytes of pages in use (`stats.arenas.<i>.pactive`).
     */
    size_t active;
    /**
     * Bytes of jemalloc's own records (`stats.arenas.<i>.base` and `.internal`).
     */
    size_t metadata;
    /**
     * Bytes in physical memory (`stats.arenas.<i>.resident`).
     */
    size_t resident;
    /**
     * The most that was live at once since the last reset, or more by what threads' magazines held then: at
     * most 360 kB a thread and class.
     */
    size_t peak_allocated;
    /**
     * active / resident; 1.0 when nothing is resident.
     */
    double fragmentation_ratio;
    /**
     * Blocks handed out since the last reset.
     */
    uint64_t allocation_count;
    /**
     * Blocks taken back since the last reset.
     */
    uint64_t deallocation_count;
    /**
     * Live bytes of the request class.
     */
    size_t request_arena_usage;
    /**
     * Live bytes of the response class.
     */
    size_t response_arena_usage;
    /**
     * Live bytes of the cache class.
     */
    size_t cache_arena_usage;
    /**
     * Live bytes of the static class.
     */
    size_t static_arena_usage;
    /**
     * Live bytes of the task class.
     */
    size_t task_arena_usage;
    /**
     * allocated / resident; 1.0 when nothing is resident.
     */
    double memory_efficiency_score;
    /**
     * Region chunks that a thread used again.
     */
    uint64_t cache_hits;
    /**
     * Region chunks that were newly taken.
     */
    uint64_t cache_misses;
} catzilla_memory_stats_t;

/**
 * All figures of one class. Sizes are in bytes; those of jemalloc are 0 with the system's allocator.
 */
typedef struct catzilla_memory_class_stats_t {
    /**
     * Number of the class's arena; 0 without one.
     */
    unsigned int arena;
    /**
     * 1 where each class has an address range of its own, 0 where that could not be had.
     */
    unsigned int partitioned;
    /**
     * Live bytes.
     */
    size_t live;
    /**
     * Bytes that lie ready in threads' magazines and between threads.
     */
    size_t cached;
    /**
     * The most that was live at once since the last reset, or more by what threads' magazines held then: at
     * most 360 kB a thread.
     */
    size_t peak;
    /**
     * The budget; SIZE_MAX without one.
     */
    size_t budget;
    /**
     * Bytes of pages in use (`stats.arenas.<i>.pactive`).
     */
    size_t active;
    /**
     * Bytes in physical memory (`stats.arenas.<i>.resident`).
     */
    size_t resident;
    /**
     * Bytes mapped (`stats.arenas.<i>.mapped`).
     */
    size_t mapped;
    /**
     * Bytes of pages not yet given back (`stats.arenas.<i>.pdirty`).
     */
    size_t dirty;
    /**
     * Bytes of jemalloc's own records (`stats.arenas.<i>.base` and `.internal`).
     */
    size_t metadata;
    /**
     * Bytes in blocks as jemalloc sees it, live and cached (`stats.arenas.<i>.small.allocated` and
     * `.large.allocated`).
     */
    size_t in_use;
    /**
     * Blocks handed out since the last reset.
     */
    uint64_t allocation_count;
    /**
     * Blocks taken back since the last reset.
     */
    uint64_t deallocation_count;
    /**
     * Region chunks that a thread used again.
     */
    uint64_t region_chunks_reused;
    /**
     * Region chunks that were newly taken.
     */
    uint64_t region_chunks_new;
} catzilla_memory_class_stats_t;

/**
 * Receives one piece of text, `length` bytes that do not end in NUL, borrowed for the call.
 */
typedef void (*catzilla_memory_write_fn)(const char *text, size_t length, void *user_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Allocates `size` bytes in the general class.
 *
 * Memory:  the caller owns the block; `catzilla_free` gives it back. 0 bytes make a block too.
 *          Aligned to 16 bytes from 16 bytes on.
 * Threads: any, before or after any init or cleanup.
 * Errors:  NULL with `errno` ENOMEM.
 */
CATZILLA_API void *catzilla_malloc(size_t size);

/**
 * Allocates `count` times `size` bytes, all 0, in the general class.
 *
 * Memory:  as `catzilla_malloc`.
 * Threads: any.
 * Errors:  NULL with `errno` ENOMEM, also when the product overflows.
 */
CATZILLA_API void *catzilla_calloc(size_t count, size_t size);

/**
 * Makes `block` `size` bytes, in the general class, wherever it was before.
 *
 * Memory:  takes `block` and gives a block back, at the same or another address; NULL behaves as
 *          `catzilla_malloc`. A size of 0 shrinks to the minimum and never frees.
 * Threads: any; the block must not be in use elsewhere.
 * Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
 * Needs:   `block` is NULL or a live block of this library.
 */
CATZILLA_API void *catzilla_realloc(void *block, size_t size);

/**
 * Frees a block of any class, from whichever of this library's functions it came.
 *
 * Memory:  takes `block`; NULL does nothing. A block of `catzilla_python_safe_alloc` is not taken
 *          here, but by `catzilla_python_safe_free`: one that comes here is kept, and reported to the
 *          callback of `catzilla_memory_set_log`, as any that is not this library's.
 * Threads: any, before or after any init or cleanup.
 * Errors:  none; `errno` stays.
 * Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
 */
CATZILLA_API
void catzilla_free(void *block);

/**
 * Allocates `size` bytes in the request class, whose memory ends when the reply is written.
 *
 * Memory:  the caller owns the block; any of this library's free functions gives it back.
 * Threads: any.
 * Errors:  NULL with `errno` ENOMEM.
 */
CATZILLA_API void *catzilla_request_alloc(size_t size);

/**
 * Makes `block` `size` bytes, in the request class, wherever it was before.
 *
 * Memory:  as `catzilla_realloc`.
 * Threads: any; the block must not be in use elsewhere.
 * Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
 * Needs:   `block` is NULL or a live block of this library.
 */
CATZILLA_API void *catzilla_request_realloc(void *block, size_t size);

/**
 * Frees a block of the request class. A block of another class is freed as well, and in debug mode
 * reported.
 *
 * Memory:  takes `block`; NULL does nothing.
 * Threads: any.
 * Errors:  none; `errno` stays.
 * Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
 */
CATZILLA_API void catzilla_request_free(void *block);

/**
 * Allocates `size` bytes in the response class, whose memory ends when its last byte is written.
 *
 * Memory:  the caller owns the block; any of this library's free functions gives it back.
 * Threads: any.
 * Errors:  NULL with `errno` ENOMEM.
 */
CATZILLA_API void *catzilla_response_alloc(size_t size);

/**
 * Makes `block` `size` bytes, in the response class, wherever it was before.
 *
 * Memory:  as `catzilla_realloc`.
 * Threads: any; the block must not be in use elsewhere.
 * Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
 * Needs:   `block` is NULL or a live block of this library.
 */
CATZILLA_API void *catzilla_response_realloc(void *block, size_t size);

/**
 * Frees a block of the response class. A block of another class is freed as well, and in debug mode
 * reported.
 *
 * Memory:  takes `block`; NULL does nothing.
 * Threads: any.
 * Errors:  none; `errno` stays.
 * Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
 */
CATZILLA_API void catzilla_response_free(void *block);

/**
 * Allocates `size` bytes in the cache class, whose memory ends when its entry is evicted.
 *
 * Memory:  the caller owns the block; any of this library's free functions gives it back.
 * Threads: any.
 * Errors:  NULL with `errno` ENOMEM.
 */
CATZILLA_API void *catzilla_cache_alloc(size_t size);

/**
 * Makes `block` `size` bytes, in the cache class, wherever it was before.
 *
 * Memory:  as `catzilla_realloc`.
 * Threads: any; the block must not be in use elsewhere.
 * Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
 * Needs:   `block` is NULL or a live block of this library.
 */
CATZILLA_API void *catzilla_cache_realloc(void *block, size_t size);

/**
 * Frees a block of the cache class. A block of another class is freed as well, and in debug mode
 * reported.
 *
 * Memory:  takes `block`; NULL does nothing.
 * Threads: any.
 * Errors:  none; `errno` stays.
 * Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
 */
CATZILLA_API void catzilla_cache_free(void *block);

/**
 * Allocates `size` bytes in the static class, whose memory ends with a mount or an instance.
 *
 * Memory:  the caller owns the block; any of this library's free functions gives it back.
 * Threads: any.
 * Errors:  NULL with `errno` ENOMEM.
 */
CATZILLA_API void *catzilla_static_alloc(size_t size);

/**
 * Makes `block` `size` bytes, in the static class, wherever it was before.
 *
 * Memory:  as `catzilla_realloc`.
 * Threads: any; the block must not be in use elsewhere.
 * Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
 * Needs:   `block` is NULL or a live block of this library.
 */
CATZILLA_API void *catzilla_static_realloc(void *block, size_t size);

/**
 * Frees a block of the static class. A block of another class is freed as well, and in debug mode
 * reported.
 *
 * Memory:  takes `block`; NULL does nothing.
 * Threads: any.
 * Errors:  none; `errno` stays.
 * Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
 */
CATZILLA_API void catzilla_static_free(void *block);

/**
 * Allocates `size` bytes in the task class, whose memory ends with its task.
 *
 * Memory:  the caller owns the block; any of this library's free functions gives it back.
 * Threads: any.
 * Errors:  NULL with `errno` ENOMEM.
 */
CATZILLA_API void *catzilla_task_alloc(size_t size);

/**
 * Makes `block` `size` bytes, in the task class, wherever it was before.
 *
 * Memory:  as `catzilla_realloc`.
 * Threads: any; the block must not be in use elsewhere.
 * Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
 * Needs:   `block` is NULL or a live block of this library.
 */
CATZILLA_API void *catzilla_task_realloc(void *block, size_t size);

/**
 * Frees a block of the task class. A block of another class is freed as well, and in debug mode
 * reported.
 *
 * Memory:  takes `block`; NULL does nothing.
 * Threads: any.
 * Errors:  none; `errno` stays.
 * Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
 */
CATZILLA_API void catzilla_task_free(void *block);

/**
 * Refuses what would let class `of` exceed `bytes`; SIZE_MAX is no budget, 0 refuses everything. It
 * counts the bytes handed out, and never passes by more than what threads' magazines held when it was
 * met (at most 360 kB a thread and class). What is there already stays, also when it is more.
 *
 * Threads: any; the calling thread's own caches are given back first, so that they count no more.
 * Errors:  CATZILLA_ERR_INVALID for a value that is no class.
 */
CATZILLA_API
int catzilla_memory_set_budget(enum catzilla_memory_type_t of,
                               size_t bytes);

/**
 * As `catzilla_memory_set_budget`, for all classes together.
 *
 * Threads: any.
 */
CATZILLA_API void catzilla_memory_set_total_budget(size_t bytes);

/**
 * The budget of class `of`; SIZE_MAX without one, and for a value that is no class.
 *
 * Threads: any.
 */
CATZILLA_API size_t catzilla_memory_get_budget(enum catzilla_memory_type_t of);

/**
 * The budget of all classes together; SIZE_MAX without one.
 *
 * Threads: any.
 */
CATZILLA_API size_t catzilla_memory_get_total_budget(void);

/**
 * Has `callback` called once each time that a budget is used to this `percent` or, where an
 * allocation is too large to get there, before that is refused; again only after it was below. A refused
 * allocation is tried once more after the callback, which may have made room. A budget that is used to
 * that much already tells at once, when it or the callback is set. NULL stops it.
 *
 * Memory:  keeps `user_data` and hands it to `callback`, nothing more.
 * Threads: any; `callback` runs on the thread that met the threshold, and holds no lock of this library. It
 *          may free and allocate; it is not called for what it does itself.
 * Errors:  CATZILLA_ERR_INVALID for a percentage that is not 1 to 100.
 */
CATZILLA_API
int catzilla_memory_set_budget_callback(catzilla_memory_budget_fn callback,
                                        int percent,
                                        void *user_data);

/**
 * Writes what an allocation of the calling thread was last refused to `out`, all zero if nothing was.
 *
 * Memory:  borrows `out` for the call; NULL does nothing.
 * Threads: any; each has its own.
 * Needs:   `out` is NULL or valid for one write.
 */
CATZILLA_API
void catzilla_memory_last_refusal(struct catzilla_memory_refusal_t *out);

/**
 * Chooses how much is looked at, before the first allocation or init: 0 nothing, 1 every block, 2 also
 * whether pointers outlive what they point to when a region is reset. The environment's `CATZILLA_DEBUG`
 * may ask for more.
 *
 * Threads: any.
 * Errors:  CATZILLA_ERR_STATE after the first use, unless that level is in force already;
 *          CATZILLA_ERR_INVALID for any other level.
 */
CATZILLA_API
int catzilla_memory_set_debug(int level);

/**
 * Names who is told what debug mode finds; the process then goes on. Without anybody (NULL), a report
 * goes to stderr, and one of damaged memory ends the process.
 *
 * Memory:  keeps `user_data` and hands it to `callback`, nothing more.
 * Threads: any; `callback` runs on whichever thread found it, holds no lock of this library, and may
 *          use it.
 */
CATZILLA_API
void catzilla_memory_set_report(catzilla_memory_report_fn callback,
                                void *user_data);

/**
 * In debug mode, lets `successes` more allocations of class `of` succeed and the next one fail as if
 * there were no memory; after that all succeed again. A negative number takes it back.
 *
 * Threads: any; whichever allocates next.
 * Errors:  CATZILLA_ERR_STATE outside debug mode, CATZILLA_ERR_INVALID for a value that is no class.
 */
CATZILLA_API
int catzilla_memory_fail_after(enum catzilla_memory_type_t of,
                               long successes);

/**
 * Says on stderr what is still live: a line for each class that has something. In debug mode it is a
 * report for each class and place of allocation, to whoever is told of such.
 *
 * Threads: any.
 */
CATZILLA_API
void catzilla_memory_check_leaks(void);

/**
 * In debug mode, records that `block` was allocated at `line` of `file`. `CATZILLA_MALLOC` and the other
 * recording macros call it.
 *
 * Memory:  borrows `file` for as long as the process lives; NULL for either does nothing.
 * Threads: any.
 * Needs:   `file` is NULL, or ends in NUL and stays.
 */
CATZILLA_API
void catzilla_memory_track_allocation(void *block,
                                      size_t size,
                                      const char *file,
                                      int line);

/**
 * In debug mode, records that the calling thread is about to free `block` at `line` of `file`.
 * `CATZILLA_FREE` calls it.
 *
 * Memory:  borrows `file` for as long as the process lives; NULL for either does nothing.
 * Threads: any.
 * Needs:   `file` is NULL, or ends in NUL and stays.
 */
CATZILLA_API void catzilla_memory_track_deallocation(void *block, const char *file, int line);

/**
 * Starts the memory layer, silently. Allocating starts it too; calling this first tells what failed.
 *
 * Memory:  makes one arena per class, once per process; later calls find them (`arenas.create`).
 * Threads: any, also at once; exactly one makes the arenas.
 * Errors:  a negative code when an arena could not be made. The process stays usable on the default
 *          arena, and a later call makes what is missing.
 */
CATZILLA_API
int catzilla_memory_init(void);

/**
 * As `catzilla_memory_init`; with `quiet` = 0 one line on stderr names the allocator and the arenas.
 *
 * Memory, threads, errors: as `catzilla_memory_init`.
 */
CATZILLA_API
int catzilla_memory_init_quiet(int quiet);

/**
 * As `catzilla_memory_init`, with `allocator`.
 *
 * Memory:  as `catzilla_memory_init`.
 * Threads: any.
 * Errors:  CATZILLA_ERR_STATE when another allocator is in force, CATZILLA_ERR_UNSUPPORTED when this
 *          one is not built in or too old, CATZILLA_ERR_INVALID for any other value.
 */
CATZILLA_API
int catzilla_memory_init_with_allocator(enum catzilla_allocator_type_t allocator);

/**
 * Chooses the allocator for the process. The first allocation or init fixes the choice.
 *
 * Threads: any.
 * Errors:  CATZILLA_ERR_STATE when another allocator is in force (naming the one in force is 0),
 *          CATZILLA_ERR_UNSUPPORTED when it is not built in, CATZILLA_ERR_INVALID for any other value.
 */
CATZILLA_API
int catzilla_memory_set_allocator(enum catzilla_allocator_type_t allocator);

/**
 * The allocator in force, or the one that the first use will choose.
 *
 * Threads: any.
 */
CATZILLA_API enum catzilla_allocator_type_t catzilla_memory_get_current_allocator(void);

/**
 * Whether jemalloc is built in.
 *
 * Threads: any.
 */
CATZILLA_API bool catzilla_memory_has_jemalloc(void);

/**
 * Whether jemalloc is built in; another name of `catzilla_memory_has_jemalloc`.
 *
 * Threads: any.
 */
CATZILLA_API bool catzilla_memory_jemalloc_available(void);

/**
 * jemalloc's version as it names itself, such as "5.3.1-0-g…"; empty where it is not built in.
 *
 * Memory:  borrows the library's text, for ever.
 * Threads: any.
 * Source:  mallctl `version`.
 */
CATZILLA_API const char *catzilla_memory_jemalloc_version(void);

/**
 * Writes the value of jemalloc's option `name` (such as "dirty_decay_ms") as text to `out`, which has
 * `size` bytes: "1000", "true", "auto". What the build baked in can be read back so.
 *
 * Memory:  borrows `name` and `out` for the call; the text ends in NUL.
 * Threads: any.
 * Errors:  CATZILLA_ERR_UNSUPPORTED with the system's allocator, CATZILLA_ERR_INVALID for an unknown
 *          name or a NULL, CATZILLA_ERR_NOMEM when `out` is too small; `out` is then empty.
 * Source:  mallctl `opt.<name>`.
 * Needs:   `name` is NULL or ends in NUL, `out` is NULL or has room for `size` bytes.
 */
CATZILLA_API
int catzilla_memory_get_option(const char *name,
                               char *out,
                               size_t size);

/**
 * Gives everything unused back and counts from zero again: flushes the calling thread's caches, purges
 * every class, turns profiling off. Arenas, live blocks and usage stay.
 *
 * Threads: any, also while others allocate; without an init before it, and any number of times.
 * Source:  mallctl `arena.<i>.purge`, `prof.active`.
 */
CATZILLA_API
void catzilla_memory_cleanup(void);

/**
 * Gives unused pages back: request, response, task and general at once, cache and static as they age.
 *
 * Threads: any.
 * Source:  mallctl `arena.<i>.purge`, `arena.<i>.decay`.
 */
CATZILLA_API
void catzilla_memory_optimize(void);

/**
 * As `catzilla_memory_optimize`, at most once in 60 seconds, whichever threads call it.
 *
 * Threads: any.
 */
CATZILLA_API void catzilla_memory_auto_optimize(void);

/**
 * Says that the calling thread has nothing to do for a while: gives jemalloc the free blocks that the
 * thread keeps and those that threads left for each other, and lets it give back what has aged. An idle
 * thread that calls this keeps nothing; one that does not keeps at most 2.2 MB. What threads left for each
 * other is at most 5.7 MB in all, however many they are, and nothing after one such call of any thread.
 *
 * Threads: any; meant for an event loop that has run dry, not for every turn of a busy one.
 * Source:  mallctl `arena.<i>.decay`, at most once a second.
 */
CATZILLA_API
void catzilla_memory_thread_idle(void);

/**
 * Gives every unused page of class `of` back.
 *
 * Threads: any.
 * Errors:  CATZILLA_ERR_INVALID for a value that is no class.
 * Source:  mallctl `arena.<i>.purge`.
 */
CATZILLA_API int catzilla_memory_purge_arena(enum catzilla_memory_type_t of);

/**
 * Names the function that is told, once, of each setting that failed. What failed before is told at
 * once. NULL stops it; reports are then kept, sixteen at most.
 *
 * Memory:  keeps `user_data` and hands it to `callback`, nothing more.
 * Threads: any; `callback` runs on whichever thread meets the failure, and holds no lock of this
 *          library.
 */
CATZILLA_API void catzilla_memory_set_log(catzilla_memory_log_fn callback, void *user_data);

/**
 * One line that says what `code` means; 0 and unknown codes have one too.
 *
 * Memory:  borrows the library's text, for ever.
 * Threads: any.
 */
CATZILLA_API const char *catzilla_memory_strerror(int code);

/**
 * Allocates `size` bytes from the system's allocator, whichever serves the classes.
 *
 * Memory:  the caller owns the block and gives it to `catzilla_python_safe_free` or to libc's `free`,
 *          never to `catzilla_free`. 0 bytes make a block too.
 * Threads: any.
 * Errors:  NULL with `errno` ENOMEM.
 */
CATZILLA_API
void *catzilla_python_safe_alloc(size_t size);

/**
 * As `catzilla_python_safe_alloc`, for `count` times `size` bytes, all 0.
 *
 * Memory, threads: as `catzilla_python_safe_alloc`.
 * Errors:  NULL with `errno` ENOMEM, also when the product overflows.
 */
CATZILLA_API void *catzilla_python_safe_calloc(size_t count, size_t size);

/**
 * Makes `block` `size` bytes. NULL behaves as alloc; a size of 0 shrinks to the minimum, never frees.
 *
 * Memory:  takes `block` and gives a block back.
 * Threads: any; the block must not be in use elsewhere.
 * Errors:  NULL with `errno` ENOMEM; `block` is then as it was.
 * Needs:   `block` is NULL or a live block of the system's allocator.
 */
CATZILLA_API
void *catzilla_python_safe_realloc(void *block,
                                   size_t size);

/**
 * Frees a block of the three functions above; NULL does nothing.
 *
 * Memory:  takes `block`.
 * Threads: any.
 * Needs:   `block` is NULL or a live block of the system's allocator, and is not used afterwards.
 */
CATZILLA_API void catzilla_python_safe_free(void *block);

/**
 * Makes an empty region in class `of`. It lives at the start of its first chunk, 8,192 bytes of the
 * class, which it keeps until it is destroyed.
 *
 * Memory:  `*out` is the caller's; `catzilla_region_destroy` ends it. NULL on failure.
 * Threads: any; the region then belongs to one thread at a time.
 * Errors:  CATZILLA_ERR_INVALID for a value that is no class or a NULL, CATZILLA_ERR_NOMEM,
 *          CATZILLA_ERR_BUDGET.
 * Needs:   `out` is NULL or valid for one write.
 */
CATZILLA_API
int catzilla_region_create(enum catzilla_memory_type_t of,
                           struct catzilla_region_t **out);

/**
 * As `catzilla_region_alloc`, which asks here when the chunk has too little left. For callers that
 * cannot use the inline function.
 *
 * Memory, threads, errors: as `catzilla_region_alloc`.
 * Needs:   `region` is live.
 */
CATZILLA_API void *catzilla_region_alloc_slow(struct catzilla_region_t *region, size_t size);

/**
 * Hands out `size` bytes at a multiple of `alignment`, a power of two.
 *
 * Memory:  borrowed until the region is reset or destroyed.
 * Threads: the region's.
 * Errors:  NULL with `errno` ENOMEM, or EINVAL for an alignment that is no power of two.
 * Needs:   `region` is live.
 */
CATZILLA_API
void *catzilla_region_aligned(struct catzilla_region_t *region,
                              size_t alignment,
                              size_t size);

/**
 * Copies `text` into the region.
 *
 * Memory:  borrows `text` for the call; the copy is borrowed until the region is reset or destroyed.
 * Threads: the region's.
 * Errors:  NULL with `errno` ENOMEM, or EINVAL for a NULL.
 * Needs:   `region` is live; `text` is NULL or ends in NUL.
 */
CATZILLA_API
char *catzilla_region_strdup(struct catzilla_region_t *region,
                             const char *text);

/**
 * Copies the first `length` bytes of `text`, or as many as there are before a NUL, and ends them in NUL.
 *
 * Memory, threads, errors: as `catzilla_region_strdup`.
 * Needs:   `region` is live; `text` is NULL or has `length` bytes or a NUL before that.
 */
CATZILLA_API
char *catzilla_region_strndup(struct catzilla_region_t *region,
                              const char *text,
                              size_t length);

/**
 * Has `cleanup` called with `data` when the region is reset or destroyed, before the cleanups that were
 * added earlier. It may use the region's blocks, allocate from it, and add or cancel cleanups.
 *
 * Memory:  the note is in the region; `data` stays the caller's.
 * Threads: the region's.
 * Errors:  CATZILLA_ERR_INVALID for a NULL function, CATZILLA_ERR_NOMEM, CATZILLA_ERR_BUDGET.
 * Needs:   `region` is live, and `cleanup` may be called with `data` until then.
 */
CATZILLA_API
int catzilla_region_add_cleanup(struct catzilla_region_t *region,
                                catzilla_region_cleanup_fn cleanup,
                                void *data);

/**
 * Takes back the latest cleanup that was added with this function and `data`.
 *
 * Threads: the region's.
 * Errors:  CATZILLA_ERR_INVALID when there is none that has not run.
 * Needs:   `region` is live.
 */
CATZILLA_API
int catzilla_region_cancel_cleanup(struct catzilla_region_t *region,
                                   catzilla_region_cleanup_fn cleanup,
                                   void *data);

/**
 * Refuses blocks from where `catzilla_region_used` would exceed `bytes`. What is in use stays, also
 * when it is more; SIZE_MAX is no limit.
 *
 * Threads: the region's.
 * Needs:   `region` is live.
 */
CATZILLA_API void catzilla_region_set_limit(struct catzilla_region_t *region, size_t bytes);

/**
 * Bytes handed out since the last reset; each block counts as the next multiple of 16, one of a larger
 * alignment with that less 16 beside it, and the note of a cleanup as a block.
 *
 * Threads: the region's.
 * Needs:   `region` is live.
 */
CATZILLA_API
size_t catzilla_region_used(const struct catzilla_region_t *region);

/**
 * The most bytes that were in use at once since the region was made.
 *
 * Threads: the region's.
 * Needs:   `region` is live.
 */
CATZILLA_API size_t catzilla_region_high_water(const struct catzilla_region_t *region);

/**
 * Ends all blocks of the region: runs the cleanups, the latest first, then reuses the memory. One chunk
 * stays with the region, the others go back to its class.
 *
 * Threads: the region's.
 * Needs:   `region` is NULL or live, and no block of it is used afterwards.
 */
CATZILLA_API
void catzilla_region_reset(struct catzilla_region_t *region);

/**
 * As `catzilla_region_reset`, and gives the region itself back. NULL does nothing.
 *
 * Threads: the region's.
 * Needs:   `region` is NULL or live, and neither it nor a block of it is used afterwards.
 */
CATZILLA_API void catzilla_region_destroy(struct catzilla_region_t *region);

/**
 * Fills every field of `out`.
 *
 * Memory:  borrows `out` for the call; NULL does nothing.
 * Threads: any. Counts and usage are exact when no other thread is inside a call of this library;
 *          otherwise they are a moment old, and never negative.
 * Source:  mallctl `epoch`, `stats.arenas.<i>.*`.
 * Needs:   `out` is NULL or valid for one write.
 */
CATZILLA_API void catzilla_memory_get_stats(struct catzilla_memory_stats_t *out);

/**
 * Writes the live bytes of class `of` to `allocated`, and those of its pages in use to `active`.
 *
 * Memory:  borrows both for the call; either may be NULL.
 * Threads: any.
 * Errors:  CATZILLA_ERR_INVALID for a value that is no class; nothing is then written.
 * Source:  mallctl `stats.arenas.<i>.pactive`; `active` is 0 with the system's allocator.
 * Needs:   Each pointer is NULL or valid for one write.
 */
CATZILLA_API
int catzilla_memory_get_arena_stats(enum catzilla_memory_type_t of,
                                    size_t *allocated,
                                    size_t *active);

/**
 * Writes all figures of class `of` to the first `size` bytes of `out`: pass the size of the struct that
 * the caller was compiled with, so that later versions may add fields at its end.
 *
 * Memory:  borrows `out` for the call.
 * Threads: as `catzilla_memory_get_stats`.
 * Errors:  CATZILLA_ERR_INVALID for a value that is no class or a NULL; nothing is then written.
 * Source:  mallctl `epoch`, `stats.arenas.<i>.*`.
 * Needs:   `out` is NULL or valid for `size` bytes.
 */
CATZILLA_API
int catzilla_memory_get_class_stats(enum catzilla_memory_type_t of,
                                    struct catzilla_memory_class_stats_t *out,
                                    size_t size);

/**
 * Hands the figures of all classes, as `format` says, to `write`, a piece at a time.
 *
 * Memory:  borrows each piece to `write` for its call; it does not end in NUL.
 * Threads: as `catzilla_memory_get_stats`; `write` runs on the calling thread, and holds no lock of this
 *          library.
 * Errors:  CATZILLA_ERR_INVALID for a value that is no format or a NULL function.
 * Needs:   `write` may be called with `user_data`.
 */
CATZILLA_API
int catzilla_memory_write_stats(enum catzilla_memory_format_t format,
                                catzilla_memory_write_fn write,
                                void *user_data);

/**
 * Counts allocations and deallocations from zero again, and lets the peak be what is live now.
 *
 * Threads: any.
 */
CATZILLA_API void catzilla_memory_reset_stats(void);

/**
 * Starts jemalloc's sampled heap profile. While it runs every call reaches jemalloc, and is slower.
 *
 * Threads: any.
 * Errors:  CATZILLA_ERR_UNSUPPORTED with the system's allocator, or where jemalloc was built or started
 *          without it.
 * Source:  mallctl `prof.active`.
 */
CATZILLA_API
int catzilla_memory_enable_profiling(void);

/**
 * Stops the heap profile; without one, does nothing.
 *
 * Threads: any.
 * Source:  mallctl `prof.active`.
 */
CATZILLA_API void catzilla_memory_disable_profiling(void);

/**
 * Writes what the heap profile sampled and is still live to the file `path`, for `jeprof` to read.
 *
 * Memory:  borrows `path` for the call.
 * Threads: any.
 * Errors:  CATZILLA_ERR_UNSUPPORTED as `catzilla_memory_enable_profiling`, CATZILLA_ERR_INVALID for a
 *          NULL or a file that cannot be written.
 * Source:  mallctl `prof.dump`.
 * Needs:   `path` is NULL or ends in NUL.
 */
CATZILLA_API
int catzilla_memory_dump_profile(const char *path);

/**
 * Writes usage and counts to stderr, a line per class.
 *
 * Threads: any.
 */
CATZILLA_API void catzilla_memory_dump_stats(void);

#if defined(CATZILLA_TEST_HOOKS)
/**
 * Lets `successes` more arenas be made, and then none; negative turns that off.
 *
 * Threads: any, before the start that is to fail.
 */
CATZILLA_API void catzilla_memory_test_fail_arena_creation(int successes);
#endif

#if defined(CATZILLA_TEST_HOOKS)
/**
 * Pretends that jemalloc's major version is `major`; 0 turns that off.
 *
 * Threads: any, before the first use.
 */
CATZILLA_API void catzilla_memory_test_fake_jemalloc_major(unsigned int major);
#endif

#if defined(CATZILLA_TEST_HOOKS)
/**
 * Pretends that no address range can be reserved, so that classes are told apart by arena alone.
 *
 * Threads: any, before the first use.
 */
CATZILLA_API void catzilla_memory_test_fail_reservation(bool fails);
#endif

#if defined(CATZILLA_TEST_HOOKS)
/**
 * Writes the number of the arena that `block` is in to `arena`.
 *
 * Threads: any.
 * Errors:  CATZILLA_ERR_UNSUPPORTED without jemalloc, CATZILLA_ERR_INVALID for a block that is not
 *          jemalloc's, or a NULL.
 * Source:  mallctl `arenas.lookup`.
 * Needs:   `arena` is NULL or valid for one write.
 */
CATZILLA_API int catzilla_memory_test_arena_of(const void *block, unsigned int *arena);
#endif

#if defined(CATZILLA_TEST_HOOKS)
/**
 * How many arenas jemalloc has, its automatic ones included; 0 without jemalloc.
 *
 * Threads: any.
 * Source:  mallctl `arenas.narenas`.
 */
CATZILLA_API unsigned int catzilla_memory_test_arena_count(void);
#endif

/**
 * Allocates `size` bytes in class `of`.
 *
 * Memory:  the caller owns the block; any of this library's free functions gives it back. 0 bytes make a
 *          block too. Aligned to 16 bytes from 16 bytes on.
 * Threads: any.
 * Errors:  NULL with `errno` ENOMEM (`catzilla_memory_last_refusal` says why), or EINVAL for a value
 *          that is no class.
 */
CATZILLA_API
void *catzilla_memory_alloc(enum catzilla_memory_type_t of,
                            size_t size);

/**
 * As `catzilla_memory_alloc`; the bytes are 0.
 *
 * Memory, threads, errors: as `catzilla_memory_alloc`.
 */
CATZILLA_API void *catzilla_memory_zalloc(enum catzilla_memory_type_t of, size_t size);

/**
 * As `catzilla_memory_alloc`, at a multiple of `alignment`, a power of two.
 *
 * Memory, threads: as `catzilla_memory_alloc`.
 * Errors:  as `catzilla_memory_alloc`; EINVAL for any other alignment too.
 */
CATZILLA_API
void *catzilla_memory_aligned(enum catzilla_memory_type_t of,
                              size_t alignment,
                              size_t size);

/**
 * Makes `block` `size` bytes, in class `of`, wherever it was before.
 *
 * Memory:  takes `block` and gives a block back, at the same or another address; NULL behaves as
 *          `catzilla_memory_alloc`. A size of 0 shrinks to the minimum and never frees.
 * Threads: any; the block must not be in use elsewhere.
 * Errors:  as `catzilla_memory_alloc`; `block` is then as it was.
 * Needs:   `block` is NULL or a live block of this library.
 */
CATZILLA_API
void *catzilla_memory_realloc(enum catzilla_memory_type_t of,
                              void *block,
                              size_t size);

/**
 * Frees a block whose class and size the caller knows; both only serve to find mistakes in debug mode.
 *
 * Memory:  takes `block`; NULL does nothing. A block of another class is freed as well.
 * Threads: any.
 * Errors:  none; `errno` stays.
 * Needs:   `block` is NULL or a live block of this library, and is not used afterwards.
 */
CATZILLA_API
void catzilla_memory_free_sized(enum catzilla_memory_type_t of,
                                void *block,
                                size_t size);

/**
 * How many bytes of `block` may be used: its size, rounded up as the allocator does. 0 for NULL.
 *
 * Threads: any.
 * Source:  `sallocx`; with the system's allocator and in debug mode the size that was asked for.
 * Needs:   `block` is NULL or a live block of this library.
 */
CATZILLA_API size_t catzilla_memory_usable_size(const void *block);

/**
 * Copies `text` into class `of`.
 *
 * Memory:  borrows `text` for the call; the copy is the caller's.
 * Threads: any.
 * Errors:  as `catzilla_memory_alloc`; EINVAL for a NULL too.
 * Needs:   `text` is NULL or ends in NUL.
 */
CATZILLA_API char *catzilla_memory_strdup(enum catzilla_memory_type_t of, const char *text);

/**
 * Copies the first `length` bytes of `text`, or as many as there are before a NUL, and ends them in NUL.
 *
 * Memory, threads, errors: as `catzilla_memory_strdup`.
 * Needs:   `text` is NULL or has `length` bytes or a NUL before that.
 */
CATZILLA_API
char *catzilla_memory_strndup(enum catzilla_memory_type_t of,
                              const char *text,
                              size_t length);

/**
 * Moves `block` to class `of`, to live as long as that; one that is there already stays where it is.
 *
 * Memory:  takes `block` and gives a block of the same usable size back.
 * Threads: any; the block must not be in use elsewhere.
 * Errors:  as `catzilla_memory_alloc`; `block` is then as it was. EINVAL for a NULL too.
 * Needs:   `block` is NULL or a live block of this library.
 */
CATZILLA_API
void *catzilla_memory_promote(void *block,
                              enum catzilla_memory_type_t of);

/**
 * The class of the block that `address` lies in, or -1 for an address that is not this library's: the
 * answer is one subtraction where classes have address ranges of their own.
 *
 * Threads: any.
 * Source:  mallctl `arenas.lookup` where they have not; with the system's allocator a mark in the 16 bytes
 *          before the block, so that there only the address of the block itself is known. Debug mode knows
 *          live blocks alone, and says -1 for what was freed.
 * Needs:   With the system's allocator, outside debug mode, `address` is NULL or not a multiple of 16, or
 *          the 16 bytes before it can be read. Of a foreign block, that is the caller's to know; valgrind
 *          reports it.
 */
CATZILLA_API
int catzilla_memory_class_of(const void *address);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#ifdef __cplusplus
extern "C" {
#endif

/* Tells debug mode where `block` was allocated, and passes it on. */
static inline void *catzilla_memory_allocated_at(void *block, const char *file, int line)
{
    /* The size is known already, and naming it here would evaluate it twice. */
    catzilla_memory_track_allocation(block, 0, file, line);
    return block;
}

/* Tells debug mode where `block` is freed, and frees it. */
static inline void catzilla_memory_free_at(void *block, const char *file, int line)
{
    catzilla_memory_track_deallocation(block, file, line);
    catzilla_free(block);
}

/* As catzilla_memory_free_at, with the class and size that the caller believes it has. */
static inline void catzilla_memory_free_sized_at(catzilla_memory_type_t of, void *block, size_t size,
                                                 const char *file, int line)
{
    catzilla_memory_track_deallocation(block, file, line);
    catzilla_memory_free_sized(of, block, size);
}

/**
 * Hands out `size` bytes of `region`, aligned to 16. 0 bytes make a block too.
 *
 * Memory:  borrowed until the region is reset or destroyed; never freed by itself.
 * Threads: the region's.
 * Errors:  NULL with `errno` ENOMEM; `catzilla_memory_last_refusal` says whether a limit was in the way.
 */
static inline void *catzilla_region_alloc(catzilla_region_t *region, size_t size)
{
    unsigned char *block = region->cursor;
    /* What is left is a multiple of 16, so where `size` fits, its next multiple does. */
    if (size - 1 < (size_t)(region->end - block)) {
        region->cursor = block + ((size + 15) & ~(size_t)15);
        return block;
    }
    return catzilla_region_alloc_slow(region, size);
}

/**
 * As `catzilla_region_alloc`; the bytes are 0.
 *
 * Memory, threads, errors: as `catzilla_region_alloc`.
 */
static inline void *catzilla_region_zalloc(catzilla_region_t *region, size_t size)
{
    void *block = catzilla_region_alloc(region, size);
    return block != NULL ? memset(block, 0, size) : NULL;
}

/**
 * Formats as vsnprintf does, into a text of the region that ends in NUL.
 *
 * Memory:  borrowed until the region is reset or destroyed.
 * Threads: the region's.
 * Errors:  NULL with `errno` ENOMEM, or as vsnprintf leaves it when the format is wrong.
 */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 0)))
#endif
static inline char *catzilla_region_vprintf(catzilla_region_t *region, const char *format,
                                            va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return NULL;
    char *text = (char *)catzilla_region_alloc(region, (size_t)length + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

/**
 * As `catzilla_region_vprintf`, with the arguments themselves.
 *
 * Memory, threads, errors: as `catzilla_region_vprintf`.
 */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static inline char *catzilla_region_printf(catzilla_region_t *region, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = catzilla_region_vprintf(region, format, arguments);
    va_end(arguments);
    return text;
}

#ifdef __cplusplus
}
#endif

/* The functions of these names, recording file and line in debug mode. */
#define CATZILLA_RECORD(block) catzilla_memory_allocated_at((block), __FILE__, __LINE__)
#define CATZILLA_MALLOC(size) CATZILLA_RECORD(catzilla_malloc(size))
#define CATZILLA_ALLOC(of, size) CATZILLA_RECORD(catzilla_memory_alloc((of), (size)))
#define CATZILLA_ZALLOC(of, size) CATZILLA_RECORD(catzilla_memory_zalloc((of), (size)))
#define CATZILLA_ALIGNED(of, alignment, size)                                                      \
    CATZILLA_RECORD(catzilla_memory_aligned((of), (alignment), (size)))
#define CATZILLA_REALLOC(of, ptr, size) CATZILLA_RECORD(catzilla_memory_realloc((of), (ptr), (size)))
#define CATZILLA_STRDUP(of, text) ((char *)CATZILLA_RECORD(catzilla_memory_strdup((of), (text))))
#define CATZILLA_STRNDUP(of, text, length)                                                         \
    ((char *)CATZILLA_RECORD(catzilla_memory_strndup((of), (text), (length))))
#define CATZILLA_PROMOTE(ptr, of) CATZILLA_RECORD(catzilla_memory_promote((ptr), (of)))
#define CATZILLA_FREE(ptr) catzilla_memory_free_at((ptr), __FILE__, __LINE__)
#define CATZILLA_FREE_SIZED(of, ptr, size)                                                         \
    catzilla_memory_free_sized_at((of), (ptr), (size), __FILE__, __LINE__)

#if defined(__LP64__) && (defined(__cplusplus) || __STDC_VERSION__ >= 201112L)
#ifdef __cplusplus
#define CATZILLA_MEMORY_PIN(what) static_assert(what, #what)
#else
#define CATZILLA_MEMORY_PIN(what) _Static_assert(what, #what)
#endif
CATZILLA_MEMORY_PIN(sizeof(catzilla_memory_stats_t) == 152);
CATZILLA_MEMORY_PIN(offsetof(catzilla_memory_stats_t, allocated) == 24);
CATZILLA_MEMORY_PIN(offsetof(catzilla_memory_stats_t, fragmentation_ratio) == 64);
CATZILLA_MEMORY_PIN(offsetof(catzilla_memory_stats_t, allocation_count) == 72);
CATZILLA_MEMORY_PIN(offsetof(catzilla_memory_stats_t, request_arena_usage) == 88);
CATZILLA_MEMORY_PIN(offsetof(catzilla_memory_stats_t, memory_efficiency_score) == 128);
CATZILLA_MEMORY_PIN(offsetof(catzilla_memory_stats_t, cache_misses) == 144);
CATZILLA_MEMORY_PIN(sizeof(catzilla_memory_refusal_t) == 24);
CATZILLA_MEMORY_PIN(offsetof(catzilla_memory_refusal_t, limit) == 8);
CATZILLA_MEMORY_PIN(sizeof(catzilla_memory_report_t) == 96);
CATZILLA_MEMORY_PIN(sizeof(catzilla_memory_class_stats_t) == 120);
CATZILLA_MEMORY_PIN(offsetof(catzilla_region_t, cursor) == 0);
CATZILLA_MEMORY_PIN(offsetof(catzilla_region_t, end) == 8);
#undef CATZILLA_MEMORY_PIN
#endif

#endif /* CATZILLA_MEMORY_H */
