/*
 * Routes, groups and middleware. A group's chain is made anew whenever a middleware is added, so
 * that a request finds it flat; all of that happens before the server runs.
 */
#include "server/instance.h"

#include "router/pattern.h"

#include <string.h>

static int group_make(cz_routes_t *routes, const catzilla_group_t *parent, const char *prefix,
                      catzilla_group_t **out)
{
    size_t outer = parent == NULL ? 0 : parent->prefix_size;
    size_t size = strlen(prefix);
    *out = NULL;
    if (size > SIZE_MAX - outer - sizeof(catzilla_group_t) - 1)
        return CATZILLA_ERR_NOMEM;
    catzilla_group_t *group = catzilla_static_alloc(sizeof *group + outer + size + 1);
    if (group == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(group, 0, sizeof *group);
    group->routes = routes;
    group->parent = parent;
    group->prefix_size = outer + size;
    if (outer > 0)
        memcpy(group->prefix, parent->prefix, outer);
    memcpy(group->prefix + outer, prefix, size + 1);
    *out = group;
    return 0;
}

int cz_routes_open(cz_routes_t *routes, const catzilla_server_options_t *options)
{
    memset(routes, 0, sizeof *routes);
    routes->options = options;
    int rc = catzilla_router_create(&routes->router);
    return rc != 0 ? rc : group_make(routes, NULL, "", &routes->root);
}

static void group_free(catzilla_group_t *group)
{
    while (group->first != NULL) {
        cz_middleware_t *middleware = group->first;
        group->first = middleware->next;
        catzilla_static_free(middleware);
    }
    catzilla_static_free(group->chain);
    catzilla_static_free(group);
}

void cz_routes_close(cz_routes_t *routes)
{
    catzilla_router_destroy(routes->router);
    while (routes->targets != NULL) {
        cz_route_target_t *target = routes->targets;
        routes->targets = target->next;
        catzilla_static_free(target);
    }
    while (routes->root != NULL) {
        catzilla_group_t *group = routes->root;
        routes->root = group->next;
        group_free(group);
    }
}

/* Refuses a prefix before a route does, so that the fault is told where it is. */
static int prefix_check(const cz_routes_t *routes, const char *prefix)
{
    cz_segment_t segments[CZ_PATTERN_MAX_SEGMENTS];
    const char *trouble = NULL;
    size_t count, size = strlen(prefix);
    if (size == 0)
        return 0;
    int rc = cz_pattern_parse(catzilla_slice_of(prefix), segments, &count, &trouble);
    if (rc == 0 && (prefix[size - 1] == '/' || segments[count - 1].kind == CZ_SEGMENT_REST)) {
        trouble = "a prefix ends in a segment of its own";
        rc = CATZILLA_ERR_PATTERN;
    }
    if (rc != 0)
        cz_log(routes->options, CATZILLA_LOG_ERROR, "group refused: %.200s: %s", prefix, trouble);
    return rc;
}

int catzilla_group_create(catzilla_group_t *parent, const char *prefix, catzilla_group_t **out)
{
    cz_routes_t *routes = parent->routes;
    *out = NULL;
    if (routes->sealed)
        return CATZILLA_ERR_STATE;
    int rc = prefix == NULL ? CATZILLA_ERR_INVALID : prefix_check(routes, prefix);
    if (rc == 0)
        rc = group_make(routes, parent, prefix, out);
    if (rc != 0)
        return rc;
    catzilla_group_t *group = *out;
    if (parent->chain != NULL)
        rc = cz_chain_create(parent->chain, NULL, 0, &group->chain);
    if (rc != 0) {
        group_free(group);
        *out = NULL;
        return rc;
    }
    catzilla_group_t *last = routes->root;
    while (last->next != NULL)
        last = last->next;
    last->next = group;
    return 0;
}

static int chain_make(const catzilla_group_t *group, const cz_chain_t *outer, cz_chain_t **out)
{
    const void *links[64];
    size_t count = 0;
    for (const cz_middleware_t *at = group->first; at != NULL; at = at->next) {
        if (count == sizeof links / sizeof *links)
            return CATZILLA_ERR_LIMIT;
        links[count++] = at;
    }
    return cz_chain_create(outer, links, count, out);
}

/* Makes the chains of all groups anew, or leaves them all as they were. */
static int chains_make(cz_routes_t *routes)
{
    int rc = 0;
    for (catzilla_group_t *group = routes->root; group != NULL && rc == 0; group = group->next)
        rc = chain_make(group, group->parent == NULL ? NULL : group->parent->fresh, &group->fresh);
    for (catzilla_group_t *group = routes->root; group != NULL; group = group->next) {
        cz_chain_t *unused = rc == 0 ? group->chain : group->fresh;
        if (rc == 0)
            group->chain = group->fresh;
        group->fresh = NULL;
        catzilla_static_free(unused);
    }
    return rc;
}

static int use(catzilla_group_t *group, catzilla_before_fn before, catzilla_after_fn after,
               void *user_data, bool early)
{
    if (group->routes->sealed)
        return CATZILLA_ERR_STATE;
    cz_middleware_t *middleware = catzilla_static_alloc(sizeof *middleware);
    if (middleware == NULL)
        return CATZILLA_ERR_NOMEM;
    middleware->next = NULL;
    middleware->before = before;
    middleware->after = after;
    middleware->user_data = user_data;
    middleware->early = early;
    cz_middleware_t *last = group->last;
    if (last == NULL)
        group->first = middleware;
    else
        last->next = middleware;
    group->last = middleware;
    int rc = chains_make(group->routes);
    if (rc == 0)
        return 0;
    if (last == NULL)
        group->first = NULL;
    else
        last->next = NULL;
    group->last = last;
    catzilla_static_free(middleware);
    return rc;
}

int catzilla_group_use(catzilla_group_t *group, catzilla_before_fn before, catzilla_after_fn after,
                       void *user_data)
{
    return use(group, before, after, user_data, false);
}

int catzilla_group_use_early(catzilla_group_t *group, catzilla_before_fn before,
                             catzilla_after_fn after, void *user_data)
{
    return use(group, before, after, user_data, true);
}

bool cz_route_begins_early(const cz_route_target_t *target)
{
    const cz_chain_t *chain = target->group->chain;
    return chain != NULL && chain->count > 0 && ((const cz_middleware_t *)chain->links[0])->early;
}

static int pattern_join(const catzilla_group_t *group, const char *pattern, char **out)
{
    size_t size = strlen(pattern);
    *out = NULL;
    if (group->prefix_size > 0 && size > 0 && pattern[0] != '/') {
        cz_log(group->routes->options, CATZILLA_LOG_ERROR,
               "route refused: %.200s: a pattern begins with '/'", pattern);
        return CATZILLA_ERR_PATTERN;
    }
    if (size > SIZE_MAX - group->prefix_size - 1)
        return CATZILLA_ERR_NOMEM;
    char *joined = catzilla_static_alloc(group->prefix_size + size + 1);
    if (joined == NULL)
        return CATZILLA_ERR_NOMEM;
    memcpy(joined, group->prefix, group->prefix_size);
    memcpy(joined + group->prefix_size, pattern, size + 1);
    *out = joined;
    return 0;
}

static int route_add(catzilla_group_t *group, const char *method, const char *pattern,
                     catzilla_handler_t handler, void *user_data, bool streaming)
{
    cz_routes_t *routes = group->routes;
    char *joined;
    if (routes->sealed)
        return CATZILLA_ERR_STATE;
    if (handler == NULL || pattern == NULL)
        return CATZILLA_ERR_INVALID;
    cz_route_target_t *target = catzilla_static_alloc(sizeof *target);
    if (target == NULL)
        return CATZILLA_ERR_NOMEM;
    target->handler = handler;
    target->user_data = user_data;
    target->group = group;
    target->streaming = streaming;
    int rc = pattern_join(group, pattern, &joined);
    if (rc == 0)
        rc = catzilla_router_add(routes->router, method, joined, target);
    if (joined != NULL && rc != 0)
        cz_log(routes->options, CATZILLA_LOG_ERROR, "route refused: %s",
               catzilla_router_trouble(routes->router));
    catzilla_static_free(joined);
    if (rc != 0) {
        catzilla_static_free(target);
        return rc;
    }
    target->next = routes->targets;
    routes->targets = target;
    routes->streaming |= streaming;
    return 0;
}

int catzilla_group_route(catzilla_group_t *group, const char *method, const char *pattern,
                         catzilla_handler_t handler, void *user_data)
{
    return route_add(group, method, pattern, handler, user_data, false);
}

int catzilla_group_route_streaming(catzilla_group_t *group, const char *method, const char *pattern,
                                   catzilla_handler_t handler, void *user_data)
{
    return route_add(group, method, pattern, handler, user_data, true);
}

catzilla_group_t *catzilla_server_root(catzilla_server_t *server)
{
    return server->routes.root;
}

int catzilla_server_route(catzilla_server_t *server, const char *method, const char *pattern,
                          catzilla_handler_t handler, void *user_data)
{
    return route_add(server->routes.root, method, pattern, handler, user_data, false);
}

int catzilla_server_route_streaming(catzilla_server_t *server, const char *method,
                                    const char *pattern, catzilla_handler_t handler,
                                    void *user_data)
{
    return route_add(server->routes.root, method, pattern, handler, user_data, true);
}

bool cz_routes_want_slash(const cz_routes_t *routes, catzilla_request_t *request)
{
    catzilla_router_match_t match;
    catzilla_slice_t method = catzilla_request_method(request);
    catzilla_slice_t path = catzilla_request_path(request);
    if (!catzilla_slice_equal(method, CATZILLA_SLICE("GET")) &&
        !catzilla_slice_equal(method, CATZILLA_SLICE("HEAD")))
        return false;
    char *longer = catzilla_request_scratch(request, path.size + 1);
    if (longer == NULL)
        return false;
    memcpy(longer, path.data, path.size);
    longer[path.size] = '/';
    /* Only what takes the rest of a path takes nothing. */
    return catzilla_router_lookup(routes->router, method, (catzilla_slice_t){longer, path.size + 1},
                                  &match) == CATZILLA_ROUTER_FOUND &&
           match.param_count > 0 && match.params[match.param_count - 1].value.size == 0;
}

const catzilla_router_t *catzilla_server_router(const catzilla_server_t *server)
{
    return server->routes.router;
}
