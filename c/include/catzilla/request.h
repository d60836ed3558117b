/* One HTTP request as its handler sees it (RFC 9110, 9112). Layer: http. */
#ifndef CATZILLA_REQUEST_H
#define CATZILLA_REQUEST_H
#include <catzilla/errors.h>
#include <catzilla/slice.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opaque; lives in the request class. Slices taken from a request are borrowed until its reply
 * is complete: copy what must live longer into the class of its new life. Where a handler puts the
 * reply off, streams it or upgrades, those taken before that end with the handler's return, and
 * asking again gives such as last; only a streaming route's stay. All accessors belong to the
 * thread of the request's loop, where its handler runs.
 */
typedef struct catzilla_request catzilla_request_t;

/* The reply to a request; see response.h. */
typedef struct catzilla_response catzilla_response_t;

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
 * alone, "/" where it has none, and "*" for the asterisk form.
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
 * The whole body, chunked coding removed; empty where the request has none. On a streaming route
 * it is the piece that the reader is being told of.
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
 * Whom the request is for, with the port if it was sent: the authority of an absolute-form target,
 * by which a Host field beside it is to be ignored, else the value of Host; absent where a request
 * of 1.0 names neither. catzilla_request_header() gives the field as it was sent, so whatever
 * depends on the host asks here.
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 * Source:  RFC 9112, sections 3.2.2 and 3.3.
 */
CATZILLA_API catzilla_slice_t catzilla_request_host(const catzilla_request_t *request);

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
 * The peer's address and port, such as "127.0.0.1:54321" or "[::1]:54321", or those of the client
 * that a trusted proxy has named; "unix" on a unix socket; empty where the system no longer knows.
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_slice_t catzilla_request_peer(const catzilla_request_t *request);

/**
 * The value of the query's parameter `name`, decoded; the first one where it is repeated.
 * Memory:  borrowed until the reply is complete; the index, and what has escapes, is in the
 *          request's memory.
 * Threads: the request's loop.
 * Errors:  absent where there is none, and where all are refused (catzilla_request_query_count()).
 * Source:  the URL standard, section 5.1.
 */
CATZILLA_API catzilla_slice_t catzilla_request_query_value(catzilla_request_t *request,
                                                           const char *name);

/**
 * How many parameters the query has, repeated ones counted each.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_LIMIT past 1,024 and CATZILLA_ERR_NOMEM; none is found then.
 */
CATZILLA_API int catzilla_request_query_count(catzilla_request_t *request);

/**
 * The one at `index` of those, in the order of arrival. Either result may be NULL.
 * Memory:  as catzilla_request_query_value().
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_INVALID past the last one, and those of catzilla_request_query_count(); the
 *          results are absent then.
 */
CATZILLA_API int catzilla_request_query_at(catzilla_request_t *request, size_t index,
                                           catzilla_slice_t *name, catzilla_slice_t *value);

/**
 * The value of the field `name` of a body that is a urlencoded form, decoded; the first one where
 * it is repeated. A body of another Content-Type has none, nor has that of a streaming route.
 * Memory:  borrowed until the reply is complete; the index, and what has escapes, is in the
 *          request's memory.
 * Threads: the request's loop.
 * Errors:  absent where there is none, and where all are refused (catzilla_request_form_count()).
 * Source:  the URL standard, section 5.1.
 */
CATZILLA_API catzilla_slice_t catzilla_request_form_value(catzilla_request_t *request,
                                                          const char *name);

/**
 * How many fields the form has, repeated ones counted each.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_LIMIT past 1,024 and CATZILLA_ERR_NOMEM; none is found then.
 */
CATZILLA_API int catzilla_request_form_count(catzilla_request_t *request);

/**
 * The one at `index` of those, in the order of arrival. Either result may be NULL.
 * Memory:  as catzilla_request_form_value().
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_INVALID past the last one, and those of catzilla_request_form_count(); the
 *          results are absent then.
 */
CATZILLA_API int catzilla_request_form_at(catzilla_request_t *request, size_t index,
                                          catzilla_slice_t *name, catzilla_slice_t *value);

/**
 * The value of the cookie `name`, as it was sent; the first one where it is repeated.
 * Memory:  borrowed until the reply is complete; the index, and what has escapes, is in the
 *          request's memory.
 * Threads: the request's loop.
 * Errors:  absent where there is none, and where all are refused (catzilla_request_cookie_count()).
 * Source:  RFC 6265, section 4.2.1.
 */
CATZILLA_API catzilla_slice_t catzilla_request_cookie(catzilla_request_t *request,
                                                      const char *name);

