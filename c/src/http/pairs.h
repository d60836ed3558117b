/* Names with values in a query, a form or a Cookie field. Layer: http. */
#ifndef CZ_HTTP_PAIRS_H
#define CZ_HTTP_PAIRS_H
#include "http/arena.h"

#include <catzilla/slice.h>

/* The most that are told apart in one text: each takes an index entry, which a peer chooses. */
#define CZ_PAIRS_MAX 1024

typedef struct cz_pair {
    catzilla_slice_t name;
    catzilla_slice_t value;
} cz_pair_t;

typedef struct cz_pairs {
    cz_pair_t *pairs; /* in the request's memory */
    int count;        /* or a negative code */
    bool parsed;
} cz_pairs_t;

/*
 * Adds the pairs of a urlencoded text ("a=b&c=d", escapes decoded, '+' a space) or of a Cookie
 * value ("a=b; c=d", as sent). A malformed escape stays as it is. A failure is kept in `count`:
 * CATZILLA_ERR_LIMIT, CATZILLA_ERR_NOMEM.
 */
void cz_pairs_parse_form(cz_pairs_t *pairs, cz_arena_t *arena, catzilla_slice_t text);
void cz_pairs_parse_cookie(cz_pairs_t *pairs, cz_arena_t *arena, catzilla_slice_t text);

/* The first value of a name, absent where there is none. */
catzilla_slice_t cz_pairs_find(const cz_pairs_t *pairs, catzilla_slice_t name);

#endif
