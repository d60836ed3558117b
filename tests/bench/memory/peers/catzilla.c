/* Catzilla's memory layer, through its public header alone. */
#include "peer.h"

#include <catzilla/memory.h>

static void trim(void)
{
    catzilla_memory_optimize();
}

static void idle(void)
{
    catzilla_memory_thread_idle();
}

static size_t usable(void *block)
{
    return catzilla_memory_usable_size(block);
}

static bool misplaced(int of, void *block)
{
    return catzilla_memory_class_of(block) != of;
}

static void *region_create(void)
{
    catzilla_region_t *region;
    return catzilla_region_create(CATZILLA_MEMORY_REQUEST, &region) == 0 ? region : NULL;
}

static void *region_alloc(void *region, size_t size)
{
    return catzilla_region_alloc(region, size);
}

static void region_reset(void *region)
{
    catzilla_region_reset(region);
}

static void region_destroy(void *region)
{
    catzilla_region_destroy(region);
}

static void region_rounds(size_t rounds)
{
    catzilla_region_t *region = region_create();
    for (size_t round = 0; round < rounds; round++) {
        BENCH_UNROLL
        for (size_t i = 0; i < BENCH_REGION_BLOCKS; i++)
            *(volatile size_t *)catzilla_region_alloc(region, bench_region_size[i]) = i;
        catzilla_region_reset(region);
    }
    catzilla_region_destroy(region);
}

const bench_peer_t bench_peer = {
    .name = "Catzilla",
    .alloc = {catzilla_request_alloc, catzilla_response_alloc, catzilla_cache_alloc,
              catzilla_static_alloc, catzilla_task_alloc},
    .release = {catzilla_request_free, catzilla_response_free, catzilla_cache_free,
                catzilla_static_free, catzilla_task_free},
    .untyped_alloc = catzilla_malloc,
    .untyped_release = catzilla_free,
    .usable = usable,
    .idle = idle,
    .trim = trim,
    .misplaced = misplaced,
    .region_create = region_create,
    .region_alloc = region_alloc,
    .region_reset = region_reset,
    .region_destroy = region_destroy,
    .region_rounds = region_rounds,
};
