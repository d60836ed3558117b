/* mimalloc 2, the system's package. */
#include "peer.h"

#include <mimalloc.h>

static size_t usable(void *block)
{
    return mi_usable_size(block);
}

static void trim(void)
{
    mi_collect(true);
}

const bench_peer_t bench_peer = {
    .name = "mimalloc 2",
    .alloc = BENCH_EACH_CLASS(mi_malloc),
    .release = BENCH_EACH_CLASS(mi_free),
    .untyped_alloc = mi_malloc,
    .untyped_release = mi_free,
    .usable = usable,
    .trim = trim,
};
