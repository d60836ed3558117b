/* Memory that ends with one request. Layer: http. */
#ifndef CZ_HTTP_ARENA_H
#define CZ_HTTP_ARENA_H
#include "http/pool.h"

typedef struct cz_arena_chunk {
    struct cz_arena_chunk *next;
    size_t size; /* of the whole block */
} cz_arena_chunk_t;

typedef struct cz_arena {
    cz_pool_t *pool;
    char *at;
    char *end;
    cz_arena_chunk_t *chunks;
    size_t total; /* of `chunks` */
    size_t limit;
} cz_arena_t;

/* Starts on storage of the owner; past it blocks come from the pool, `limit` bytes in all. */
void cz_arena_init(cz_arena_t *arena, cz_pool_t *pool, char *storage, size_t size, size_t limit);

/* A piece aligned to 16; NULL past the limit or when memory is exhausted. */
void *cz_arena_take(cz_arena_t *arena, size_t size);

/* Ends everything taken; the owner's storage is left alone. */
void cz_arena_release(cz_arena_t *arena);

#endif
