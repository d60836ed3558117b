/*
 * The tree of segments. Parameters are few a node and have their own slots; texts may be many
 * thousand under one node, so all of them are in one hash table keyed by parent and text, and a
 * step costs one hash of the segment however many routes there are. The table's keys come from
 * the program, never from a peer, so the hash need not resist an attacker.
 */
#include "router/tree.h"

#include <string.h>

static inline uint32_t edge_hash(cz_node_id_t parent, catzilla_slice_t text)
{
    const uint64_t prime = 0x9e3779b97f4a7c15u;
    uint64_t hash = (parent + 1) * prime ^ text.size;
    size_t at = 0;
    for (; text.size - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, text.data + at, 8);
        hash = (hash ^ word) * prime;
        hash ^= hash >> 32;
    }
    uint64_t tail = 0;
    for (; at < text.size; at++)
        tail = tail << 8 | (unsigned char)text.data[at];
    hash = (hash ^ tail) * prime;
    return (uint32_t)(hash >> 32);
}

cz_node_id_t cz_tree_text_child(const catzilla_router_t *router, cz_node_id_t parent,
                                catzilla_slice_t text)
{
    if (!router->nodes[parent].has_text)
        return 0;
    uint32_t hash = edge_hash(parent, text);
    for (uint32_t at = hash & router->edge_mask;; at = (at + 1) & router->edge_mask) {
        const cz_edge_t *edge = &router->edges[at];
        if (edge->child == 0)
            return 0;
        if (edge->hash == hash && edge->parent == parent &&
            catzilla_slice_equal(router->nodes[edge->child].text, text))
            return edge->child;
    }
}

int cz_tree_grow(void **array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity == 0 ? 8 : (size_t)*capacity * 2;
    if (wanted > UINT32_MAX || wanted > SIZE_MAX / size)
        return CATZILLA_ERR_NOMEM;
    void *grown = catzilla_static_realloc(*array, wanted * size);
    if (grown == NULL)
        return CATZILLA_ERR_NOMEM;
    *array = grown;
    *capacity = (uint32_t)wanted;
    return 0;
}

static void edge_put(cz_edge_t *edges, uint32_t mask, cz_edge_t edge)
{
    uint32_t at = edge.hash & mask;
    while (edges[at].child != 0)
        at = (at + 1) & mask;
    edges[at] = edge;
}

/* Keeps at least half of the table free, so that a lookup's probe always ends soon. */
static int edges_grow(catzilla_router_t *router)
{
    uint32_t old_capacity = router->edges == NULL ? 0 : router->edge_mask + 1;
    if (router->edge_count < old_capacity / 2)
        return 0;
    size_t capacity = old_capacity == 0 ? 16 : (size_t)old_capacity * 2;
    if (capacity > UINT32_MAX / sizeof(cz_edge_t))
        return CATZILLA_ERR_NOMEM;
    cz_edge_t *edges = catzilla_static_alloc(capacity * sizeof *edges);
    if (edges == NULL)
        return CATZILLA_ERR_NOMEM;
    memset(edges, 0, capacity * sizeof *edges);
    for (uint32_t i = 0; i < old_capacity; i++)
        if (router->edges[i].child != 0)
            edge_put(edges, (uint32_t)capacity - 1, router->edges[i]);
    catzilla_static_free(router->edges);
    router->edges = edges;
    router->edge_mask = (uint32_t)capacity - 1;
    return 0;
}

static int node_add(catzilla_router_t *router, catzilla_slice_t text, cz_node_id_t *out)
{
    void *nodes = router->nodes;
    int rc = cz_tree_grow(&nodes, router->node_count, &router->node_capacity, sizeof(cz_node_t));
    if (rc != 0)
        return rc;
    router->nodes = nodes;
    *out = router->node_count++;
    memset(&router->nodes[*out], 0, sizeof(cz_node_t));
    router->nodes[*out].text = text;
    return 0;
}

static int text_child_reach(catzilla_router_t *router, cz_node_id_t parent, catzilla_slice_t text,
                            cz_node_id_t *out)
{
    *out = cz_tree_text_child(router, parent, text);
    if (*out != 0)
        return 0;
    int rc = edges_grow(router);
    if (rc == 0)
        rc = node_add(router, text, out);
    if (rc != 0)
        return rc;
    cz_edge_t edge = {edge_hash(parent, text), parent, *out};
    edge_put(router->edges, router->edge_mask, edge);
    router->edge_count++;
    router->nodes[parent].has_text = true;
    return 0;
}

static int param_child_reach(catzilla_router_t *router, cz_node_id_t parent, cz_param_type_t type,
                             cz_node_id_t *out)
{
    *out = router->nodes[parent].param[type];
    if (*out != 0)
        return 0;
    catzilla_slice_t none = {NULL, 0};
    int rc = node_add(router, none, out);
    if (rc != 0)
        return rc;
    router->nodes[parent].param[type] = *out;
    router->nodes[parent].param_mask |= 1u << type;
    return 0;
}

int cz_tree_reach(catzilla_router_t *router, const cz_segment_t *segments, size_t count,
                  cz_node_id_t *out)
{
    catzilla_slice_t none = {NULL, 0};
    *out = 0;
    int rc = router->node_count == 0 ? node_add(router, none, out) : 0;
    for (size_t i = 0; rc == 0 && i < count && segments[i].kind != CZ_SEGMENT_REST; i++) {
        cz_node_id_t parent = *out;
        rc = segments[i].kind == CZ_SEGMENT_TEXT
                 ? text_child_reach(router, parent, segments[i].text, out)
                 : param_child_reach(router, parent, segments[i].type, out);
    }
    return rc;
}

bool cz_tree_find(const catzilla_router_t *router, const cz_segment_t *segments, size_t count,
                  cz_node_id_t *out)
{
    *out = 0;
    if (router->node_count == 0)
        return false;
    for (size_t i = 0; i < count && segments[i].kind != CZ_SEGMENT_REST; i++) {
        *out = segments[i].kind == CZ_SEGMENT_TEXT
                   ? cz_tree_text_child(router, *out, segments[i].text)
                   : router->nodes[*out].param[segments[i].type];
        if (*out == 0)
            return false;
    }
    return true;
}

/* For texts of a few bytes, where a call of memcmp() costs more than they. */
static inline bool same(const char *a, const char *b, size_t size)
{
    while (size > 0 && a[size - 1] == b[size - 1])
        size--;
    return size == 0;
}

uint32_t cz_tree_method(const catzilla_router_t *router, catzilla_slice_t method)
{
    if (method.size == 3 && memcmp(method.data, "GET", 3) == 0)
        return CZ_ROUTER_GET;
    for (uint32_t i = 0; i < router->method_count; i++)
        if (router->method_sizes[i] == method.size &&
            same(router->methods[i], method.data, method.size))
            return i;
    return CZ_ROUTER_MAX_METHODS;
}
