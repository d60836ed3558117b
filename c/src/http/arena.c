/* Memory that ends with one request: bump allocation in blocks of the request pool. */
#include "http/arena.h"

#define ALIGNMENT  16u
#define CHUNK_SIZE 4096u

static char *aligned(char *at)
{
    uintptr_t bits = (uintptr_t)at;
    return at + ((ALIGNMENT - bits % ALIGNMENT) % ALIGNMENT);
}

void cz_arena_init(cz_arena_t *arena, cz_pool_t *pool, char *storage, size_t size, size_t limit)
{
    arena->pool = pool;
    arena->at = storage;
    arena->end = storage + size;
    arena->chunks = NULL;
    arena->total = 0;
    arena->limit = limit;
}

void *cz_arena_take(cz_arena_t *arena, size_t size)
{
    char *piece = aligned(arena->at);
    if (piece <= arena->end && size <= (size_t)(arena->end - piece)) {
        arena->at = piece + size;
        return piece;
    }
    size_t head = sizeof(cz_arena_chunk_t) + ALIGNMENT;
    if (size > SIZE_MAX - head || arena->total >= arena->limit)
        return NULL;
    size_t wanted = size + head < CHUNK_SIZE ? CHUNK_SIZE : size + head;
    if (wanted > arena->limit - arena->total)
        return NULL;
    cz_arena_chunk_t *chunk = cz_pool_take(arena->pool, wanted, &wanted);
    if (chunk == NULL)
        return NULL;
    chunk->size = wanted;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->total += wanted;
    piece = aligned((char *)(chunk + 1));
    char *end = (char *)chunk + wanted;
    /* A large piece keeps the room that is left in the chunk before it in use. */
    if ((size_t)(end - piece) - size > (size_t)(arena->end - arena->at)) {
        arena->at = piece + size;
        arena->end = end;
    }
    return piece;
}

void cz_arena_release(cz_arena_t *arena)
{
    while (arena->chunks != NULL) {
        cz_arena_chunk_t *chunk = arena->chunks;
        arena->chunks = chunk->next;
        cz_pool_give(arena->pool, chunk, chunk->size);
    }
    arena->at = arena->end = NULL;
    arena->total = 0;
}
