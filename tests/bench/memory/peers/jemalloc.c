/* Plain jemalloc: its own arenas by CPU, its automatic thread cache. */
#include "jemalloc.h"
#include "peer.h"

static void thread_start(void)
{
    je_background_thread();
}

static void trim(void)
{
    je_set("thread.tcache.flush", NULL, 0);
    je_purge_all();
}

const bench_peer_t bench_peer = {
    .name = "jemalloc",
    .alloc = BENCH_EACH_CLASS(_rjem_malloc),
    .release = BENCH_EACH_CLASS(_rjem_free),
    .untyped_alloc = _rjem_malloc,
    .untyped_release = _rjem_free,
    .usable = _rjem_malloc_usable_size,
    .thread_start = thread_start,
    .trim = trim,
};
