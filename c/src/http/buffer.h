/* Bytes that grow, in blocks of a pool. Layer: http. */
#ifndef CZ_HTTP_BUFFER_H
#define CZ_HTTP_BUFFER_H
#include "http/pool.h"

#include <catzilla/slice.h>

typedef struct cz_buffer {
    char *data;
    size_t size;
    size_t capacity;
    bool pooled; /* `data` is a block of the pool; else it is storage of the owner */
} cz_buffer_t;

/* Starts on the owner's storage, which costs nothing until it is too small. */
static inline void cz_buffer_init(cz_buffer_t *buffer, char *storage, size_t capacity)
{
    buffer->data = storage;
    buffer->size = 0;
    buffer->capacity = capacity;
    buffer->pooled = false;
}

/* The way of what the present storage has no room for. */
int cz_buffer_grow(cz_buffer_t *buffer, cz_pool_t *pool, size_t more);

/* Room for `more` bytes behind the present ones; CATZILLA_ERR_NOMEM leaves all as it was. */
static inline int cz_buffer_reserve(cz_buffer_t *buffer, cz_pool_t *pool, size_t more)
{
    return more <= buffer->capacity - buffer->size ? 0 : cz_buffer_grow(buffer, pool, more);
}

/* Appends without a check; the caller has reserved. */
static inline void cz_buffer_put(cz_buffer_t *buffer, const char *data, size_t size)
{
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

/* Gives a pooled block back and leaves the buffer without storage. */
static inline void cz_buffer_release(cz_buffer_t *buffer, cz_pool_t *pool)
{
    if (buffer->pooled)
        cz_pool_give(pool, buffer->data, buffer->capacity);
    cz_buffer_init(buffer, NULL, 0);
}

#endif
