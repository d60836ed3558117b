/* Finds what belongs to a method and a path. Layer: routing. */
#ifndef CATZILLA_ROUTER_H
#define CATZILLA_ROUTER_H
#include <catzilla/errors.h>
#include <catzilla/slice.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opaque; lives in the static class. A pattern is a path of segments: text, "{name}" for any one
 * segment that is not empty, "{name:type}" for one of a type (uuid, uint, int, hex, alpha,
 * alnum, slug), and as the last one "{name*}" for all that is left, also nothing. Where several
 * match, text wins over a typed parameter, that over a plain one, that over a rest, segment by
 * segment from the left and in whatever order they were added; typed ones are tried in the order
 * above. The cost of a lookup grows with the path's length, not with the number of routes.
 */
typedef struct catzilla_router catzilla_router_t;

/* The most parameters one pattern may have. */
#define CATZILLA_ROUTER_MAX_PARAMS 16

/* What a lookup found. */
typedef enum catzilla_router_result {
    CATZILLA_ROUTER_FOUND = 0,
    CATZILLA_ROUTER_NO_PATH = 1,  /* 404 */
    CATZILLA_ROUTER_NO_METHOD = 2 /* 405: the path exists under other methods */
} catzilla_router_result_t;

/* One parameter of the pattern that matched. */
typedef struct catzilla_router_param {
    catzilla_slice_t name;  /* borrowed from the router */
    catzilla_slice_t value; /* borrowed from the path that was looked up */
} catzilla_router_param_t;

/* The answer of a lookup. */
typedef struct catzilla_router_match {
    void *value;              /* as added; NULL unless found */
    catzilla_slice_t pattern; /* as added; borrowed from the router */
    catzilla_slice_t allow;   /* methods of the path, "GET, HEAD, POST"; set when not found there */
    char allow_text[256];     /* what `allow` borrows; cut at a method that does not fit */
    size_t param_count;       /* how many of `params` are set */
    catzilla_router_param_t params[CATZILLA_ROUTER_MAX_PARAMS];
} catzilla_router_match_t;

/**
 * Creates an empty router.
 * Memory:  static class.
 * Threads: any.
 * Errors:  CATZILLA_ERR_NOMEM.
 */
CATZILLA_API int catzilla_router_create(catzilla_router_t **out);

/**
 * Releases the router. NULL is a no-op.
 * Threads: one, when nobody looks up any more.
 */
CATZILLA_API void catzilla_router_destroy(catzilla_router_t *router);

/**
 * Adds a route that leads to `value`. A route for GET answers HEAD as well, unless HEAD has one of
 * its own.
 * Memory:  copies method and pattern into the static class; borrows `value`.
 * Threads: one, while nobody looks up.
 * Errors:  CATZILLA_ERR_PATTERN, CATZILLA_ERR_CONFLICT where the method has a route of the same
 *          shape, CATZILLA_ERR_INVALID for a method that is no token, CATZILLA_ERR_LIMIT past
 *          64 methods; catzilla_router_trouble() then says it in words. CATZILLA_ERR_NOMEM. No
 *          lookup leads to the route then.
 */
CATZILLA_API int catzilla_router_add(catzilla_router_t *router, const char *method,
                                     const char *pattern, void *value);

/**
 * What the last failed catzilla_router_add() found wrong, with both patterns in case of a
 * conflict; empty where none failed.
 * Memory:  borrowed from the router until the next call that adds.
 * Threads: the one that adds.
 */
CATZILLA_API const char *catzilla_router_trouble(const catzilla_router_t *router);

/**
 * Looks up a path that begins with '/', percent-decoded except that an encoded slash is a NUL,
 * which belongs to its segment.
 * Memory:  `out` borrows from the router and from `path`.
 * Threads: any number at once, while nobody adds. Allocates nothing.
 * Errors:  none; the result says what was found.
 */
CATZILLA_API catzilla_router_result_t catzilla_router_lookup(const catzilla_router_t *router,
                                                             catzilla_slice_t method,
                                                             catzilla_slice_t path,
                                                             catzilla_router_match_t *out);

/**
 * How many routes were added.
 * Threads: any, while nobody adds.
 */
CATZILLA_API size_t catzilla_router_count(const catzilla_router_t *router);

/**
 * The route at `index`, in the order of adding. Each result may be NULL.
 * Memory:  borrowed from the router.
 * Threads: any, while nobody adds.
 * Errors:  CATZILLA_ERR_INVALID past the last route; the results are absent then.
 */
CATZILLA_API int catzilla_router_at(const catzilla_router_t *router, size_t index,
                                    catzilla_slice_t *method, catzilla_slice_t *pattern,
                                    void **value);

/**
 * Whether a route with this method and exactly this pattern was added.
 * Memory:  keeps nothing of the texts.
 * Threads: any, while nobody adds.
 */
CATZILLA_API bool catzilla_router_has(const catzilla_router_t *router, const char *method,
                                      const char *pattern);

/**
 * Writes in words what a lookup does with a path, segment by segment and ended by NUL, and
 * returns the length of the whole text, as snprintf does.
 * Memory:  keeps nothing of the texts; writes to `out`.
 * Threads: any, while nobody adds.
 * Errors:  none; a text longer than `size` is cut.
 */
CATZILLA_API size_t catzilla_router_explain(const catzilla_router_t *router, const char *method,
                                            const char *path, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
