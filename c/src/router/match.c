/*
 * Looking a path up. The walk follows the path's segments through the tree, tries children in
 * the order of their precedence and steps back when one leads nowhere. A child by text costs one
 * hash, however many siblings it has. A node is visited at most once a lookup, as one sequence of
 * children leads to it. So a lookup costs a step for each segment where at most one child of a node
 * takes a segment and leads on; where text, typed and plain parameters overlap it may try every
 * node that fits a beginning of the path, and what bounds it is how many of those were added.
 */
#include "router/tree.h"

#include <stdio.h>
#include <string.h>

typedef struct walk {
    const catzilla_router_t *router;
    catzilla_slice_t path;
    uint64_t wanted; /* bits of the methods that will do, HEAD's and GET's for a HEAD */
    uint32_t method; /* the one asked for; preferred where several will do */
    uint64_t seen;   /* methods of every route that fits the path */
    size_t value_count;
    catzilla_slice_t values[CATZILLA_ROUTER_MAX_PARAMS];
    const cz_route_t *found;
    bool telling; /* catzilla_router_explain() only; the three below belong to it */
    char *story;
    size_t story_size;
    size_t story_used;
} walk_t;

static void tell(walk_t *walk, const char *what, catzilla_slice_t text)
{
    if (!walk->telling)
        return;
    size_t room = walk->story_used < walk->story_size ? walk->story_size - walk->story_used : 0;
    int written =
        snprintf(room == 0 ? NULL : walk->story + walk->story_used, room, "%s \"%.*s\"\n", what,
                 text.size > 200 ? 200 : (int)text.size, text.data == NULL ? "" : text.data);
    walk->story_used += written > 0 ? (size_t)written : 0;
}

/* Takes the route for the method out of those that end at a node. */
static bool arrive(walk_t *walk, const cz_route_t *routes, uint64_t methods)
{
    walk->seen |= methods;
    if ((methods & walk->wanted) == 0) {
        if (routes != NULL)
            tell(walk, "no route for the method at", routes->pattern);
        return false;
    }
    const cz_route_t *found = NULL;
    for (const cz_route_t *route = routes; route != NULL; route = route->next) {
        if ((walk->wanted >> route->method & 1) == 0)
            continue;
        found = route;
        if (route->method == walk->method)
            break;
    }
    walk->found = found;
    tell(walk, "found", found->pattern);
    return true;
}

static bool visit(walk_t *walk, cz_node_id_t id, size_t at);

/* Goes on behind the segment that led to the child `id`. */
static bool step(walk_t *walk, cz_node_id_t id, size_t segment_end)
{
    if (segment_end < walk->path.size)
        return visit(walk, id, segment_end + 1);
    const cz_node_t *node = &walk->router->nodes[id];
    return arrive(walk, node->routes, node->route_methods);
}

static bool try_params(walk_t *walk, const cz_node_t *node, catzilla_slice_t segment, size_t end)
{
    for (uint32_t mask = node->param_mask; mask != 0; mask &= mask - 1) {
        cz_param_type_t type = (cz_param_type_t)__builtin_ctz(mask);
        if (!cz_param_accepts(type, segment))
            continue;
        tell(walk, type == CZ_PARAM_ANY ? "parameter takes" : cz_param_type_name(type), segment);
        walk->values[walk->value_count++] = segment;
        if (step(walk, node->param[type], end))
            return true;
        walk->value_count--;
        tell(walk, "back from", segment);
    }
    return false;
}

/* Tries all children of a node for the segment that begins at `at`. */
static bool visit(walk_t *walk, cz_node_id_t id, size_t at)
{
    const cz_node_t *node = &walk->router->nodes[id];
    const char *begin = walk->path.data + at;
    size_t left = walk->path.size - at;
    const char *slash = left == 0 ? NULL : memchr(begin, '/', left);
    catzilla_slice_t segment = {begin, slash == NULL ? left : (size_t)(slash - begin)};
    size_t end = at + segment.size;

    cz_node_id_t child = node->has_text ? cz_tree_text_child(walk->router, id, segment) : 0;
    if (child != 0) {
        tell(walk, "text", segment);
        if (step(walk, child, end))
            return true;
        tell(walk, "back from", segment);
    }
    if (try_params(walk, node, segment, end))
        return true;
    if (node->rests == NULL)
        return false;
    catzilla_slice_t rest = {begin, left};
    tell(walk, "rest takes", rest);
    if (!arrive(walk, node->rests, node->rest_methods))
        return false;
    walk->values[walk->value_count++] = rest;
    return true;
}

