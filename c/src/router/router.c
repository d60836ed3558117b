/*
 * Building, listing and releasing a router. A route is one block: record, parameter names and
 * the pattern's text, from which the tree's nodes borrow; routes are never removed one by one.
 */
#include "router/tree.h"

#include <stdio.h>
#include <string.h>

/* Known from the start, so that "Allow" lists them in this order. */
static const char *const first_methods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                            "PATCH", "DELETE", "OPTIONS"};

int catzilla_router_create(catzilla_router_t **out)
{
    *out = NULL;
    catzilla_router_t *router = catzilla_static_alloc(sizeof *router);
    if (router == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(router, 0, sizeof *router);
    *out = router;
    return 0;
}

void catzilla_router_destroy(catzilla_router_t *router)
{
    if (router == NULL)
        return;
    for (uint32_t i = 0; i < router->route_count; i++)
        catzilla_static_free(router->routes[i]);
    while (router->halfway != NULL) {
        cz_route_t *route = router->halfway;
        router->halfway = route->next;
        catzilla_static_free(route);
    }
    for (uint32_t i = 0; i < router->method_count; i++)
        catzilla_static_free(router->methods[i]);
    catzilla_static_free(router->routes);
    catzilla_static_free(router->edges);
    catzilla_static_free(router->nodes);
    catzilla_static_free(router);
}

static bool is_token(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
        if (!letter && !(*text >= '0' && *text <= '9') && strchr(others, *text) == NULL)
            return false;
    }
    return true;
}

static int method_add(catzilla_router_t *router, const char *method)
{
    if (router->method_count == CZ_ROUTER_MAX_METHODS) {
        snprintf(router->trouble, sizeof router->trouble, "%.200s: too many methods", method);
        return CATZILLA_ERR_LIMIT;
    }
    size_t size = strlen(method) + 1;
    char *copy = catzilla_static_alloc(size);
    if (copy == NULL)
        return CATZILLA_ERR_NOMEM;
    memcpy(copy, method, size);
    router->method_sizes[router->method_count] = size - 1;
    router->methods[router->method_count++] = copy;
    return 0;
}

static int method_reach(catzilla_router_t *router, const char *method, uint32_t *out)
{
    int rc = 0;
    for (size_t i = router->method_count;
         rc == 0 && i < sizeof first_methods / sizeof *first_methods; i++)
        rc = method_add(router, first_methods[i]);
    if (rc != 0)
        return rc;
    *out = cz_tree_method(router, catzilla_slice_of(method));
    if (*out != CZ_ROUTER_MAX_METHODS)
        return 0;
    *out = router->method_count;
    return method_add(router, method);
}

