/* JSON by yyjson, with its memory in the request's region. Layer: http. */
#ifndef CATZILLA_JSON_H
#define CATZILLA_JSON_H
#include <catzilla/response.h>

/* The one header that needs another library's, so catzilla.h leaves it out; link with yyjson. */
#include <yyjson.h>

#ifdef __cplusplus
extern "C" {
#endif

/* yyjson's allocation in a region; what it frees ends with the region. */
static inline void *catzilla_json_alloc(void *region, size_t size)
{
    return catzilla_region_alloc((catzilla_region_t *)region, size);
}

/* yyjson's reallocation in a region: a larger block is a new one. */
static inline void *catzilla_json_realloc(void *region, void *old, size_t old_size, size_t size)
{
    if (size <= old_size)
        return old;
    void *grown = catzilla_region_alloc((catzilla_region_t *)region, size);
    if (grown != NULL)
        memcpy(grown, old, old_size);
    return grown;
}

/* yyjson's release, for which a region has no use. */
static inline void catzilla_json_free(void *region, void *block)
{
    (void)region;
    (void)block;
}

/**
 * The allocator that yyjson's functions take, over a region.
 * Memory:  borrows the region for as long as a document made by it is used.
 * Threads: the region's.
 */
static inline yyjson_alc catzilla_json_allocator(catzilla_region_t *region)
{
    yyjson_alc allocator;
    allocator.malloc = catzilla_json_alloc;
    allocator.realloc = catzilla_json_realloc;
    allocator.free = catzilla_json_free;
    allocator.ctx = region;
    return allocator;
}

/**
 * Reads the body as JSON, whatever its Content-Type.
 * Memory:  the document is in the request's region, so yyjson_doc_free() is not needed.
 * Threads: the request's loop, or whoever holds a reply that was put off.
 * Errors:  CATZILLA_ERR_SYNTAX for what is no JSON, CATZILLA_ERR_NOMEM; `*out` is NULL then.
 * Source:  RFC 8259.
 */
static inline int catzilla_request_json(catzilla_request_t *request, yyjson_doc **out)
{
    catzilla_slice_t body = catzilla_request_body(request);
    catzilla_region_t *region = catzilla_request_region(request);
    yyjson_read_err error;
    *out = NULL;
    if (region == NULL)
        return CATZILLA_ERR_NOMEM;
    yyjson_alc allocator = catzilla_json_allocator(region);
    /* Without YYJSON_READ_INSITU the text is only read, const or not. */
    *out = yyjson_read_opts((char *)body.data, body.size, 0, &allocator, &error);
    if (*out != NULL)
        return 0;
    return error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? CATZILLA_ERR_NOMEM
                                                             : CATZILLA_ERR_SYNTAX;
}

/**
 * Sets a document as the body, and its Content-Type.
 * Memory:  writes in the request's region, then copies into the response class.
 * Threads: the request's loop, or whoever holds a reply that was put off.
 * Errors:  CATZILLA_ERR_INVALID for a document that JSON cannot say, CATZILLA_ERR_NOMEM.
 * Source:  RFC 8259.
 */
static inline int catzilla_response_json(catzilla_request_t *request, catzilla_response_t *response,
                                         const yyjson_mut_doc *document)
{
    catzilla_region_t *region = catzilla_request_region(request);
    yyjson_write_err error;
    catzilla_slice_t body;
    if (region == NULL)
        return CATZILLA_ERR_NOMEM;
    yyjson_alc allocator = catzilla_json_allocator(region);
    body.data = yyjson_mut_write_opts(document, 0, &allocator, &body.size, &error);
    if (body.data == NULL)
        return error.code == YYJSON_WRITE_ERROR_MEMORY_ALLOCATION ? CATZILLA_ERR_NOMEM
                                                                  : CATZILLA_ERR_INVALID;
    int rc = catzilla_response_header(response, CATZILLA_SLICE("Content-Type"),
                                      CATZILLA_SLICE("application/json"));
    return rc != 0 ? rc : catzilla_response_body(response, body);
}

#ifdef __cplusplus
}
#endif
#endif