/**
 * How many cookies the request has, repeated ones counted each.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_LIMIT past 1,024 and CATZILLA_ERR_NOMEM; none is found then.
 */
CATZILLA_API int catzilla_request_cookie_count(catzilla_request_t *request);

/**
 * The one at `index` of those, in the order of arrival. Either result may be NULL.
 * Memory:  as catzilla_request_cookie().
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_INVALID past the last one, and those of catzilla_request_cookie_count();
 * the results are absent then.
 */
CATZILLA_API int catzilla_request_cookie_at(catzilla_request_t *request, size_t index,
                                            catzilla_slice_t *name, catzilla_slice_t *value);

/**
 * The first value of the trailer field `name` (in any case), which came behind a chunked body;
 * absent where there is none. Trailers are never mixed with the header fields.
 * Memory:  borrowed until the reply is complete.
 * Threads: the request's loop.
 */
CATZILLA_API catzilla_slice_t catzilla_request_trailer(const catzilla_request_t *request,
                                                       const char *name);

/* What a body's reader is told. */
typedef enum catzilla_body_event {
    CATZILLA_BODY_DATA = 0,   /* `data` is the next piece */
    CATZILLA_BODY_END = 1,    /* the body is complete; returning 0 completes the reply */
    CATZILLA_BODY_ABORTED = 2 /* the connection was lost; `response` is NULL, no call follows */
} catzilla_body_event_t;

/*
 * Takes a body piece by piece. `data` is borrowed for the call. A negative code answers as a
 * handler's does, and no call follows.
 */
typedef int (*catzilla_body_fn)(catzilla_request_t *request, catzilla_response_t *response,
                                catzilla_body_event_t event, catzilla_slice_t data,
                                void *user_data);

/**
 * Has the body read by `reader` as it comes, instead of being kept whole. Only the handler of a
 * streaming route (catzilla_server_route_streaming()) may call it; one that does not refuses the
 * body, and the connection ends after its reply.
 * Memory:  borrows `user_data` until CATZILLA_BODY_END or CATZILLA_BODY_ABORTED, or until the
 *          reader has returned a negative code.
 * Threads: the request's loop.
 * Errors:  CATZILLA_ERR_STATE on another route, outside the handler, and once the reply is put off
 *          or streamed; CATZILLA_ERR_INVALID for NULL.
 */
CATZILLA_API int catzilla_request_read_body(catzilla_request_t *request, catzilla_body_fn reader,
                                            void *user_data);

/**
 * Sets how large the body may be, in place of the server's max_body_bytes; past it 413.
 * Threads: the request's loop, in the handler of a streaming route.
 */
CATZILLA_API void catzilla_request_limit_body(catzilla_request_t *request, uint64_t bytes);

/**
 * Stops the reading of a body, or of what the peer sends after an upgrade, for a reader that cannot
 * keep up. Of a body neither a piece nor the end comes before catzilla_request_resume(), but
 * CATZILLA_BODY_ABORTED may; of a raw connection a piece that has been read already may still come.
 * Meanwhile body_timeout_ms stands still. That the peer has reset the connection is seen after
 * half_closed_timeout_ms at the latest, that it has closed its half is not.
 * Threads: the request's loop.
 */
CATZILLA_API void catzilla_request_pause(catzilla_request_t *request);

/**
 * Goes on with the reading after catzilla_request_pause(); else nothing happens. The reader may be
 * called before this returns, and the reply be complete then.
 * Threads: the request's loop, until CATZILLA_BODY_END or CATZILLA_BODY_ABORTED, or on_close of a
 *          raw connection.
 */
CATZILLA_API void catzilla_request_resume(catzilla_request_t *request);

/**
 * The request's region: whatever a handler allocates in it ends with the request, and cleanups
 * added to it run then. Its limit is what the head, and a body that is kept, leave of the
 * server's max_request_memory.
 * Memory:  request class; borrowed until the reply is complete.
 * Threads: the request's loop, or whoever holds a reply that was put off.
 * Errors:  NULL when memory is exhausted.
 */
CATZILLA_API catzilla_region_t *catzilla_request_region(catzilla_request_t *request);

/**
 * Memory that ends with the request, aligned to 16; there is no free.
 * Memory:  the request's region.
 * Threads: the request's loop, or whoever holds a reply that was put off.
 * Errors:  NULL past max_request_memory, or when memory is exhausted.
 */
CATZILLA_API void *catzilla_request_scratch(catzilla_request_t *request, size_t size);

#ifdef __cplusplus
}
#endif
#endif
