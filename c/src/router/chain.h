/* What runs around a handler, flattened so that a request walks an array. Layer: routing. */
#ifndef CZ_ROUTER_CHAIN_H
#define CZ_ROUTER_CHAIN_H
#include <catzilla/errors.h>

/* Lives in the static class; the links are their owner's. */
typedef struct cz_chain {
    size_t count;
    const void *links[];
} cz_chain_t;

/* A chain of the outer one's links (NULL: none) and `count` more behind them. */
int cz_chain_create(const cz_chain_t *outer, const void *const *links, size_t count,
                    cz_chain_t **out);

#endif