static size_t append(char *out, size_t used, size_t size, const char *text)
{
    size_t length = strlen(text);
    const char *comma = used == 0 ? "" : ", ";
    if (length + 3 > size - used)
        return used;
    return used + (size_t)snprintf(out + used, size - used, "%s%s", comma, text);
}

/* Names the methods of a path. OPTIONS is always one, since the server answers it itself. */
static void allow_write(const catzilla_router_t *router, uint64_t methods,
                        catzilla_router_match_t *out)
{
    size_t used = 0;
    uint32_t options = cz_tree_method(router, CATZILLA_SLICE("OPTIONS"));
    if ((methods >> CZ_ROUTER_GET & 1) != 0)
        methods |= UINT64_C(1) << CZ_ROUTER_HEAD;
    methods |= UINT64_C(1) << options;
    for (uint32_t i = 0; i < router->method_count; i++)
        if ((methods >> i & 1) != 0)
            used = append(out->allow_text, used, sizeof out->allow_text, router->methods[i]);
    out->allow.data = out->allow_text;
    out->allow.size = used;
}

static void wanted_set(walk_t *walk, catzilla_slice_t method)
{
    walk->method = cz_tree_method(walk->router, method);
    walk->wanted = walk->method == CZ_ROUTER_MAX_METHODS ? 0 : UINT64_C(1) << walk->method;
    if (walk->method == CZ_ROUTER_HEAD)
        walk->wanted |= UINT64_C(1) << CZ_ROUTER_GET;
}

catzilla_router_result_t catzilla_router_lookup(const catzilla_router_t *router,
                                                catzilla_slice_t method, catzilla_slice_t path,
                                                catzilla_router_match_t *out)
{
    walk_t walk;
    catzilla_slice_t none = {NULL, 0};
    walk.router = router;
    walk.path = path;
    walk.seen = 0;
    walk.value_count = 0;
    walk.telling = false;
    out->value = NULL;
    out->pattern = none;
    out->allow = none;
    out->param_count = 0;
    if (router->node_count == 0 || path.size == 0 || path.data[0] != '/')
        return CATZILLA_ROUTER_NO_PATH;
    wanted_set(&walk, method);
    if (!visit(&walk, 0, 1)) {
        if (walk.seen == 0)
            return CATZILLA_ROUTER_NO_PATH;
        allow_write(router, walk.seen, out);
        return CATZILLA_ROUTER_NO_METHOD;
    }
    out->value = walk.found->value;
    out->pattern = walk.found->pattern;
    out->param_count = walk.value_count;
    for (size_t i = 0; i < walk.value_count; i++) {
        out->params[i].name = walk.found->params[i];
        out->params[i].value = walk.values[i];
    }
    return CATZILLA_ROUTER_FOUND;
}

size_t catzilla_router_explain(const catzilla_router_t *router, const char *method,
                               const char *path, char *out, size_t size)
{
    walk_t walk;
    memset(&walk, 0, sizeof walk);
    walk.router = router;
    walk.path = catzilla_slice_of(path);
    walk.telling = true;
    walk.story = out;
    walk.story_size = size;
    if (size > 0)
        out[0] = '\0';
    if (router->node_count == 0 || walk.path.size == 0 || path[0] != '/') {
        tell(&walk, "nothing fits", walk.path);
        return walk.story_used;
    }
    wanted_set(&walk, catzilla_slice_of(method));
    if (!visit(&walk, 0, 1))
        tell(&walk, walk.seen == 0 ? "nothing fits" : "only other methods fit", walk.path);
    return walk.story_used;
}
