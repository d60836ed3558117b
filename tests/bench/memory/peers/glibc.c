/* The C library's malloc. */
#include "peer.h"

#include <malloc.h>
#include <stdlib.h>

static void trim(void)
{
    malloc_trim(0);
}

const bench_peer_t bench_peer = {
    .name = "glibc",
    .alloc = BENCH_EACH_CLASS(malloc),
    .release = BENCH_EACH_CLASS(free),
    .untyped_alloc = malloc,
    .untyped_release = free,
    .usable = malloc_usable_size,
    .trim = trim,
};
