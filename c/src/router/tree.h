/* The tree of segments that routes form; only the router's own files see it. Layer: routing. */
#ifndef CZ_ROUTER_TREE_H
#define CZ_ROUTER_TREE_H
#include "router/pattern.h"

#include <catzilla/router.h>
#include <stdint.h>

#define CZ_ROUTER_MAX_METHODS 64

/* The first of every router's methods, by their index. */
enum { CZ_ROUTER_GET, CZ_ROUTER_HEAD };

/* One method and pattern; lives in the static class, in one block with its texts. */
typedef struct cz_route {
    struct cz_route *next; /* of the same node and kind */
    void *value;
    catzilla_slice_t pattern;
    uint32_t method; /* index into the router's methods */
    uint32_t param_count;
    catzilla_slice_t params[]; /* names; borrow the pattern */
} cz_route_t;

/* Index into the router's nodes; 0 is the root and, as no child is the root, stands for none. */
typedef uint32_t cz_node_id_t;

typedef struct cz_node {
    cz_node_id_t param[CZ_PARAM_TYPES]; /* child by type of parameter */
    uint32_t param_mask;                /* bit t: param[t] is set */
    bool has_text;                      /* children by text are in the router's table */
    catzilla_slice_t text;              /* what leads here; borrows the pattern of a route */
    cz_route_t *routes;                 /* of patterns that end here */
    cz_route_t *rests;                  /* of patterns that end here in a rest parameter */
    uint64_t route_methods;             /* bit m: a route for method m is in `routes` */
    uint64_t rest_methods;
} cz_node_t;

/* Every edge by text of the whole tree, in one open-addressed table. */
typedef struct cz_edge {
    uint32_t hash;
    cz_node_id_t parent;
    cz_node_id_t child; /* 0: the place is free */
} cz_edge_t;

struct catzilla_router {
    cz_node_t *nodes;
    uint32_t node_count;
    uint32_t node_capacity;
    cz_edge_t *edges;
    uint32_t edge_count;
    uint32_t edge_mask; /* capacity - 1 */
    cz_route_t **routes;
    cz_route_t *halfway; /* of which memory allowed some nodes only, which borrow their text */
    uint32_t route_count;
    uint32_t route_capacity;
    char *methods[CZ_ROUTER_MAX_METHODS]; /* ended by NUL */
    size_t method_sizes[CZ_ROUTER_MAX_METHODS];
    uint32_t method_count;
    char trouble[512];
};

/* The child of `parent` that the text leads to, 0 for none. */
cz_node_id_t cz_tree_text_child(const catzilla_router_t *router, cz_node_id_t parent,
                                catzilla_slice_t text);

/*
 * Walks from the root along `segments`, making the nodes that lack; a rest segment stays at its
 * parent. On CATZILLA_ERR_NOMEM nodes made so far stay, which no lookup notices.
 */
int cz_tree_reach(catzilla_router_t *router, const cz_segment_t *segments, size_t count,
                  cz_node_id_t *out);

/* The same walk without making anything; false where a node lacks. */
bool cz_tree_find(const catzilla_router_t *router, const cz_segment_t *segments, size_t count,
                  cz_node_id_t *out);

/* The index of a method, or CZ_ROUTER_MAX_METHODS. */
uint32_t cz_tree_method(const catzilla_router_t *router, catzilla_slice_t method);

/* Makes room for one more element of `size` bytes in the array at `*array`, static class. */
int cz_tree_grow(void **array, uint32_t count, uint32_t *capacity, size_t size);

#endif
