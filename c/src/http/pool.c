/*
 * Blocks for reuse. Each worker has one pool a class, so nothing is locked; sizes are powers of
 * two, so that any block serves any need of its size. What waits here counts as cached: an idle
 * worker trims it.
 */
#include "http/pool.h"

#include <string.h>

void cz_pool_init(cz_pool_t *pool, void *(*alloc)(size_t), void (*free)(void *), size_t limit)
{
    memset(pool, 0, sizeof *pool);
    pool->alloc = alloc;
    pool->free = free;
    pool->cached_limit = limit;
}

static unsigned size_index(size_t size)
{
    if (size <= CZ_POOL_SMALLEST)
        return 0;
    return 64u - (unsigned)__builtin_clzll((size - 1) / CZ_POOL_SMALLEST);
}

void *cz_pool_take(cz_pool_t *pool, size_t size, size_t *out_size)
{
    unsigned index = size > CZ_POOL_LARGEST ? CZ_POOL_SIZES : size_index(size);
    if (index < CZ_POOL_SIZES)
        size = (size_t)CZ_POOL_SMALLEST << index;
    cz_pool_block_t *block = index < CZ_POOL_SIZES ? pool->blocks[index] : NULL;
    if (block != NULL) {
        pool->blocks[index] = block->next;
        pool->cached_bytes -= size;
    } else {
        block = pool->alloc(size);
        if (block == NULL)
            return NULL;
    }
    pool->live_bytes += size;
    *out_size = size;
    return block;
}

void cz_pool_give(cz_pool_t *pool, void *given, size_t size)
{
    if (given == NULL)
        return;
    pool->live_bytes -= size;
    if (size > CZ_POOL_LARGEST || pool->cached_bytes + size > pool->cached_limit) {
        pool->free(given);
        return;
    }
    unsigned index = size_index(size);
    cz_pool_block_t *block = given;
    block->next = pool->blocks[index];
    pool->blocks[index] = block;
    pool->cached_bytes += size;
}

void cz_pool_trim(cz_pool_t *pool)
{
    for (unsigned i = 0; i < CZ_POOL_SIZES; i++) {
        while (pool->blocks[i] != NULL) {
            cz_pool_block_t *block = pool->blocks[i];
            pool->blocks[i] = block->next;
            pool->free(block);
        }
    }
    pool->cached_bytes = 0;
}
