/* Blocks of one lifetime class kept for reuse by one worker. Layer: http. */
#ifndef CZ_HTTP_POOL_H
#define CZ_HTTP_POOL_H
#include <stddef.h>
#include <stdint.h>

#define CZ_POOL_SMALLEST 256u
#define CZ_POOL_LARGEST  65536u
#define CZ_POOL_SIZES    9 /* powers of two from the smallest to the largest */

/* What a free block holds while it waits. */
typedef struct cz_pool_block {
    struct cz_pool_block *next;
} cz_pool_block_t;

typedef struct cz_pool {
    void *(*alloc)(size_t size);
    void (*free)(void *block);
    cz_pool_block_t *blocks[CZ_POOL_SIZES];
    size_t cached_bytes; /* in `blocks` */
    size_t cached_limit; /* past it blocks go back to their class at once */
    size_t live_bytes;   /* handed out and not yet given back */
} cz_pool_t;

void cz_pool_init(cz_pool_t *pool, void *(*alloc)(size_t), void (*free)(void *), size_t limit);

/*
 * A block of at least `size` bytes, NULL when memory is exhausted; `*out_size` is what it really
 * has and what cz_pool_give() wants back. Blocks past CZ_POOL_LARGEST are never kept.
 */
void *cz_pool_take(cz_pool_t *pool, size_t size, size_t *out_size);
void cz_pool_give(cz_pool_t *pool, void *block, size_t size);

/* Gives every cached block back to its class. */
void cz_pool_trim(cz_pool_t *pool);

#endif
