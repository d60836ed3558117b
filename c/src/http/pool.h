/* Blocks of one lifetime class kept for reuse by one worker. Layer: http. */
#ifndef CZ_HTTP_POOL_H
#define CZ_HTTP_POOL_H
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define CZ_POOL_POISONS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CZ_POOL_POISONS
#endif
#endif
#ifdef CZ_POOL_POISONS
#include <sanitizer/asan_interface.h>
#endif

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
} cz_pool_t;

void cz_pool_init(cz_pool_t *pool, void *(*alloc)(size_t), void (*free)(void *), size_t limit);

/* The way of what no cached block serves, and of what is not to be cached. */
void *cz_pool_take_new(cz_pool_t *pool, size_t size, size_t *out_size);
void cz_pool_give_back(cz_pool_t *pool, void *block);

/* Lets AddressSanitizer see that a block which waits is used; nothing in other builds. */
static inline void cz_pool_hide(void *block, size_t size)
{
#ifdef CZ_POOL_POISONS
    ASAN_POISON_MEMORY_REGION(block, size);
#else
    (void)block;
    (void)size;
#endif
}

static inline void cz_pool_show(void *block, size_t size)
{
#ifdef CZ_POOL_POISONS
    ASAN_UNPOISON_MEMORY_REGION(block, size);
#else
    (void)block;
    (void)size;
#endif
}

/* For sizes up to the largest. */
static inline unsigned cz_pool_index(size_t size)
{
    if (size <= CZ_POOL_SMALLEST)
        return 0;
    return 64u - (unsigned)__builtin_clzll((size - 1) / CZ_POOL_SMALLEST);
}

/*
 * A block of at least `size` bytes, NULL when memory is exhausted; `*out_size` is what it really
 * has and what cz_pool_give() wants back. Blocks past CZ_POOL_LARGEST are never kept. Inline, as
 * every request takes several, most of a constant size.
 */
static inline void *cz_pool_take(cz_pool_t *pool, size_t size, size_t *out_size)
{
    if (size > CZ_POOL_LARGEST)
        return cz_pool_take_new(pool, size, out_size);
    unsigned index = cz_pool_index(size);
    cz_pool_block_t *block = pool->blocks[index];
    size = (size_t)CZ_POOL_SMALLEST << index;
    if (block == NULL)
        return cz_pool_take_new(pool, size, out_size);
    cz_pool_show(block, size);
    pool->blocks[index] = block->next;
    pool->cached_bytes -= size;
    *out_size = size;
    return block;
}

/* `size` is what cz_pool_take() said. NULL does nothing. */
static inline void cz_pool_give(cz_pool_t *pool, void *given, size_t size)
{
    if (given == NULL)
        return;
    if (size > CZ_POOL_LARGEST || pool->cached_bytes + size > pool->cached_limit) {
        cz_pool_give_back(pool, given);
        return;
    }
    cz_pool_block_t *block = (cz_pool_block_t *)given;
    unsigned index = cz_pool_index(size);
    block->next = pool->blocks[index];
    pool->blocks[index] = block;
    pool->cached_bytes += size;
    cz_pool_hide(block, size);
}

/* Gives every cached block back to its class. */
void cz_pool_trim(cz_pool_t *pool);

#endif