/* Makes the route's block and takes the pattern apart in it. */
static int route_create(catzilla_router_t *router, const char *pattern, cz_segment_t *segments,
                        size_t *count, cz_route_t **out)
{
    const char *trouble;
    catzilla_slice_t text = catzilla_slice_of(pattern);
    int rc = cz_pattern_parse(text, segments, count, &trouble);
    if (rc != 0) {
        snprintf(router->trouble, sizeof router->trouble, "%.200s: %s", pattern, trouble);
        return rc;
    }
    uint32_t params = 0;
    for (size_t i = 0; i < *count; i++)
        params += segments[i].kind != CZ_SEGMENT_TEXT;
    size_t head = sizeof(cz_route_t) + params * sizeof(catzilla_slice_t);
    if (text.size > SIZE_MAX - head)
        return CATZILLA_ERR_NOMEM;
    cz_route_t *route = catzilla_static_alloc(head + text.size);
    if (route == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(route, 0, head);
    char *copy = (char *)route + head;
    memcpy(copy, text.data, text.size);
    route->pattern.data = copy;
    route->pattern.size = text.size;
    for (size_t i = 0; i < *count; i++) {
        segments[i].text.data = copy + (segments[i].text.data - text.data);
        if (segments[i].kind != CZ_SEGMENT_TEXT)
            route->params[route->param_count++] = segments[i].text;
    }
    *out = route;
    return 0;
}

static int route_conflict(catzilla_router_t *router, const cz_route_t *list,
                          const cz_route_t *route)
{
    for (; list != NULL; list = list->next) {
        if (list->method != route->method)
            continue;
        snprintf(router->trouble, sizeof router->trouble, "%s %.*s conflicts with %.*s",
                 router->methods[route->method],
                 route->pattern.size > 200 ? 200 : (int)route->pattern.size, route->pattern.data,
                 list->pattern.size > 200 ? 200 : (int)list->pattern.size, list->pattern.data);
        return CATZILLA_ERR_CONFLICT;
    }
    return 0;
}

int catzilla_router_add(catzilla_router_t *router, const char *method, const char *pattern,
                        void *value)
{
    cz_segment_t segments[CZ_PATTERN_MAX_SEGMENTS];
    size_t count;
    cz_node_id_t node_id;
    cz_route_t *route = NULL;
    router->trouble[0] = '\0';
    if (method == NULL || pattern == NULL || !is_token(method)) {
        snprintf(router->trouble, sizeof router->trouble, "a method is a token, such as GET");
        return CATZILLA_ERR_INVALID;
    }
    int rc = route_create(router, pattern, segments, &count, &route);
    if (rc != 0)
        return rc;
    void *routes = router->routes;
    rc = cz_tree_grow(&routes, router->route_count, &router->route_capacity, sizeof route);
    router->routes = routes;
    if (rc == 0)
        rc = method_reach(router, method, &route->method);
    bool rest = segments[count - 1].kind == CZ_SEGMENT_REST;
    if (rc == 0 && cz_tree_find(router, segments, count, &node_id)) {
        const cz_node_t *node = &router->nodes[node_id];
        rc = route_conflict(router, rest ? node->rests : node->routes, route);
    }
    if (rc != 0) {
        catzilla_static_free(route);
        return rc;
    }
    rc = cz_tree_reach(router, segments, count, &node_id);
    if (rc != 0) {
        route->next = router->halfway;
        router->halfway = route;
        return rc;
    }
    router->routes[router->route_count++] = route;
    cz_node_t *node = &router->nodes[node_id];
    cz_route_t **list = rest ? &node->rests : &node->routes;
    route->value = value;
    route->next = *list;
    *list = route;
    *(rest ? &node->rest_methods : &node->route_methods) |= UINT64_C(1) << route->method;
    return 0;
}

const char *catzilla_router_trouble(const catzilla_router_t *router)
{
    return router->trouble;
}

size_t catzilla_router_count(const catzilla_router_t *router)
{
    return router->route_count;
}

int catzilla_router_at(const catzilla_router_t *router, size_t index, catzilla_slice_t *method,
                       catzilla_slice_t *pattern, void **value)
{
    catzilla_slice_t none = {NULL, 0};
    const cz_route_t *route = index < router->route_count ? router->routes[index] : NULL;
    if (method != NULL)
        *method = route == NULL ? none : catzilla_slice_of(router->methods[route->method]);
    if (pattern != NULL)
        *pattern = route == NULL ? none : route->pattern;
    if (value != NULL)
        *value = route == NULL ? NULL : route->value;
    return route == NULL ? CATZILLA_ERR_INVALID : 0;
}

bool catzilla_router_has(const catzilla_router_t *router, const char *method, const char *pattern)
{
    cz_segment_t segments[CZ_PATTERN_MAX_SEGMENTS];
    size_t count;
    cz_node_id_t node_id;
    const char *trouble;
    catzilla_slice_t text = catzilla_slice_of(pattern);
    if (cz_pattern_parse(text, segments, &count, &trouble) != 0 ||
        !cz_tree_find(router, segments, count, &node_id))
        return false;
    uint32_t wanted = cz_tree_method(router, catzilla_slice_of(method));
    const cz_node_t *node = &router->nodes[node_id];
    const cz_route_t *route =
        segments[count - 1].kind == CZ_SEGMENT_REST ? node->rests : node->routes;
    for (; route != NULL; route = route->next)
        if (route->method == wanted)
            return catzilla_slice_equal(route->pattern, text);
    return false;
}
