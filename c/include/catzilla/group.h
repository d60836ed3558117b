/* Routes under a common prefix, and what runs around their handlers. Layer: server. */
#ifndef CATZILLA_GROUP_H
#define CATZILLA_GROUP_H
#include <catzilla/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque; lives in the static class and ends with its server. */
typedef struct catzilla_group catzilla_group_t;

/* What catzilla_before_fn returns when the reply is complete and the handler is not to run. */
#define CATZILLA_DONE 1

/*
 * Runs before a handler. 0 goes on, CATZILLA_DONE answers with what the response holds, and a
 * negative code is a failure as a handler's is. One that puts the reply off or streams it has
 * answered too.
 */
typedef int (*catzilla_before_fn)(catzilla_request_t *request, catzilla_response_t *response,
                                  void *user_data);

/*
 * Runs when the reply is built and before its head is sent: it may read the status and add fields.
 * It runs for each middleware that was entered, also when the handler failed or never ran.
 */
typedef void (*catzilla_after_fn)(catzilla_request_t *request, catzilla_response_t *response,
                                  void *user_data);

/**
 * The group of everything: no prefix, and its middleware also runs for paths that no route has.
 * Memory:  borrowed from the server.
 * Threads: any.
 */
CATZILLA_API catzilla_group_t *catzilla_server_root(catzilla_server_t *server);

/**
 * Makes a group below another. Its routes begin with the parent's prefix and then `prefix`, which
 * is empty or a pattern without a slash at its end, and may have parameters; with an empty one a
 * group gives single routes a middleware of their own.
 * Memory:  copies the prefix into the static class; the group ends with the server.
 * Threads: one at a time, before the server runs.
 * Errors:  CATZILLA_ERR_PATTERN, CATZILLA_ERR_INVALID where `prefix` is NULL, CATZILLA_ERR_STATE
 *          once the server runs, CATZILLA_ERR_NOMEM; `out` is NULL then.
 */
CATZILLA_API int catzilla_group_create(catzilla_group_t *parent, const char *prefix,
                                       catzilla_group_t **out);

/**
 * Adds a middleware to all routes of the group and of the groups below it, those added before
 * included. The outer group's run first, in the order of adding, and last on the way back; a
 * request costs no allocation by it. Either function may be NULL.
 * Memory:  borrows `user_data` until the server is destroyed.
 * Threads: one at a time, before the server runs.
 * Errors:  CATZILLA_ERR_STATE once the server runs, CATZILLA_ERR_LIMIT past 64 of one group,
 *          CATZILLA_ERR_NOMEM; nothing was added then.
 */
CATZILLA_API int catzilla_group_use(catzilla_group_t *group, catzilla_before_fn before,
                                    catzilla_after_fn after, void *user_data);

/**
 * As catzilla_group_use(), for middleware that decides by the head alone, as by credentials. Where
 * a client waits with its body to be told to go on (Expect: 100-continue) it runs before that, and
 * what it refuses is answered at once: the body is never sent, and the connection ends. It finds no
 * body then, and can neither put the reply off nor stream it. That holds as far as all middleware
 * before it, that of outer groups included, was added so; any other request finds it where
 * catzilla_group_use() would have put it. It never runs twice.
 * Memory:  as catzilla_group_use().
 * Threads: one at a time, before the server runs.
 * Errors:  those of catzilla_group_use().
 * Source:  RFC 9110, section 10.1.1.
 */
CATZILLA_API int catzilla_group_use_early(catzilla_group_t *group, catzilla_before_fn before,
                                          catzilla_after_fn after, void *user_data);

/**
 * As catzilla_server_route(), for a pattern behind the group's prefix; an empty one is the prefix
 * itself.
 * Memory:  as catzilla_server_route().
 * Threads: one at a time, before the server runs.
 * Errors:  those of catzilla_server_route().
 */
CATZILLA_API int catzilla_group_route(catzilla_group_t *group, const char *method,
                                      const char *pattern, catzilla_handler_t handler,
                                      void *user_data);

/**
 * As catzilla_server_route_streaming(), for a pattern behind the group's prefix.
 * Memory:  as catzilla_server_route().
 * Threads: one at a time, before the server runs.
 * Errors:  those of catzilla_server_route().
 */
CATZILLA_API int catzilla_group_route_streaming(catzilla_group_t *group, const char *method,
                                                const char *pattern, catzilla_handler_t handler,
                                                void *user_data);

#ifdef __cplusplus
}
#endif
#endif
