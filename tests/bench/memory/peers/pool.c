/* A pool in the manner of nginx, on the C library's malloc: bump allocation in 4 KiB chunks that
 * are kept over a reset, blocks larger than a chunk's room on a list of their own. */
#include "peer.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

enum { CHUNK = 4096, ALIGNMENT = 16 };

typedef struct chunk {
    struct chunk *next;
    char *free, *end;
    unsigned failed; /* a chunk that refused four times is not asked again before the reset */
} chunk_t;

typedef struct large {
    struct large *next;
    void *block;
} large_t;

typedef struct pool {
    chunk_t first;
    chunk_t *current;
    large_t *large;
} pool_t;

static char *aligned(void *address)
{
    return (char *)(((uintptr_t)address + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1));
}

static void *pool_create(void)
{
    pool_t *pool = malloc(CHUNK);
    if (pool == NULL)
        return NULL;
    pool->first = (chunk_t){.free = aligned(pool + 1), .end = (char *)pool + CHUNK};
    pool->current = &pool->first;
    pool->large = NULL;
    return pool;
}

static void *chunk_alloc(pool_t *pool, size_t size);

static void *large_alloc(pool_t *pool, size_t size)
{
    large_t *entry = chunk_alloc(pool, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->block = malloc(size);
    entry->next = pool->large;
    pool->large = entry;
    return entry->block;
}

/* The chunks from the current one on had no room: a new one goes to the end. */
static void *chunk_grow(pool_t *pool, size_t size)
{
    chunk_t *chunk = malloc(CHUNK);
    if (chunk == NULL)
        return NULL;
    char *block = aligned(chunk + 1);
    *chunk = (chunk_t){.free = block + size, .end = (char *)chunk + CHUNK};
    chunk_t *last = pool->current;
    for (; last->next != NULL; last = last->next)
        if (++last->failed > 4)
            pool->current = last->next;
    last->next = chunk;
    return block;
}

static inline void *chunk_alloc(pool_t *pool, size_t size)
{
    for (chunk_t *chunk = pool->current; chunk != NULL; chunk = chunk->next) {
        char *block = aligned(chunk->free);
        if (block <= chunk->end && (size_t)(chunk->end - block) >= size) {
            chunk->free = block + size;
            return block;
        }
    }
    return chunk_grow(pool, size);
}

static inline void *pool_alloc(pool_t *pool, size_t size)
{
    return size <= CHUNK - sizeof(pool_t) - ALIGNMENT ? chunk_alloc(pool, size)
                                                      : large_alloc(pool, size);
}

static void pool_reset(pool_t *pool)
{
    for (large_t *large = pool->large; large != NULL; large = large->next)
        free(large->block);
    pool->large = NULL;
    pool->first.free = aligned(pool + 1);
    pool->first.failed = 0;
    for (chunk_t *chunk = pool->first.next; chunk != NULL; chunk = chunk->next) {
        chunk->free = aligned(chunk + 1);
        chunk->failed = 0;
    }
    pool->current = &pool->first;
}

static void pool_destroy(void *region)
{
    pool_t *pool = region;
    pool_reset(pool);
    for (chunk_t *chunk = pool->first.next, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(pool);
}

static void region_rounds(size_t rounds)
{
    pool_t *pool = pool_create();
    for (size_t round = 0; round < rounds; round++) {
        BENCH_UNROLL
        for (size_t i = 0; i < BENCH_REGION_BLOCKS; i++)
            *(volatile size_t *)pool_alloc(pool, bench_region_size[i]) = i;
        pool_reset(pool);
    }
}

static void *region_alloc(void *region, size_t size)
{
    return pool_alloc(region, size);
}

static void region_reset(void *region)
{
    pool_reset(region);
}

static void trim(void)
{
    malloc_trim(0);
}

const bench_peer_t bench_peer = {
    .name = "pool on glibc",
    .alloc = BENCH_EACH_CLASS(malloc),
    .release = BENCH_EACH_CLASS(free),
    .untyped_alloc = malloc,
    .untyped_release = free,
    .usable = malloc_usable_size,
    .trim = trim,
    .region_create = pool_create,
    .region_alloc = region_alloc,
    .region_reset = region_reset,
    .region_destroy = pool_destroy,
    .region_rounds = region_rounds,
};
