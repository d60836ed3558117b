/* What runs around a handler. */
#include "router/chain.h"

#include <string.h>

int cz_chain_create(const cz_chain_t *outer, const void *const *links, size_t count,
                    cz_chain_t **out)
{
    size_t inherited = outer == NULL ? 0 : outer->count;
    *out = NULL;
    if (count > SIZE_MAX / sizeof *links - inherited - 1)
        return CATZILLA_ERR_NOMEM;
    cz_chain_t *chain = catzilla_static_alloc(sizeof *chain + (inherited + count) * sizeof *links);
    if (chain == NULL)
        return CATZILLA_ERR_NOMEM;
    chain->count = inherited + count;
    if (inherited > 0)
        memcpy(chain->links, outer->links, inherited * sizeof *links);
    if (count > 0)
        memcpy(chain->links + inherited, links, count * sizeof *links);
    *out = chain;
    return 0;
}
