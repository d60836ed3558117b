/* What a server answers, and what runs around its handlers. Layer: server. */
#ifndef CZ_SERVER_ROUTES_H
#define CZ_SERVER_ROUTES_H
#include "router/chain.h"

#include <catzilla/group.h>

/* What a route leads to; lives in the static class. */
typedef struct cz_route_target {
    struct cz_route_target *next;
    catzilla_handler_t handler;
    void *user_data;
    const catzilla_group_t *group;
    bool streaming; /* the handler runs when the head is complete */
} cz_route_target_t;

/* A link of a chain; lives in the static class. */
typedef struct cz_middleware {
    struct cz_middleware *next; /* of the same group */
    catzilla_before_fn before;
    catzilla_after_fn after;
    void *user_data;
    bool early; /* does without the body */
} cz_middleware_t;

typedef struct cz_routes cz_routes_t;

struct catzilla_group {
    struct catzilla_group *next; /* in the order of making, so parents come first */
    cz_routes_t *routes;
    const catzilla_group_t *parent;
    cz_middleware_t *first, *last;
    cz_chain_t *chain; /* the parent's and the group's own links; NULL: none */
    cz_chain_t *fresh; /* what takes its place, while all are made anew */
    size_t prefix_size;
    char prefix[]; /* the parent's included; ended by NUL */
};

/* Built before the server runs and read by all workers then. */
struct cz_routes {
    catzilla_router_t *router;
    cz_route_target_t *targets;
    catzilla_group_t *root;
    const catzilla_server_options_t *options; /* for the log */
    bool streaming;                           /* some routes are */
    bool sealed;                              /* the server runs */
};

int cz_routes_open(cz_routes_t *routes, const catzilla_server_options_t *options);
void cz_routes_close(cz_routes_t *routes);

/* Whether what runs around the handler begins with what does without the body. */
bool cz_route_begins_early(const cz_route_target_t *target);

/* Whether a path that no route has would be the root of one that takes the rest of a path. */
bool cz_routes_want_slash(const cz_routes_t *routes, catzilla_request_t *request);

#endif
