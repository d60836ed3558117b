/* A request's inside, for the server and its own file. Layer: http. */
#ifndef CZ_HTTP_REQUEST_H
#define CZ_HTTP_REQUEST_H
#include "http/arena.h"
#include "http/pairs.h"
#include "http/parser.h"
#include "http/regions.h"

#include <catzilla/request.h>
#include <catzilla/router.h>

/* What a request asks of the connection that it came by; the server sets it. The peer's text lives
 * as long as the connection. */
typedef struct cz_request_owner_ops {
    catzilla_slice_t (*peer)(void *owner);
    void (*resume)(void *owner); /* reads on after a pause */
    cz_regions_t *(*regions)(void *owner);
} cz_request_owner_ops_t;

typedef struct cz_request_param {
    catzilla_slice_t name; /* borrows the router */
    uint32_t at;           /* from the decoded path's first byte */
    uint32_t size;
} cz_request_param_t;

/* One block of the request pool: this, its fields, and the beginning of its arena. */
struct catzilla_request {
    cz_message_t message;
    size_t block_size;
    cz_pool_t *pool;
    cz_arena_t arena;          /* what the library itself takes */
    cz_regions_t *regions;     /* where `region` goes back to */
    catzilla_region_t *region; /* what handlers take; NULL until asked for */
    cz_pool_t direct;          /* set while another thread may take memory of the request */
    char *detached; /* a copy of head and body that stays where it is, for a reply put off */
    size_t detached_size;
    catzilla_body_fn reader; /* of a streaming route */
    void *reader_data;
    bool may_stream; /* the handler of a streaming route runs */
    bool paused;
    bool ended; /* the body is complete, which its reader, who pauses, has yet to be told */
    const cz_request_owner_ops_t *ops;
    void *owner;
    uint64_t started_ns;
    char *decoded_path;  /* NULL where the path as sent has no escape */
    size_t decoded_size; /* where there is one */
    cz_pairs_t query;
    cz_pairs_t form;
    cz_pairs_t cookies;
    const struct cz_chain *chain; /* what runs around the handler */
    size_t entered;               /* links of it that have run */
    void *route;                  /* what the router led to */
    uint32_t param_count;
    cz_request_param_t params[CATZILLA_ROUTER_MAX_PARAMS];
    cz_field_t fields[];
};

/* NULL when memory is exhausted. `base` is where its first byte lies; `limits` is borrowed. */
catzilla_request_t *cz_request_create(cz_pool_t *pool, const cz_limits_t *limits, char *base,
                                      const cz_request_owner_ops_t *ops, void *owner);
void cz_request_destroy(catzilla_request_t *request);

/* As catzilla_request_header(), for a name whose size is known. */
catzilla_slice_t cz_request_header(const catzilla_request_t *request, catzilla_slice_t name);

/* The bytes that the request held at most. */
size_t cz_request_memory(const catzilla_request_t *request);

/*
 * Gives a complete head a place of its own in the request's memory, for a handler that runs before
 * the body has come: its slices stay where they are until the request ends. CATZILLA_ERR_NOMEM.
 */
int cz_request_set_apart(catzilla_request_t *request);

/* A body that nobody reads as it comes is kept, and counts among what the request may hold. */
void cz_request_limit_kept(catzilla_request_t *request);

/* The body is there as a whole, after some have looked at the request without it. */
void cz_request_body_came(catzilla_request_t *request);

/* Keeps a complete head alone, in the request's memory unless it is apart; CATZILLA_ERR_NOMEM. */
int cz_request_keep_head(catzilla_request_t *request);

/* Ends what its handler took; its high water is forgotten too. */
void cz_request_end_region(catzilla_request_t *request);

/*
 * Copies what the parser still points at into a block of the request's own, so that the request
 * outlives the buffer it came in, and lets another thread take its memory.
 */
int cz_request_detach(catzilla_request_t *request);
void cz_request_return(catzilla_request_t *request);

/*
 * Decodes the path and looks it up. CATZILLA_ERR_SYNTAX for a malformed path, CATZILLA_ERR_NOMEM;
 * else `result` and, under CATZILLA_ROUTER_NO_METHOD, `allow` in memory of the request.
 */
int cz_request_route(catzilla_request_t *request, const catzilla_router_t *router,
                     catzilla_router_result_t *result, catzilla_slice_t *allow);

#endif
