/* Bytes that grow, in blocks of a pool. */
#include "http/buffer.h"

#include <catzilla/errors.h>

int cz_buffer_grow(cz_buffer_t *buffer, cz_pool_t *pool, size_t more)
{
    if (more > SIZE_MAX - buffer->size)
        return CATZILLA_ERR_NOMEM;
    size_t wanted = buffer->size + more;
    size_t capacity;
    char *data = cz_pool_take(pool, wanted, &capacity);
    if (data == NULL)
        return CATZILLA_ERR_NOMEM;
    if (buffer->size > 0)
        memcpy(data, buffer->data, buffer->size);
    if (buffer->pooled)
        cz_pool_give(pool, buffer->data, buffer->capacity);
    buffer->data = data;
    buffer->capacity = capacity;
    buffer->pooled = true;
    return 0;
}
