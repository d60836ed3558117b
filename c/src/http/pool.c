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

void *cz_pool_take_new(cz_pool_t *pool, size_t size, size_t *out_size)
{
    void *block = pool->alloc(size);
    if (block == NULL && pool->cached_bytes > 0) {
        /* Blocks of other sizes may be what is in the way of the class's budget. */
        cz_pool_trim(pool);
        block = pool->alloc(size);
    }
    if (block == NULL)
        return NULL;
    *out_size = size;
    return block;
}

void cz_pool_give_back(cz_pool_t *pool, void *block)
{
    pool->free(block);
}

void cz_pool_trim(cz_pool_t *pool)
{
    for (unsigned i = 0; i < CZ_POOL_SIZES; i++) {
        while (pool->blocks[i] != NULL) {
            cz_pool_block_t *block = pool->blocks[i];
            cz_pool_show(block, (size_t)CZ_POOL_SMALLEST << i);
            pool->blocks[i] = block->next;
            pool->free(block);
        }
    }
    pool->cached_bytes = 0;
}
