/* One HTTP request as its handler sees it (RFC 9110, 9112). Layer: http. */
#ifndef CATZILLA_REQUEST_H
#define CATZILLA_REQUEST_H
#include <catzilla/errors.h>
#include <catzilla/slice.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opaque; lives in the request class. Slices taken from a request are borrowed until its reply
 * is complete: copy what must live longer into the class of its new life. All accessors belong
 * to the thread of the request's loop, where its handler runs.
 */
typedef struct catzilla_request catzilla_request_t;

/**
 * The method's token as sent, such as "GET".
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_slice_t catzilla_request_method(const catzilla_request_t *request);

/**
 * The request target as sent: path and query, undecoded.
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_slice_t catzilla_request_target(const catzilla_request_t *request);

/**
 * The target's path as sent, without query, undecoded; of an absolute-form target its path
 * alone, and "*" for the asterisk form.
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_slice_t catzilla_request_path(const catzilla_request_t *request);

/**
 * What follows the first '?', undecoded; absent where there is none.
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_slice_t catzilla_request_query(const catzilla_request_t *request);

/**
 * The whole body, chunked coding removed; empty where the request has none.
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_slice_t catzilla_request_body(const catzilla_request_t *request);

/**
 * The value of the route's parameter `name`, percent-decoded; absent where the route has none.
 * A rest parameter ("{path*}") keeps its slashes; "%2F" is decoded too, so a handler that needs
 * to tell the two apart reads catzilla_request_path(). Decoding never yields NUL: such a request
 * is refused with 400 before its handler runs.
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_slice_t catzilla_request_param(const catzilla_request_t *request,
                                                     const char *name);

/**
 * The first value of the header `name` (in any case), without surrounding space; absent where
 * the request has none. Repeated fields are reached through catzilla_request_header_at().
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_slice_t catzilla_request_header(const catzilla_request_t *request,
                                                      const char *name);

/**
 * How many header fields the request has, repeated ones counted each.
 * Threads: the request's loop.
 */
CATZILLA_API size_t catzilla_request_header_count(const catzilla_request_t *request);

/**
 * The field at `index`, in the order of arrival. Either result may be NULL.
 * Memory:  both slices are borrowed until the reply is complete.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_INVALID past the last field; the results are absent then.
 */
CATZILLA_API int catzilla_request_header_at(const catzilla_request_t *request, size_t index,
                                            catzilla_slice_t *name, catzilla_slice_t *value);

/**
 * The peer's address and port, such as "127.0.0.1:54321" or "[::1]:54321"; empty where the
 * system no longer knows it.
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_slice_t catzilla_request_peer(const catzilla_request_t *request);

/**
 * Memory that ends with the request, aligned to 16; there is no free.
 * Memory:  request class.
 * Threads: the request's loop.
 * Errors:  NULL when memory is exhausted.
 */
CATZILLA_API void *catzilla_request_scratch(catzilla_request_t *request, size_t size);

#ifdef __cplusplus
}
#endif
#endif
