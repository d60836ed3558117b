/* What the benchmarks ask of an allocator. Each peer is one file of peers/ and becomes a program of
 * its own, so that no two allocators share a process. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H
#include <stdbool.h>
#include <stddef.h>

/* request, response, cache, static, task: in the order of catzilla_memory_type_t. */
enum { BENCH_REQUEST, BENCH_RESPONSE, BENCH_CACHE, BENCH_STATIC, BENCH_TASK, BENCH_CLASSES };

typedef struct bench_peer {
    const char *name;
    /* Called through these tables by every peer, so the indirect call costs all of them the same.
     */
    void *(*alloc[BENCH_CLASSES])(size_t size);
    void (*release[BENCH_CLASSES])(void *block);
    void *(*untyped_alloc)(size_t size);
    void (*untyped_release)(void *block);
    size_t (*usable)(void *block);
    /* NULL from here on where the allocator has no such thing. */
    void (*thread_start)(void);             /* the first call of each thread, the main one too */
    void (*idle)(void);                     /* what a thread is to call when it runs out of work */
    void (*trim)(void);                     /* give back what can be given back, now */
    bool (*misplaced)(int of, void *block); /* the block lies in another class's arena */
    void *(*region_create)(void);
    void *(*region_alloc)(void *region, size_t size);
    void (*region_reset)(void *region);
    void (*region_destroy)(void *region);
    void (*region_rounds)(
        size_t rounds); /* times 20 blocks and a reset, calls inlined where they can be */
} bench_peer_t;

extern const bench_peer_t bench_peer;

/* The same function for every class. */
#define BENCH_EACH_CLASS(function)                                                                 \
    {                                                                                              \
        (function), (function), (function), (function), (function)                                 \
    }

/* Five functions of one statement, in which `of` is the class, a constant, and `value` the
 * argument: for peers whose own call wants something by class, as a typed layer over them would
 * have it. */
#define BENCH_OF_CLASS(class, function, result, type, statement)                                   \
    static result function(type value)                                                             \
    {                                                                                              \
        enum { of = class };                                                                       \
        statement;                                                                                 \
    }
#define BENCH_BY_CLASS(result, name, type, statement)                                              \
    BENCH_OF_CLASS(BENCH_REQUEST, name##_request, result, type, statement)                         \
    BENCH_OF_CLASS(BENCH_RESPONSE, name##_response, result, type, statement)                       \
    BENCH_OF_CLASS(BENCH_CACHE, name##_cache, result, type, statement)                             \
    BENCH_OF_CLASS(BENCH_STATIC, name##_static, result, type, statement)                           \
    BENCH_OF_CLASS(BENCH_TASK, name##_task, result, type, statement)
#define BENCH_THE_FIVE(name)                                                                       \
    {                                                                                              \
        name##_request, name##_response, name##_cache, name##_static, name##_task                  \
    }

/* A request's 20 small blocks, 1,264 bytes in all. The loops over them are unrolled, since the
 * sizes in a handler are constants too. */
enum { BENCH_REGION_BLOCKS = 20 };
static const unsigned char bench_region_size[BENCH_REGION_BLOCKS] = {
    16, 64, 24, 104, 96, 104, 24, 64, 16, 88, 72, 72, 88, 16, 64, 24, 104, 96, 104, 24};
#define BENCH_UNROLL _Pragma("GCC unroll 20")

#endif
